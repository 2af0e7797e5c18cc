"""A request that goes on to a provider of its own wire: the body as received, but for what must differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from isartor_addon.core.prompt import Json
from isartor_addon.wire.translation.left_out import CHAT, MESSAGES, RESPONSES
from isartor_addon.wire.translation.replies import FOREIGN

_STREAMS: Final = {CHAT: False, MESSAGES: False, RESPONSES: False, "ollama": True}
"""Wires that say in the body whether to stream, and what they do where it says nothing."""
_NAMED: Final = frozenset({*_STREAMS, "native", "gemini_internal", "openai_completions", "openai_embeddings"})
"""Wires that name the model in the body."""


def adjusted(wire: str, body: Mapping[str, Json], *, model: str, stream: bool) -> dict[str, Json]:
    """
    The body for this model and way of delivery.

    Reasoning that another provider wrote goes: it was told to the client with a mark (`replies.FOREIGN`), and the
    wire's own provider would refuse it.
    """
    changed = dict(body)
    if wire in _NAMED and model and body.get("model") != model:
        changed["model"] = model
    if wire in _STREAMS and (body.get("stream", _STREAMS[wire]) is True) is not stream:
        changed["stream"] = stream
        if not stream:
            changed.pop("stream_options", None)
    if wire == MESSAGES and isinstance(body.get("messages"), list):
        changed["messages"] = _without_foreign(body["messages"], "content")
    return changed


def _without_foreign(messages: list[Json], field: str) -> list[Json]:
    kept: list[Json] = []
    for message in messages:
        content = message.get(field) if isinstance(message, dict) else None
        if not isinstance(content, list) or not any(map(_is_foreign, content)):
            kept.append(message)
            continue
        left = [block for block in content if not _is_foreign(block)]
        if left:
            kept.append({**message, field: left})
    return kept


def _is_foreign(block: Json) -> bool:
    return isinstance(block, dict) and block.get("type") == "thinking" and block.get("signature") == FOREIGN
