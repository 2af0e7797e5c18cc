"""What is measured, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench_kit.traffic import LARGE, SMALL

type Varies = Literal["", "header", "body"]
type Target = Literal["ours", "hooks", "plain", "sure", "soak", "passed", "relay", "constant", "passing", "provider"]
"""`hooks` is ours without the fast lane, `plain` that without the semantic layer, `sure` ours with every hit served,
`soak` ours with small stores. `passed` and `relay` are ours without the semantic layer, `relay` with a chain of one:
the client's own provider.
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request, sent to us, to bare mitmproxy, and straight to the provider."""

    name: str
    what: str
    yardstick: Target
    """What we are compared with."""
    subject: Target = "ours"
    """Which of us is measured."""
    size: int = SMALL
    """Of the request's body, bytes."""
    connections: int = 1
    stream: bool = False
    thinking: bool = False
    """The provider takes its time before its first token, as real ones do; else it answers at once."""
    renew: bool = False
    """Every request opens its own connection."""
    varies: Varies = ""
    """What is another in every request, though it asks the same. What varies in its body is left out of the canonical
    form of it, so that only that form can tell.
    """
    measure: Literal["p50", "first", "spacing"] = "p50"
    """The time that is compared: until the last byte, until the first of the body, or from one answer to the next."""
    limit: float | None = None
    """The most that it may be, as a multiple of the yardstick's."""
    more_ms: float | None = None
    """The most that it may be more than the yardstick's, milliseconds."""

    @property
    def hit(self) -> bool:
        """Whether the same is asked again and again, so that the store answers."""
        return self.yardstick in ("constant", "plain")

    @property
    def targets(self) -> tuple[Target, ...]:
        """Who is measured, in turn: the provider comes between us and the yardstick, while we finish what is ours."""
        return (self.yardstick, self.subject, "provider")


CASES = (
    Case("hit-1k", "exact hit by hooks, 1 KB", "constant", "hooks", limit=1.25),
    Case("hit-200k", "exact hit by hooks, 200 KB", "constant", "hooks", size=LARGE, limit=1.6),
    Case("hit-1k-c16", "exact hit by hooks, 1 KB, 16 connections", "constant", "hooks", connections=16),
    Case("hit-200k-c16", "exact hit by hooks, 200 KB, 16 connections", "constant", "hooks", size=LARGE, connections=16),
    Case("connect", "new connection with TLS, exact hit by hooks, 1 KB", "constant", "hooks", renew=True),
    Case("lane-1k", "exact hit, 1 KB", "constant", limit=0.12),
    Case("lane-1k-header", "exact hit, 1 KB, another header each time", "constant", varies="header"),
    Case("lane-1k-key", "exact hit by canonical key, 1 KB", "constant", varies="body"),
    Case("lane-200k", "exact hit, 200 KB", "constant", size=LARGE),
    Case("lane-200k-header", "exact hit, 200 KB, another header each time", "constant", size=LARGE, varies="header"),
    Case("lane-200k-key", "exact hit by canonical key, 200 KB", "constant", size=LARGE, varies="body", limit=0.5),
    Case("lane-1k-c16", "exact hits, 1 KB, 16 connections", "constant", connections=16, measure="spacing", limit=1 / 9),
    Case("lane-200k-c16", "exact hits, 200 KB, 16 connections", "constant", size=LARGE, connections=16),
    Case("lane-1k-c64", "exact hits, 1 KB, 64 connections", "constant", connections=64, measure="spacing"),
    Case("lane-connect", "new connection with TLS, exact hit, 1 KB", "constant", renew=True),
    Case("hit-1k-semantic", "exact hit by hooks, 1 KB, with the semantic layer", "plain", "hooks", limit=1.05),
    Case("miss-1k", "miss, JSON, 1 KB", "passing", "passed", limit=1.1),
    Case("miss-1k-20ms", "miss, JSON, 1 KB, of a provider that needs 20 ms", "passing", "passed", thinking=True),
    Case("miss-1k-semantic", "miss, JSON, 1 KB, compared with other words", "passing"),
    Case("miss-200k", "miss, JSON, 200 KB", "passing", size=LARGE),
    Case("stream-1k", "miss, stream, 1 KB: first byte", "passing", "passed", stream=True, measure="first", limit=1.15),
    Case(
        "stream-1k-20ms",
        "miss, stream, 1 KB: first byte of a provider that needs 20 ms to it",
        "passing",
        "passed",
        stream=True,
        thinking=True,
        measure="first",
        limit=1.15,
    ),
    Case(
        "stream-200k",
        "miss, stream, 200 KB: first byte",
        "passing",
        size=LARGE,
        stream=True,
        measure="first",
        limit=1.15,
    ),
    Case("relay-json", "relayed, JSON, 1 KB", "passed", "relay", more_ms=3.0),
    Case(
        "relay-stream",
        "relayed, stream, 1 KB: first byte",
        "passed",
        "relay",
        stream=True,
        measure="first",
        more_ms=3.0,
    ),
    Case(
        "relay-stream-20ms",
        "relayed, stream, 1 KB: first byte of a provider that needs 20 ms to it",
        "passed",
        "relay",
        stream=True,
        thinking=True,
        measure="first",
        more_ms=3.0,
    ),
)
STARTUP = "startup"
WORKERS = "workers"
STREAMS = "streams"
EMBEDDER = "embedder"
INDEX = "index"
OWN = "own"
MEANING = "semantic"
SOAK = "soak"
PEERS = "peers"
NAMES: tuple[str, ...] = (*(case.name for case in CASES), STREAMS, MEANING, WORKERS, STARTUP, EMBEDDER, INDEX, OWN)
"""The rows that are measured unless others are asked for."""
