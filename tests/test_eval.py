"""The evaluation: what it counts of numbers that are made up here, that it runs, and what the shipped layer keeps."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from eval_kit import measure, pairs, report, stream
from eval_kit.measure import Judged, Rate
from eval_kit.pairs import Pair

from isartor_addon.core.errors import EmbedderError
from isartor_addon.models.onnx_embedder import OnnxEmbedder

if TYPE_CHECKING:
    from isartor_addon.layers.ports import Vector

SCRIPT = Path(__file__).parents[1] / "scripts" / "eval_semantic"


class Letters:
    """An embedder by counts of letters."""

    id = "letters"

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        if any("unknown" in text for text in texts):
            raise EmbedderError("a word that it does not know")
        counts = [[1.0 + text.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
        return [np.array(row, np.float32) / np.float32(np.linalg.norm(row)) for row in counts]

    def close(self) -> None:
        """Nothing to let go of."""


def judged(same: bool, similarity: float, *rules: str) -> Judged:
    """A pair that the layer sees so."""
    return Judged(Pair("a", "b", same, category="x"), similarity, similarity, frozenset(rules))


SOME = [
    judged(True, 0.95),
    judged(True, 0.95, "order"),
    judged(True, 0.9),
    judged(False, 0.99, "number"),
    judged(False, 0.5),
]


def test_intervals_are_wilsons() -> None:
    """Known values: 0 of 10, 5 of 10, 1 of 1000; and nothing known of nothing."""
    assert (0.0, 0.2775) == pytest.approx(Rate(0, 10).interval, abs=1e-4)
    assert (0.2366, 0.7634) == pytest.approx(Rate(5, 10).interval, abs=1e-4)
    assert (0.00018, 0.00564) == pytest.approx(Rate(1, 1000).interval, abs=1e-5)
    assert (0.0, 1.0) == Rate(0, 0).interval


def test_a_hit_is_near_and_unopposed() -> None:
    """The threshold counts, every rule counts, and leaving one out lets through what only it refused."""
    found = measure.rates(SOME, lambda each: each.hits(0.92))
    assert (1, 3) == (found.right.hits, found.right.of)
    assert (0, 2) == (found.wrong.hits, found.wrong.of)
    without = measure.without_each(SOME, 0.92)
    assert 2 == without["order"].right.hits
    assert 1 == without["number"].wrong.hits
    assert found == without["unit"]


def test_json_names_what_is_shipped_and_each_threshold() -> None:
    """The form that others read."""
    found = report.as_json(report.Report("chat", 0.92, SOME))
    assert {"default", "thresholds", "without_rule", "categories", "false_hits"} == found.keys()
    assert (5, 1 / 3, 0.0) == pytest.approx(
        (found["default"]["pairs"], found["default"]["true_hit_rate"], found["default"]["false_hit_rate"]), abs=1e-6
    )
    row = next(row for row in found["thresholds"] if row["threshold"] == 0.92)
    assert (1, 0) == (row["true_hits"], row["false_hits"])
    assert (2, 1) == (row["without_guard"]["true_hits"], row["without_guard"]["false_hits"])


def test_tables_say_each_wrong_hit() -> None:
    """Whoever reads them can look at it."""
    table = report.as_table(report.Report("chat", 0.92, [*SOME, judged(False, 0.97)]))
    assert "wrong hit 0.970: a | b" in table
    assert "| x | 1 of 3 | 1 of 3 |" in table


def test_a_stream_is_replayed(tmp_path: Path) -> None:
    """Repeats are the exact tier's, others the layer's, each judged by the labels; what has no vector is never hit."""
    file = tmp_path / "stream.jsonl"
    asked = ["How do I sort a list?", "how can I sort a list", "How do I sort a list?", "Sort unknown", "Sort unknown!"]
    file.write_text("\n".join([json.dumps({"prompt": asked[0]}), asked[1], json.dumps(asked[2]), *asked[3:]]))
    labels = [Pair(asked[0], asked[1], same=True)]
    done = asyncio.run(stream.replay(pairs.prompts(file), labels, "chat", None, Letters()))
    assert (5, 1, 1, 0, 0) == (done.prompts, done.exact, done.right, done.wrong, done.unlabelled)
    assert 0.4 == done.deflection
    wrong = asyncio.run(stream.replay(asked, [Pair(asked[0], asked[1], same=False)], "chat", None, Letters()))
    assert [(asked[0], asked[1], "wrong")] == wrong.hits


def test_rows_that_are_no_pairs_are_named(tmp_path: Path) -> None:
    """File and line, so that they can be mended."""
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"a": "x", "b": "y", "label": 1, "source": "s"}\n{"a": "x"}\n')
    with pytest.raises(ValueError, match=r"pairs\.jsonl:2"):
        pairs.read([file])


def test_it_runs(tmp_path: Path) -> None:
    """The command as people run it: JSON on standard output and nothing else, a picture where it is asked for."""
    file, picture = tmp_path / "pairs.jsonl", tmp_path / "rates.png"
    rows = [
        {"a": "How do I sort a list in Go?", "b": "Hi, how can I sort a list in Go?", "label": 1, "source": "s"},
        {"a": "Convert JSON to YAML", "b": "Convert YAML to JSON", "label": 0, "source": "s"},
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    done = subprocess.run(
        [SCRIPT, str(file), "--json", "--plot", str(picture)], capture_output=True, check=True, text=True, timeout=300
    )
    found = json.loads(done.stdout)["default"]
    assert (1.0, 0.0, 2) == (found["true_hit_rate"], found["false_hit_rate"], found["pairs"])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_is_shipped_is_never_wrong_on_the_test_half() -> None:
    """No near-miss hits as the layer is set by default, and most paraphrases do."""
    embedder = OnnxEmbedder()
    try:
        seen = asyncio.run(measure.judge_all(pairs.read(pairs.shipped(), "test"), "chat", embedder))
    finally:
        embedder.close()
    found = report.Report("chat", 0.92, seen).shipped
    assert 0 == found.wrong.hits
    assert found.right.share >= 0.55
