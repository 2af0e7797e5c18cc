"""What the store's tests need: a clock that is set by hand, and entries that can be told from one another."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from hashlib import shake_128

from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.core.identity import ANYONE, digest, key_for
from isartor_addon.core.recording import Entry, Recording
from isartor_addon.core.reply import Usage
from isartor_addon.store.answers import AnswerStore

NOW = 1_700_000_000.0
KIB = 1 << 10
MIB = 1 << 20


class HandClock:
    """Time stands still until `forward`."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return NOW + self.now

    def monotonic(self) -> float:
        return 1000.0 + self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


def entry(number: int, *, size: int = 400, caller: str = "caller", ttl_s: float = 3600.0, version: int = 0) -> Entry:
    """Entry `number`; its body is a function of number, size and version."""
    content = digest(b"request", str(number).encode())
    body = shake_128(f"{number} {version}".encode()).digest(size)
    third = size // 3
    return Entry(
        key=key_for(caller, content),
        content=content,
        caller=caller,
        recording=Recording(
            wire="openai",
            operation="generate",
            mode="sse",
            chunks=(body[:third], body[third : 2 * third], body[2 * third :]),
            headers=(("content-type", "text/event-stream"), ("x-request-id", f"req-{number}")),
            run_ids={"session": f"session-{number}"},
            offsets_ms=(0, 20, 20 + number),
            usage=Usage(input=number, output=5, cache_read=7),
        ),
        host="api.openai.com",
        model="gpt-4o-mini",
        client="codex",
        created=NOW + number,
        expires=NOW + ttl_s,
        fingerprint=Fingerprint(taken={"body.model": "0011223344556677"}),
    )


def nobodys(number: int) -> Entry:
    made = entry(number)
    return replace(made, caller=ANYONE, key=key_for(ANYONE, made.content))


@contextmanager
def opened(directory, clock=None, *, size_bytes=64 * MIB, memory_bytes=8 * MIB):
    """A store, closed in the end."""
    store = AnswerStore(directory, size_bytes=size_bytes, memory_bytes=memory_bytes, clock=clock or HandClock())
    try:
        yield store
    finally:
        store.close()


@contextmanager
def cold(directory, clock=None, **bounds):
    """A store with nothing in memory: what it gives comes from the disk."""
    with opened(directory, clock, **bounds) as store:
        yield store
