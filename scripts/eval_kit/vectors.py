"""Texts to vectors, by the embedder that is shipped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from isartor_addon.core.errors import EmbedderError
from isartor_addon.layers.ports import Embedder

if TYPE_CHECKING:
    from isartor_addon.layers.ports import Vector

AT_ONCE = 16
"""Texts that wait for the embedder at a time; it turns too many away."""


async def embed(texts: Iterable[str], embedder: Embedder) -> Mapping[str, Vector]:
    """A vector each text; none for a text that the embedder refuses, as the layer has none for it either."""
    wanted = list(dict.fromkeys(texts))
    found: dict[str, Vector] = {}
    for start in range(0, len(wanted), AT_ONCE):
        batch = wanted[start : start + AT_ONCE]
        vectors = await asyncio.gather(*(_one(text, embedder) for text in batch))
        found |= {text: vector for text, vector in zip(batch, vectors, strict=True) if vector is not None}
    return found


async def _one(text: str, embedder: Embedder) -> Vector | None:
    try:
        return (await embedder.embed([text]))[0]
    except EmbedderError:
        return None


def cosine(vectors: Mapping[str, Vector], one: str, other: str) -> float:
    """How near two texts are; -1 if one of them has no vector."""
    return float(vectors[one] @ vectors[other]) if one in vectors and other in vectors else -1.0
