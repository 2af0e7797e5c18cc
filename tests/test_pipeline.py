"""The descent: in order, guarded, and told in the trail."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import nullcontext

import pytest

from isartor_addon.core.exchange import Exchange
from isartor_addon.core.outcome import Answer, Opened, Outcome, Relayed
from isartor_addon.core.recording import Recording
from isartor_addon.layers.base import Layer
from isartor_addon.pipeline import FAULTS, REST_S, Pipeline
from tests.layers.play import FakeClock, exchange, recording

ANSWER = Answer("l9", (b"x",), ())


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in ():
        yield chunk


RELAYED = Relayed("l3", lambda: nullcontext(Opened("l3", 200, (), _nothing())))


class Silent(Layer):
    """Says nothing, and remembers what it was told."""

    tag = "l0"

    def __init__(self) -> None:
        self.told: list[str] = []

    async def ask(self, exchange: Exchange) -> Outcome | None:
        """Let it go on."""
        self.told.append("ask")
        return None

    def outdone(self, exchange: Exchange) -> None:
        """Remember."""
        self.told.append("outdone")

    def learn(self, exchange: Exchange, recording: Recording) -> None:
        """Remember."""
        self.told.append("learn")


class Answering(Layer):
    """Answers everything."""

    tag = "l9"

    async def ask(self, exchange: Exchange) -> Outcome | None:
        """Answer."""
        exchange.note(self.tag, "hit")
        return ANSWER

    def peek(self, exchange: Exchange) -> Outcome | None:
        """Answer."""
        return ANSWER


class Faulty(Layer):
    """Fails at everything, with the prompt in the message."""

    tag = "l5"

    def peek(self, exchange: Exchange) -> Outcome | None:
        """Fail."""
        raise ValueError("a secret prompt")

    async def ask(self, exchange: Exchange) -> Outcome | None:
        """Fail."""
        raise ValueError("a secret prompt")

    def learn(self, exchange: Exchange, recording: Recording) -> None:
        """Fail."""
        raise ValueError("a secret prompt")


def test_asks_in_order_until_one_answers() -> None:
    """Layers before the answer are asked, and told that another one had it; those after it hear nothing."""
    first, last = Silent(), Silent()
    assert ANSWER == asyncio.run(Pipeline([first, Answering(), last], FakeClock()).ask(exchange()))
    assert (["ask", "outdone"], []) == (first.told, last.told)


def test_who_lets_a_relayed_request_go_on_learns_its_answer() -> None:
    """An answer that is still to be fetched is not the end: it will be learned, or lost."""

    class Relaying(Answering):
        async def ask(self, exchange: Exchange) -> Outcome | None:
            return RELAYED

    first = Silent()
    assert RELAYED == asyncio.run(Pipeline([first, Relaying()], FakeClock()).ask(exchange()))
    assert ["ask"] == first.told


def test_tells_how_long_a_layer_took() -> None:
    """The steps of a layer carry its time."""
    clock, asked = FakeClock(), exchange()

    class Slow(Answering):
        async def ask(self, exchange: Exchange) -> Outcome | None:
            clock.now += 0.25
            return await super().ask(exchange)

    asyncio.run(Pipeline([Slow()], clock).ask(asked))
    assert [250.0] == [step.elapsed_ms for step in asked.trail]


def test_a_fault_is_a_miss_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """The next layer is asked; trail and log say what failed, and not what the client sent."""
    asked, pipeline = exchange(), Pipeline([Faulty(), Answering()], FakeClock())
    with caplog.at_level(logging.DEBUG, "isartor_addon"):
        assert ANSWER == asyncio.run(pipeline.ask(asked))
        assert ANSWER == pipeline.peek(asked)
    assert ("l5", "fault", "ValueError") == (asked.trail[0].layer, asked.trail[0].outcome, asked.trail[0].note)
    assert "secret" not in str(asked.trail)


def test_a_fault_while_learning_stops_nobody_else() -> None:
    """The other layers learn all the same."""
    other = Silent()
    Pipeline([Faulty(), other], FakeClock()).learn(exchange(), recording())
    assert ["learn"] == other.told


def test_a_layer_that_keeps_failing_rests() -> None:
    """After repeated faults a layer is left out for a while, and asked again after it."""
    clock, asked = FakeClock(), exchange()
    pipeline = Pipeline([Faulty()], clock)

    def fails() -> int:
        asked.trail.clear()
        asyncio.run(pipeline.ask(asked))
        return sum(step.outcome == "fault" for step in asked.trail)

    assert [1] * FAULTS == [fails() for _ in range(FAULTS)]
    assert 0 == fails()
    clock.now += REST_S
    assert 1 == fails()
