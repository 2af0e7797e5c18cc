"""Tells a reply live as events of OpenAI Responses, over HTTP or a WebSocket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Json, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Reply, Started, Stop, later_usage
from isartor_addon.wire.openai_responses_reply import write_response
from isartor_addon.wire.translation.replies import FOREIGN, FOREIGN_ITEM, REFUSAL


@dataclass(slots=True)
class _Item:
    """An output item that is being told."""

    index: int
    part: Part
    head: dict[str, Json]
    """Its fields but for what grows."""
    texts: list[str] = field(default_factory=list)

    @property
    def at(self) -> dict[str, Json]:
        return {"item_id": self.head["id"], "output_index": self.index}

    @property
    def text(self) -> str:
        return "".join(self.texts)


class ResponsesTeller:
    """Every part is an item. Words are closed by what begins after them, calls at the end: they may grow side by
    side.
    """

    def __init__(self, write: Callable[[Mapping[str, Json]], bytes]) -> None:
        """
        Begin.

        Args:
            write: writes one event.
        """
        self._write = write
        self._number = 0
        self._started = Started("", "")
        self._parts: dict[int, Part] = {}
        self._open: dict[int, _Item] = {}
        self._output: dict[int, dict[str, Json]] = {}
        self._next = 0

    def tell(self, delta: Delta) -> list[bytes]:
        """See `Teller`."""
        match delta:
            case Started():
                self._started = replace(delta, id=delta.id or FOREIGN)
                begun = {**self._response(Finished(Stop("end"))), "status": "in_progress", "usage": None}
                created = {"response": begun}
                return [self._say("response.created", created), self._say("response.in_progress", created)]
            case PartStarted(index, part):
                self._parts[index] = part
                return self._grow(index, part.arguments if isinstance(part, ToolCall) else _text(part))
            case PartGrew(index, text):
                return self._grow(index, text)
            case Finished():
                pieces = [piece for index in list(self._open) for piece in self._close(index)]
                response = self._response(delta)
                cut = response["status"] == "incomplete"
                told = {"response": {**response, "output": [item for _, item in sorted(self._output.items())]}}
                return [*pieces, self._say("response.incomplete" if cut else "response.completed", told)]

    def _response(self, finished: Finished) -> dict[str, Json]:
        started = self._started
        usage = later_usage(started.usage, finished.usage)
        extra = {**started.extra, **finished.extra}
        return write_response(Reply(started.id, started.model, (), finished.stop, usage, extra))

    def _say(self, kind: str, fields: Mapping[str, Json]) -> bytes:
        event = self._write({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return event

    def _grow(self, index: int, text: str) -> list[bytes]:
        part, pieces = self._parts[index], []
        if index not in self._open:
            if not text and not isinstance(part, ToolCall):
                return []
            words = [each for each, item in self._open.items() if not isinstance(item.part, ToolCall)]
            pieces = [piece for each in words for piece in self._close(each)]
            pieces += self._begin(index, part)
        item = self._open[index]
        if text:
            item.texts.append(text)
            kind, _, place = _growth(part)
            pieces.append(self._say(f"{kind}.delta", {**item.at, **place, "delta": text, **_beside(part)}))
        return pieces

    def _begin(self, index: int, part: Part) -> list[bytes]:
        name = f"{self._started.id}_{self._next}"
        match part:
            case ToolCall(call_id, tool, extra=extra):
                custom = extra.get("type") == "custom_tool_call"
                head = {"type": "function_call", "id": f"{'ctc' if custom else 'fc'}_{name}", "status": "completed"}
                head |= {"call_id": call_id, "name": tool, **extra}
            case Thinking():
                head = {"type": "reasoning", "id": f"{FOREIGN_ITEM}{name}"}
            case _:
                head = {"type": "message", "id": f"msg_{name}", "status": "completed", "role": "assistant"}
        item = self._open[index] = _Item(self._next, part, head)
        self._next += 1
        begun = _complete(item) | ({"content": []} if head["type"] == "message" else {})
        begun |= {"summary": []} if isinstance(part, Thinking) else {}
        begun |= {"status": "in_progress"} if "status" in head else {}
        added = self._say("response.output_item.added", {"output_index": item.index, "item": begun})
        opening = _opening(part)
        if opening is None:
            return [added]
        return [added, self._say(f"{opening[0]}.added", {**item.at, **opening[1], "part": _piece(part, "")})]

    def _close(self, index: int) -> list[bytes]:
        item = self._open.pop(index)
        kind, name, place = _growth(item.part)
        named = {"name": item.head["name"]} if item.head["type"] == "function_call" and name == "arguments" else {}
        pieces = [self._say(f"{kind}.done", {**item.at, **place, name: item.text, **named, **_beside(item.part)})]
        opening = _opening(item.part)
        if opening:
            done = {**item.at, **opening[1], "part": _piece(item.part, item.text)}
            pieces.append(self._say(f"{opening[0]}.done", done))
        whole = self._output[item.index] = _complete(item)
        return [*pieces, self._say("response.output_item.done", {"output_index": item.index, "item": whole})]


def _text(part: Part) -> str:
    if not isinstance(part, Text | Thinking):
        raise Untranslatable(f"Responses cannot say a {type(part).__name__} in a reply")
    return part.text


def _growth(part: Part) -> tuple[str, str, dict[str, Json]]:
    """The events with which a part grows, the field of the last that holds all of it, and where in its item it is."""
    match part:
        case ToolCall() if part.extra.get("type") == "custom_tool_call":
            return "response.custom_tool_call_input", "input", {}
        case ToolCall():
            return "response.function_call_arguments", "arguments", {}
        case Thinking():
            return "response.reasoning_summary_text", "text", {"summary_index": 0}
        case Text() if part.extra == REFUSAL:
            return "response.refusal", "refusal", {"content_index": 0}
        case _:
            return "response.output_text", "text", {"content_index": 0}


def _opening(part: Part) -> tuple[str, dict[str, Json]] | None:
    """The events around what grows, for parts that have some."""
    match part:
        case ToolCall():
            return None
        case Thinking():
            return "response.reasoning_summary_part", {"summary_index": 0}
        case _:
            return "response.content_part", {"content_index": 0}


def _beside(part: Part) -> dict[str, Json]:
    return {"logprobs": []} if isinstance(part, Text) and part.extra != REFUSAL else {}


def _piece(part: Part, text: str) -> dict[str, Json]:
    """The part of an item that holds its words."""
    if isinstance(part, Thinking):
        return {"type": "summary_text", "text": text}
    if isinstance(part, Text) and part.extra == REFUSAL:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _complete(item: _Item) -> dict[str, Json]:
    match item.part:
        case ToolCall():
            return {**item.head, _growth(item.part)[1]: item.text}
        case Thinking():
            return {**item.head, "summary": [_piece(item.part, item.text)]}
        case _:
            return {**item.head, "content": [_piece(item.part, item.text)]}
