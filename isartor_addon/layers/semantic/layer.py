"""The semantic cache: answers a question that was asked before in other words, if it surely is the same question.

A hit needs four things: the request is the same in all but the user's words (`core/scope.py`), the words are near in
meaning, the guard finds nothing in which they differ (`guard.py`), and what earlier checks say does not speak against
it (`evidence.py`). Everything else, faults and lateness included, is a miss: the request goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from isartor_addon.core.errors import EmbedderError
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.latest import Latest
from isartor_addon.core.outcome import Answer, Outcome, Stream
from isartor_addon.core.recording import Entry, Recording
from isartor_addon.core.scope import Scope
from isartor_addon.layers.base import Layer
from isartor_addon.layers.delivery import Delivery
from isartor_addon.layers.ports import Check, Hit, Near
from isartor_addon.layers.semantic.evidence import caution, withdrawn
from isartor_addon.layers.semantic.guard import Features, Profile, features
from isartor_addon.layers.semantic.judge import judge, too_far
from isartor_addon.layers.semantic.learning import Doubt, Learner, short
from isartor_addon.layers.semantic.meaning import Meaning
from isartor_addon.layers.semantic.rules import Rules
from isartor_addon.layers.semantic.world import World

if TYPE_CHECKING:
    from isartor_addon.layers.ports import Vector

CANDIDATES = 3
"""Stored questions that are looked at, nearest first."""
WORTH_NOTING = 0.7
"""Similarity from which a refused candidate is a near miss."""
_MOST_UNDER_WAY = 1000
_MOST_READ = 2000

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _UnderWay:
    """What was found out about a request that went on to the provider."""

    profile: Profile
    vector: Vector | None = None
    doubt: Doubt | None = None


class SemanticLayer(Layer):
    """L1b."""

    tag = "l1b"

    def __init__(self, world: World, *, delivery: Delivery, rules: Rules, chance: Callable[[], float]) -> None:
        """
        Args:
            world: what it needs from the world.
            delivery: makes answers of entries.
            rules: the settings.
            chance: a number from 0 to below 1, anew each time.
        """
        self._world = world
        self._meaning = Meaning(world.embedder)
        self._delivery = delivery
        self._rules = rules
        self._chance = chance
        self._learner = Learner(world, tools=rules.agents)
        self._under_way: Latest[tuple[str, str], _UnderWay] = Latest(_MOST_UNDER_WAY)
        """By the exchange's call."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, exchange: Exchange) -> Outcome | None:
        """Answer with what was said to the same question in other words."""
        profile, reason = self._may_look(exchange)
        if profile is None:
            exchange.note(self.tag, "skip", reason)
            return None
        scope, under_way = exchange.in_scope(), _UnderWay(profile)
        self._under_way[exchange.call] = under_way
        if exchange.control.cache == "refresh":
            exchange.note(self.tag, "skip", "refresh")
            return None
        if not self._world.vectors.holds(scope.key):
            exchange.note(self.tag, "miss", "nothing else is stored in its scope")
            return None
        try:
            async with asyncio.timeout(self._rules.wait_s):
                found = await self._look(exchange, scope, under_way)
        except TimeoutError:
            exchange.note(self.tag, "miss", f"it took longer than {self._rules.wait_s * 1000:.0f} ms")
            return None
        except EmbedderError as error:
            exchange.note(self.tag, "miss", f"not embedded: {error}")
            return None
        if found is None and under_way.doubt is None:
            exchange.note(self.tag, "miss")
        return found

    def outdone(self, exchange: Exchange) -> None:
        """There will be nothing to learn."""
        self._under_way.pop(exchange.call, None)

    def lost(self, exchange: Exchange, reason: str) -> None:
        """There is nothing to learn."""
        self._under_way.pop(exchange.call, None)

    def learn(self, exchange: Exchange, recording: Recording) -> None:
        """File the question under its scope, if the exact layer keeps the answer; compare, if there is a doubt."""
        under_way = self._under_way.pop(exchange.call, None)
        if under_way is None or not exchange.control.store:
            return
        self._start(self._learner.learn(exchange, recording, vector=under_way.vector, doubt=under_way.doubt))

    async def fill(self, entries: Iterable[Entry]) -> None:
        """
        File what is stored, where the index has been lost.

        Raises:
            EmbedderError: there are no vectors to be had now.
        """
        await self._learner.fill(entries)

    async def warm(self) -> None:
        """
        Load what loads itself when it is first used, so that nobody waits for it.

        Raises:
            EmbedderError: it cannot be loaded.
        """
        (vector,) = await self._world.embedder.embed(["ready"])
        await self._world.vectors.nearest("", vector, 1)

    def _may_look(self, exchange: Exchange) -> tuple[Profile | None, str]:
        """The profile, or None and the reason why this layer keeps out of it. What costs least comes first."""
        if exchange.control.cache not in ("use", "refresh"):
            return None, exchange.control.cache
        if exchange.identity.uncacheable:
            return None, exchange.identity.uncacheable
        profile = self._rules.profile(exchange)
        if profile is None:
            return None, "switched off for such requests"
        unfit = exchange.in_scope().unfit
        return (None, unfit) if unfit else (profile, "")

    async def _look(self, exchange: Exchange, scope: Scope, under_way: _UnderWay) -> Answer | Stream | None:
        vector, checks = await asyncio.gather(self._meaning.of(scope.words), self._prepare(scope))
        under_way.vector = vector
        least = min(WORTH_NOTING, self._rules.threshold_of(under_way.profile))
        for near in await self._world.vectors.nearest(scope.key, vector, CANDIDATES):
            if near.similarity < least:  # and so are all that follow
                break
            entry = await self._world.answers.get(near.key, counted=False)
            if entry is None or entry.scope != scope.key:
                self._world.vectors.remove(near.key)
                continue
            if self._is_refused(exchange, near, entry, profile=under_way.profile):
                continue
            answer = self._decide(exchange, near, entry, checks, under_way)
            if answer is not None or under_way.doubt is not None:
                return answer
        return None

    async def _prepare(self, scope: Scope) -> Sequence[Check]:
        """What is known of the scope; and the question is read while the embedder is busy in a thread of its own."""
        checks = await self._world.evidence.checks(scope.key)
        _read(scope.words)
        return checks

    def _is_refused(self, exchange: Exchange, near: Near, entry: Entry, *, profile: Profile) -> bool:
        least = self._rules.threshold_of(profile)
        refusal = too_far(near.similarity, least)
        if refusal is None:
            refusal = judge(near.similarity, _read(exchange.in_scope().words), _read(entry.words), profile, least)
        if refusal is not None and near.similarity >= WORTH_NOTING:
            exchange.note(self.tag, "near", f"{short(near)}: {refusal.rule}")
            self._world.evidence.missed(exchange.identity.key, near.key, near.similarity, refusal.rule)
        return refusal is not None

    def _decide(
        self, exchange: Exchange, near: Near, entry: Entry, checks: Sequence[Check], under_way: _UnderWay
    ) -> Answer | Stream | None:
        """Answer, or let the provider answer as well where that is due."""
        rules = self._rules
        if withdrawn(entry.key, entry.created, checks):
            self._world.vectors.remove(entry.key)
            exchange.note(self.tag, "near", f"{short(near)}: it was wrong before")
            return None
        share = max(rules.shadow_share, caution(entry.key, checks, near.similarity, accepted=rules.max_error_rate))
        if rules.verify_first and not any(check.key == entry.key for check in checks):
            share = 1.0
        if self._chance() < share:
            exchange.note(self.tag, "check", f"{short(near)}: the provider is asked, too")
            under_way.doubt = Doubt(entry, near.similarity)
            return None
        told = {"x-isartor-similarity": f"{near.similarity:.3f}", "x-isartor-matched": near.key[:16]}
        answer = self._delivery.answer(entry, exchange, tag=self.tag, note=short(near), told=told)
        if answer is not None:
            words = exchange.in_scope().words
            self._world.evidence.served(Hit(exchange.identity.key, words, near.key, near.similarity))
            self._under_way.pop(exchange.call, None)
        return answer

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` in the background; its faults end here."""
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@lru_cache(maxsize=_MOST_READ)
def _read(words: str) -> Features:
    """What the guard sees in a text; a stored question is looked at again and again."""
    return features(words)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except EmbedderError as error:
        logger.debug("a question is not filed: %s", error)
    except Exception as error:  # whose message may quote what was asked
        logger.warning("learning a question failed with %s", type(error).__name__)
