"""What the ledger says, added up for people and programs: one truth for `isartor stats` and for `isartor.stats`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from isartor_addon.core.expense import ATTEMPT, NOBODY, PAID, Kind, Sums

PICO = 10**12
"""Of these in a dollar."""

type Entries = Mapping[Kind, Sums]


def refused(kind: Kind) -> bool:
    """Whether we said no: that is neither paid nor spared."""
    return kind.layer not in PAID and kind.layer != NOBODY and kind.status >= 400


def totals(entries: Entries, since: float) -> dict[str, Any]:
    """
    The whole in one object, as `isartor stats --json` prints it.

    Args:
        entries: of the ledger.
        since: Unix time, seconds, from which on they are; 0: all there are.

    Returns:
        `requests` of clients, and of these those that were `refused` by us and those that `failed`, since nobody
        answered; the `calls` of providers, and of these those that went `unanswered`: what a chain has asked whose
        answer nobody got; what was `deflected`; all that was answered by `layers`.
    """
    asked = _only(entries, lambda kind: kind.layer != ATTEMPT)
    answered = _only(asked, lambda kind: kind.layer != NOBODY and not refused(kind))
    return {
        "since": _moment(since) if since else None,
        "requests": _count(asked),
        "refused": _count(_only(asked, refused)),
        "failed": _count(_only(asked, lambda kind: kind.layer == NOBODY)),
        "calls": group(_only(entries, lambda kind: kind.layer in PAID)),
        "unanswered": group(_only(entries, lambda kind: kind.layer == ATTEMPT)),
        "deflected": group(_only(answered, lambda kind: kind.layer not in PAID)),
        "layers": {name: group(part) for name, part in sorted(_parts(answered, lambda kind: kind.layer).items())},
    }


def group(entries: Entries) -> dict[str, Any]:
    """Some entries in one object. `usd` is what they cost, or spared where they were answered from here."""
    sums = _added(entries.values())
    estimated = _added(each for kind, each in entries.items() if kind.estimated)
    return {
        "requests": sums.requests,
        "uncounted": sums.uncounted,
        "unpriced": sums.unpriced,
        "tokens": {
            "input": sums.input,
            "cache_read": sums.cache_read,
            "cache_write": sums.cache_write,
            "output": sums.output,
            "reasoning": sums.reasoning,
        },
        "usd": sums.cost / PICO,
        "usd_estimated": estimated.cost / PICO,
    }


def by_model(entries: Entries) -> list[dict[str, Any]]:
    """What each provider's models took and spared, day by day (UTC), and who for."""

    def of(kind: Kind) -> tuple[str, ...]:
        return (_moment(kind.minute)[:10], kind.provider, kind.model, kind.caller, kind.project)

    names = ("day", "provider", "model", "caller", "project")
    return [{**dict(zip(names, key, strict=True)), **_both(part)} for key, part in sorted(_parts(entries, of).items())]


def by_tool(entries: Entries) -> list[dict[str, Any]]:
    """What each coding tool took and spared."""
    return [{"tool": tool, **_both(part)} for tool, part in sorted(_parts(entries, lambda kind: kind.client).items())]


def _both(entries: Entries) -> dict[str, Any]:
    whole = totals(entries, 0)
    return {name: whole[name] for name in ("requests", "calls", "unanswered", "deflected")}


def _only(entries: Entries, fits: Callable[[Kind], bool]) -> Entries:
    return {kind: sums for kind, sums in entries.items() if fits(kind)}


def _count(entries: Entries) -> int:
    return _added(entries.values()).requests


def _parts[T](entries: Entries, of: Callable[[Kind], T]) -> dict[T, dict[Kind, Sums]]:
    parts: dict[T, dict[Kind, Sums]] = {}
    for kind, sums in entries.items():
        parts.setdefault(of(kind), {})[kind] = sums
    return parts


def _added(many: Iterable[Sums]) -> Sums:
    added = Sums()
    for each in many:
        added = added.plus(each)
    return added


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
