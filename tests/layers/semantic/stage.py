"""A stage for the semantic layer: vectors that are told, an index and evidence in memory, and requests made whole."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import orjson

from isartor_addon import clients
from isartor_addon.core.errors import EmbedderError
from isartor_addon.core.exchange import CacheUse, Control, Exchange, Request
from isartor_addon.core.recording import Entry, Recording
from isartor_addon.layers.delivery import Delivery
from isartor_addon.layers.exact.layer import ExactLayer
from isartor_addon.layers.ports import Check, Hit, Near
from isartor_addon.layers.semantic.judge import embeddable
from isartor_addon.layers.semantic.layer import SemanticLayer
from isartor_addon.layers.semantic.rules import Rules
from isartor_addon.layers.semantic.world import World
from isartor_addon.pipeline import Pipeline
from isartor_addon.wire import find
from tests.core.asking import CHAT, ask
from tests.layers.play import FakeAnswers, FakeClock, exact, recording

if TYPE_CHECKING:
    from isartor_addon.layers.ports import Vector

_numbers = count()


@dataclass
class FakeEmbedder:
    """Texts that were told to be near are; all others are far from everything."""

    id = "fake"
    near: dict[str, float] = field(default_factory=dict)
    """Text to its cosine with the first axis."""
    broken: bool = False
    asked: list[str] = field(default_factory=list)
    held: asyncio.Event | None = None
    """If set: nothing is embedded before it is."""

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector a text."""
        if self.broken:
            raise EmbedderError("there is no model")
        if self.held is not None:
            await self.held.wait()
        self.asked += texts
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        near = {embeddable(known): cosine for known, cosine in self.near.items()}
        vector = np.zeros(64, np.float32)
        vector[0] = near.get(text, 0.0)
        vector[1 if text in near else 2 + crc32(text.encode()) % 62] = (1 - vector[0] ** 2) ** 0.5
        return vector

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class FakeVectors:
    """An index in a dictionary."""

    held: dict[str, dict[str, Vector]] = field(default_factory=dict)

    def holds(self, scope: str) -> bool:
        """Whether anything is there."""
        return bool(self.held.get(scope))

    async def nearest(self, scope: str, vector: Vector, count: int) -> Sequence[Near]:
        """All there is, sorted."""
        found = [Near(key, float(each @ vector)) for key, each in self.held.get(scope, {}).items()]
        return sorted(found, key=lambda near: -near.similarity)[:count]

    def put(self, scope: str, key: str, vector: Vector) -> None:
        """Hold it."""
        self.held.setdefault(scope, {})[key] = vector

    def remove(self, key: str) -> None:
        """Forget it."""
        for scope in self.held.values():
            scope.pop(key, None)

    def close(self) -> None:
        """Nothing is open."""

    @property
    def keys(self) -> set[str]:
        """All of them."""
        return {key for scope in self.held.values() for key in scope}


@dataclass
class FakeEvidence:
    """Evidence in lists."""

    said: list[tuple[str, Check, str]] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    misses: list[tuple[str, str, float, str]] = field(default_factory=list)
    pairs: list[tuple[str, str, float]] = field(default_factory=list)

    async def checks(self, scope: str) -> Sequence[Check]:
        """Those of the scope."""
        return [check for held, check, _ in reversed(self.said) if held == scope]

    def checked(self, scope: str, check: Check, why: str) -> None:
        """Hold it."""
        self.said.append((scope, check, why))

    def served(self, hit: Hit) -> None:
        """Hold it."""
        self.hits.append(hit)

    def hit(self, key: str) -> Hit | None:
        """The latest."""
        found = (hit for hit in reversed(self.hits) if hit.asked.startswith(key) or hit.key.startswith(key))
        return next(found, None)

    def missed(self, asked: str, key: str, similarity: float, rule: str) -> None:
        """Hold it."""
        self.misses.append((asked, key, similarity, rule))

    def taught(self, one: str, other: str, similarity: float) -> None:
        """Hold it."""
        self.pairs.append((one, other, similarity))

    def forget(self, stored: Collection[str], *, lessons: bool) -> None:
        """Let go of it."""
        self.hits = [hit for hit in self.hits if hit.key in stored]
        self.misses = [miss for miss in self.misses if miss[1] in stored]
        if lessons:
            self.said = [each for each in self.said if each[1].key in stored]
            self.pairs = []

    def close(self) -> None:
        """Nothing is open."""


ONE = "How do I reverse a list in Python?"
OTHER = "In Python, how can I reverse a list?"


def asked(
    words: Any = ONE,
    *,
    caller: str = "caller",
    cache: CacheUse = "use",
    store: bool = True,
    ttl_s: int | None = None,
    mode: str = "json",
    url: str = CHAT,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Exchange:
    """A chat request with one user turn."""
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": words}], **more}
    headers = headers or {}
    host, _, path = url.removeprefix("https://").partition("/")
    route = find("POST", host, f"/{path}", {})[0]
    identity = ask(url, body, headers, caller=caller)
    return Exchange(
        id=f"flow{next(_numbers)}",
        request=Request("POST", "https", host, 443, f"/{path}", {}, headers),
        route=route,
        body=body,
        mode=mode,
        client=clients.recognise(headers),
        caller=caller,
        identity=identity,
        control=Control(cache, store, ttl_s),
        model=str(body["model"]),
        started=0.0,
    )


def said(text: str = "Use reversed().", **more: Any) -> Recording:
    """A recorded chat reply."""
    message = {"role": "assistant", "content": text, **more}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return recording(orjson.dumps(whole))


@dataclass
class Stage:
    """Both layers over one store, as the house has them."""

    rules: Rules = field(default_factory=lambda: Rules(shadow_share=0.0))
    chances: Iterable[float] = ()
    clock: FakeClock = field(default_factory=FakeClock)
    embedder: FakeEmbedder = field(default_factory=lambda: FakeEmbedder({ONE: 1.0, OTHER: 0.95}))
    vectors: FakeVectors = field(default_factory=FakeVectors)
    evidence: FakeEvidence = field(default_factory=FakeEvidence)

    def __post_init__(self) -> None:
        self.answers = FakeAnswers(self.clock)
        self.exact: ExactLayer = exact(self.answers)
        chances = iter(self.chances)
        self.layer = SemanticLayer(
            World(self.answers, self.vectors, self.embedder, self.evidence, self.clock),
            delivery=Delivery(self.clock),
            rules=self.rules,
            chance=lambda: next(chances, 0.5),
        )
        self.pipeline = Pipeline([self.exact, self.layer], self.clock)

    async def ask(self, exchange: Exchange) -> Any:
        """What the layers say."""
        return self.pipeline.peek(exchange) or await self.pipeline.ask(exchange)

    async def learn(self, exchange: Exchange, recording: Recording) -> None:
        """The provider has answered; wait until that is learned."""
        self.pipeline.learn(exchange, recording)
        await self.settle()

    async def settle(self) -> None:
        """Wait for what goes on in the background."""
        await asyncio.gather(*self.layer._tasks)

    async def teach(self, exchange: Exchange, recording: Recording) -> Entry:
        """Ask, be let through, and learn; what is stored."""
        assert await self.ask(exchange) is None
        await self.learn(exchange, recording)
        return self.answers.held[exchange.identity.key]


def steps(exchange: Exchange) -> list[tuple[str, str]]:
    """What the semantic layer did."""
    return [(step.outcome, step.note) for step in exchange.trail if step.layer == "l1b"]
