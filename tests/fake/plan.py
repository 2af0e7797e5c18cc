"""What the provider is asked, what it says, and what shall go wrong with that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

type Json = Any
END = -1
"""As an index: after the last piece, before the end of the body."""

type Encoding = Literal["", "gzip", "br", "zstd", "deflate"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the wires see it."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Json


@dataclass(frozen=True, slots=True)
class Said:
    """A reply before anything happens to it."""

    pieces: tuple[bytes, ...]
    """One an event of a stream; one for a JSON body."""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    error_event: bytes = b""
    """How this wire says an error in the middle of a stream."""
    generated: bool = False
    status: int = 200


@dataclass(slots=True, eq=False)
class Plan:
    """What shall become of the replies to requests that hold `marker`. Indices count pieces (events)."""

    marker: str
    """Text in the decoded request body, or in the path."""
    times: int = 1_000_000
    """How many requests it holds for."""
    status: int = 200
    """Anything else: an error in the wire's own shape."""
    pieces: tuple[bytes, ...] | None = None
    """Said instead of what the wire would say."""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further response headers."""
    encoding: Encoding = ""
    hold: frozenset[int] = frozenset()
    """Before these pieces wait until the test opens the gate."""
    cut: int | None = None
    """Close the connection instead of sending this piece."""
    cut_bytes: int | None = None
    """Close the connection after so many bytes of the body (its declared length stays whole)."""
    error_event: int | None = None
    """Say an error instead of this piece, and end."""
    slice_bytes: int | None = None
    """Send the body in slices of so many bytes, regardless of events."""
    at_once: bool = False
    """Send all pieces in one write."""
    used: int = 0
    held: int = 0
    """How many times a reply has come to a gate."""
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))


@dataclass(slots=True, eq=False)
class Call:
    """One request as it arrived, and what became of its reply."""

    number: int
    method: str
    scheme: str
    host: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    """As received, in order."""
    received: bytearray = field(default_factory=bytearray)
    """The body so far, as received."""
    text: str = ""
    """The body, decoded, once it is whole."""
    whole: bool = False
    """Whether the request came to its end."""
    generated: bool = False
    """Whether the model answered."""
    sent: int = 0
    """Pieces sent."""
    sent_bytes: int = 0
    """Bytes of the body sent."""
    ended: Literal["", "complete", "cut", "left"] = ""
    """How it ended: as it should, by plan, or because the other side left."""

    @property
    def body(self) -> Json:
        """The decoded JSON body."""
        return json.loads(self.text)

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for held, value in self.headers if held.lower() == name.lower()), None)


def sse(data: Json, name: str = "") -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def whole(value: Json, *, headers: Mapping[str, str] | None = None, generated: bool = False) -> Said:
    """A JSON reply."""
    return Said((json.dumps(value, ensure_ascii=False).encode(),), headers=headers or {}, generated=generated)


def stream(pieces: list[bytes], *, headers: Mapping[str, str] | None = None, error_event: bytes) -> Said:
    """A reply of server-sent events."""
    return Said(
        tuple(pieces),
        "text/event-stream; charset=utf-8",
        {"cache-control": "no-cache", **(headers or {})},
        error_event,
        generated=True,
    )
