"""What people see of what others have written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from isartor_addon.cli.printing import print_fields, print_table, print_text

EVIL = "gpt\x1b]0;owned\x07\x9b2J\r\x7f"


@pytest.mark.parametrize(
    "show",
    [
        lambda: print_text(EVIL),
        lambda: print_fields({"model": EVIL}),
        lambda: print_table([("MODEL", "CALLS"), (EVIL, 1)]),
    ],
    ids=["text", "fields", "table"],
)
def test_a_terminal_obeys_nobody_else(show: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Control signs in names, words and errors are written out; they move, clear or retitle nothing."""
    show()
    assert r"gpt\x1b]0;owned\x07\x9b2J\x0d\x7f" in capsys.readouterr().out


def test_words_of_any_language_stay(capsys: pytest.CaptureFixture[str]) -> None:
    """Letters, joiners, lines and tabs are what they were."""
    text = "a\tb\nGrüße \u0645\u06cc\u200c\u062e \U0001f44b\U0001f3fd"
    print_text(text)
    assert f"{text}\n" == capsys.readouterr().out


def test_columns_are_as_wide_as_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A sign that is written out counts as it is seen; no rows are no table."""
    print_table([("A", "B"), ("\x1b", 2)])
    assert ["A     B", r"\x1b  2"] == capsys.readouterr().out.splitlines()
    print_table([])
    assert "" == capsys.readouterr().out
