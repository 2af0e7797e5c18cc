"""The shipped labelled pairs are a fair measure: enough of them, of many kinds, in halves that share nothing."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "semantic_pairs"
HALVES = {
    path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in sorted(FOLDER.glob("*.jsonl"))
}
ALL = [row for rows in HALVES.values() for row in rows]


def test_there_are_enough_of_many_kinds() -> None:
    """At least 700 pairs, 250 of them paraphrases, in 18 categories or more, 6 domains and 6 languages."""
    assert len(ALL) >= 700
    assert sum(row["label"] for row in ALL) >= 250
    assert len({row["category"] for row in ALL}) >= 18
    assert len({row["domain"] for row in ALL}) >= 6
    assert len({row["language"] for row in ALL}) >= 6


def test_every_row_says_all_it_has_to() -> None:
    """A row has two texts that differ, a label, and the half that its file is named after."""
    for half, rows in HALVES.items():
        for row in rows:
            assert set(row) == {"a", "b", "label", "category", "language", "domain", "half", "source"}
            assert row["a"] != row["b"] and row["a"].strip() and row["b"].strip(), row
            assert row["label"] in (0, 1) and row["half"] == half, row


def test_no_pair_is_in_both_halves() -> None:
    """What is tuned on is not measured on."""
    counts = Counter(frozenset((row["a"], row["b"])) for row in ALL)
    assert [set(pair) for pair, count in counts.items() if count > 1] == []
    assert {"dev", "test"} == HALVES.keys()
