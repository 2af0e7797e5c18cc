"""A reply in words that belong to no wire, whole or piece by piece.

Of a reply its content, why it stopped, what it cost, its id and its model are translated. Other fields are the
provider's own notes about the answer (`system_fingerprint`, `service_tier`, where words come from) and are left out;
content that only one wire can say is `Untranslatable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Opaque, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Reply, Started, Stop
from isartor_addon.wire.base import Wire
from isartor_addon.wire.translation import custom
from isartor_addon.wire.translation.ask import Offered
from isartor_addon.wire.translation.ids import fitting, made
from isartor_addon.wire.translation.left_out import CHAT, GEMINI, INTERNAL, MESSAGES, OLLAMA, RESPONSES

REFUSAL: Final[Mapping[str, Json]] = {"field": "refusal"}
"""The `extra` of a Text with which the model refuses, for the wires that keep it apart from answers (OpenAI's)."""
FOREIGN: Final = "isartor"
"""The signature of reasoning that is told to an Anthropic client and no Anthropic model wrote: the wire wants one,
and by this one it is known when it comes back, and taken out before Anthropic sees it."""

FOREIGN_ITEM: Final = "rs_isartor_"
"""How the ids of such reasoning begin where it is told to a client of Responses, for the same end."""


class Plain:
    """Makes plain deltas of one wire's, and gives tool calls the client's names and ids."""

    def __init__(self, source: Wire, target: str, offered: Offered) -> None:
        """
        Begin with nothing.

        Args:
            source: the wire of the provider.
            target: the wire of the client.
            offered: the client's tools that are not plain functions.
        """
        self._source = source
        self._target = target
        self._offered = offered
        self._id = ""
        self._numbers: dict[int, int] = {}
        self._held: dict[int, ToolCall] = {}
        self._left: set[int] = set()
        self._next = 0
        self._refused = False
        self._called = False

    def take(self, delta: Delta) -> list[Delta]:
        """
        Take one delta; give what it is in plain words.

        Raises:
            BadReply: it belongs to no part that has begun.
            Untranslatable: it is content that only its own wire can say.
        """
        match delta:
            case Started(id, model, usage):
                self._id = id
                return [Started(id, model, usage.counts, _created(delta.extra))]
            case PartStarted(index, part):
                return [each for found in self._parts(index, part) for each in self._begin(index, found)]
            case PartGrew(index, text):
                return self._grow(index, text)
            case Finished(stop, usage, extra):
                return [*self._calls(), Finished(self._stop(stop), usage.counts, _created(extra))]

    def _parts(self, index: int, part: Part) -> Iterator[Part]:
        match part:
            case Text(text, extra):
                yield Text(text, REFUSAL if extra.get("field") == "refusal" else {})
            case Thinking(text):
                yield Thinking(text)
            case ToolCall() if part.extra.get("type") in ("custom", "custom_tool_call"):
                raise Untranslatable("a call with free text, which was not offered so")
            case ToolCall():
                yield ToolCall(part.id or made(self._id, str(index)), part.name, part.arguments)
            case Opaque(wire, value) if _is_left_out(wire, value):
                self._left.add(index)
            case Opaque(wire, value) if wire == RESPONSES and value.get("type") == "message":
                yield from _message(value)
            case Opaque(wire, value):
                raise Untranslatable(f"{value.get('type') or 'content'} of {wire}")
            case _:
                raise Untranslatable(f"a {type(part).__name__} in a reply")

    def _begin(self, index: int, part: Part) -> list[Delta]:
        if isinstance(part, ToolCall) and part.name in self._offered:
            if self._offered[part.name].custom:
                self._called = True
                self._held[index] = part  # told when it is whole: its text stands inside JSON
                return []
            part = self._own(part)
        self._refused = self._refused or (isinstance(part, Text) and part.extra == REFUSAL)
        self._called = self._called or isinstance(part, ToolCall)
        self._numbers[index] = self._next
        self._next += 1
        if isinstance(part, ToolCall):
            part = replace(part, id=fitting(part.id, self._target))
        return [PartStarted(self._numbers[index], part)]

    def _grow(self, index: int, text: str) -> list[Delta]:
        if index in self._held:
            held = self._held[index]
            self._held[index] = replace(held, arguments=held.arguments + text)
            return []
        if index in self._left:
            return []
        if index not in self._numbers:
            raise BadReply(f"more of part {index}, which never began")
        return [PartGrew(self._numbers[index], text)] if text else []

    def _calls(self) -> Iterator[Delta]:
        for _, call in sorted(self._held.items()):
            yield PartStarted(self._next, self._own(call))
            self._next += 1

    def _own(self, call: ToolCall) -> ToolCall:
        """The client's own kind of call."""
        own = self._offered[call.name]
        extra: dict[str, Json] = {"namespace": own.namespace} if own.namespace else {}
        arguments = call.arguments
        if own.custom:
            extra["type"] = "custom" if self._target == CHAT else "custom_tool_call"
            arguments = custom.unwrapped(arguments)
        return ToolCall(fitting(call.id, self._target), own.name, arguments, extra)

    def _stop(self, stop: Stop) -> Stop:
        """Why it stopped, without the source's own word, which may be another's for something else."""
        reason = stop.reason
        if stop.raw in self._source.faults:
            raise BadReply(f"the model stopped with {stop.raw}")
        if reason == "pause":
            raise Untranslatable("an answer that the client is to have continued")
        if reason == "end" and self._called:  # compatible servers of chat say so
            reason = "tool"
        if self._target in (CHAT, RESPONSES) and reason == "refusal" and not self._refused:
            reason = "filter"  # OpenAI's wires say a refusal in a field of its own, and nothing was said there
        return Stop(reason, sequence=stop.sequence)


def _is_left_out(wire: str, value: Json) -> bool:
    """Reasoning that cannot be read, and messages that say nothing."""
    if wire == MESSAGES:
        return value.get("type") in ("thinking", "redacted_thinking")
    return wire == RESPONSES and (
        value.get("type") == "reasoning" or (value.get("type") == "message" and value.get("content") == [])
    )


def _message(item: Mapping[str, Json]) -> Iterator[Text]:
    """The texts of a message of Responses that holds a refusal."""
    content = item.get("content")
    for part in content if isinstance(content, list) else ({"type": "content that is no list"},):
        kind = part.get("type") if isinstance(part, dict) else None
        field = {"output_text": "text", "refusal": "refusal"}.get(str(kind))
        text = part.get(field) if field else None
        if not isinstance(text, str):
            raise Untranslatable(f"{kind} in a message")
        yield Text(text, REFUSAL if kind == "refusal" else {})


def _created(extra: Mapping[str, Json]) -> dict[str, Json]:
    """When the answer was made, Unix time, under chat's name, where the wire says it."""
    for name in ("created", "created_at"):
        if isinstance(extra.get(name), int | float) and not isinstance(extra[name], bool):
            return {"created": int(extra[name])}
    return {}


def deltas_of(reply: Reply) -> Iterator[Delta]:
    """A whole reply as the deltas in which it could have come."""
    yield Started(reply.id, reply.model, extra=reply.extra)
    for index, part in enumerate(reply.parts):
        yield PartStarted(index, part)
    yield Finished(reply.stop, reply.usage, reply.extra)


def as_told(reply: Reply, target: str) -> Reply:
    """A reply of plain words as the client's wire says it."""
    tell = _TELLING.get(target)
    told = replace(reply, id=reply.id or FOREIGN)
    return tell(told) if tell else told


def _without_notes(reply: Reply) -> Reply:
    return replace(reply, extra={})


def _as_messages(reply: Reply) -> Reply:
    parts = (Thinking(part.text, FOREIGN) if isinstance(part, Thinking) else part for part in reply.parts)
    return replace(
        reply,
        extra={},
        parts=tuple(Text(each.text) if isinstance(each, Text) else each for each in parts if each != Text("")),
    )


def _as_responses(reply: Reply) -> Reply:
    return replace(reply, parts=tuple(_item(part, f"{reply.id}_{n}") for n, part in enumerate(reply.parts)))


def _item(part: Part, name: str) -> Part:
    match part:
        case Text(text) if part.extra == REFUSAL:
            content = [{"type": "refusal", "refusal": text}]
            item = {"type": "message", "id": f"msg_{name}", "role": "assistant", "status": "completed"}
            return Opaque(RESPONSES, {**item, "content": content})
        case Thinking(text):
            return Thinking(text, extra={"id": f"{FOREIGN_ITEM}{name}"})
        case _:
            return part


_TELLING: Final[Mapping[str, Callable[[Reply], Reply]]] = {
    MESSAGES: _as_messages,
    RESPONSES: _as_responses,
    OLLAMA: _without_notes,
    GEMINI: _without_notes,
    INTERNAL: _without_notes,
}
