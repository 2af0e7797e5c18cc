"""The vectors of questions. The latest are remembered: the same words come again, from others and in other scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isartor_addon.core.latest import Latest
from isartor_addon.layers.ports import Embedder
from isartor_addon.layers.semantic.judge import embeddable

if TYPE_CHECKING:
    from isartor_addon.layers.ports import Vector

MOST = 1000
"""Questions that are remembered; some 2 MB."""


class Meaning:
    """Turns words into vectors. For one event loop."""

    def __init__(self, embedder: Embedder) -> None:
        """
        Args:
            embedder: asked for what is not remembered.
        """
        self._embedder = embedder
        self._known: Latest[str, Vector] = Latest(MOST)

    async def of(self, words: str) -> Vector:
        """
        The vector of a question, of unit length.

        Raises:
            EmbedderError, NotEmbeddable: see `Embedder.embed`.
        """
        vector = self._known.get(words)
        if vector is None:
            (vector,) = await self._embedder.embed([embeddable(words)])
        self._known[words] = vector
        return vector
