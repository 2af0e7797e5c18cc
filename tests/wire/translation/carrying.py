"""What the tests of translation share: small requests, how they and replies are carried, what replies must keep."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from isartor_addon.core.prompt import Opaque, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply
from isartor_addon.wire import WIRES
from isartor_addon.wire.base import Mode, Route, Wire
from isartor_addon.wire.translate import Offered, Passage, translate_request

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

MODELS = {
    "openai_chat": "gpt-5",
    "openai_responses": "gpt-5",
    "anthropic_messages": "claude-sonnet-4-6",
    "gemini": "gemini-3-pro",
}
BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    "openai_responses": {"model": "m", "input": "hi"},
    "anthropic_messages": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}
"""The smallest request of each wire."""
PNG = "iVBORw0KGgo="
PDF = "JVBERi0xLjQ="


def route_of(name: str) -> Route:
    """A route of a wire."""
    route = WIRES[name].route("POST", "host", PATHS[name], {})
    assert route is not None
    return route


def sent(source: str, target: str, *, model: str = "", **more: Any) -> dict[str, Any]:
    """The smallest request with some more fields, as another wire says it."""
    body = {**BODIES[source], **more}
    return translate_request(route_of(source), body, WIRES[target], model=model or MODELS[target], stream=False)


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
