"""`isartor stats`: what it prints, for people and for programs, and what it says of settings that make no sense."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from isartor_addon.assemble import open_ledger
from isartor_addon.cli import main
from isartor_addon.config.schema import Config
from isartor_addon.core.expense import ATTEMPT, FREE, NOBODY, Expense
from isartor_addon.core.reply import Usage

THEN = datetime(2026, 11, 24, 12, 30, tzinfo=UTC).timestamp()
USED = Usage(input=1000, output=100, cache_read=400, reasoning=40)
OPENAI, ANTHROPIC = ("api.openai.com", "gpt-4o"), ("anthropic", "claude-sonnet-4-5")

GROUP = {
    "requests": int,
    "uncounted": int,
    "unpriced": int,
    "tokens": dict.fromkeys(("input", "cache_read", "cache_write", "output", "reasoning"), int),
    "usd": float,
    "usd_estimated": float,
}
BOTH = {"requests": int, "calls": GROUP, "unanswered": GROUP, "deflected": GROUP}
SCHEMA = {**BOTH, "since": (str, type(None)), "refused": int, "failed": int, "layers": {"l1a": GROUP, "l3": GROUP}}
BY_MODEL = {**dict.fromkeys(("day", "provider", "model", "caller", "project"), str), **BOTH}
BY_TOOL = {"tool": str, **BOTH}


def expense(
    layer: str, usage: Usage | None, *, of: tuple[str, str] = OPENAI, status: int = 200, partial: bool = False
) -> Expense:
    """One exchange of a tool."""
    return Expense(THEN, "caller", "codex", "", *of, layer, status, usage, partial)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which some exchanges have been entered."""
    monkeypatch.setenv("ISARTOR_HOME", str(tmp_path))
    exchanges = [
        expense("l3", USED),
        expense("l3", None),
        expense("l1a", USED),
        expense("l1a", USED)._replace(client="claude_code"),
        expense("l3", Usage(input=10, output=1), of=("host.test", "unheard-of")),
        expense(ATTEMPT, Usage(input=2000, output=1), of=ANTHROPIC, partial=True),
        expense(ATTEMPT, None, of=ANTHROPIC, status=0),
        expense(NOBODY, FREE, status=502),
        expense("quota", FREE, status=400),
    ]
    with open_ledger(Config(home=str(tmp_path))) as ledger:
        for each in exchanges:
            ledger.add(each)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    """What it prints."""
    assert 0 == main(["stats", *flags])
    return capsys.readouterr().out


def check(value: Any, schema: Any, at: str = "") -> None:
    """Exactly these names, with values of these types."""
    if isinstance(schema, dict):
        assert isinstance(value, dict) and schema.keys() == value.keys(), at
        for name, each in schema.items():
            check(value[name], each, f"{at}.{name}")
    else:
        assert isinstance(value, schema) and not isinstance(value, bool), at


def test_the_totals_for_people(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who answered, what it cost and what that saved; estimates and what is not known are marked."""
    assert printed(capsys) == (
        "requests        7 (1 refused, 1 failed)\n"
        "answered here   2 (40 %), saved 0.0080 USD\n"
        "provider calls  5, cost ~0.0100 USD (3 unpriced, 2 uncounted)\n"
        "  unanswered    2 calls, 2000 tokens in (0 from the provider's cache), 1 out, ~0.0060 USD "
        "(1 unpriced, 1 uncounted)\n"
        "  l1a           2 requests, 2800 tokens in (800 from the provider's cache), 200 out, 0.0080 USD\n"
        "  l3            3 requests, 1410 tokens in (400 from the provider's cache), 101 out, 0.0040 USD "
        "(2 unpriced, 1 uncounted)\n"
    )


def test_usage_for_people(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each day, provider and model."""
    assert printed(capsys, "--usage").splitlines() == [
        "day         provider        model              calls  unanswered  cost                                   "
        "answered here  saved",
        "2026-11-24  anthropic       claude-sonnet-4-5  2      2           ~0.0060 USD (1 unpriced, 1 uncounted)  "
        "0              0.0000 USD",
        "2026-11-24  api.openai.com  gpt-4o             2      0           0.0040 USD (1 unpriced, 1 uncounted)   "
        "2              0.0080 USD",
        "2026-11-24  host.test       unheard-of         1      0           0.0000 USD (1 unpriced)                "
        "0              0.0000 USD",
    ]


def test_tools_for_people(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each coding tool."""
    assert printed(capsys, "--by-tool").splitlines() == [
        "tool         calls  unanswered  cost                                   answered here  saved",
        "claude_code  0      0           0.0000 USD                             1              0.0040 USD",
        "codex        5      2           ~0.0100 USD (3 unpriced, 2 uncounted)  1              0.0040 USD",
    ]


def test_what_programs_get_has_a_fixed_form(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The names and types that others rely on, and that the parts make the whole."""
    told = json.loads(printed(capsys, "--json"))
    check(told, SCHEMA)
    assert None is told["since"]
    assert told["requests"] == (
        told["refused"]
        + told["failed"]
        + told["deflected"]["requests"]
        + told["calls"]["requests"]
        - told["unanswered"]["requests"]
    )
    for flag, schema in (("--usage", BY_MODEL), ("--by-tool", BY_TOOL)):
        rows = json.loads(printed(capsys, flag, "--json"))
        for row in rows:
            check(row, schema)
        for part in ("calls", "unanswered", "deflected"):
            for name in ("requests", "uncounted", "unpriced"):
                assert told[part][name] == sum(row[part][name] for row in rows)
            assert told[part]["usd"] == pytest.approx(sum(row[part]["usd"] for row in rows))
        assert told["requests"] == sum(row["requests"] for row in rows)


def test_where_nothing_was_asked_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty ledger is no fault, and its document has the same form."""
    monkeypatch.setenv("ISARTOR_HOME", str(tmp_path))
    assert "nothing yet\n" == printed(capsys, "--usage")
    assert [] == json.loads(printed(capsys, "--by-tool", "--json"))
    check(json.loads(printed(capsys, "--json", "--since", "2026-11-24")), {**SCHEMA, "layers": {}})


@pytest.mark.parametrize("flags", [["--hours", "0"], ["--since", "soon"], ["--hours", "1", "--since", "2026-11-24"]])
def test_no_time_is_a_mistake(home: Path, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What is no time, or two of them, ends with a line and code 2."""
    with pytest.raises(SystemExit) as caught:
        main(["stats", *flags])
    assert 2 == caught.value.code
    assert capsys.readouterr().err.splitlines()[-1].startswith("isartor stats: error: argument")


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[[quotas]]\nname = "q"', "`quotas[0]` (`q`) has no limit"),
        ("[[quotas]]\nrequests = 1", "config.toml, `quotas[0]` is `***`, but it needs `name`"),
        ('[[quotas]]\nname = "q"\nrequests = -1', "config.toml, `quotas[0].requests` is `-1`"),
        ('[[quotas]]\nname = "q"\nusd = nan', "config.toml, `quotas[0].usd` is `nan`"),
        ('[[quotas]]\nname = "q"\nusd = inf', "config.toml, `quotas[0].usd` is `inf`"),
        (
            '[[quotas]]\nname = "q"\ntokens = 1\nwindow = "year"',
            "`quotas[0].window` is `year`, but it must be `minute`",
        ),
        ('[[quotas]]\nname = "q"\ntokens = 1\nzone = "Mars"', "`quotas[0].zone` is `Mars`"),
        ('[[quotas]]\nname = "q"\ntokens = 1\nlimit = 2', "`quotas[0], a name` is `limit`"),
        ('[[quotas]]\nname = "q"\ntokens = 1\nper = "model,x"', "`quotas[0].per`"),
        ('[[quotas]]\nname = "q"\ntokens = 1\naction = "stop"', "`quotas[0].action` is `stop`"),
        ('[[quotas]]\nname = "q"\ntokens = 1\nwarn_at = 2', "`quotas[0].warn_at` is `2.0`"),
        ("quotas = 3", "config.toml, `quotas as a whole`"),
        ('[[quotas]]\nname = "q"\ntokens = 1\n' * 2, "`quotas[1].name` is `q`, which an earlier table has"),
        ('[prices."gpt-5"]\ninput = 1', '`prices."gpt-5"` lacks `output`'),
        ('[prices."gpt-5"]\ninput = 1\noutput = -2', 'In `prices."gpt-5"`, `output` is `-2`'),
        ('[prices."gpt-5"]\ninput = 1\noutput = nan', 'In `prices."gpt-5"`, `output` is `nan`'),
        ('[prices."gpt-5"]\ninput = 1\noutput = 2\nread = 3', 'In `prices."gpt-5"`, `read` is no price'),
        ('[prices."gpt-5"]\ninput = "1"', "config.toml, `prices` is"),
        ("[prices]\ngpt-5 = 1", "config.toml, `prices` is"),
    ],
)
def test_settings_that_make_no_sense_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], toml: str, said: str
) -> None:
    """One line that names the key, and code 2."""
    monkeypatch.setenv("ISARTOR_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text(toml)
    assert 2 == main(["stats"])
    out, err = capsys.readouterr()
    assert ("", 1) == (out, len(err.splitlines()))
    assert err.startswith("isartor: ") and said in err
