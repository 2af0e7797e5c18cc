"""Telling a reply to a client live: plain deltas in, the client's bytes out."""

from __future__ import annotations

from typing import Protocol

import orjson

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.reply import Delta, Finished, join
from isartor_addon.wire.base import Mode, Wire
from isartor_addon.wire.openai_responses_stream import as_sse
from isartor_addon.wire.translation.replies import as_told
from isartor_addon.wire.translation.tellers_chat import ChatTeller
from isartor_addon.wire.translation.tellers_gemini import GeminiTeller
from isartor_addon.wire.translation.tellers_messages import MessagesTeller
from isartor_addon.wire.translation.tellers_ollama import OllamaTeller
from isartor_addon.wire.translation.tellers_responses import ResponsesTeller


class Teller(Protocol):
    """Writes one reply."""

    def tell(self, delta: Delta) -> list[bytes]:
        """
        Take one plain delta; give the bytes to send now.

        Raises:
            Untranslatable: the client's wire cannot say it.
        """


class WholeTeller:
    """Tells the reply as one JSON object, when it is complete."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._deltas: list[Delta] = []

    def tell(self, delta: Delta) -> list[bytes]:
        """Nothing until the last delta; then all."""
        self._deltas.append(delta)
        if not isinstance(delta, Finished):
            return []
        return list(self._wire.write("json", as_told(join(self._deltas), self._wire.name)))


def teller(wire: Wire, mode: Mode) -> Teller:
    """
    Who tells a reply on a wire.

    Raises:
        Untranslatable: nobody can, on this wire or in this mode.
    """
    if mode == "json":
        return WholeTeller(wire)
    match wire.name, mode:
        case "openai_chat", "sse" | "sse+usage":
            return ChatTeller(usage_chunk=mode == "sse+usage")
        case "anthropic_messages", "sse":
            return MessagesTeller()
        case "openai_responses", "sse" | "ws":
            return ResponsesTeller(as_sse if mode == "sse" else orjson.dumps)
        case "gemini", "sse" | "array":
            return GeminiTeller(mode, "")
        case "gemini_internal", "sse" | "array":
            return GeminiTeller(mode, "response")
        case "ollama", "ndjson":
            return OllamaTeller()
        case _:
            raise Untranslatable(f"replies are not told live on {wire.name} as {mode}")
