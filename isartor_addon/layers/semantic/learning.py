"""When the provider has answered: the question is filed, and a stored answer in doubt is held against the fresh one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from isartor_addon.core.errors import BadReply, EmbedderError, NotEmbeddable, Untranslatable
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.prompt import Text, Thinking, ToolCall
from isartor_addon.core.recording import Entry, Recording
from isartor_addon.core.reply import Reply
from isartor_addon.layers.ports import Check, Near
from isartor_addon.layers.semantic.agreement import COMPARED, NEAR_ENOUGH, difference, plainly_same, said
from isartor_addon.layers.semantic.judge import embeddable
from isartor_addon.layers.semantic.world import World
from isartor_addon.wire import WIRES

if TYPE_CHECKING:
    from isartor_addon.layers.ports import Vector
    from isartor_addon.wire.base import Mode, Wire


@dataclass(frozen=True, slots=True)
class Doubt:
    """A stored answer that would have been given, and is to be checked."""

    entry: Entry
    similarity: float


def short(near: Near) -> str:
    """A candidate as people see it in the trail."""
    return f"{near.key[:16]} at {near.similarity:.3f}"


class Learner:
    """Files questions and checks answers, in the background."""

    def __init__(self, world: World, *, tools: bool) -> None:
        """
        Args:
            world: where the answer is, where the question is filed, where the outcome of a check is kept.
            tools: whether answers that call tools may be given to other words.
        """
        self._world = world
        self._tools = tools
        self._warm = False

    async def learn(
        self, exchange: Exchange, recording: Recording, *, vector: Vector | None, doubt: Doubt | None
    ) -> None:
        """
        Do what is to be done with a fresh answer.

        Args:
            exchange: who asked; it has a scope.
            recording: the fresh answer.
            vector: of the words, where they were embedded before.
            doubt: what it is to be compared with.

        Raises:
            EmbedderError: there are no vectors to be had now.
        """
        try:
            fresh = await _read(exchange.route.wire, recording)
        except (BadReply, Untranslatable):  # several choices, log-probabilities
            return
        if doubt is not None:
            await self._check(exchange, doubt, fresh)
        entry = await self._world.answers.get(exchange.identity.key, counted=False)
        if entry is not None and entry.scope == exchange.in_scope().key:
            # Another process that finds the question must find its answer, or it takes the question for left over.
            await self._world.answers.flush()
            await self._file(entry, fresh, vector)

    async def fill(self, entries: Iterable[Entry]) -> None:
        """
        File what is stored, where an index has been lost.

        Raises:
            EmbedderError: there are no vectors to be had now.
        """
        for entry in entries:
            wire = WIRES.get(entry.recording.wire)
            if entry.scope and wire is not None:
                with suppress(BadReply, Untranslatable, NotEmbeddable):
                    await self._file(entry, await _read(wire, entry.recording))

    async def _file(self, entry: Entry, reply: Reply, vector: Vector | None = None) -> None:
        if not self._may_be_given(reply):
            return
        if vector is None:
            (vector,) = await self._world.embedder.embed([embeddable(entry.words)])
        if not self._warm:  # the index loads itself when it is first asked, and nobody is to wait for that
            self._warm = True
            await self._world.vectors.nearest(entry.scope, vector, 1)
        self._world.vectors.put(entry.scope, entry.key, vector)

    def _may_be_given(self, reply: Reply) -> bool:
        """Whether an answer may be given to other words than those it was given to."""
        kinds = (Text, Thinking, ToolCall) if self._tools else (Text, Thinking)
        return reply.stop.reason not in ("refusal", "filter") and all(isinstance(part, kinds) for part in reply.parts)

    async def _check(self, exchange: Exchange, doubt: Doubt, fresh: Reply) -> None:
        entry, words = doubt.entry, exchange.in_scope().words
        try:
            why = await self._differ(await _read(exchange.route.wire, entry.recording), fresh)
        except (BadReply, Untranslatable, EmbedderError):  # then nobody can tell
            return
        check = Check(entry.key, doubt.similarity, not why, self._world.clock.time())
        self._world.evidence.checked(entry.scope, check, why)
        if why:
            self._world.vectors.remove(entry.key)
            self._world.evidence.taught(words, entry.words, doubt.similarity)

    async def _differ(self, stored: Reply, fresh: Reply) -> str:
        """What two answers differ in; empty if they say the same."""
        one, other = said(stored), said(fresh)
        if (why := difference(one, other)) or plainly_same(one, other) or one.words == other.words:
            return why
        left, right = await self._world.embedder.embed([one.words[:COMPARED] or ".", other.words[:COMPARED] or "."])
        return "" if float(left @ right) >= NEAR_ENOUGH else "meaning"


async def _read(wire: Wire, recording: Recording) -> Reply:
    return await asyncio.to_thread(wire.read, cast("Mode", recording.mode), recording.content)
