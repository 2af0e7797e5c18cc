"""What the tests of translation share: carrying replies over, and what two replies must have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from isartor_addon.core.prompt import Opaque, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply
from isartor_addon.wire import WIRES
from isartor_addon.wire.base import Mode, Route, Wire, one_of
from isartor_addon.wire.translate import Offered, Passage

FOUR = ("openai_chat", "openai_responses", "anthropic_messages", "gemini")
"""The wires that are translated each to each."""
STREAMS: Mapping[str, tuple[Mode, ...]] = {
    "openai_chat": ("sse+usage",),
    "openai_responses": ("sse", "ws"),
    "anthropic_messages": ("sse",),
    "gemini": ("sse", "array"),
    "gemini_internal": ("sse", "array"),
}
PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
    "gemini": "/v1beta/models/m:generateContent",
    "gemini_internal": "/v1internal:generateContent",
    "ollama": "/api/chat",
    "native": "/api/chat",
}


def route_of(name: str) -> Route:
    """A route of a wire."""
    route = one_of([WIRES[name]], "POST", "host", PATHS[name], {})
    assert route is not None
    return route


def carried(
    source: Wire, mode: Mode, target: Wire, target_mode: Mode, pieces: Iterable[bytes], offered: Offered | None = None
) -> tuple[bytes, ...]:
    """What the client gets."""
    passage = Passage(source, mode, target, target_mode, offered=offered)
    told = [piece for each in pieces for piece in passage.feed(each)]
    return (*told, *passage.close())


def words(parts: Iterable[Part]) -> str:
    """All the text, the words of a refusal among it."""
    return "".join(
        _refusal(part) if isinstance(part, Opaque) else part.text for part in parts if isinstance(part, Text | Opaque)
    )


def _refusal(part: Opaque) -> str:
    """What a message of Responses says that holds a refusal."""
    return "".join(each.get("refusal", "") for each in part.value.get("content", ()))


def essence(reply: Reply) -> tuple[object, ...]:
    """What every wire can say of a reply: how it splits its words into parts is its own."""
    calls = [(part.name, json.loads(part.arguments or "{}")) for part in reply.parts if isinstance(part, ToolCall)]
    thinking = "".join(part.text for part in reply.parts if isinstance(part, Thinking))
    return thinking, words(reply.parts), calls, reply.model


def counts(reply: Reply) -> tuple[int, int, int, int]:
    """What it cost. Wires differ in whether they say a zero."""
    usage = reply.usage
    return usage.prompt or 0, usage.output or 0, usage.cache_read or 0, usage.reasoning or 0
