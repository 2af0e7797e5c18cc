"""Anthropic messages: streams. Whole replies are in `anthropic_reply.py`.

Source: the Messages API reference ("Streaming Messages") and the types of the official SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import orjson

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Opaque, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Reply, Started, Stop
from isartor_addon.wire import sse
from isartor_addon.wire.anthropic_blocks import read_block
from isartor_addon.wire.anthropic_reply import complaint, read_stop, read_usage, write_message, write_stop
from isartor_addon.wire.fields import arguments_object, arguments_text, count, label, loads_object, rest, said

_PIECE: Final = 256
"""Characters of text that one event of an encoded stream carries."""
_ONLY_AT_START: Final = frozenset({"cache_creation", "service_tier", "inference_geo", "speed"})
"""Fields of the usage that `message_delta` does not repeat."""
_IN_DELTA: Final = ("stop_details", "container")
"""Fields of a message that the SDK takes from the `delta` of `message_delta`."""
_BESIDE_DELTA: Final = ("context_management", "input_transformations")
"""Fields of a message that stand in `message_delta` beside `delta`."""


@dataclass(slots=True)
class _Block:
    """A content block that has begun and not stopped."""

    value: dict[str, Json]
    part: Part
    """What was announced; an `Opaque` is announced only when it is whole."""
    json: list[str] = field(default_factory=list)


class Stream:
    """Reads the events of one stream."""

    def __init__(self) -> None:
        self._reader = sse.Reader()
        self._started: Started | None = None
        self._open: dict[int, _Block] = {}
        self._seen: set[int] = set()
        self._finished = Finished(Stop("other"))
        self._done = False
        self._read: Mapping[str, Callable[[dict[str, Json]], list[Delta]]] = {
            "message_start": self._start,
            "content_block_start": self._block_start,
            "content_block_delta": self._block_delta,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "error": self._error,
        }

    @property
    def done(self) -> bool:
        """Whether `message_stop` has been read."""
        return self._done

    def feed(self, data: bytes) -> list[Delta]:
        """
        Take the next bytes; give what they complete. Events of unknown type are passed over.

        Raises:
            BadReply: this is no stream of messages, or the provider reports an error in it.
            Untranslatable: a block grows in a way that is not known.
        """
        return self._take(self._reader.feed(data))

    def close(self) -> list[Delta]:
        """
        The bytes have ended.

        Raises:
            BadReply: `message_stop` has not come.
        """
        deltas = self._take(self._reader.finish())
        if not self._done:
            raise BadReply("the stream ended before message_stop")
        return deltas

    def _take(self, events: list[sse.Event]) -> list[Delta]:
        deltas: list[Delta] = []
        for each in events:
            if self._done:
                break
            value = loads_object(each.data)
            read = self._read.get(label(value.get("type")))
            if read is not None:
                deltas += read(value)
        return deltas

    def _start(self, event: dict[str, Json]) -> list[Delta]:
        message = said.object(event.get("message"), "message_start.message")
        if self._started is not None or message.get("content"):
            raise BadReply("message_start comes twice, or with content")
        known = ("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage")
        self._started = Started(
            label(message.get("id")),
            label(message.get("model")),
            read_usage(message.get("usage")),
            rest(message, known),
        )
        return [self._started]

    def _block_start(self, event: dict[str, Json]) -> list[Delta]:
        index = said.integer(event.get("index"), "index")
        value = said.object(event.get("content_block"), "content_block")
        if self._started is None or index in self._seen:
            raise BadReply(f"content block {index} begins twice, or before message_start")
        if value.get("type") == "thinking":
            value = {"signature": "", **value}
        part = read_block(value)
        if isinstance(part, ToolCall):
            part = replace(part, arguments="")
        self._seen.add(index)
        self._open[index] = _Block(value, part)
        return [] if isinstance(part, Opaque) else [PartStarted(index, part)]

    def _block_delta(self, event: dict[str, Json]) -> list[Delta]:
        index = said.integer(event.get("index"), "index")
        delta = said.object(event.get("delta"), "delta")
        block = self._open.get(index)
        if block is None:
            raise BadReply(f"more of content block {index}, which is not open")
        kind = delta.get("type")
        match block.part, kind:
            case Text(), "text_delta":
                return [PartGrew(index, said.text(delta.get("text"), "text"))]
            case Text(), "citations_delta":
                return [PartGrew(index, extra={"citations": [delta.get("citation")]})]
            case Thinking(), "thinking_delta":
                return [PartGrew(index, said.text(delta.get("thinking"), "thinking"))]
            case Thinking(), "signature_delta":
                return [PartGrew(index, signature=said.text(delta.get("signature"), "signature"))]
            case ToolCall(), "input_json_delta":
                piece = said.text(delta.get("partial_json"), "partial_json")
                block.json.append(piece)
                return [PartGrew(index, piece)] if piece else []
            case Opaque(), "input_json_delta":
                block.json.append(said.text(delta.get("partial_json"), "partial_json"))
                return []
            case Opaque(), "compaction_delta":
                block.value = {**block.value, **rest(delta, ("type",))}
                return []
        raise Untranslatable(f"a {block.value.get('type')} block grows by {kind}")

    def _block_stop(self, event: dict[str, Json]) -> list[Delta]:
        index = said.integer(event.get("index"), "index")
        block = self._open.pop(index, None)
        if block is None:
            raise BadReply(f"content block {index} stops, which is not open")
        written = "".join(block.json)
        if isinstance(block.part, ToolCall) and not written:
            return [PartGrew(index, arguments_text(block.value.get("input", {})))]
        if not isinstance(block.part, Opaque):
            return []
        value = {**block.value, "input": arguments_object(written)} if written else block.value
        return [PartStarted(index, read_block(value))]

    def _message_delta(self, event: dict[str, Json]) -> list[Delta]:
        delta = said.object(event.get("delta"), "delta")
        before = self._finished
        stop = read_stop(delta) or before.stop
        told = event.get("usage")
        usage = {name: value for name, value in told.items() if value is not None} if isinstance(told, dict) else {}
        extra = {**rest(delta, ("stop_reason", "stop_sequence")), **rest(event, ("type", "delta", "usage"))}
        known = self._started.extra if self._started else {}
        self._finished = Finished(
            stop,
            read_usage({**before.usage.extra, **usage}),
            # A null does not take back what was said.
            {**before.extra, **{k: v for k, v in extra.items() if v is not None or known.get(k) is None}},
        )
        return []

    def _message_stop(self, event: dict[str, Json]) -> list[Delta]:
        if self._started is None or not self._finished.stop.raw:
            raise BadReply("message_stop without message_start or stop_reason")
        deltas: list[Delta] = []
        for index in list(self._open):
            deltas += self._block_stop({"index": index})
        self._done = True
        return [*deltas, self._finished]

    def _error(self, event: dict[str, Json]) -> list[Delta]:
        raise BadReply(f"the provider reports an error: {complaint(event)}")


class Ending(NamedTuple):
    """How a stream ended, whatever stood in it."""

    stop_reason: str
    complete: bool


def ending(content: bytes) -> Ending:
    """
    How a stream ended that `Stream` cannot say in neutral words.

    Raises:
        BadReply: it holds an error or is no stream.
    """
    reader = sse.Reader()
    stop_reason, complete = "", False
    for each in [*reader.feed(content), *reader.finish()]:
        value = loads_object(each.data)
        kind = value.get("type")
        if kind == "error":
            raise BadReply(f"the provider reports an error: {complaint(value)}")
        if kind == "message_delta":
            stop = read_stop(said.object(value.get("delta"), "delta"))
            stop_reason = stop.raw if stop else stop_reason
        if kind == "message_stop":
            complete = bool(stop_reason)
            break
    return Ending(stop_reason, complete)


def encode(reply: Reply) -> Iterator[bytes]:
    """
    Write a reply as a stream, one piece an event.

    Raises:
        Untranslatable: a part cannot be said on this wire.
    """
    message = write_message(reply)
    usage = message["usage"]
    late = {name: reply.extra[name] for name in _IN_DELTA if name in reply.extra}
    beside = {name: reply.extra[name] for name in _BESIDE_DELTA if name in reply.extra}
    start = {name: value for name, value in message.items() if name not in late and name not in beside}
    early = {**usage, "output_tokens": 1} if count(usage.get("output_tokens")) else usage
    start |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": early}
    yield write_event("message_start", {"message": start})
    for index, (part, block) in enumerate(zip(reply.parts, message["content"], strict=True)):
        begun, deltas = _grow(part, block)
        yield write_event("content_block_start", {"index": index, "content_block": begun})
        if index == 0:
            yield write_event("ping", {})
        for delta in deltas:
            yield write_event("content_block_delta", {"index": index, "delta": delta})
        yield write_event("content_block_stop", {"index": index})
    final = {name: value for name, value in usage.items() if value is not None and name not in _ONLY_AT_START}
    yield write_event("message_delta", {"delta": {**write_stop(reply.stop), **late}, "usage": final, **beside})
    yield write_event("message_stop", {})


def _grow(part: Part, block: dict[str, Json]) -> tuple[dict[str, Json], list[dict[str, Json]]]:
    """The block as `content_block_start` shows it, and the deltas that complete it."""
    match part:
        case Text(text):
            citations = block.get("citations")
            begun = {**block, "text": ""}
            deltas: list[dict[str, Json]] = [{"type": "text_delta", "text": piece} for piece in _pieces(text)]
            if isinstance(citations, list) and citations:
                begun["citations"] = []
                deltas += [{"type": "citations_delta", "citation": citation} for citation in citations]
            return begun, deltas
        case Thinking(text, signature):
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(text)]
            if signature:
                deltas.append({"type": "signature_delta", "signature": signature})
            return {**block, "thinking": "", "signature": ""}, deltas
        case ToolCall(arguments=arguments):
            return {**block, "input": {}}, _input_deltas("" if arguments == "{}" else arguments)
        case Opaque() if isinstance(block.get("input"), dict):
            return {**block, "input": {}}, _input_deltas(arguments_text(block["input"]) if block["input"] else "")
    return block, []


def _input_deltas(text: str) -> list[dict[str, Json]]:
    return [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *_pieces(text))]


def _pieces(text: str) -> list[str]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]


def write_event(kind: str, fields: Mapping[str, Json]) -> bytes:
    """
    Write one event of a stream.

    Raises:
        Untranslatable: it is nested too deeply to be written.
    """
    try:
        data = orjson.dumps({"type": kind, **fields})
    except orjson.JSONEncodeError as error:
        raise Untranslatable(f"the reply cannot be written: {error}") from error
    return sse.event(data, kind)
