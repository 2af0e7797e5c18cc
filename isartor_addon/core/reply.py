"""What a model answers: whole (`Reply`) or piece by piece (`Delta`), and `join`, which makes the one of the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never

from isartor_addon.core.errors import BadReply
from isartor_addon.core.prompt import Json, Opaque, Part, Text, Thinking, ToolCall

_USUAL = frozenset({"default", "standard", "auto", "on_demand"})
"""Tiers that are the list price."""
_LONGEST_TIER = 40

StopReason = Literal["end", "length", "tool", "sequence", "refusal", "filter", "pause", "other"]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the model stopped."""

    reason: StopReason
    raw: str = ""
    """The wire's own word for it."""
    sequence: str | None = None
    """The stop sequence that was met."""


@dataclass(frozen=True, slots=True)
class Usage:
    """
    Tokens, as the provider counted them, in one form for all wires. None: not said.

    Wires count otherwise: the prompt of OpenAI and Gemini holds what was read from the cache, Anthropic's does not; the
    candidates of Gemini do not hold the thoughts, others' completions do. Here no token stands in two of `input`,
    `cache_read` and `cache_write`, which together are the prompt, and `output` is all that was made.
    """

    input: int | None = None
    """Read anew: neither from the provider's prompt cache nor into it."""
    output: int | None = None
    """Made, `reasoning` among it."""
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    """Those of `cache_write` that are kept for an hour."""
    reasoning: int | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)
    """The wire's whole usage object, as received; the same wire writes it back unchanged."""
    tier: str = ""
    """How it was served, in the provider's word (`flex`), where that may have another price; see `Reply.billed`."""

    @property
    def prompt(self) -> int | None:
        """All that was read, whichever way."""
        return total(self.input, self.cache_read, self.cache_write)

    @property
    def counts(self) -> Usage:
        """The same without the wire's own object."""
        return replace(self, extra={})


def tier_of(*objects: Mapping[str, Json]) -> str:
    """How a reply was served, as the first of `objects` says that does; empty: as usual, or nobody says it."""
    said = (each.get("service_tier") for each in objects)
    tier = next((each for each in said if isinstance(each, str) and each), "")
    return "" if tier in _USUAL else tier[:_LONGEST_TIER]


def total(*counts: int | None) -> int | None:
    """The sum of what was said; None where nothing was."""
    said = [each for each in counts if each is not None]
    return sum(said) if said else None


def without(whole: int | None, *parts: int | None) -> int | None:
    """What of `whole` is in none of `parts`, never less than 0."""
    return None if whole is None else max(0, whole - (total(*parts) or 0))


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete answer of a model."""

    id: str
    model: str
    parts: tuple[Part, ...]
    stop: Stop
    usage: Usage = Usage()
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Other top-level fields of the answer (`created`, `system_fingerprint`, `service_tier`)."""

    @property
    def billed(self) -> Usage:
        """Its usage, with how it was served."""
        return replace(self.usage, tier=tier_of(self.extra, self.usage.extra))


@dataclass(frozen=True, slots=True)
class Started:
    """The answer begins."""

    id: str
    model: str
    usage: Usage = Usage()
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartStarted:
    """Part `index` begins, as far as it is known: a ToolCall with empty arguments, an empty Text, a whole Opaque."""

    index: int
    part: Part


@dataclass(frozen=True, slots=True)
class PartGrew:
    """More of part `index`: appended to a Text's or Thinking's text, or to a ToolCall's arguments."""

    index: int
    text: str = ""
    signature: str = ""
    """Appended to a Thinking's signature."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Fields to add to the part's `extra` (lists under one name are joined)."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is complete; `usage` and `extra` replace what was said before wherever they say something."""

    stop: Stop
    usage: Usage = Usage()
    extra: Mapping[str, Json] = field(default_factory=dict)


type Delta = Started | PartStarted | PartGrew | Finished


def join(deltas: Iterable[Delta]) -> Reply:
    """
    Put a stream together.

    Raises:
        BadReply: the stream does not begin with Started or does not come to Finished.
    """
    started: Started | None = None
    finished: Finished | None = None
    parts: dict[int, Part] = {}
    grown: dict[int, list[str]] = {}
    for delta in deltas:
        match delta:
            case Started():
                started = started or delta
            case PartStarted(index, part):
                parts[index] = part
            case PartGrew(index, text):
                if index not in parts:
                    raise BadReply(f"more of part {index}, which never began")
                grown.setdefault(index, []).append(text)
                if delta.signature or delta.extra:
                    parts[index] = _annotated(parts[index], delta)
            case Finished():
                finished = delta
            case _:
                assert_never(delta)
    if started is None or finished is None:
        raise BadReply("the stream ended before the answer was complete")
    return Reply(
        id=started.id,
        model=started.model,
        parts=tuple(_grown(parts[index], "".join(grown.get(index, ()))) for index in sorted(parts)),
        stop=finished.stop,
        usage=later_usage(started.usage, finished.usage),
        extra={**started.extra, **finished.extra},
    )


def _grown(part: Part, text: str) -> Part:
    if not text:
        return part
    match part:
        case Text() | Thinking():
            return replace(part, text=part.text + text)
        case ToolCall():
            return replace(part, arguments=part.arguments + text)
        case _:
            raise BadReply(f"a {type(part).__name__} cannot grow")


def _annotated(part: Part, delta: PartGrew) -> Part:
    if isinstance(part, Opaque):
        raise BadReply("opaque content cannot grow")
    merged = dict(part.extra)
    for name, value in delta.extra.items():
        held = merged.get(name)
        merged[name] = held + value if isinstance(held, list) and isinstance(value, list) else value
    if delta.signature:
        if not isinstance(part, Thinking):
            raise BadReply(f"a signature on a {type(part).__name__}")
        return replace(part, signature=part.signature + delta.signature, extra=merged)
    return replace(part, extra=merged)


def later_usage(first: Usage, last: Usage) -> Usage:
    """What a stream says of its cost at its begin, replaced wherever its end says something."""

    def later(name: str) -> int | None:
        value: int | None = getattr(last, name)
        return value if value is not None else getattr(first, name)

    return Usage(
        input=later("input"),
        output=later("output"),
        cache_read=later("cache_read"),
        cache_write=later("cache_write"),
        cache_write_1h=later("cache_write_1h"),
        reasoning=later("reasoning"),
        extra={**first.extra, **last.extra},
    )
