"""What is measured, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench_kit.traffic import LARGE, SMALL

type Target = Literal["ours", "hooks", "constant", "passing", "provider"]
"""`hooks` is ours without the fast lane."""


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
    renew: bool = False
    """Every request opens its own connection."""
    measure: Literal["p50", "first"] = "p50"
    """The time that is compared: until the last byte, or until the first of the body."""
    limit: float | None = None
    """The most that it may be, as a multiple of the yardstick's."""

    @property
    def hit(self) -> bool:
        """Whether the same is asked again and again, so that the store answers."""
        return self.yardstick == "constant"

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
    Case("miss-1k", "miss, JSON, 1 KB", "passing"),
    Case("stream-1k", "miss, stream, 1 KB: first byte", "passing", stream=True, measure="first", limit=1.15),
    Case(
        "stream-200k",
        "miss, stream, 200 KB: first byte",
        "passing",
        size=LARGE,
        stream=True,
        measure="first",
        limit=1.15,
    ),
)
STARTUP = "startup"
NAMES = (*(case.name for case in CASES), STARTUP)
