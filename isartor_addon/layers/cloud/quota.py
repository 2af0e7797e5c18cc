"""Quotas: how many requests, tokens and dollars may go to providers in a window of the calendar, and what happens then.

A request is counted when it is let go, in one step with the look at what was counted before: of requests no more than
the limit ever go. What it takes is known when its reply has come, and is counted then: of tokens and dollars the
requests in flight may go over the limit, and nothing else. Answers from this machine are never asked about. Windows go
on only: see `ports.Counters`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from fnmatch import fnmatchcase
from typing import Literal

from isartor_addon.core.errors import StoreError
from isartor_addon.layers.cloud.prices import PICO
from isartor_addon.layers.ports import Count, Counter, Counters

logger = logging.getLogger(__name__)

Word = Literal["ok", "warn", "block", "fallback"]
Window = Literal["minute", "day", "week", "month"]
Dimension = Literal["provider", "caller", "client", "project", "model"]

_WORST: tuple[Word, ...] = ("block", "fallback", "warn")


@dataclass(frozen=True, slots=True)
class Who:
    """On whose behalf a request is sent."""

    caller: str
    client: str
    project: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit or several, for what fits all patterns (as in `fnmatch`; empty: everything)."""

    name: str
    window: Window = "day"
    requests: int | None = None
    tokens: int | None = None
    cost: int | None = None
    """Picodollars."""
    provider: str = ""
    caller: str = ""
    client: str = ""
    project: str = ""
    model: str = ""
    per: tuple[Dimension, ...] = ()
    """Each of these has a count of its own."""
    action: Literal["warn", "block", "fallback"] = "block"
    """What happens when a limit is reached."""
    warn_at: float = 0.8
    """From this part of a limit on it is said that it comes near."""
    zone: tzinfo = UTC
    """Where its days begin."""
    on_error: Literal["pass", "block"] = "pass"
    """What happens while nothing can be counted."""

    @property
    def counts_attempts(self) -> bool:
        """Whether it is about a provider or a model, and so about each attempt at one, and not about the request."""
        return bool(self.provider or self.model or {"provider", "model"}.intersection(self.per))

    def counter(self, asked: dict[Dimension, str], at: float) -> Counter | None:
        """What a request counts on that is sent at `at` (Unix time, seconds); None where it is not meant."""
        for dimension, value in asked.items():
            pattern: str = getattr(self, dimension)
            if pattern and not fnmatchcase(value, pattern):
                return None
        return Counter(self.name, "\n".join(asked[each] for each in self.per), window_start(self.window, at, self.zone))

    def nearness(self, count: Count) -> float:
        """How near the nearest limit is; 1 and more: it is reached."""
        pairs = ((count.requests, self.requests), (count.tokens, self.tokens), (count.cost, self.cost))
        return max((1.0 if used >= limit else used / limit for used, limit in pairs if limit is not None), default=0.0)

    def shown(self, count: Count) -> str:
        """How far it has come, in words that a header can hold."""
        said = [
            f"{used}/{limit} {unit}"
            for used, limit, unit in (
                (count.requests, self.requests, "requests"),
                (count.tokens, self.tokens, "tokens"),
            )
            if limit is not None
        ]
        if self.cost is not None:
            said.append(f"{count.cost / PICO:.2f}/{self.cost / PICO:.2f} USD")
        return f"{self.name}: {', '.join(said)} in this {self.window}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the quotas say to one request."""

    word: Word = "ok"
    """`ok` and `warn`: it may go, and has been counted."""
    told: str = ""
    """Which quotas say so, and how far they have come; empty with `ok`."""


class Quotas:
    """All quotas of the house."""

    def __init__(self, quotas: Sequence[Quota], counters: Counters) -> None:
        """
        Args:
            quotas: their names differ.
            counters: keeps the counts.
        """
        self.quotas = tuple(quotas)
        self._counters = counters
        self._said_unreadable = False

    def verdict(self, who: Who, provider: str, model: str, now: float) -> Word:
        """
        Whether a request may go to `provider`; if so it is counted. Not for the event loop; see `ports.Counters`.

        Args:
            who: on whose behalf.
            provider: its name in the catalogue, else its host.
            model: as the provider calls it.
            now: Unix time, seconds.

        Returns:
            `ok`, or `warn` where a limit comes near or is reached and may be; `block` where it must not go anywhere,
            `fallback` where it may go to another provider.
        """
        return self.judge(who, provider, model, now).word

    def judge(self, who: Who, provider: str, model: str, now: float, *, again: bool = False) -> Judgement:
        """The same, with the reason. `again`: the request has been let go before, and only attempts count now."""
        meant = [pair for pair in self._meant(who, provider, model, now) if pair[0].counts_attempts or not again]
        if not meant:
            return Judgement()

        def goes(counts: Sequence[Count]) -> bool:
            return all(
                quota.action == "warn" or quota.nearness(count) < 1
                for (quota, _), count in zip(meant, counts, strict=True)
            )

        try:
            counts = self._counters.admit([counter for _, counter in meant], goes)
            self._said_unreadable = False
            return self._judged(meant, counts)
        except StoreError as error:
            return self._unreadable([quota for quota, _ in meant], error)

    def counters(self, who: Who, provider: str, model: str, at: float) -> tuple[Counter, ...]:
        """On what the tokens and the cost of a request count that was sent at `at` (Unix time, seconds)."""
        return tuple(counter for _, counter in self._meant(who, provider, model, at))

    def _meant(self, who: Who, provider: str, model: str, at: float) -> list[tuple[Quota, Counter]]:
        asked: dict[Dimension, str] = {
            "provider": provider,
            "caller": who.caller,
            "client": who.client,
            "project": who.project,
            "model": model,
        }
        found = ((quota, quota.counter(asked, at)) for quota in self.quotas)
        return [(quota, counter) for quota, counter in found if counter is not None]

    def _judged(self, meant: list[tuple[Quota, Counter]], counts: Sequence[Count]) -> Judgement:
        words: list[Word] = []
        told: list[str] = []
        for (quota, counter), count in zip(meant, counts, strict=True):
            nearness = quota.nearness(count)
            if nearness < quota.warn_at:
                continue
            words.append(quota.action if nearness >= 1 else "warn")
            told.append(quota.shown(count))
            if self._counters.first(counter):
                logger.warning("quota %s", told[-1])
        word: Word = next((each for each in _WORST if each in words), "ok")
        return Judgement(word, "; ".join(told))

    def _unreadable(self, meant: list[Quota], error: StoreError) -> Judgement:
        closed = [quota.name for quota in meant if quota.on_error == "block"]
        if not self._said_unreadable:
            self._said_unreadable = True
            logger.warning("quotas cannot be counted: %s; requests are %s", error, "refused" if closed else "let go")
        return Judgement("block", f"{', '.join(closed)}: cannot be counted") if closed else Judgement()


def window_start(window: Window, now: float, zone: tzinfo = UTC) -> int:
    """When the window around `now` began: weeks begin on Monday, months on the first, days at midnight in `zone`."""
    if window == "minute":
        return int(now // 60) * 60
    begin = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if window == "week":
        begin -= timedelta(days=begin.weekday())
    elif window == "month":
        begin = begin.replace(day=1)
    return int(begin.timestamp())
