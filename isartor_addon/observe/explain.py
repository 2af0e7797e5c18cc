"""A key explains itself: what happened to a request, and which fields made it differ from the nearest one before it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from isartor_addon.observe.journal import Journal
from isartor_addon.observe.record import Record

MOST = 20
"""Differences that are listed."""


def explain(journal: Journal, flow_or_key: str) -> str:
    """
    Tell what is known of a request.

    Args:
        journal: what happened lately.
        flow_or_key: a flow's id, or the beginning of a key (at least 6 hex digits).

    Raises:
        LookupError: nothing is remembered under that name.
    """
    record = journal.find(flow_or_key) if len(flow_or_key) >= 6 else None
    if record is None:
        raise LookupError(f"no request is remembered under {flow_or_key!r}; the last ones: {_last(journal)}")
    return "\n".join(_lines(journal, record))


def _last(journal: Journal) -> str:
    return ", ".join(dict.fromkeys(record.short for record in journal.recent(5))) or "none"


def _lines(journal: Journal, record: Record) -> Iterator[str]:
    yield f"key     {record.key}"
    yield f"flow    {record.flow}, {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(record.time))}"
    model = record.model or "no model named"
    yield f"request {record.client} to {record.host}, {record.wire}, {model}, as {record.mode}"
    yield f"answer  {record.layer}, {'from here' if record.deflected else 'from the provider'}, status {record.status}"
    for step in record.trail:
        yield f"  {step.layer:5} {step.outcome}{f': {step.note}' if step.note else ''}"
    prints = journal.fingerprint(record)
    if not prints:
        yield "Its fields are not remembered, so it cannot be compared."
        return
    nearest = journal.nearest(prints, but=record.key, wire=record.wire)
    if nearest is None:
        yield "There is no other request of this kind to compare it with."
        return
    yield from _comparison(record, *nearest)


def _comparison(record: Record, other: Record, paths: list[str]) -> Iterator[str]:
    yield f"nearest {other.key[:16]} ({other.client}, {other.model}), which differs in:"
    if other.caller != record.caller:
        yield "  the caller (another credential, account or tenant)"
    for path in paths[:MOST]:
        yield f"  {path}"
    if len(paths) > MOST:
        yield f"  and {len(paths) - MOST} more"
