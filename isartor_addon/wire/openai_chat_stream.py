"""Streams of the OpenAI chat completions API: chunks to deltas, replies to chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Reply, Started, Usage
from isartor_addon.wire.fields import label, loads_object, rest, said
from isartor_addon.wire.openai_chat_messages import REASONING
from isartor_addon.wire.openai_chat_reply import (
    CHOICE,
    MESSAGE,
    TOP,
    cannot_say,
    field_mark,
    finish,
    inner_extra,
    present,
    read_usage,
    stop_for,
    told_usage,
    whole_object,
    word_for,
    write_message,
    write_usage,
)
from isartor_addon.wire.sse import Event, Reader, event

DONE: Final = b"[DONE]"

# Parts are numbered by the place of their field in a whole message, so that both ways of delivery give one order.
_CONTENT, _REFUSAL, _FUNCTION, _CALLS = 2, 3, 4, 5


@dataclass(slots=True)
class _Call:
    """A tool call as far as it has come."""

    id: str = ""
    name: str = ""
    kind: str = "function"
    extra: dict[str, Json] = field(default_factory=dict)
    held: str = ""
    """Arguments that came before the name."""
    started: bool = False


class Decoder:
    """
    Reads one stream.

    What a Reply cannot say (several choices, log-probabilities) does not stop it: `done` is true in its time, and
    `close` raises Untranslatable, after it has found the stream complete.
    """

    def __init__(self) -> None:
        self.finishes: dict[int, str] = {}
        """Why each choice ended; empty for one that has not."""
        self._reader = Reader()
        self._out: list[Delta] = []
        self._started = False
        self._done = False
        self._cannot = ""
        self._refused = False
        self._extra: dict[str, Json] = {}
        self._message: dict[str, Json] = {}
        self._choice: dict[str, Json] = {}
        self._usage = Usage()
        self._begun: set[int] = set()
        self._calls: dict[int, _Call] = {}

    @property
    def done(self) -> bool:
        """Whether `[DONE]` has been read."""
        return self._done

    def feed(self, data: bytes) -> list[Delta]:
        """Take the next bytes; see `wire.base.Decoder`."""
        return self._events(self._reader.feed(data))

    def close(self) -> list[Delta]:
        """
        The bytes have ended. Some compatible providers send no `[DONE]`: all choices must have ended, then.

        Raises:
            BadReply: the stream is not complete.
            Untranslatable: it is complete, and says what a Reply cannot.
        """
        deltas = self._events(self._reader.finish())
        if not self._done:
            deltas += self._finish()
        if self._cannot:
            raise Untranslatable(self._cannot)
        return deltas

    def _events(self, events: list[Event]) -> list[Delta]:
        self._out = []
        for each in events:
            if self._done:
                break
            if each.data == DONE:
                self._out += self._finish()
            elif each.data:
                self._chunk(loads_object(each.data))
        return self._out

    def _chunk(self, chunk: dict[str, Json]) -> None:
        choices = said.objects(whole_object(chunk).get("choices") or [], "choices")
        self._extra.update(present(rest(chunk, TOP)))
        if usage := told_usage(chunk):
            self._usage = read_usage(usage)
        # Azure's first chunk has neither id nor choices, only what its filter found in the prompt.
        if not self._started and (choices or chunk.get("id")):
            self._started = True
            self._out.append(Started(label(chunk.get("id")), label(chunk.get("model")), extra=dict(self._extra)))
        for choice in choices:
            self._one(choice)

    def _one(self, choice: dict[str, Json]) -> None:
        index = choice.get("index") or 0
        self.finishes.setdefault(said.integer(index, "index"), "")
        if choice.get("finish_reason") or choice.get("error"):
            self.finishes[index] = finish(choice)
        delta = said.object(choice.get("delta") or {}, "delta")
        self._refused = self._refused or bool(delta.get("refusal"))
        self._cannot = self._cannot or ("several choices" if index else cannot_say(delta, choice))
        if self._cannot:
            return
        if not choice.keys() <= CHOICE:
            self._choice.update(present(rest(choice, CHOICE)))
        for name, value in delta.items():
            if name not in MESSAGE:
                self._keep(name, value)
            elif name == "content" and value:
                self._grow(_CONTENT, Text(""), text=value)
            elif value:
                self._field(name, value)

    def _field(self, name: str, value: Json) -> None:
        if name in REASONING:
            part = Thinking("", extra=field_mark(name))
            self._grow(REASONING.index(name), part, text=said.text(value, name))
        elif name == "refusal":
            self._grow(_REFUSAL, Text("", field_mark(name)), text=said.text(value, name))
        elif name == "annotations":
            self._grow(_CONTENT, Text(""), text="")
            self._out.append(PartGrew(_CONTENT, extra={"annotations": said.items(value, name)}))
        elif name == "function_call":
            call = {"index": _FUNCTION - _CALLS, "function": said.object(value, name)}
            self._call(call, mark=field_mark(name))
        elif name == "tool_calls":
            for each in said.objects(value, name):
                self._call(each, mark={})

    def _grow(self, slot: int, part: Part, *, text: str) -> None:
        if slot not in self._begun:
            self._begun.add(slot)
            self._out.append(PartStarted(slot, part))
        if text:
            self._out.append(PartGrew(slot, text))

    def _keep(self, name: str, value: Json) -> None:
        """A field of the message that is unknown here. Whether such a text grows or is said anew cannot be known."""
        if value is None:
            return
        held = self._message.get(name)
        if isinstance(held, list) and isinstance(value, list):
            value = _merged(held, value) if name == "reasoning_details" else held + value
        elif isinstance(held, str) and held != value:
            self._cannot = f"a text in pieces: {name}"
        self._message[name] = value

    def _call(self, piece: dict[str, Json], *, mark: dict[str, Json]) -> None:
        index = self._place(piece)
        call = self._calls.setdefault(index, _Call(extra=mark))
        kind = piece.get("type")
        if kind in ("function", "custom"):
            call.kind = kind
        inner = said.object(piece.get(call.kind) or {}, call.kind)
        changed = _later(call.id, label(piece.get("id"))), _later(call.name, label(inner.get("name")))
        if None in changed or (call.started and changed != (call.id, call.name)):
            self._cannot = "a tool call that changes its id or name"
            return
        call.id, call.name = changed[0] or "", changed[1] or ""
        extra = present(rest(piece, ("index", "id", "type", "function", "custom")))
        text = said.text(inner.get("input" if call.kind == "custom" else "arguments") or "", "arguments")
        if call.started:
            if text or extra:
                self._out.append(PartGrew(_CALLS + index, text, extra=extra))
            return
        call.held += text
        call.extra |= extra
        if call.name:
            call.started = True
            kept = call.extra | ({"type": "custom"} if call.kind == "custom" else {})
            self._grow(_CALLS + index, ToolCall(call.id, call.name, "", kept), text=call.held)

    def _place(self, piece: dict[str, Json]) -> int:
        """The number of a tool call. Some providers give none: another id is another call, then."""
        index = piece.get("index")
        if index is not None:
            return said.integer(index, "index")
        last = max(self._calls, default=-1)
        known = next((number for number, call in self._calls.items() if call.id == piece.get("id")), None)
        if known is not None:
            return known
        return last + 1 if piece.get("id") or last < 0 else last

    def _finish(self) -> list[Delta]:
        reason = self.finishes.get(0, "")
        if not self._started or not all(self.finishes.values()) or not self.finishes:
            raise BadReply("the stream ended before the answer was complete")
        self._done = True
        if self._cannot:
            return []
        if not all(call.started for call in self._calls.values()):
            raise BadReply("a tool call has no name")
        inner = (("message", self._message), ("choice", self._choice))
        extra = self._extra | {name: fields for name, fields in inner if fields}
        return [Finished(stop_for(reason, refused=self._refused), self._usage, extra)]

    @property
    def refused(self) -> bool:
        """Whether some choice says a refusal."""
        return self._refused or "content_filter" in self.finishes.values()


def unkept(decoder: Decoder, content: bytes) -> str:
    """
    Why a stream that no Reply can say is not worth keeping; else empty.

    Raises:
        BadReply: it is not complete.
    """
    decoder.feed(content)
    try:
        decoder.close()
    except Untranslatable:
        return "the model stopped with a refusal" if decoder.refused else ""
    return "the reply cannot be checked"


def _later(held: str, said_now: str) -> str | None:
    """An id or name with what a later piece says of it; None where they contradict each other."""
    if held and said_now and held != said_now:
        return None
    return held or said_now


def _merged(held: list[Json], more: list[Json]) -> list[Json]:
    """OpenRouter's reasoning details: pieces of one index and type are one detail, their texts joined."""
    merged = list(held)
    for piece in more:
        last = merged[-1] if merged else None
        if not isinstance(piece, dict) or not isinstance(last, dict) or not _same_detail(last, piece):
            merged.append(piece)
            continue
        whole = {**last, **present(piece)}
        for name in ("text", "summary", "data"):
            if isinstance(last.get(name), str) and isinstance(piece.get(name), str):
                whole[name] = last[name] + piece[name]
        merged[-1] = whole
    return merged


def _same_detail(one: Mapping[str, Json], other: Mapping[str, Json]) -> bool:
    return "index" in one and all(one.get(name) == other.get(name) for name in ("index", "type"))


def encode(reply: Reply, *, usage_chunk: bool) -> tuple[bytes, ...]:
    """
    Write a reply as chunks.

    Args:
        reply: the reply.
        usage_chunk: whether the client asked for the closing chunk with the usage.

    Raises:
        Untranslatable: it holds content that this wire cannot say.
    """
    head: dict[str, Json] = {"created": 0, **rest(reply.extra, ("message", "choice"))}
    head |= {"id": reply.id, "object": "chat.completion.chunk", "model": reply.model}
    if usage_chunk:
        head["usage"] = None

    def chunk(delta: dict[str, Json], closing: Mapping[str, Json]) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **closing}
        return event(orjson.dumps({**head, "choices": [choice]}))

    deltas = _deltas(write_message(reply), inner_extra(reply, "message"))
    pieces = [chunk(delta, {}) for delta in deltas]
    pieces.append(chunk({}, {"finish_reason": word_for(reply.stop), **inner_extra(reply, "choice")}))
    usage = write_usage(reply.usage) if usage_chunk else None
    if usage is not None:
        pieces.append(event(orjson.dumps({**head, "choices": [], "usage": usage})))
    return (*pieces, event(DONE))


def _deltas(message: dict[str, Json], extra: dict[str, Json]) -> list[dict[str, Json]]:
    """The deltas of a message: first who speaks, then each field by itself, each tool call by itself."""
    speaker: dict[str, Json] = {
        "role": "assistant",
        "content": None if message["content"] is None else "",
        "refusal": None,
    }
    deltas = [speaker | extra]
    names = (*REASONING, "content", "annotations", "refusal", "function_call")
    deltas += [{name: message[name]} for name in names if message.get(name)]
    deltas += [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate(message.get("tool_calls", ()))]
    return deltas
