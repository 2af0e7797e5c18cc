"""Verbs that look at the store, move recordings and explain requests."""

import json
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from isartor_addon.assemble import open_shelf
from isartor_addon.cli import main
from isartor_addon.cli.settings import duration, seconds
from isartor_addon.config.schema import Config
from isartor_addon.core.recording import Entry
from isartor_addon.layers.ports import Hit
from isartor_addon.semantics import open_evidence
from tests.store.making import entry

NOW = time.time()
ENTRIES = tuple(
    replace(entry(number), created=NOW - age, expires=NOW + 3600, model=model, host=host)
    for number, age, model, host in ((1, 10, "gpt-4o", "api.openai.com"), (2, 9000, "claude-x", "api.anthropic.com"))
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with two stored answers: one of a minute, one of hours ago."""
    monkeypatch.setenv("ISARTOR_HOME", str(tmp_path / "home"))
    with open_shelf(Config(home=str(tmp_path / "home"))) as store:
        for each in ENTRIES:
            store.put(each)
    return tmp_path / "home"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> object:
    """The JSON that a verb prints."""
    assert 0 == main([*words, "--json"])
    document: object = json.loads(capsys.readouterr().out)
    return document


def stored(home: Path) -> list[Entry]:
    """What is stored now, newest first."""
    with open_shelf(Config(home=str(home))) as shelf:
        return list(shelf.entries())


def test_list_and_stats_count(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`list` shows the newest first; `stats` counts entries."""
    assert [each.key for each in ENTRIES] == [each["key"] for each in said(capsys, "cache", "list")]
    assert [ENTRIES[0].key] == [each["key"] for each in said(capsys, "cache", "list", "--limit", "1")]
    assert 2 == said(capsys, "cache", "stats")["entries"]
    assert 0 == main(["cache", "stats"])
    assert {"answers  2 (0 pinned)", "state    on"} <= set(capsys.readouterr().out.splitlines())
    assert 0 == main(["cache", "list"])
    assert [each.key[:16] for each in ENTRIES] == [line[:16] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("flags", "left"),
    [
        (["--model", "gpt-*"], [1]),
        (["--host", "api.anthropic.com"], [0]),
        (["--older-than", "2h"], [0]),
        (["--older-than", "7d"], [0, 1]),
        (["--model", "gpt-*", "--host", "*.anthropic.com"], [0, 1]),
        (["--key", ENTRIES[1].key[:12]], [0]),
        ([], []),
    ],
)
def test_clear_removes_what_matches_all_flags(
    flags: list[str], left: list[int], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Flags narrow down what is removed; without any everything goes."""
    assert {"removed": 2 - len(left)} == said(capsys, "cache", "clear", *flags)
    assert [ENTRIES[number].key for number in left] == [each.key for each in stored(home)]


@pytest.mark.parametrize("flags", [[], ["--model", "gpt-*"]])
def test_clear_leaves_no_word_of_hits(flags: list[str], home: Path) -> None:
    """Who was given an answer that is cleared, and in which words they asked, is cleared with it."""
    config = Config(home=str(home))
    with closing(open_evidence(config)) as evidence:
        for each in ENTRIES:
            evidence.served(Hit("cc" * 32, f"the words to {each.model}", each.key, 0.95))
    assert 0 == main(["cache", "clear", *flags])
    with closing(open_evidence(config)) as evidence:
        found = [evidence.hit(each.key) for each in ENTRIES]
    assert ([None, "the words to claude-x"] if flags else [None, None]) == [hit and hit.words for hit in found]


def test_pinned_answers_stay(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`pin` keeps an answer through `clear`; `--unpin` lets it go."""
    assert 0 == main(["cache", "pin", ENTRIES[0].key[:8]])
    assert 0 == main(["cache", "clear"])
    assert [ENTRIES[0].key] == [each.key for each in stored(home)]
    assert 0 == main(["cache", "pin", ENTRIES[0].key[:8], "--unpin"])
    assert 0 == main(["cache", "clear"])
    assert [] == stored(home)


def test_show_prints_the_answer(home: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`show` describes an answer without control characters; `--body` gives the recorded bytes."""
    assert 0 == main(["cache", "show", ENTRIES[0].key[:10]])
    text = capfdbinary.readouterr().out.decode()
    assert ENTRIES[0].key in text
    assert [] == [letter for letter in text if not letter.isprintable() and letter not in "\n\t"]
    assert 0 == main(["cache", "show", ENTRIES[0].key[:10], "--body"])
    assert ENTRIES[0].recording.content == capfdbinary.readouterr().out


def test_cassette_carries_answers(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What one home exports another imports: the same answers, for every caller there."""
    file = tmp_path / "c.jsonl"
    assert 1 == said(capsys, "cassette", "export", str(file), "--model", "gpt-*")["recordings"]
    monkeypatch.setenv("ISARTOR_HOME", str(tmp_path / "other"))
    assert 1 == said(capsys, "cassette", "import", str(file), "--ttl", "1h")["recordings"]
    (copy,) = stored(tmp_path / "other")
    assert (ENTRIES[0].content, ENTRIES[0].recording.content) == (copy.content, copy.recording.content)
    assert 3500 < copy.expires - time.time() <= 3600


def test_import_into_a_cassette_is_refused(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Recordings go into the cache; where a cassette stands in its place that is said."""
    (tmp_path / "toml").write_text(f"cassette = '{tmp_path / 'tape'}'")
    assert 0 == main(["cassette", "export", str(tmp_path / "c")])
    assert 2 == main(["cassette", "import", str(tmp_path / "c"), "--config", str(tmp_path / "toml")])
    assert "imported into the cache" in capsys.readouterr().err


def test_nothing_to_explain_is_no_fault(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without requests the list is empty."""
    assert 0 == main(["explain"])
    assert "" == capsys.readouterr().out


@pytest.mark.parametrize(("text", "expected"), [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1w", 604800)])
def test_durations_are_read(text: str, expected: float) -> None:
    """Seconds, minutes, hours, days and weeks."""
    assert expected == seconds(text)


def test_durations_are_told() -> None:
    """Two units at most."""
    assert ["5 s", "2 min", "3 h 5 min", "2 d 4 h"] == [duration(each) for each in (5.9, 125, 11100, 187200)]
