"""Whole replies of the OpenAI chat completions API, and what they share with its streams.

`Reply.extra` holds the top-level fields; under `message` and `choice` those of the message and of the choice that the
neutral types have no place for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply, Stop, StopReason, Usage, total, without
from isartor_addon.wire.fields import count, label, rest, said
from isartor_addon.wire.openai_chat_messages import NAME, REASONING, read_call, write_call

TOP: Final = frozenset(("id", "model", "object", "choices", "usage", "obfuscation", "message", "choice", "error"))
"""Top-level fields that do not go to `Reply.extra`. `obfuscation` is random padding."""
CHOICE: Final = frozenset(("index", "delta", "message", "finish_reason", "logprobs"))
MESSAGE: Final = frozenset(
    ("role", "content", "refusal", "annotations", "audio", "tool_calls", "function_call", *REASONING)
)

_STOPS: Final[Mapping[str, StopReason]] = {
    "stop": "end",
    "eos": "end",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool",
    "function_call": "tool",
    "content_filter": "filter",
}
_WORDS: Final[Mapping[StopReason, str]] = {
    "end": "stop",
    "sequence": "stop",
    "refusal": "stop",
    "pause": "stop",
    "length": "length",
    "tool": "tool_calls",
    "filter": "content_filter",
    "other": "stop",
}
_BROKEN: Final = frozenset({"error", "abort", "cancelled", "insufficient_system_resource"})
"""Finish reasons of compatible providers for an answer that was cut short by a fault."""


def read_reply(body: Json) -> Reply:
    """
    Read a whole reply.

    Raises:
        BadReply: it is none, it is an error, or it is not finished.
        Untranslatable: several choices, log-probabilities, audio, content of another shape.
    """
    whole = whole_object(body)
    choices = said.objects(whole.get("choices"), "choices")
    reasons = [finish(choice) for choice in choices]
    if not reasons:
        raise BadReply("the reply has no choices")
    choice = choices[0]
    message = said.object(choice.get("message"), "message")
    cannot = cannot_say(message, choice) or ("several choices" if len(choices) > 1 else "")
    if cannot:
        raise Untranslatable(cannot)
    extra = present(rest(whole, TOP))
    for name, fields in (("message", rest(message, MESSAGE)), ("choice", rest(choice, CHOICE))):
        fields = present(fields)
        if fields:
            extra[name] = fields
    return Reply(
        id=label(whole.get("id")),
        model=label(whole.get("model")),
        parts=tuple(_parts(message)),
        stop=stop_for(reasons[0], refused=bool(message.get("refusal"))),
        usage=read_usage(whole.get("usage")),
        extra=extra,
    )


def whole_object(body: Json) -> dict[str, Json]:
    """The reply as an object; `BadReply` where it is none or says an error."""
    whole = said.object(body, "the reply")
    if whole.get("error"):
        raise BadReply(f"the provider reports an error: {str(whole['error'])[:200]}")
    return whole


def finish(choice: Mapping[str, Json]) -> str:
    """Why a choice ended; `BadReply` where it has not, or not well."""
    reason = choice.get("finish_reason")
    if not isinstance(reason, str) or not reason:
        raise BadReply("a choice has no finish reason")
    if choice.get("error") or reason in _BROKEN:
        raise BadReply("the provider reports an error in a choice")
    return reason


def unkept(choices: list[dict[str, Json]]) -> str:
    """Why a complete reply, of several choices maybe, is not worth keeping; else empty."""
    for choice in choices:
        message = choice.get("message")
        if finish(choice) == "content_filter" or (isinstance(message, dict) and message.get("refusal")):
            return "the model stopped with a refusal"
    return "" if choices else "the reply is empty"


def cannot_say(message: Mapping[str, Json], choice: Mapping[str, Json]) -> str:
    """What a message, or the delta of one, says that a Reply cannot; else empty."""
    logprobs = choice.get("logprobs")
    if logprobs and not (isinstance(logprobs, dict) and not any(logprobs.values())):
        return "log-probabilities"
    if message.get("audio"):
        return "audio"
    return "" if isinstance(message.get("content"), str | None) else "content that is no text"


def present(fields: Mapping[str, Json]) -> dict[str, Json]:
    """The fields that are not null: a null says nothing in a reply."""
    return {name: value for name, value in fields.items() if value is not None}


def stop_for(reason: str, *, refused: bool = False) -> Stop:
    """What a finish reason means."""
    return Stop("refusal" if refused else _STOPS.get(reason, "other"), raw=reason)


def word_for(stop: Stop) -> str:
    """The finish reason of a Stop, of whatever wire."""
    return stop.raw if stop.raw in _STOPS else _WORDS[stop.reason]


def told_usage(body: Mapping[str, Json]) -> Json:
    """The usage object of a reply or of a chunk; Groq's streams say it in a field of their own."""
    usage, groq = body.get("usage"), body.get("x_groq")
    return usage or (groq.get("usage") if isinstance(groq, dict) else None)


def read_usage(value: Json) -> Usage:
    """Read a usage object; what is none says nothing."""
    if not isinstance(value, dict):
        return Usage()
    prompt, completion = (
        details if isinstance(details := value.get(name), dict) else {}
        for name in ("prompt_tokens_details", "completion_tokens_details")
    )
    cached = count(prompt.get("cached_tokens"))
    cached = cached if cached is not None else count(value.get("prompt_cache_hit_tokens"))  # DeepSeek's word
    written, reasoning = count(prompt.get("cache_write_tokens")), count(completion.get("reasoning_tokens"))
    given, made = count(value.get("prompt_tokens")), count(value.get("completion_tokens"))
    # xAI's completion does not hold the reasoning; the total tells.
    beside = reasoning and value.get("total_tokens") == total(given, made, reasoning)
    return Usage(
        input=without(given, cached, written),
        output=total(made, reasoning) if beside else made,
        cache_read=cached,
        cache_write=written,
        reasoning=reasoning,
        extra=value,
    )


def write_usage(usage: Usage) -> dict[str, Json] | None:
    """Write a usage object; None where nothing was counted."""
    if "prompt_tokens" in usage.extra:
        return dict(usage.extra)
    if usage.prompt is None and usage.output is None:
        return None
    prompt, completion = usage.prompt or 0, usage.output or 0
    written: dict[str, Json] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    details = {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write}
    if total(*details.values()) is not None:
        written["prompt_tokens_details"] = {name: value for name, value in details.items() if value is not None}
    if usage.reasoning is not None:
        written["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return written


def _parts(message: Mapping[str, Json]) -> list[Part]:
    parts: list[Part] = []
    for name in REASONING:
        text = message.get(name)
        if text:
            parts.append(Thinking(said.text(text, name), extra=field_mark(name)))
    notes = message.get("annotations")
    if message.get("content") or notes:
        parts.append(
            Text(message.get("content") or "", {"annotations": said.items(notes, "annotations")} if notes else {})
        )
    if message.get("refusal"):
        parts.append(Text(said.text(message["refusal"], "refusal"), field_mark("refusal")))
    if message.get("function_call"):
        function = said.object(message["function_call"], "function_call")
        name, arguments = (said.text(function.get(each), each) for each in ("name", "arguments"))
        parts.append(ToolCall("", name, arguments, field_mark("function_call")))
    for call in said.objects(message.get("tool_calls") or [], "tool_calls"):
        read = read_call({"type": "function", **call})
        if read is None:
            raise Untranslatable("a tool call of another shape")
        parts.append(read)
    return parts


def field_mark(name: str) -> dict[str, Json]:
    """A part's `extra` that names its field, for parts that do not stand in the usual one."""
    return {} if name == REASONING[0] else {"field": name}


def write_reply(reply: Reply) -> dict[str, Json]:
    """
    Write a whole reply.

    Raises:
        Untranslatable: it holds content that this wire cannot say.
    """
    extra = rest(reply.extra, ("message", "choice"))
    written: dict[str, Json] = {
        "created": 0,
        **extra,
        "id": reply.id,
        "object": "chat.completion",
        "model": reply.model,
        "choices": [
            {
                "index": 0,
                "message": write_message(reply),
                "logprobs": None,
                "finish_reason": word_for(reply.stop),
                **inner_extra(reply, "choice"),
            }
        ],
    }
    usage = write_usage(reply.usage)
    return {**written, "usage": usage} if usage is not None else written


def write_message(reply: Reply) -> dict[str, Json]:
    """The assistant's message; texts of one field are joined. Fields that only another wire knows stay behind."""
    message: dict[str, Json] = {"role": "assistant", "content": None, "refusal": None, **inner_extra(reply, "message")}
    calls: list[Json] = []
    for part in reply.parts:
        match part:
            case Thinking() if not part.signature:
                _append(message, part.extra.get("field", REASONING[0]), part.text)
            case Text():
                _append(message, part.extra.get("field", "content"), part.text)
                notes = part.extra.get("annotations")
                if notes:
                    message["annotations"] = [*message.get("annotations", ()), *notes]
            case ToolCall() if part.extra.get("field") == "function_call":
                message["function_call"] = {"name": part.name, "arguments": part.arguments}
            case ToolCall():
                calls.append(write_call(part))
            case _:
                raise Untranslatable(f"{NAME} cannot say a {type(part).__name__} in a reply")
    if calls:
        message["tool_calls"] = calls
    elif message["content"] is None and message["refusal"] is None and "function_call" not in message:
        message["content"] = ""
    return message


def inner_extra(reply: Reply, name: str) -> dict[str, Json]:
    """Fields of the message or the choice that `Reply.extra` keeps."""
    kept = reply.extra.get(name)
    return kept if isinstance(kept, dict) else {}


def _append(message: dict[str, Json], name: str, text: str) -> None:
    message[name] = (message.get(name) or "") + text
