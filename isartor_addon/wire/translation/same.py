"""A request that goes on to a provider of its own wire: the body as received, but for what must differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from isartor_addon.core.prompt import Json
from isartor_addon.wire.translation.left_out import CHAT, MESSAGES, RESPONSES
from isartor_addon.wire.translation.replies import FOREIGN, FOREIGN_ITEM

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
    messages, items = body.get("messages"), body.get("input")
    if wire == MESSAGES and isinstance(messages, list):
        changed["messages"] = [each for message in messages for each in _own(message)]
    if wire == RESPONSES and isinstance(items, list) and any(map(_is_foreign, items)):
        changed["input"] = [item for item in items if not _is_foreign(item)]
    return changed


def _own(message: Json) -> list[Json]:
    """A message without foreign reasoning; none where nothing else was in it."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or not any(map(_is_foreign, content)):
        return [message]
    left = [block for block in content if not _is_foreign(block)]
    return [{**message, "content": left}] if left else []


def _is_foreign(block: Json) -> bool:
    if not isinstance(block, dict):
        return False
    if block.get("type") == "reasoning":
        return str(block.get("id")).startswith(FOREIGN_ITEM)
    return block.get("type") == "thinking" and block.get("signature") == FOREIGN
