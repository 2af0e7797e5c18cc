"""Fear: a clock that is set back opens a budget anew, or one that was wrong for a moment closes it for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.expense import Expense
from isartor_addon.core.reply import Usage
from isartor_addon.layers.cloud.quota import Quota, Quotas, Who, Window
from isartor_addon.layers.ports import Count, Counter
from isartor_addon.store.ledger import Ledger, Rated
from isartor_addon.store.ledger_file import AHEAD_S, LedgerFile
from tests.store.making import HandClock

ME = Who("caller", "codex")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def word(quotas: Quotas, at: datetime) -> str:
    """Whether a request may go at that time."""
    return quotas.verdict(ME, "api.openai.com", "m", at.timestamp())


def counted(file: LedgerFile, since: datetime) -> Count:
    """What stands in a window of the quota `q`, or in the one that goes on in its place."""
    return file.admit([Counter("q", "", int(since.timestamp()))], lambda _: False)[0]


@pytest.mark.parametrize(("window", "back"), [("minute", timedelta(hours=3)), ("day", DAY), ("month", 20 * DAY)])
def test_a_clock_set_back_opens_no_window(tmp_path: Path, window: Window, back: timedelta) -> None:
    """The budget that is used up stays so, in this process and in one that starts then, until the next window."""
    limit = Quota("q", window, requests=1)
    quotas = Quotas([limit], LedgerFile(tmp_path / "ledger.db"))
    assert ["ok", "block", "block"] == [word(quotas, at) for at in (NOON, NOON, NOON - back)]
    started = Quotas([limit], LedgerFile(tmp_path / "ledger.db"))
    assert ["block", "block", "ok"] == [word(started, at) for at in (NOON - back, NOON, NOON + 31 * DAY)]


def test_a_clock_that_was_far_ahead_closes_nothing_for_good(tmp_path: Path) -> None:
    """What was counted in a year to come is not what is counted now."""
    quotas = Quotas([Quota("q", "day", requests=1)], LedgerFile(tmp_path / "ledger.db"))
    ahead = NOON + timedelta(seconds=AHEAD_S) + DAY
    assert ["ok", "block", "ok", "block"] == [word(quotas, at) for at in (ahead, ahead, NOON, NOON)]


def test_what_a_reply_takes_counts_where_it_still_limits(tmp_path: Path) -> None:
    """A reply that ends after its window counts on the next one, once that is being counted; before, on its own."""
    file, own = LedgerFile(tmp_path / "ledger.db"), NOON.replace(hour=0)
    counter = Counter("q", "", int(own.timestamp()))
    clock = HandClock()
    ledger = Ledger(tmp_path, rate=lambda _: Rated(7, False, (counter,)), days=9, clock=clock)
    expense = Expense(NOON.timestamp(), "caller", "codex", "", "p", "m", "l3", 200, Usage(1, 2))
    ledger.add(expense)
    assert ledger.flush()
    assert Count(0, 3, 7) == counted(file, own)
    file.admit([Counter("q", "", int((own + DAY).timestamp()))], lambda _: True)
    ledger.add(expense)
    ledger.close()
    assert Count(1, 3, 7) == counted(file, own + DAY) == counted(file, own)


def test_a_warning_is_given_once_whatever_the_clock_does(tmp_path: Path) -> None:
    """Not again for the window that the clock went back to."""
    file, since = LedgerFile(tmp_path / "ledger.db"), int(NOON.timestamp())
    file.admit([Counter("q", "", since)], lambda _: True)
    assert [True, False, False] == [file.first(Counter("q", "", since - back)) for back in (0, 0, 86400)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 10), min_size=1, max_size=25), st.integers(1, 3))
def test_no_clock_lets_more_go_than_windows_have_begun(days: list[int], limit: int) -> None:
    """However the days come: a budget is given for each that is later than all before, and for no other."""
    with TemporaryDirectory() as folder:
        quotas = Quotas([Quota("q", "day", requests=limit)], LedgerFile(Path(folder) / "ledger.db"))
        words = [word(quotas, NOON + each * DAY) for each in days]
    latest, went = -1, 0
    for day, said in zip(days, words, strict=True):
        if day > latest:
            latest, went = day, 0
        assert (said == "block") == (went == limit)
        went += said != "block"
