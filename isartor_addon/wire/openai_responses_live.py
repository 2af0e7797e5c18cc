"""Streams of the OpenAI Responses API, read as they come.

`EventDecoder` waits for the terminal event, which is exact; who passes a stream on cannot wait. Here every delta is
given at once, and when an item is complete, what the deltas left out of it: compatible servers leave some of the
events out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from isartor_addon.core.errors import BadReply
from isartor_addon.core.prompt import Json, Opaque, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Started
from isartor_addon.wire.fields import said
from isartor_addon.wire.openai_responses_items import read_output
from isartor_addon.wire.openai_responses_stream import EventDecoder, Events, Objects, essence

_GROWING: Final = {
    "response.output_text.delta": "content",
    "response.refusal.delta": "content",
    "response.function_call_arguments.delta": "call",
    "response.custom_tool_call_input.delta": "call",
    "response.reasoning_summary_text.delta": "summary",
}
"""Events that bring more of something, and of what kind of part."""


def live_decoder(mode: str) -> LiveDecoder:
    """A decoder of server-sent events, or of WebSocket messages (`ws`)."""
    return LiveDecoder(Objects() if mode == "ws" else Events())


class LiveDecoder(EventDecoder):
    """
    Reads one stream of Responses events; the parts are numbered as they appear.

    What has been told cannot be taken back, so where a later event says it otherwise, what was told first stands.
    """

    exact: ClassVar[bool] = False

    def __init__(self, source: Objects | Events) -> None:
        super().__init__(source)
        self._started = False
        self._numbers: dict[tuple[int, int], int] = {}
        """Item and place in it to the part's number."""
        self._told: dict[int, str] = {}
        """What has been told of a part."""
        self._summary: dict[int, int] = {}
        """Of which piece of its summary an item's reasoning was told last."""

    def _take(self, events: Iterable[dict[str, Json]]) -> list[Delta]:
        deltas: list[Delta] = []
        for event in events:
            deltas += self._event(str(event.get("type")), event)
            final = super()._take([event])
            if final:
                return [*deltas, *self._end(final)]
        return deltas

    def _event(self, kind: str, event: Mapping[str, Json]) -> list[Delta]:
        if kind in ("response.created", "response.in_progress"):
            return self._begin(said.object(event.get("response"), "response"))
        if kind == "response.output_item.added":
            return self._added(_index(event), said.object(event.get("item"), "item"))
        if kind == "response.output_item.done":
            return self._whole(_index(event), said.object(event.get("item"), "item"))
        if kind in _GROWING:
            return self._grow(_GROWING[kind], event, refusal=kind == "response.refusal.delta")
        return []

    def _begin(self, response: Mapping[str, Json]) -> list[Delta]:
        if self._started:
            return []
        self._started = True
        name, model, created = response.get("id"), response.get("model"), response.get("created_at")
        return [
            Started(
                name if isinstance(name, str) else "",
                model if isinstance(model, str) else "",
                extra={"created_at": created} if created is not None else {},
            )
        ]

    def _added(self, index: int, item: dict[str, Json]) -> list[Delta]:
        """Of an item that begins only a call is known; the words of others come in their parts."""
        if item.get("type") not in ("function_call", "custom_tool_call"):
            return []
        empty = {**item, "input" if item["type"] == "custom_tool_call" else "arguments": ""}
        return self._tell(index, 0, read_output([empty])[0], text="")

    def _grow(self, kind: str, event: Mapping[str, Json], *, refusal: bool) -> list[Delta]:
        index, text = _index(event), said.text(event.get("delta"), "delta")
        if kind == "call":
            if (index, 0) not in self._numbers:
                raise BadReply("more of a call that never began")
            return self._tell(index, 0, None, text=text)
        if kind == "summary":
            place = said.integer(event.get("summary_index", 0), "summary_index")
            before = self._summary.setdefault(index, place)
            self._summary[index] = place
            return self._tell(index, 0, Thinking(""), text=text if before == place else f"\n\n{text}")
        place = said.integer(event.get("content_index", 0), "content_index")
        return self._tell(index, place, Text("", {"field": "refusal"} if refusal else {}), text=text)

    def _tell(self, index: int, place: int, part: Part | None, *, text: str) -> list[Delta]:
        """More of a part, which begins now if it has not."""
        deltas = self._begin({})
        number = self._numbers.get((index, place))
        if number is None and part is not None:
            number = self._numbers[index, place] = len(self._numbers)
            self._told[number] = ""
            deltas.append(PartStarted(number, part))
        if text and number is not None:
            self._told[number] += text
            deltas.append(PartGrew(number, text))
        return deltas

    def _whole(self, index: int, item: dict[str, Json]) -> list[Delta]:
        """What of a complete item has not been told."""
        deltas: list[Delta] = []
        for place, part in enumerate(_parts(item)):
            number = self._numbers.get((index, place))
            told = self._told.get(number, "") if number is not None else ""
            match part:
                case Opaque():
                    deltas += self._tell(index, place, part, text="")
                case Thinking(text, signature, extra):
                    deltas += self._tell(index, place, Thinking("", "", extra), text=_rest(text, told))
                    deltas += [PartGrew(self._numbers[index, place], signature=signature)] if signature else []
                case Text(text, extra):
                    deltas += self._tell(index, place, Text("", extra), text=_rest(text, told))
                case ToolCall(call_id, name, arguments, extra):
                    empty = ToolCall(call_id, name, "", extra)
                    deltas += self._tell(index, place, empty, text=_rest(arguments, told))
        return deltas

    def _end(self, final: list[Delta]) -> list[Delta]:
        """What the terminal event says besides: items that no event told, why it stopped, what it cost."""
        response = self.response or {}
        deltas = self._begin(response)
        told = [essence(item) for _, item in sorted(self.items.items())]
        after = max((index for index, _ in self._numbers), default=-1)
        for item in response["output"]:
            if told and essence(item) == told[0]:
                told.pop(0)
                continue
            after += 1
            deltas += self._whole(after, item)
        return [*deltas, *(each for each in final if isinstance(each, Finished))]


def _index(event: Mapping[str, Json]) -> int:
    return said.integer(event.get("output_index"), "output_index")


def _parts(item: dict[str, Json]) -> tuple[Part, ...]:
    """The parts of an item; those of a message by the places of its content."""
    content = item.get("content")
    if item.get("type") != "message" or not isinstance(content, list):
        return read_output([item])
    found: list[Part] = []
    for part in content:
        refusal = part.get("refusal") if isinstance(part, dict) and part.get("type") == "refusal" else None
        if isinstance(refusal, str):
            found.append(Text(refusal, {"field": "refusal"}))
        else:
            found += read_output([{**item, "content": [part]}])
    return tuple(found)


def _rest(text: str, told: str) -> str:
    """What of a text has not been told."""
    return text[len(told) :] if text.startswith(told) else ""
