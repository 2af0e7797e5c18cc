"""The tee: what it learns of a reply that goes by, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from isartor_addon.core.exchange import Exchange
from isartor_addon.core.recording import Recording
from isartor_addon.core.reply import Usage
from isartor_addon.layers.base import Layer
from isartor_addon.pipeline import Pipeline
from isartor_addon.proxy.tee import QUICK, Tee
from tests.layers.play import BODY, CHAT, FakeClock, exchange

EVENTS = CHAT.write("sse", CHAT.read("json", BODY))
LARGE = b'{"messages":["' + b"x" * QUICK + b'"]}'
"""A request that is checked in a thread."""


@dataclass
class Notes(Layer):
    """A layer that writes down what it is told."""

    tag = "notes"
    learned: list[Recording] = field(default_factory=list)
    ends: int = 0
    """How many replies have ended that had not been learned by then."""
    reasons: list[str] = field(default_factory=list)

    def peek(self, exchange: Exchange) -> None:
        """Nothing to say."""

    async def ask(self, exchange: Exchange) -> None:
        """Nothing to say."""

    def ended(self, exchange: Exchange) -> None:
        """A reply is being checked."""
        self.ends += 1

    def learn(self, exchange: Exchange, recording: Recording) -> None:
        """A reply."""
        self.learned.append(recording)

    def lost(self, exchange: Exchange, reason: str) -> None:
        """None."""
        self.reasons.append(reason)


class Stage:
    """A tee, and what comes of it."""

    def __init__(self, raw: bytes = b"{}") -> None:
        self.notes = Notes()
        self.used: list[tuple[Usage | None, bool]] = []
        """What was said of usage, and whether the reply was cut."""
        self.tasks: list[asyncio.Task[None]] = []
        asked = exchange(mode="sse")
        asked.raw = raw
        self.tee = Tee(
            asked,
            Pipeline([self.notes], FakeClock()),
            mode="sse",
            encodings="",
            headers=(),
            limit=1 << 30,
            background=self._start,
            account=self._enter,
        )

    def _enter(self, usage: Usage | None, cut: bool) -> None:
        self.used.append((usage.counts if usage else None, cut))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def settle(self) -> None:
        """Wait for what goes on in threads."""
        while pending := [task for task in self.tasks if not task.done()]:
            await asyncio.gather(*pending)


def test_a_client_that_hangs_up_after_the_last_event_takes_nothing_away() -> None:
    """While a reply is being checked in a thread, its leader leaves: it is not lost, and those who follow get it."""

    async def scene() -> Notes:
        stage = Stage(LARGE)
        for event in EVENTS:
            stage.tee(event)
        stage.tee.cut("the stream was cut")
        await stage.settle()
        return stage.notes

    notes = asyncio.run(scene())
    assert [EVENTS] == [recording.chunks for recording in notes.learned]
    assert [] == notes.reasons


def test_a_cut_before_the_last_event_is_said_although_something_was_checked() -> None:
    """What looked like the last event and was none leaves a cut stream cut."""

    async def scene() -> Notes:
        stage = Stage(LARGE)
        stage.tee(EVENTS[0])
        stage.tee(b": data: [DONE] is yet to come\n\n")
        stage.tee.cut("the stream was cut")
        await stage.settle()
        return stage.notes

    notes = asyncio.run(scene())
    assert [] == notes.learned
    assert 1 == len(notes.reasons)


def test_what_comes_after_the_last_event_is_kept_in_the_end() -> None:
    """Two checks in threads: the whole reply counts, whichever comes to its end first."""

    async def scene() -> Notes:
        stage = Stage(LARGE)
        for event in (*EVENTS, b": bye\n\n", b""):
            stage.tee(event)
        await stage.settle()
        return stage.notes

    notes = asyncio.run(scene())
    assert (*EVENTS, b": bye\n\n") == notes.learned[-1].chunks
    assert [] == notes.reasons


def test_a_text_that_speaks_of_the_last_event_costs_little() -> None:
    """A stream that quotes the terminal event early is not read again at each of the thousand events that follow."""

    async def scene() -> tuple[int, Notes]:
        stage = Stage(LARGE)
        stage.tee(EVENTS[0])
        stage.tee(b": data: [DONE] is yet to come\n\n")
        for _ in range(1000):
            stage.tee(b": still here\n\n")
            await asyncio.sleep(0)
        checks = len(stage.tasks)
        for event in (*EVENTS[1:], b""):
            stage.tee(event)
        await stage.settle()
        return checks, stage.notes

    checks, notes = asyncio.run(scene())
    assert checks < 5
    assert 1001 + len(EVENTS) == len(notes.learned[-1].chunks)


def test_it_is_told_at_once_that_a_reply_has_ended() -> None:
    """While a large reply is checked in a thread, the layers know that it is whole: who asks the same now can wait."""

    async def scene() -> tuple[int, int, Notes]:
        stage = Stage(LARGE)
        for event in EVENTS[:-1]:
            stage.tee(event)
        before = stage.notes.ends
        stage.tee(EVENTS[-1].rstrip())
        stage.tee(b"")
        at_once = stage.notes.ends
        await stage.settle()
        return before, at_once, stage.notes

    before, at_once, notes = asyncio.run(scene())
    assert (0, 1) == (before, at_once)
    assert 1 == len(notes.learned)
