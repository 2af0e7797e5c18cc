"""The body of a reply while it comes, for those who read along."""

from __future__ import annotations

from collections.abc import Callable


class LiveBody:
    """Its pieces so far, content encoding removed. There is nothing to do for each but to keep it, if nobody waits."""

    __slots__ = ("changed", "chunks")

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.changed: Callable[[], None] | None = None
        """Is called after each piece, while somebody waits for it."""

    def add(self, chunk: bytes) -> None:
        """The next piece is here."""
        self.chunks.append(chunk)
        if self.changed is not None:
            self.changed()
