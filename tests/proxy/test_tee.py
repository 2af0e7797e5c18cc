"""The tee: what it learns of a reply that goes by, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

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

    def __init__(self, raw: bytes = b"{}", *, put_off: bool = False) -> None:
        self.notes = Notes()
        self.used: list[tuple[Usage | None, bool]] = []
        """What was said of usage, and whether the reply was cut."""
        self.tasks: list[asyncio.Task[None]] = []
        self.waiting: list[Callable[[], None]] = []
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
            later=self.waiting.append if put_off else None,
        )

    def _enter(self, usage: Usage | None, cut: bool) -> None:
        self.used.append((usage.counts if usage else None, cut))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def settle(self) -> None:
        """Do what was put off, and wait for what goes on in threads."""
        while self.waiting:
            self.waiting.pop(0)()
        while pending := [task for task in self.tasks if not task.done()]:
            await asyncio.gather(*pending)


LATER = pytest.mark.parametrize(
    "stage", [lambda: Stage(LARGE), lambda: Stage(put_off=True)], ids=["in a thread", "put off"]
)
"""A reply is not read at once because it is large, or because there will be a better time."""


@LATER
def test_a_client_that_hangs_up_after_the_last_event_takes_nothing_away(stage: Callable[[], Stage]) -> None:
    """While a reply is being checked, its leader leaves: it is not lost, and those who follow get it."""

    async def scene() -> Notes:
        here = stage()
        for event in EVENTS:
            here.tee(event)
        here.tee.cut("the stream was cut")
        await here.settle()
        return here.notes

    notes = asyncio.run(scene())
    assert [EVENTS] == [recording.chunks for recording in notes.learned]
    assert [] == notes.reasons


@LATER
def test_a_cut_before_the_last_event_is_said_although_something_was_checked(stage: Callable[[], Stage]) -> None:
    """What looked like the last event and was none leaves a cut stream cut."""

    async def scene() -> Notes:
        here = stage()
        here.tee(EVENTS[0])
        here.tee(b": data: [DONE] is yet to come\n\n")
        here.tee.cut("the stream was cut")
        await here.settle()
        return here.notes

    notes = asyncio.run(scene())
    assert [] == notes.learned
    assert 1 == len(notes.reasons)


@LATER
def test_what_comes_after_the_last_event_is_kept_in_the_end(stage: Callable[[], Stage]) -> None:
    """Two checks: the whole reply counts, whichever comes to its end first."""

    async def scene() -> Notes:
        here = stage()
        for event in (*EVENTS, b": bye\n\n", b""):
            here.tee(event)
        await here.settle()
        return here.notes

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


@LATER
def test_it_is_told_at_once_that_a_reply_has_ended(stage: Callable[[], Stage]) -> None:
    """While a reply is being checked, the layers know that it is whole: who asks the same now can wait."""

    async def scene() -> tuple[int, int, Notes]:
        here = stage()
        for event in EVENTS[:-1]:
            here.tee(event)
        before = here.notes.ends
        here.tee(EVENTS[-1].rstrip())
        here.tee(b"")
        at_once = here.notes.ends
        await here.settle()
        return before, at_once, here.notes

    before, at_once, notes = asyncio.run(scene())
    assert (0, 1) == (before, at_once)
    assert 1 == len(notes.learned)


@LATER
def test_what_is_to_follow_follows_what_was_learned(stage: Callable[[], Stage]) -> None:
    """What waits until it is known whether a reply is learned is done then, once; after that, at once."""

    async def scene() -> list[int]:
        here, counts = stage(), []
        for event in (*EVENTS, b""):
            here.tee(event)
        here.tee.then(lambda: counts.append(len(here.notes.learned)))
        assert [] == counts
        await here.settle()
        assert [1] == counts
        here.tee.then(lambda: counts.append(-1))
        return counts

    assert [1, -1] == asyncio.run(scene())


def test_nothing_is_put_off_while_somebody_waits_for_it() -> None:
    """Followers of the reply have it at its end, however busy the proxy is."""

    async def scene() -> tuple[int, int]:
        here = Stage(put_off=True)
        here.notes.awaited = lambda exchange: True  # type: ignore[method-assign]
        for event in (*EVENTS, b""):
            here.tee(event)
        return len(here.waiting), len(here.notes.learned)

    assert (0, 1) == asyncio.run(scene())
