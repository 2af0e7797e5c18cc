"""Gemini: whole replies, and how streams are put together. The wire itself is in `gemini.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

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
from isartor_addon.wire.fields import count, label, rest, said
from isartor_addon.wire.gemini_parts import read_part, write_part

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
            deltas.append(Started(label(response.get("responseId")), label(response.get("modelVersion"))))
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
            message = label(error.get("message")) if isinstance(error, dict) else ""
            raise BadReply(f"the provider reports an error: {message}")
        if not self._envelope:
            return chunk
        beside = rest(chunk, (self._envelope,))
        if beside:
            self._extra[self._envelope] = {**self._extra.get(self._envelope, {}), **beside}
        return said.object(chunk.get(self._envelope), self._envelope)

    def _take_candidate(self, candidate: dict[str, Json]) -> list[Delta]:
        self._stop = label(candidate.get("finishReason")) or self._stop
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
    return response(reply, [write_part(part) for part in reply.parts], envelope=envelope, last=True)


def response(reply: Reply, parts: list[dict[str, Json]], *, envelope: str, last: bool) -> dict[str, Json]:
    """
    One `GenerateContentResponse`: the whole of `reply`, or one of several.

    Args:
        reply: where all but the parts is taken from.
        parts: what this object says.
        envelope: the field in which it stands, empty for none.
        last: whether it also says why the answer ends and what it cost.
    """
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
            reasons[index] = label(candidate.get("finishReason")) or reasons.get(index, "")
    return list(reasons.values())
