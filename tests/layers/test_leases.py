"""The exact layer among several processes: who asks the provider, who waits, who does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from isartor_addon.core.exchange import Exchange
from isartor_addon.core.outcome import Answer
from isartor_addon.core.recording import Entry
from isartor_addon.layers.delivery import Delivery
from isartor_addon.layers.exact.layer import GRACE_S, LONGEST_FLIGHT_S, ExactLayer, Lifetimes
from tests.layers.play import FakeAnswers, FakeClock, exchange, recording


@dataclass
class OneLease:
    """A single lease that another process may have."""

    elsewhere: bool = False
    meanwhile: Callable[[], None] = lambda: None
    """What happens while this process waits."""
    ours: bool = False
    waits: list[float] = field(default_factory=list)

    def take(self, key: str) -> bool:
        """Get it."""
        self.ours = self.ours or not self.elsewhere
        return self.ours

    async def wait(self, key: str, timeout_s: float) -> bool:
        """Wait for it."""
        self.waits.append(timeout_s)
        self.meanwhile()
        return self.take(key)

    def drop(self, key: str) -> None:
        """Let go of it."""
        self.ours = False


class SlowAnswers(FakeAnswers):
    """A store that writes when it is told to."""

    pending: Callable[[], None] | None = None

    def put(self, entry: Entry, then: Callable[[], None] | None = None) -> None:
        """Hold it; others can find it later."""
        super().put(entry)
        self.pending = then


def stage(leases: OneLease) -> tuple[ExactLayer, SlowAnswers]:
    answers = SlowAnswers(FakeClock())
    layer = ExactLayer(
        answers,
        clock=answers.clock,
        lifetimes=Lifetimes(3600),
        again="refresh",
        single_flight=True,
        replay_only=False,
        leases=leases,
        delivery=Delivery(answers.clock),
    )
    return layer, answers


def ask(layer: ExactLayer, asked: Exchange) -> object:
    return asyncio.run(layer.ask(asked))


def stored_by_another(answers: FakeAnswers, asked: Exchange) -> None:
    entry = Entry(asked.identity.key, asked.identity.content, "caller", recording(), "h", "m", "c", 0.0, 1e9)
    answers.held[entry.key] = entry


def test_lease_lasts_until_others_can_find_the_answer() -> None:
    """Who leads keeps the lease until the answer is written, not only until it has it."""
    leases = OneLease()
    layer, answers = stage(leases)
    asked = exchange()
    assert (None, True) == (ask(layer, asked), leases.ours)
    layer.learn(asked, recording())
    assert leases.ours
    assert answers.pending is not None
    answers.pending()
    assert not leases.ours


def test_lease_ends_with_a_call_that_fails() -> None:
    """A lost call, and an answer that is not to be stored, leave the lease to others."""
    leases = OneLease()
    layer, _ = stage(leases)
    lost, unstored = exchange("lost"), exchange("unstored", store=False)
    assert (None, True) == (ask(layer, lost), leases.ours)
    layer.lost(lost, "cut")
    assert (False, None, True) == (leases.ours, ask(layer, unstored), leases.ours)
    layer.learn(unstored, recording())
    assert not leases.ours


def test_json_waits_for_another_process() -> None:
    """A request for a whole answer waits for the process that asks the same, takes its answer, and lets go."""
    asked = exchange()
    leases = OneLease(elsewhere=True)
    layer, answers = stage(leases)

    def answered() -> None:
        stored_by_another(answers, asked)
        leases.elsewhere = False

    leases.meanwhile = answered
    assert isinstance(ask(layer, asked), Answer)
    assert ([LONGEST_FLIGHT_S], False) == (leases.waits, leases.ours)
    assert ["hit"] == [step.outcome for step in asked.trail]


def test_takes_over_when_the_other_fails() -> None:
    """When the other process lets go without an answer, this one leads, with the lease."""
    leases = OneLease(elsewhere=True)
    layer, _ = stage(leases)
    leases.meanwhile = lambda: setattr(leases, "elsewhere", False)
    asked = exchange()
    assert (None, True) == (ask(layer, asked), leases.ours)
    assert ["miss"] == [step.outcome for step in asked.trail]


def test_a_stream_hardly_waits() -> None:
    """A request for a stream waits no longer than it takes to write an answer down, then asks for itself."""
    leases = OneLease(elsewhere=True)
    layer, answers = stage(leases)
    asked = exchange(mode="sse")
    assert (None, [GRACE_S]) == (ask(layer, asked), leases.waits)
    layer.learn(asked, recording())
    assert (None, False) == (answers.pending, leases.ours)


def test_who_leaves_while_waiting_makes_room() -> None:
    """A client that leaves while this process waits for another one does not leave others waiting for it."""
    leases = OneLease(elsewhere=True)
    layer, _ = stage(leases)
    asked, next_one = exchange(mode="sse"), exchange(mode="sse")
    leases.meanwhile = lambda: layer.lost(asked, "the client left")
    ask(layer, asked)
    leases.elsewhere, leases.meanwhile = False, lambda: None
    assert (None, True) == (ask(layer, next_one), leases.ours)
