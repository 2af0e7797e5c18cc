"""A layer's word on an exchange. A layer that has nothing to say answers None, and the next one is asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from isartor_addon.core.errors import ClientMistake
from isartor_addon.core.reply import Usage


def _unsaid() -> None:
    """Nobody says what was used."""


@dataclass(slots=True)
class Answer:
    """The whole answer is here. Not frozen: one is made for every hit, and that takes longer; nobody changes it."""

    layer: str
    chunks: tuple[bytes, ...]
    """The body, in the pieces in which a stream is replayed."""
    headers: tuple[tuple[str, str], ...]
    status: int = 200
    age_s: int = 0
    """How long ago the provider gave it."""
    told: Mapping[str, str] = field(default_factory=dict)
    """Further response headers that say where it comes from."""
    usage: Usage | None = None
    """What it took when the provider gave it."""

    @property
    def body(self) -> bytes:
        """In one piece."""
        return self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)


@dataclass(frozen=True, slots=True)
class Stream:
    """The answer takes its time: somebody else's identical request is being answered, or a stored stream replayed."""

    layer: str
    chunks: Callable[[], AsyncGenerator[bytes]]
    """From the first byte, then live. Raises `BadReply` when the stream is cut."""
    headers: tuple[tuple[str, str], ...]
    status: int = 200
    age_s: int | None = None
    """How long ago the provider gave it; None: it is giving it right now."""
    told: Mapping[str, str] = field(default_factory=dict)
    """Further response headers that say where it comes from."""
    usage: Callable[[], Usage | None] = _unsaid
    """What it took when the provider gave it; asked when it has ended."""


@dataclass(frozen=True, slots=True)
class Opened:
    """How a relayed answer begins, once that is known for good."""

    layer: str
    """Who answers."""
    status: int
    headers: tuple[tuple[str, str], ...]
    chunks: AsyncGenerator[bytes]
    """The body. Raises `BadReply` when it is cut: then nothing else is tried, since some of it has been given."""
    told: Mapping[str, str] = field(default_factory=dict)
    """Response headers that say more of it: who answered, after which attempts."""
    age_s: int | None = None
    """How long ago the provider gave it; None: it is giving it right now."""
    usage: Callable[[], Usage | None] = _unsaid
    """What its provider counted, asked when it has ended; None: as its body says."""
    in_vain: bool = False
    """Whether nobody has answered; what was asked of providers is accounted for, then, attempt by attempt."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """Somebody else is asked on the client's behalf, and who answers is seen only on the way."""

    layer: str
    open: Callable[[], AbstractAsyncContextManager[Opened]]
    """Asks, and holds everything back until an answer has begun or all have failed. Left when the client leaves."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request is not served; the error is rendered in the caller's wire."""

    layer: str
    error: ClientMistake


type Outcome = Answer | Stream | Relayed | Refuse
