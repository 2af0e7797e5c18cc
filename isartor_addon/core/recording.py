"""A stored answer: what came over the wire, verbatim, and what it is filed under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.core.reply import Usage

ANSWERED_BY = "x-isartor-provider"
"""The response header that says who answered. Where a chain was asked, it is kept with the recording."""
ANSWERED_MODEL = "x-isartor-model"
"""The one that says which model that was asked for, where a chain was."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One complete, successful answer as it was received."""

    wire: str
    operation: str
    mode: str
    """How it was delivered; see `wire/base.py`."""
    chunks: tuple[bytes, ...]
    """The body in the pieces in which it came, content encoding removed. Over a WebSocket: one message a chunk."""
    headers: tuple[tuple[str, str], ...] = ()
    """The response headers that are replayed, names in lower case."""
    run_ids: Mapping[str, str] = field(default_factory=dict)
    """The recorded run's own ids, by name."""
    status: int = 200
    offsets_ms: tuple[int, ...] = ()
    """When each chunk came, from the first on; empty where nobody noted it."""
    usage: Usage | None = None
    """What the provider counted, without the wire's own object; kept beside the bytes so that a hit need not read them.
    None: it said nothing, or nobody looked.
    """

    @property
    def content(self) -> bytes:
        """The whole body."""
        return self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording and what it is filed under."""

    key: str
    """The exact key."""
    content: str
    """The key without the caller; see `core/identity.py`."""
    caller: str
    recording: Recording
    host: str
    """The provider's host."""
    model: str
    client: str
    created: float
    """Unix time, seconds."""
    expires: float
    """Unix time, seconds."""
    pinned: bool = False
    """A pinned entry neither expires nor is evicted."""
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    scope: str = ""
    """The compatibility key, where the question may be answered in other words; see `core/scope.py`."""
    words: str = ""
    """The user's last words, kept only with a scope."""

    kept: float = 0.0
    """Unix time until which it is kept for when everything else fails; 0: no longer than it is fresh."""

    @property
    def end(self) -> float:
        """When there is no more use for it, unless it is pinned; Unix time."""
        return max(self.expires, self.kept)

    def fresh(self, now: float) -> bool:
        """Whether it may be served at `now` (Unix time, seconds)."""
        return self.pinned or now < self.expires
