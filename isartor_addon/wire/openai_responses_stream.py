"""Streams of the OpenAI Responses API: the same events as server-sent events or as WebSocket messages.

Source: the streaming events of the OpenAI API reference. The terminal event (`response.completed`,
`response.incomplete`) carries the whole response, so the decoder gives everything there, at once and exact; before it
there is nothing but the parts of the same. ChatGPT's Codex backend leaves `output` empty in it: where the terminal
event holds fewer items than the `response.output_item.done` events told, those are taken.

As content, WebSocket messages stand one after the other; white space between them does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Final

import orjson

from isartor_addon.core.errors import BadReply
from isartor_addon.core.prompt import Json
from isartor_addon.core.reply import Delta, Finished, PartStarted, Started
from isartor_addon.wire.fields import loads_object, said
from isartor_addon.wire.lines import LIMIT
from isartor_addon.wire.openai_responses_reply import failure, read_response
from isartor_addon.wire.sse import Reader
from isartor_addon.wire.sse import event as sse_event

_TOKEN: Final = re.compile(rb'[{}]|"(?:[^"\\]++|\\.)*+("?)', re.DOTALL)
_BLANK: Final = b" \t\r\n"


class Objects:
    """Splits JSON objects that stand one after the other, at whatever places the bytes are cut."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        self._limit = limit
        self._held = b""
        self._position = 0
        self._depth = 0

    def feed(self, data: bytes) -> list[dict[str, Json]]:
        """
        Take the next bytes; give the objects they complete.

        Raises:
            BadReply: there is something else, or an object is larger than the limit.
        """
        return [loads_object(text) for text in self.texts(data)]

    def texts(self, data: bytes) -> list[bytes]:
        """The same, not decoded."""
        self._held += data
        found: list[bytes] = []
        start = 0
        for token in _TOKEN.finditer(self._held, self._position):
            first = self._held[token.start()]
            if not self._depth and (first != 0x7B or self._held[start : token.start()].strip(_BLANK)):
                raise BadReply("the messages hold something that is no JSON object")
            if first == 0x22 and not token[1]:
                self._position = token.start()
                break
            self._position = token.end()
            self._depth += (first == 0x7B) - (first == 0x7D)
            if not self._depth:
                found.append(self._held[start : self._position])
                start = self._position
        self._held = self._held[start:]
        self._position -= start
        if len(self._held) > self._limit:
            raise BadReply(f"a message of the reply has more than {self._limit} bytes")
        return found

    def finish(self) -> list[dict[str, Json]]:
        """The bytes have ended: nothing more can be complete."""
        return []


class Events:
    """The events of a body of server-sent events."""

    def __init__(self) -> None:
        self._reader = Reader()

    def feed(self, data: bytes) -> list[dict[str, Json]]:
        """Take the next bytes; give the events they complete."""
        return [loads_object(event.data) for event in self._reader.feed(data) if event.data != b"[DONE]"]

    def finish(self) -> list[dict[str, Json]]:
        """The bytes have ended; give the event that lacks only its blank line."""
        return [loads_object(event.data) for event in self._reader.finish() if event.data != b"[DONE]"]


class EventDecoder:
    """Reads one stream of Responses events; see `isartor_addon.wire.base.Decoder`."""

    exact: ClassVar[bool] = True
    """Whether the terminal event must agree with the events before it."""

    def __init__(self, source: Objects | Events) -> None:
        self._source = source
        self.items: dict[int, dict[str, Json]] = {}
        """The items that are complete, by their index."""
        self.response: dict[str, Json] | None = None
        """The finished response object, its `output` filled in, once the terminal event has been read."""

    @property
    def done(self) -> bool:
        """Whether the terminal event has been read."""
        return self.response is not None

    def feed(self, data: bytes) -> list[Delta]:
        """Take the next bytes; all deltas come with the terminal event, and nothing after it is read."""
        return [] if self.done else self._take(self._source.feed(data))

    def close(self) -> list[Delta]:
        """The bytes have ended; raises `BadReply` where the terminal event is missing."""
        deltas = [] if self.done else self._take(self._source.finish())
        if not self.done:
            raise BadReply("the stream ended before response.completed")
        return deltas

    def _take(self, events: Iterable[dict[str, Json]]) -> list[Delta]:
        for event in events:
            kind = event.get("type")
            if kind == "response.output_item.done":
                index = said.integer(event.get("output_index"), "output_index")
                self.items[index] = said.object(event.get("item"), "item")
            elif kind in ("response.completed", "response.incomplete"):
                return self._finish(said.object(event.get("response"), "response"), str(kind))
            elif kind in ("response.failed", "response.cancelled", "error") or (kind is None and "error" in event):
                raise BadReply(f"the provider reports: {failure(_error_of(event))}")
        return []

    def _finish(self, response: dict[str, Json], kind: str) -> list[Delta]:
        streamed = [item for _, item in sorted(self.items.items())]
        output = said.objects(response.get("output") or [], "output")
        fuller, other = (output, streamed) if len(output) >= len(streamed) else (streamed, output)
        if self.exact and not _within(other, fuller):
            raise BadReply("the terminal event says something else than the events before it")
        status = response.get("status") or kind.removeprefix("response.")
        whole = {**response, "status": status, "output": fuller}
        reply = read_response(whole)
        self.response = whole
        return [
            Started(reply.id, reply.model),
            *(PartStarted(index, part) for index, part in enumerate(reply.parts)),
            Finished(reply.stop, reply.usage, reply.extra),
        ]


def _error_of(event: Mapping[str, Json]) -> Mapping[str, Json]:
    response = event.get("response")
    return response if isinstance(response, dict) else event


def essence(item: Mapping[str, Json]) -> tuple[Json, ...]:
    """What an item says, without what may differ between two tellings of it (ids, status, encrypted content)."""
    content = item.get("content")
    texts = [part.get("text") for part in content if isinstance(part, dict)] if isinstance(content, list) else content
    return (item.get("type"), texts, item.get("name"), item.get("arguments"), item.get("input"), item.get("call_id"))


def _within(some: Iterable[Mapping[str, Json]], items: Iterable[Mapping[str, Json]]) -> bool:
    """Whether all of `some` are said in `items`, in their order."""
    rest = iter([essence(item) for item in items])
    return all(essence(item) in rest for item in some)


def sse_decoder() -> EventDecoder:
    """A decoder of server-sent events."""
    return EventDecoder(Events())


def socket_decoder() -> EventDecoder:
    """A decoder of WebSocket messages, fed one by one or in any other pieces."""
    return EventDecoder(Objects())


def as_sse(event: Mapping[str, Json]) -> bytes:
    """One event as a server-sent event."""
    return sse_event(orjson.dumps(event), str(event["type"]))


class EventWriter:
    """Tells a finished response as the events in which it would have come."""

    def __init__(self, response: Mapping[str, Json], write: Callable[[Mapping[str, Json]], bytes]) -> None:
        self._response = response
        self._write = write
        self._pieces: list[bytes] = []

    def pieces(self) -> tuple[bytes, ...]:
        """One piece an event; the first is `response.created`, the last the terminal event."""
        begun = {**self._response, "status": "in_progress", "output": [], "error": None, "usage": None}
        begun["incomplete_details"] = None
        begun.pop("completed_at", None)
        self._say("response.created", {"response": begun})
        self._say("response.in_progress", {"response": begun})
        for index, item in enumerate(self._response["output"]):
            self._item(item, {"output_index": index})
        cut = self._response.get("status") == "incomplete"
        self._say("response.incomplete" if cut else "response.completed", {"response": self._response})
        return tuple(self._pieces)

    def _say(self, kind: str, fields: Mapping[str, Json]) -> None:
        self._pieces.append(self._write({"type": kind, "sequence_number": len(self._pieces), **fields}))

    def _item(self, item: Mapping[str, Json], at: dict[str, Json]) -> None:
        kind = item.get("type")
        inside = {"item_id": item.get("id", ""), **at}
        begun = {**item, "status": "in_progress"} if "status" in item else dict(item)
        if kind == "message":
            self._say("response.output_item.added", {**at, "item": {**begun, "content": []}})
            self._contents(item.get("content"), inside)
        elif kind == "function_call":
            self._say("response.output_item.added", {**at, "item": {**begun, "arguments": ""}})
            name = {"name": item.get("name", "")}
            self._text("response.function_call_arguments", "arguments", item["arguments"], inside, name)
        elif kind == "custom_tool_call":
            self._say("response.output_item.added", {**at, "item": {**begun, "input": ""}})
            self._text("response.custom_tool_call_input", "input", item["input"], inside, {})
        elif kind == "reasoning":
            self._say("response.output_item.added", {**at, "item": {**begun, "summary": []}})
            self._summary(item.get("summary"), inside)
            self._contents(item.get("content"), inside)
        else:
            self._say("response.output_item.added", {**at, "item": begun})
        self._say("response.output_item.done", {**at, "item": item})

    def _text(self, kind: str, field: str, text: str, inside: Mapping[str, Json], more: Mapping[str, Json]) -> None:
        if text:
            self._say(f"{kind}.delta", {**inside, "delta": text})
        self._say(f"{kind}.done", {**inside, field: text, **more})

    def _summary(self, summary: Json, inside: Mapping[str, Json]) -> None:
        for number, part in enumerate(_texts(summary)):
            here = {**inside, "summary_index": number}
            self._say("response.reasoning_summary_part.added", {**here, "part": {**part, "text": ""}})
            self._text("response.reasoning_summary_text", "text", part["text"], here, {})
            self._say("response.reasoning_summary_part.done", {**here, "part": part})

    def _contents(self, content: Json, inside: Mapping[str, Json]) -> None:
        for number, part in enumerate(content if isinstance(content, list) else []):
            if isinstance(part, dict):
                self._content(part, {**inside, "content_index": number})

    def _content(self, part: Mapping[str, Json], here: Mapping[str, Json]) -> None:
        kind = part.get("type")
        field = "refusal" if kind == "refusal" else "text"
        text = part.get(field)
        if not isinstance(text, str):
            self._say("response.content_part.added", {**here, "part": part})
            self._say("response.content_part.done", {**here, "part": part})
            return
        empty: dict[str, Json] = {name: [] for name in ("annotations", "logprobs") if name in part}
        self._say("response.content_part.added", {**here, "part": {**part, field: "", **empty}})
        if kind == "output_text":
            self._words(part, text, here)
        else:
            self._text(f"response.{'refusal' if kind == 'refusal' else 'reasoning_text'}", field, text, here, {})
        self._say("response.content_part.done", {**here, "part": part})

    def _words(self, part: Mapping[str, Json], text: str, here: Mapping[str, Json]) -> None:
        logprobs = {"logprobs": part.get("logprobs") or []}
        if text:
            self._say("response.output_text.delta", {**here, "delta": text, **logprobs})
        annotations = part.get("annotations")
        for number, annotation in enumerate(annotations if isinstance(annotations, list) else []):
            where = {**here, "annotation_index": number}
            self._say("response.output_text.annotation.added", {**where, "annotation": annotation})
        self._say("response.output_text.done", {**here, "text": text, **logprobs})


def _texts(parts: Json) -> list[dict[str, Json]]:
    return (
        [part for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
        if isinstance(parts, list)
        else []
    )
