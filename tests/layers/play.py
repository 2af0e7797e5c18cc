"""A small stage for layers: a store and a clock that fit the ports, and exchanges made by hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count

from isartor_addon import clients
from isartor_addon.core.exchange import CacheUse, Control, Exchange, Request
from isartor_addon.core.identity import Identity, key_for
from isartor_addon.core.recording import Entry, Recording
from isartor_addon.layers.delivery import Delivery
from isartor_addon.layers.exact.layer import ExactLayer, Lifetimes
from isartor_addon.wire import WIRES
from isartor_addon.wire.base import Route

_numbers = count()


@dataclass
class FakeClock:
    """Time that moves when told to."""

    now: float = 1_000.0

    def time(self) -> float:
        """Unix time."""
        return self.now

    def monotonic(self) -> float:
        """The same."""
        return self.now


@dataclass
class FakeAnswers:
    """A dictionary as a store."""

    clock: FakeClock
    held: dict[str, Entry] = field(default_factory=dict)
    in_memory: bool = True
    imported: bool = False
    got: list[str] = field(default_factory=list)
    """What `get` was asked for."""
    disk: asyncio.Event | None = None
    """If set: `get` waits for it and finds nothing."""
    writing: asyncio.Event | None = None
    """If set: what is put is on the disk when it is."""

    def peek(self, key: str) -> Entry | None:
        """What is in memory."""
        return self._fresh(key) if self.in_memory else None

    async def get(self, key: str, *, counted: bool = True) -> Entry | None:
        """What is held."""
        self.got.append(key)
        if self.disk is not None:
            await self.disk.wait()
            return None
        return self._fresh(key)

    async def expired(self, key: str) -> Entry | None:
        """What is held and no longer fresh."""
        entry, now = self.held.get(key), self.clock.time()
        return entry if entry and not entry.fresh(now) and now < entry.end else None

    def put(self, entry: Entry) -> None:
        """Hold it."""
        self.held[entry.key] = entry

    async def flush(self) -> None:
        """Wait for the disk, if it is busy."""
        if self.writing is not None:
            await self.writing.wait()

    def close(self) -> None:
        """Nothing is open."""

    def _fresh(self, key: str) -> Entry | None:
        entry = self.held.get(key)
        return entry if entry and entry.fresh(self.clock.time()) else None


CHAT = WIRES["openai_chat"]
BODY = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Four."},"finish_reason":"stop"}]}'
)


def exchange(
    question: str = "2+2?",
    *,
    mode: str = "json",
    session: str = "",
    cache: CacheUse = "use",
    store: bool = True,
    ttl_s: int | None = None,
    uncacheable: str = "",
    model: str = "m",
    run_ids: dict[str, str] | None = None,
) -> Exchange:
    """A chat request by "caller", whose key depends on the question alone."""
    content = question.encode().hex()
    ids = {**(run_ids or {}), **({"session": session} if session else {})}
    return Exchange(
        id=f"flow{next(_numbers)}",
        request=Request("POST", "https", "api.openai.com", 443, "/v1/chat/completions", {}, {}),
        route=Route(CHAT, "generate", "/v1/chat/completions"),
        body={},
        mode=mode,
        client=clients.recognise({}),
        caller="caller",
        identity=Identity(key_for("caller", content), content, run_ids=ids, session=session, uncacheable=uncacheable),
        control=Control(cache, store, ttl_s),
        model=model,
        started=0.0,
    )


def recording(content: bytes = BODY, *, mode: str = "json", run_ids: dict[str, str] | None = None) -> Recording:
    """A recorded chat reply."""
    return Recording(
        "openai_chat", "generate", mode, (content,), (("content-type", "application/json"),), run_ids or {}
    )


def exact(
    answers: FakeAnswers,
    *,
    lifetimes: Lifetimes | None = None,
    again: str = "refresh",
    single_flight: bool = True,
    replay_only: bool = False,
    pace: str = "at_once",
    stale_s: int = 0,
) -> ExactLayer:
    """The layer over `answers`."""
    return ExactLayer(
        answers,
        clock=answers.clock,
        lifetimes=lifetimes or Lifetimes(3600),
        again=again,
        single_flight=single_flight,
        replay_only=replay_only,
        delivery=Delivery(answers.clock, pace=pace),
        stale_s=stale_s,
    )
