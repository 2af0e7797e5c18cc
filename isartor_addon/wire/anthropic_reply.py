"""Anthropic messages: whole replies, and what streams share with them. The wire itself is in `anthropic_messages.py`.

Source: the Messages API reference ("Create a Message") and the types of the official SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from isartor_addon.core.errors import BadReply
from isartor_addon.core.prompt import Json
from isartor_addon.core.reply import Reply, Stop, StopReason, Usage, without
from isartor_addon.wire.anthropic_blocks import read_block, write_block
from isartor_addon.wire.fields import count, label, rest, said

STOPS: Final[Mapping[str, StopReason]] = {
    "end_turn": "end",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "stop_sequence": "sequence",
    "tool_use": "tool",
    "pause_turn": "pause",
    "compaction": "pause",
    "refusal": "refusal",
}
_WORDS: Final[Mapping[StopReason, str]] = {
    "end": "end_turn",
    "length": "max_tokens",
    "sequence": "stop_sequence",
    "tool": "tool_use",
    "pause": "pause_turn",
    "refusal": "refusal",
    "filter": "refusal",
    "other": "end_turn",
}


def read_message(body: Json) -> Reply:
    """
    Read a whole `message` object.

    Raises:
        BadReply: it is none, it is an error, or it was never finished.
    """
    message = said.object(body, "the reply")
    if message.get("type") == "error" or "error" in message:
        raise BadReply(f"the provider reports an error: {complaint(message)}")
    blocks = said.objects(message.get("content"), "content")
    stop = read_stop(message)
    if stop is None:
        raise BadReply("the reply has no stop_reason")
    known = ("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage")
    return Reply(
        id=label(message.get("id")),
        model=label(message.get("model")),
        parts=tuple(read_block(block) for block in blocks),
        stop=stop,
        usage=read_usage(message.get("usage")),
        extra=rest(message, known),
    )


def write_message(reply: Reply) -> dict[str, Json]:
    """
    Write a whole `message` object.

    Raises:
        Untranslatable: a part cannot be said on this wire.
    """
    return {
        "id": reply.id,
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [write_block(part) for part in reply.parts],
        **write_stop(reply.stop),
        "usage": write_usage(reply.usage),
        **reply.extra,
    }


def complaint(body: Mapping[str, Json]) -> str:
    """What an error says."""
    error = body.get("error")
    if not isinstance(error, dict):
        return "no reason given"
    return f"{label(error.get('type'))}: {label(error.get('message'))}"


def read_stop(holder: Mapping[str, Json]) -> Stop | None:
    """Why a message stopped; None where it is not said (yet)."""
    raw, sequence = holder.get("stop_reason"), holder.get("stop_sequence")
    if not isinstance(raw, str) or not raw:
        return None
    return Stop(STOPS.get(raw, "other"), raw, sequence if isinstance(sequence, str) else None)


def write_stop(stop: Stop) -> dict[str, Json]:
    """The two fields that say why a message stopped."""
    own = STOPS.get(stop.raw, "other") == stop.reason and stop.raw
    return {"stop_reason": stop.raw if own else _WORDS[stop.reason], "stop_sequence": stop.sequence}


def read_usage(value: Json) -> Usage:
    """Read a usage object; what is none says nothing."""
    if not isinstance(value, dict):
        return Usage()
    details, written = value.get("output_tokens_details"), value.get("cache_creation")
    return Usage(
        input=count(value.get("input_tokens")),
        output=count(value.get("output_tokens")),
        cache_read=count(value.get("cache_read_input_tokens")),
        cache_write=count(value.get("cache_creation_input_tokens")),
        cache_write_1h=count(written.get("ephemeral_1h_input_tokens")) if isinstance(written, dict) else None,
        reasoning=count(details.get("thinking_tokens")) if isinstance(details, dict) else None,
        extra=value,
    )


def write_usage(usage: Usage) -> dict[str, Json]:
    """Write a usage object."""
    # The numbers of `extra` are the usage's own: then it is this wire's object, and goes back as it came.
    if usage.extra and read_usage(dict(usage.extra)) == usage:
        return dict(usage.extra)
    written: dict[str, Json] = {"input_tokens": usage.input or 0, "output_tokens": usage.output or 0}
    if usage.cache_write is not None:
        written["cache_creation_input_tokens"] = usage.cache_write
        if usage.cache_write_1h is not None:
            short = without(usage.cache_write, usage.cache_write_1h)
            durations = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": usage.cache_write_1h}
            written["cache_creation"] = durations
    if usage.cache_read is not None:
        written["cache_read_input_tokens"] = usage.cache_read
    if usage.reasoning is not None:
        written["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return written
