"""What is remembered of one exchange."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import orjson

from isartor_addon.core.exchange import Exchange, Step
from isartor_addon.core.redact import redact

_LONGEST_NAME = 200


@dataclass(slots=True)
class Record:
    """One exchange, as far as it is remembered. Not frozen, as an `Answer`."""

    time: float
    """When it began; Unix time, seconds."""
    flow: str
    key: str
    content: str
    """The key without the caller."""
    caller: str
    client: str
    host: str
    wire: str
    model: str
    mode: str
    layer: str
    """Who answered: `l1a`; `l3` is the provider."""
    deflected: bool
    status: int
    """HTTP status of the answer, 0 where there was none."""
    trail: tuple[Step, ...]

    @property
    def short(self) -> str:
        """The key as people see it."""
        return self.key[:16]


def record_of(exchange: Exchange, *, layer: str, status: int) -> Record:
    """What is remembered of `exchange`; see `Journal.record`."""
    return Record(
        time=exchange.started,
        flow=exchange.id,
        key=exchange.identity.key,
        content=exchange.identity.content,
        caller=exchange.caller,
        client=exchange.client.name,
        host=exchange.request.host[:_LONGEST_NAME],
        wire=exchange.route.wire.name,
        model=exchange.model[:_LONGEST_NAME],
        mode=exchange.mode,
        layer=layer,
        deflected=layer not in ("", "l3"),
        status=status,
        trail=tuple(exchange.trail),
    )


def dump(record: Record) -> bytes:
    """Write `record` as JSON; what looks like a credential is taken out."""
    model = _redacted_model(record.model)
    if model != record.model or any(step.note for step in record.trail):
        trail = tuple(replace(step, note=redact(step.note)) for step in record.trail)
        record = replace(record, model=model, trail=trail)
    return orjson.dumps(record)


@lru_cache(maxsize=64)
def _redacted_model(model: str) -> str:
    return redact(model)


def load(data: bytes) -> Record:
    """
    Read what `dump` wrote.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    fields = orjson.loads(data)
    return Record(**{**fields, "trail": tuple(Step(**step) for step in fields["trail"])})
