"""A layer's word on an exchange. A layer that has nothing to say answers None, and the next one is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from isartor_addon.core.errors import ClientMistake


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer is here."""

    layer: str
    chunks: tuple[bytes, ...]
    """The body, in the pieces in which a stream is replayed."""
    headers: tuple[tuple[str, str], ...]
    status: int = 200
    age_s: int = 0
    """How long ago the provider gave it."""

    @property
    def body(self) -> bytes:
        """In one piece."""
        return self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)


@dataclass(frozen=True, slots=True)
class Stream:
    """The answer takes its time: somebody else's identical request is being answered, or a stored stream replayed."""

    layer: str
    chunks: Callable[[], AsyncIterator[bytes]]
    """From the first byte, then live. Raises `BadReply` when the stream is cut."""
    headers: tuple[tuple[str, str], ...]
    status: int = 200
    age_s: int | None = None
    """How long ago the provider gave it; None: it is giving it right now."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request is not served; the error is rendered in the caller's wire."""

    layer: str
    error: ClientMistake


type Outcome = Answer | Stream | Refuse
