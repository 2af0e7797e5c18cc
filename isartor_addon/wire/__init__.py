"""The wire formats, one file each, and `find`, which knows the formats a request line may speak."""

from __future__ import annotations

from collections.abc import Mapping

from isartor_addon.wire import (
    anthropic_messages,
    gemini,
    native,
    ollama,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
)
from isartor_addon.wire.base import Route, Wire

WIRES: Mapping[str, Wire] = {
    wire.name: wire
    for wire in (
        openai_chat.WIRE,
        openai_responses.WIRE,
        anthropic_messages.WIRE,
        gemini.WIRE,
        gemini.INTERNAL,
        native.WIRE,  # before Ollama: of the bodies that `/api/chat` may carry it claims only its own
        ollama.WIRE,
        openai_embeddings.WIRE,
        openai_completions.WIRE,
    )
}
"""All formats by name."""


def find(method: str, host: str, path: str, query: Mapping[str, str]) -> tuple[Route, ...]:
    """The routes a request line may mean; of several (`/api/chat`) the body decides: see `Wire.claims`."""
    if method != "POST":
        return ()
    routes = (wire.route(method, host, path, query) for wire in WIRES.values())
    return tuple(route for route in routes if route is not None)
