"""Quotas: what they say, in which window, and that what may not go is not counted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.core.errors import StoreError
from isartor_addon.layers.cloud.prices import PICO
from isartor_addon.layers.cloud.quota import Judgement, Quota, Quotas, Who, Window, window_start
from isartor_addon.layers.ports import Count, Counter

ME = Who("caller-1", "claude-code", "red")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()


@dataclass
class Kept:
    """Counters in memory."""

    counts: dict[Counter, Count] = field(default_factory=dict)
    said: set[Counter] = field(default_factory=set)
    broken: bool = False

    def admit(self, counters: Sequence[Counter], goes: Callable[[Sequence[Count]], bool]) -> Sequence[Count]:
        """Read, and add."""
        if self.broken:
            raise StoreError("the disk is full")
        counts = [self.counts.get(counter, Count()) for counter in counters]
        if goes(counts):
            for counter, count in zip(counters, counts, strict=True):
                self.counts[counter] = replace(count, requests=count.requests + 1)
        return counts

    def first(self, counter: Counter) -> bool:
        """Whether it is new."""
        new = counter not in self.said
        self.said.add(counter)
        return new

    def spend(self, counters: Sequence[Counter], *, tokens: int = 0, cost: int = 0) -> None:
        """What the ledger does when a reply has come."""
        for counter in counters:
            count = self.counts[counter]
            self.counts[counter] = replace(count, tokens=count.tokens + tokens, cost=count.cost + cost)


def at(text: str) -> float:
    """A moment."""
    return datetime.fromisoformat(text).timestamp()


def asked(quotas: Quotas, times: int, *, who: Who = ME, model: str = "m", now: float = NOW) -> list[str]:
    """The verdicts on several requests."""
    return [quotas.verdict(who, "api.openai.com", model, now) for _ in range(times)]


@pytest.mark.parametrize("action", ["block", "fallback", "warn"])
def test_requests_go_up_to_the_limit_and_are_warned_of_before(action: str) -> None:
    """Eight of ten go without a word, two with a warning, and the action begins with the eleventh."""
    quotas = Quotas([Quota("q", requests=10, action=action)], Kept())  # type: ignore[arg-type]
    assert ["ok"] * 8 + ["warn"] * 2 + [action] * 3 == asked(quotas, 13)


def test_what_may_not_go_is_not_counted() -> None:
    """A refused request adds nothing to this quota nor to another one that would have let it go."""
    kept = Kept()
    quotas = Quotas([Quota("narrow", requests=1), Quota("wide", requests=100)], kept)
    assert ["ok", "block", "block"] == asked(quotas, 3)
    assert [1, 1] == [count.requests for count in kept.counts.values()]


def test_a_request_counts_once_and_each_attempt_at_a_provider() -> None:
    """The next attempt of a request that has been let go counts only where a provider or a model is meant."""
    kept = Kept()
    names = [Quota("all", requests=1), Quota("mine", requests=1, per=("caller",))]
    of_providers = [Quota("openai", requests=3, provider="api.openai.com"), Quota("each", requests=3, per=("model",))]
    quotas = Quotas([*names, *of_providers], kept)
    words = [quotas.judge(ME, "api.openai.com", "m", NOW, again=again).word for again in (False, True, True, True)]
    assert ["ok", "ok", "ok", "block"] == words
    assert {"all": 1, "mine": 1, "openai": 3, "each": 3} == {
        counter.quota: count.requests for counter, count in kept.counts.items()
    }


def test_tokens_and_dollars_count_when_they_are_known() -> None:
    """What a reply took stands against the next request; both limits are looked at."""
    for limit, spent in ((Quota("q", tokens=1000), {"tokens": 1000}), (Quota("q", cost=PICO), {"cost": PICO})):
        kept = Kept()
        quotas = Quotas([limit], kept)
        assert ["ok"] == asked(quotas, 1)
        kept.spend(quotas.counters(ME, "api.openai.com", "m", NOW), **spent)
        assert ["block"] == asked(quotas, 1)


def test_the_reason_says_how_far_it_has_come() -> None:
    """The sentence goes into a header and a log line: it names the quota and its counts."""
    kept = Kept()
    quotas = Quotas([Quota("daily", requests=2, cost=10 * PICO)], kept)
    asked(quotas, 1)
    kept.spend(quotas.counters(ME, "api.openai.com", "m", NOW), cost=int(8.5 * PICO))
    judged = quotas.judge(ME, "api.openai.com", "m", NOW)
    assert Judgement("warn", "daily: 1/2 requests, 8.50/10.00 USD in this day") == judged


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ({"provider": "*.openai.com"}, True),
        ({"provider": "api.anthropic.com"}, False),
        ({"client": "claude*"}, True),
        ({"client": "codex"}, False),
        ({"project": "red", "model": "gpt-*"}, True),
        ({"project": "blue", "model": "gpt-*"}, False),
        ({"caller": "caller-2"}, False),
    ],
)
def test_only_what_fits_all_patterns_is_meant(pattern: dict[str, str], meant: bool) -> None:
    """A quota of nothing blocks what it means, and only that."""
    quotas = Quotas([Quota("q", requests=0, **pattern)], Kept())  # type: ignore[arg-type]
    assert ["block" if meant else "ok"] == asked(quotas, 1, model="gpt-5")


def test_each_has_a_count_of_its_own() -> None:
    """With `per`, one caller's use of a model is not another's, nor that of another model."""
    quotas = Quotas([Quota("q", requests=1, per=("caller", "model"))], Kept())
    other = replace(ME, caller="caller-2")
    verdicts = [asked(quotas, 1, who=who, model=model) for who in (ME, other) for model in ("a", "b", "a")]
    assert [["ok"], ["ok"], ["block"]] * 2 == verdicts


def test_block_is_stronger_than_fallback_and_both_than_a_warning() -> None:
    """Where several quotas are reached the hardest counts."""
    some = [Quota(name, requests=0, action=name) for name in ("warn", "block", "fallback")]  # type: ignore[arg-type]
    assert ["block"] == asked(Quotas(some, Kept()), 1)
    assert ["fallback"] == asked(Quotas([some[0], some[2]], Kept()), 1)


def test_a_window_warns_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """One line a window, however many requests; the next window has its own."""
    quotas = Quotas([Quota("q", requests=1, action="warn")], Kept())
    with caplog.at_level(logging.WARNING):
        asked(quotas, 5)
        asked(quotas, 5, now=NOW + 86400)
    assert 2 == len(caplog.records)


def test_what_cannot_be_counted_goes_unless_it_is_to_be_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Counters that cannot be read let requests go, with one line in the log; `on_error = "block"` refuses."""
    kept = Kept(broken=True)
    with caplog.at_level(logging.WARNING):
        assert ["ok"] * 3 == asked(Quotas([Quota("q", requests=1)], kept), 3)
        assert 1 == len(caplog.records)
        assert ["block"] == asked(Quotas([Quota("q", requests=1, on_error="block")], kept), 1)


@pytest.mark.parametrize(
    ("window", "moment", "zone", "begin"),
    [
        ("minute", "2026-11-24T12:34:56+00:00", "UTC", "2026-11-24T12:34:00+00:00"),
        ("day", "2026-11-24T23:59:59+00:00", "UTC", "2026-11-24T00:00:00+00:00"),
        ("week", "2026-11-29T23:59:59+00:00", "UTC", "2026-11-23T00:00:00+00:00"),
        ("week", "2026-11-30T00:00:00+00:00", "UTC", "2026-11-30T00:00:00+00:00"),
        ("month", "2026-12-31T23:59:59+00:00", "UTC", "2026-12-01T00:00:00+00:00"),
        ("month", "2027-01-01T00:00:00+00:00", "UTC", "2027-01-01T00:00:00+00:00"),
        ("month", "2028-02-29T12:00:00+00:00", "UTC", "2028-02-01T00:00:00+00:00"),
        ("day", "2026-11-24T23:30:00+00:00", "Europe/Berlin", "2026-11-25T00:00:00+01:00"),
        ("month", "2026-10-31T12:00:00+01:00", "Europe/Berlin", "2026-10-01T00:00:00+02:00"),
        ("week", "2026-10-25T12:00:00+01:00", "Europe/Berlin", "2026-10-19T00:00:00+02:00"),
    ],
)
def test_windows_follow_the_calendar(window: Window, moment: str, zone: str, begin: str) -> None:
    """Weeks begin on Monday, months on the first, days at the zone's midnight, also where the clock is changed."""
    assert at(begin) == window_start(window, at(moment), ZoneInfo(zone))


@given(
    window=st.sampled_from(["minute", "day", "week", "month"]),
    moment=st.integers(min_value=1_600_000_000, max_value=2_500_000_000),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)
def test_windows_cover_time_without_gap_or_overlap(window: Window, moment: int, zone: str) -> None:
    """The window around a moment has begun, is the same at its own beginning, and another one lies just before."""
    begin = window_start(window, moment, ZoneInfo(zone))
    assert begin <= moment
    assert begin == window_start(window, begin, ZoneInfo(zone))
    assert begin > window_start(window, begin - 1, ZoneInfo(zone))


def test_a_new_window_lets_requests_go_again() -> None:
    """What was counted last month does not count this month."""
    quotas = Quotas([Quota("q", requests=1, window="month")], Kept())
    last, first = at("2026-11-30T23:59:59+00:00"), at("2026-12-01T00:00:00+00:00")
    assert ["ok", "block"] == asked(quotas, 2, now=last)
    assert ["ok", "block"] == asked(quotas, 2, now=first)
