"""Gemini: whole replies and streams. The wire itself is in `gemini.py`.

A stream has no terminal event: it is complete when a `finishReason` has been read and the body has ended. Nothing
earlier will do: usage and grounding may come after the `finishReason`, and older models say one in every chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import orjson

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import (
    Delta,
    Finished,
    PartGrew,
    PartStarted,
    Reply,
    Started,
    Stop,
    StopReason,
    Usage,
    join,
    total,
    without,
)
from isartor_addon.wire import sse
from isartor_addon.wire.fields import count, loads_object, rest, said
from isartor_addon.wire.gemini_parts import read_part, write_part
from isartor_addon.wire.json_array import Elements

STOPS: Final[Mapping[str, StopReason]] = {
    "STOP": "end",
    "MAX_TOKENS": "length",
    "CONTINUATION": "pause",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "PUP_LIMITED_DISABLED",
            "MODEL_ARMOR",
        ),
        "filter",
    ),
}
_WORDS: Final[Mapping[StopReason, str]] = {
    "end": "STOP",
    "tool": "STOP",
    "sequence": "STOP",
    "length": "MAX_TOKENS",
    "pause": "CONTINUATION",
    "refusal": "SAFETY",
    "filter": "SAFETY",
    "other": "OTHER",
}
_PIECE: Final = 256
"""Characters of text that one chunk of an encoded stream carries."""


class Growing:
    """Puts together one answer from `GenerateContentResponse` objects: the chunks of a stream, or the only one."""

    def __init__(self, envelope: str) -> None:
        self._envelope = envelope
        self._started = False
        self._index = -1
        self._part: Part | None = None
        """The last part, while more may come to it."""
        self._called = False
        self._stop = ""
        self._usage: dict[str, Json] = {}
        self._extra: dict[str, Json] = {}
        self._candidate: dict[str, Json] = {}

    def take(self, chunk: dict[str, Json]) -> list[Delta]:
        """
        Take one object; give what it brings.

        Raises:
            BadReply: it is none of this wire, or an error.
            Untranslatable: it holds several candidates, or arguments in pieces.
        """
        response = self._unwrap(chunk)
        deltas: list[Delta] = []
        if not self._started:
            self._started = True
            deltas.append(Started(_text(response.get("responseId")), _text(response.get("modelVersion"))))
        usage = response.get("usageMetadata")
        if isinstance(usage, dict):
            self._usage |= usage
        self._extra |= rest(response, ("candidates", "usageMetadata", "responseId", "modelVersion"))
        candidates = said.objects(response.get("candidates") or [], "candidates")
        if len(candidates) > 1 or any(candidate.get("index") not in (None, 0) for candidate in candidates):
            raise Untranslatable("the reply holds several candidates")
        for candidate in candidates:
            deltas += self._take_candidate(candidate)
        return deltas

    def finish(self) -> Finished:
        """
        Nothing more comes.

        Raises:
            BadReply: the answer is not complete.
        """
        if self._candidate:
            self._extra["candidates"] = self._candidate
        feedback = self._extra.get("promptFeedback")
        blocked = feedback.get("blockReason") if isinstance(feedback, dict) else None
        if self._stop:
            reason = STOPS.get(self._stop, "other")
            stop = Stop("tool" if reason == "end" and self._called else reason, self._stop)
        elif isinstance(blocked, str) and blocked and self._index < 0:
            stop = Stop("filter", blocked)
        else:
            raise BadReply("the reply has no finishReason")
        return Finished(stop, read_usage(self._usage), self._extra)

    def _unwrap(self, chunk: dict[str, Json]) -> dict[str, Json]:
        if "error" in chunk:
            error = chunk["error"]
            message = _text(error.get("message")) if isinstance(error, dict) else ""
            raise BadReply(f"the provider reports an error: {message}")
        if not self._envelope:
            return chunk
        beside = rest(chunk, (self._envelope,))
        if beside:
            self._extra[self._envelope] = {**self._extra.get(self._envelope, {}), **beside}
        return said.object(chunk.get(self._envelope), self._envelope)

    def _take_candidate(self, candidate: dict[str, Json]) -> list[Delta]:
        self._stop = _text(candidate.get("finishReason")) or self._stop
        if "logprobsResult" in candidate and "logprobsResult" in self._candidate:
            raise Untranslatable("the reply holds log-probabilities in pieces")
        content = said.object(candidate.get("content") or {}, "content")
        beside = rest(candidate, ("finishReason", "content"))
        unknown = rest(content, ("role", "parts"))
        if unknown:
            beside["content"] = unknown
        for name, value in beside.items():
            before = self._candidate.get(name)
            self._candidate[name] = _citations(before, value) if name == "citationMetadata" else value
        return [
            delta
            for value in said.objects(content.get("parts") or [], "parts")
            for delta in self._take_part(read_part(value))
        ]

    def _take_part(self, part: Part) -> list[Delta]:
        match part, self._part:
            case Text("", extra), _ if not extra:
                return []
            case Text(text, extra), Text():
                self._part = None if extra else self._part
                return [PartGrew(self._index, text, extra=extra)]
            case Thinking(text, signature, extra), Thinking():
                self._part = None if signature or extra else self._part
                return [PartGrew(self._index, text, signature, extra)]
            case ToolCall(arguments=arguments, extra=extra), _:
                if _in_pieces(extra):
                    raise Untranslatable("a function call comes in pieces")
                self._called = True
                part = part if arguments else replace(part, arguments="{}")
        self._index += 1
        # A part that has its signature is whole; the next text begins another.
        open_ = isinstance(part, Text | Thinking) and not part.extra and not getattr(part, "signature", "")
        self._part = part if open_ else None
        return [PartStarted(self._index, part)]


def _in_pieces(extra: Mapping[str, Json]) -> bool:
    held = extra.get("functionCall")
    return isinstance(held, dict) and ("partialArgs" in held or held.get("willContinue") is True)


def _citations(before: Json, value: Json) -> Json:
    """Each chunk brings its own citations: they are joined."""
    if not isinstance(before, dict) or not isinstance(value, dict):
        return value
    merged = dict(before)
    for name, each in value.items():
        held = merged.get(name)
        merged[name] = [*held, *each] if isinstance(held, list) and isinstance(each, list) else each
    return merged


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def read_usage(value: Mapping[str, Json]) -> Usage:
    """Read a `usageMetadata`."""
    cached, thoughts = count(value.get("cachedContentTokenCount")), count(value.get("thoughtsTokenCount"))
    return Usage(
        # What tools found is read, too, and not counted in the prompt.
        input=total(without(count(value.get("promptTokenCount")), cached), count(value.get("toolUsePromptTokenCount"))),
        output=total(count(value.get("candidatesTokenCount")), thoughts),
        cache_read=cached,
        reasoning=thoughts,
        extra=value,
    )


def _write_usage(usage: Usage) -> dict[str, Json]:
    # The numbers of `extra` are the usage's own: then it is this wire's object, and goes back as it came.
    if read_usage(dict(usage.extra)) == usage:
        return dict(usage.extra)
    written = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": without(usage.output, usage.reasoning),
        "cachedContentTokenCount": usage.cache_read,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": (usage.prompt or 0) + (usage.output or 0),
    }
    return {name: value for name, value in written.items() if value is not None}


class EventStream:
    """Reads `alt=sse`."""

    def __init__(self, envelope: str) -> None:
        self._reader = sse.Reader()
        self._answer = Growing(envelope)

    @property
    def done(self) -> bool:
        """Never: only the end of the body ends the answer."""
        return False

    def feed(self, data: bytes) -> list[Delta]:
        """
        Take the next bytes; give what they complete.

        Raises:
            BadReply: this is no stream of this wire, or the provider reports an error in it.
            Untranslatable: it holds several candidates, or arguments in pieces.
        """
        return self._take(self._reader.feed(data))

    def close(self) -> list[Delta]:
        """
        The bytes have ended.

        Raises:
            BadReply: the answer is not complete.
        """
        deltas = self._take(self._reader.finish())
        return [*deltas, self._answer.finish()]

    def _take(self, events: list[sse.Event]) -> list[Delta]:
        return [delta for event in events for delta in self._answer.take(loads_object(event.data))]


class ArrayStream:
    """Reads the JSON array that grows where `alt=sse` is not asked."""

    def __init__(self, envelope: str) -> None:
        self._elements = Elements()
        self._answer = Growing(envelope)

    @property
    def done(self) -> bool:
        """Never, as in `EventStream`."""
        return False

    def feed(self, data: bytes) -> list[Delta]:
        """
        Take the next bytes; give what they complete.

        Raises:
            BadReply: this is no stream of this wire, or the provider reports an error in it.
            Untranslatable: it holds several candidates, or arguments in pieces.
        """
        return [delta for each in self._elements.feed(data) for delta in self._answer.take(loads_object(each))]

    def close(self) -> list[Delta]:
        """
        The bytes have ended.

        Raises:
            BadReply: the answer is not complete.
        """
        if not self._elements.closed:
            raise BadReply("the reply's array is not closed")
        return [self._answer.finish()]


def read_response(body: Json, envelope: str) -> Reply:
    """
    Read a whole `GenerateContentResponse`.

    Raises:
        BadReply: it is none, it is an error, or it was never finished.
        Untranslatable: it holds several candidates.
    """
    answer = Growing(envelope)
    deltas = answer.take(said.object(body, "the reply"))
    return join([*deltas, answer.finish()])


def write_response(reply: Reply, envelope: str) -> dict[str, Json]:
    """
    Write a whole `GenerateContentResponse`.

    Raises:
        Untranslatable: a part cannot be said on this wire.
    """
    return _response(reply, [write_part(part) for part in reply.parts], envelope=envelope, last=True)


def chunks(reply: Reply, envelope: str) -> Iterator[bytes]:
    """
    Write a reply as the JSON objects of a stream.

    Raises:
        Untranslatable: a part cannot be said on this wire.
    """
    pieces = [piece for part in reply.parts for piece in _pieces(part)]
    for number, piece in enumerate(pieces or [None], 1):
        yield _written(reply, [] if piece is None else [piece], envelope=envelope, last=number >= len(pieces))


def chunk(reply: Reply, envelope: str, *, last: bool) -> bytes:
    """
    Write one JSON object of a stream that comes live.

    Args:
        reply: what this object says.
        envelope: the field in which it stands, empty for none.
        last: whether it also says why the answer ends and what it cost.

    Raises:
        Untranslatable: a part cannot be said on this wire.
    """
    return _written(reply, [write_part(part) for part in reply.parts], envelope=envelope, last=last)


def _written(reply: Reply, parts: list[dict[str, Json]], *, envelope: str, last: bool) -> bytes:
    try:
        return orjson.dumps(_response(reply, parts, envelope=envelope, last=last))
    except orjson.JSONEncodeError as error:
        raise Untranslatable(f"the reply cannot be written: {error}") from error


def _response(reply: Reply, parts: list[dict[str, Json]], *, envelope: str, last: bool) -> dict[str, Json]:
    extra = dict(reply.extra)
    candidate = dict(extra.pop("candidates", {}))
    beside = extra.pop(envelope, {}) if envelope else {}
    content = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    response: dict[str, Json] = {}
    feedback = extra.get("promptFeedback")
    blocked = isinstance(feedback, dict) and feedback.get("blockReason") == reply.stop.raw and not reply.parts
    if last and not blocked:
        content |= candidate.pop("content", {})
        response["candidates"] = [{"content": content, "finishReason": _word(reply.stop), **candidate}]
    elif not last:
        place = {"index": candidate["index"]} if "index" in candidate else {}
        response["candidates"] = [{"content": content, **place}]
    if last:
        response["usageMetadata"] = _write_usage(reply.usage)
    response |= {"modelVersion": reply.model} if reply.model else {}
    response |= {"responseId": reply.id} if reply.id else {}
    response |= extra if last else {}
    return {envelope: response, **beside} if envelope else response


def _word(stop: Stop) -> str:
    known = STOPS.get(stop.raw, "other")
    same = known == stop.reason or (known == "end" and stop.reason == "tool")
    return stop.raw if same and stop.raw else _WORDS[stop.reason]


def _pieces(part: Part) -> Iterator[dict[str, Json]]:
    """The part in the pieces in which a stream says it; what belongs to the whole part stands in the last."""
    match part:
        case Text(text) | Thinking(text) if len(text) > _PIECE:
            cuts = range(0, len(text), _PIECE)
            for at in cuts[:-1]:
                piece = text[at : at + _PIECE]
                yield {"text": piece, "thought": True} if isinstance(part, Thinking) else {"text": piece}
            yield write_part(replace(part, text=text[cuts[-1] :]))
        case _:
            yield write_part(part)


def every_finish_reason(responses: Iterable[dict[str, Json]], envelope: str) -> list[str]:
    """
    The `finishReason` of every candidate, empty where none has been said, for replies that `Growing` cannot say.

    Raises:
        BadReply: one of `responses` is an error or none of this wire.
    """
    reasons: dict[int, str] = {}
    for chunk in responses:
        if "error" in chunk:
            raise BadReply("the provider reports an error")
        response = said.object(chunk.get(envelope), envelope) if envelope else chunk
        for candidate in said.objects(response.get("candidates") or [], "candidates"):
            index = count(candidate.get("index")) or 0
            reasons[index] = _text(candidate.get("finishReason")) or reasons.get(index, "")
    return list(reasons.values())
