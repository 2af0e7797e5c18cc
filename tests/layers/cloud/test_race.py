"""Hedged requests: who is asked beside whom, who wins, and that nothing is left of the others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.layers.cloud.attempt import Answering
from isartor_addon.layers.cloud.chain import Attempt, Descent
from isartor_addon.layers.cloud.failures import Failure
from isartor_addon.layers.cloud.health import State
from isartor_addon.layers.cloud.plan import Plan
from isartor_addon.layers.cloud.race import Race
from tests.layers.cloud.scripted import BEGUN, Act, plan, script, state, status
from tests.layers.cloud.test_chain import ACTS, FAILURES, KEYS, NAMES

SILENT = Act(BEGUN.result, 1e6)


class Hurried(asyncio.SelectorEventLoop):
    """An event loop whose time passes by itself as soon as everybody waits."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def hurry(timeout: float | None) -> object:
            assert timeout is not None, "nobody waits for anything that will come"
            self._passed += timeout
            return select(0)

        self._selector.select = hurry  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._passed


async def _nothing() -> AsyncGenerator[bytes]:
    return
    yield b""


@dataclass
class World:
    """Providers that do what a script says, and what was seen of them."""

    acts: Iterator[Act] | None = None
    attempts: list[Attempt] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    going: list[str] = field(default_factory=list)
    most: int = 0
    failed: list[Failure] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    open: int = 0
    """Answers that have begun and are not closed."""
    won_at: float | None = None
    leaving: asyncio.Future[Answering | None] | None = None
    """What is cancelled as an answer begins."""
    failures: tuple[Failure, ...] = ()
    over: bool = False

    @property
    def asked(self) -> list[str]:
        """The names of those asked, in order."""
        return [each.target.name.partition("/")[0] for each in self.attempts]

    async def ask(self, attempt: Attempt) -> Answering | Failure:
        """One attempt, as `act` says."""
        now = asyncio.get_running_loop().time
        name = attempt.target.name.partition("/")[0]
        assert self.won_at is None, "an attempt after the first delta"
        assert name not in self.going, "two attempts at one target at a time"
        self.attempts.append(attempt)
        self.starts.append(now())
        self.going.append(name)
        self.most = max(self.most, len(self.going))
        act = self.act(attempt)
        try:
            await asyncio.sleep(min(act.takes_s, attempt.timeout_s))
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        finally:
            self.going.remove(name)
        result = act.result if act.takes_s < attempt.timeout_s else Failure(0, "timeout")
        if isinstance(result, Failure):
            self.failed.append(result)
            return result
        self.begun.append(name)
        self.won_at = now()
        if self.leaving is not None:
            self.leaving.cancel()
        return self._answering()

    def act(self, attempt: Attempt) -> Act:
        """What an attempt comes to."""
        assert self.acts is not None
        return next(self.acts)

    def _answering(self) -> Answering:
        stack = AsyncExitStack()
        self.open += 1
        stack.callback(self._closed)
        return Answering((), _nothing(), stack, lambda: None)

    def _closed(self) -> None:
        self.open -= 1

    def race(
        self,
        plan: Plan,
        state: State,
        *,
        streams: bool = True,
        leaves_after_s: float | None = None,
        leaves_at_once: bool = False,
    ) -> bool:
        """Whether somebody answered; the client may leave after some time, or at once when an answer begins."""

        async def run() -> bool:
            loop = asyncio.get_running_loop()
            descent = Descent(plan, state, now=loop.time, random=random.Random(1).random, streams=streams)
            running = asyncio.ensure_future(Race(descent, self.ask).run())
            self.leaving = running if leaves_at_once else None
            if leaves_after_s is not None:
                loop.call_later(leaves_after_s, running.cancel)
            try:
                answering = await running
            except asyncio.CancelledError:
                answering = None
            self.failures, self.over = descent.failures, descent.over
            assert not self.going, "an attempt goes on"
            assert asyncio.all_tasks() == {asyncio.current_task()}, "a task goes on"
            assert self.open == (answering is not None), "an answer that nobody closes"
            return answering is not None

        with asyncio.Runner(loop_factory=Hurried) as runner:
            return runner.run(run())


class Scripted(World):
    """Each provider does what its list says."""

    def __init__(self, **acts: list[Act]) -> None:
        super().__init__()
        self.act = script(**acts)  # type: ignore[method-assign]


def test_the_next_is_asked_beside_a_silent_one() -> None:
    """After `hedge_after_s`, not before; it answers, and the silent one is cancelled and has not failed."""
    world, known = Scripted(client=[SILENT], alpha=[BEGUN]), state()
    chain = plan("client", "alpha", hedge_after_s=3.0)
    assert world.race(chain, known)
    assert (["client", "alpha"], [0.0, 3.0], ["client"]) == (world.asked, world.starts, world.cancelled)
    assert ((), 0) == (world.failures, known.of(chain, chain.targets[0]).failures)
    assert 1 == known.of(chain, chain.targets[1]).successes


@pytest.mark.parametrize(("first_s", "second_s", "winner"), [(5.0, 1.0, "alpha"), (5.0, 3.0, "client")])
def test_the_first_to_speak_wins(first_s: float, second_s: float, winner: str) -> None:
    """Whoever it is, the other one is cancelled."""
    world = Scripted(client=[Act(BEGUN.result, first_s)], alpha=[Act(BEGUN.result, second_s)])
    assert world.race(plan("client", "alpha", hedge_after_s=3.0), state())
    assert [winner] == world.begun
    assert {"client", "alpha"} - {winner} == set(world.cancelled)


def test_who_speaks_in_time_is_not_hedged() -> None:
    """Neither a quick answer nor a quick failure brings a second request about, nor does a slow whole answer."""
    quick = Scripted(client=[status(400)], alpha=[Act(BEGUN.result, 2.9)], beta=[BEGUN])
    assert not quick.race(plan("client", "alpha", "beta", hedge_after_s=3.0), state())
    assert ["client"] == quick.asked
    limited = Act(Failure(402, "status"), 1.0)
    quick = Scripted(client=[limited], alpha=[Act(BEGUN.result, 2.9)], beta=[BEGUN])
    assert quick.race(plan("client", "alpha", "beta", hedge_after_s=3.0), state())
    assert (["client", "alpha"], 1) == (quick.asked, quick.most)
    whole = Scripted(client=[Act(BEGUN.result, 100.0)], alpha=[BEGUN])
    assert whole.race(plan("client", "alpha", hedge_after_s=3.0), state(), streams=False)
    assert ["client"] == whole.asked


def test_off_nobody_is_hedged() -> None:
    """By default a silent one has all its time."""
    world = Scripted(client=[SILENT], alpha=[BEGUN])
    assert world.race(plan("client", "alpha"), state())
    assert [0.0, 120.0] == world.starts


def test_a_hedge_that_fails_gives_way_to_the_next() -> None:
    """It goes on along the chain while the first is still silent, and its failures count."""
    world, known = Scripted(client=[SILENT], alpha=[status(500)], beta=[BEGUN]), state(alpha=1, beta=1)
    chain = plan("client", "alpha", "beta", hedge_after_s=3.0, retries=0)
    assert world.race(chain, known)
    assert (["client", "alpha", "beta"], 2) == (world.asked, world.most)
    assert [500] == [failure.status for failure in world.failures]
    assert 1 == known.of(chain, chain.targets[1]).failures


def test_the_first_goes_on_when_the_hedge_has_failed() -> None:
    """Nobody else is left, and it answers late."""
    world = Scripted(client=[Act(BEGUN.result, 60.0)], alpha=[status(400)])
    assert world.race(plan("client", "alpha", hedge_after_s=3.0), state())
    assert (["client"], []) == (world.begun, world.cancelled)


def test_the_clients_own_error_ends_the_hedge() -> None:
    """It is told at once, though the hedge might have answered."""
    world = Scripted(client=[Act(Failure(400, "status"), 5.0)], alpha=[SILENT])
    assert not world.race(plan("client", "alpha", hedge_after_s=3.0), state())
    assert (["alpha"], [400]) == (world.cancelled, [failure.status for failure in world.failures])


def test_a_hedge_asks_nobody_who_is_ill() -> None:
    """Whose breaker is open is asked when all others have failed, not when one of them is slow."""
    for names, asked in ((("client", "ill"), ["client"]), (("client", "alpha", "ill"), ["client", "alpha"])):
        known, chain = state(), plan(*names, hedge_after_s=3.0)
        for _ in range(5):
            known.failed(chain, chain.targets[-1], None, Failure(500, "status"), 0.0)
        world = Scripted(client=[Act(BEGUN.result, 20.0)], alpha=[status(400)], ill=[BEGUN])
        assert world.race(chain, known)
        assert asked == world.asked


def test_a_cancelled_trial_leaves_the_breaker_to_others() -> None:
    """A half-open breaker whose one trial was cancelled admits the next request."""
    known, chain = state(), plan("client", "alpha", hedge_after_s=3.0)
    for _ in range(5):
        known.failed(chain, chain.targets[0], None, Failure(500, "status"), -100.0)
    world = Scripted(client=[SILENT], alpha=[BEGUN])
    assert world.race(chain, known)
    assert ["client"] == world.cancelled
    assert known.of(chain, chain.targets[0]).breaker.admits(10.0)


def test_a_client_that_leaves_as_the_answer_begins() -> None:
    """The answer that nobody takes any more is closed."""
    world = Scripted(client=[SILENT], alpha=[BEGUN])
    assert not world.race(plan("client", "alpha", hedge_after_s=3.0), state(), leaves_at_once=True)
    assert (["alpha"], ["client"]) == (world.begun, world.cancelled)


HEDGED = st.builds(
    lambda names, deadline_s, attempt_s, retries, hedge_after_s: plan(
        *names, deadline_s=deadline_s, attempt_s=attempt_s, retries=retries, hedge_after_s=hedge_after_s
    ),
    st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    st.sampled_from((1.0, 30.0, 300.0)),
    st.sampled_from((0.5, 60.0)),
    st.integers(0, 3),
    st.sampled_from((0.0, 0.01, 0.3, 5.0)),
)


@given(HEDGED, KEYS, st.lists(ACTS, min_size=1, max_size=30), st.none() | st.sampled_from((0.0, 0.01, 0.31, 5.0, 20.0)))
def test_any_script_comes_to_a_good_end(
    plan: Plan, keys: dict[str, int], acts: list[Act], leaves_after_s: float | None
) -> None:
    """
    Whatever happens, and whenever the client leaves: in time there is one winner at most, the first to speak; never are
    more than two asked at a time, none twice at a time, none after the first delta, more often than the chain does; no
    task, attempt or answer is left over; each failure is told and counted, and nothing else is.
    """
    known = state(**keys)
    turn = iter(range(10**6))
    world = World(acts=(acts[number % len(acts)] for number in turn))
    answered = world.race(plan, known, leaves_after_s=leaves_after_s)
    assert len(world.begun) <= 1
    assert world.most <= (2 if plan.pace.hedge_after_s else 1)
    assert not answered or world.begun
    for each in plan.targets:
        name = each.name.partition("/")[0]
        assert world.asked.count(name) <= (plan.pace.retries + 1) * max(1, keys.get(name, 1))
    told = [failure for failure in world.failures if failure.kind != "no_key"]
    if leaves_after_s is None:
        assert [(each.kind, each.status) for each in world.failed] == [(each.kind, each.status) for each in told]
        assert answered or world.over or {each.target for each in world.failures} == set(plan.targets)
    counted = [each for each in told if each.kind not in ("untranslatable", "quota")]
    assert len(counted) == sum(health.failures for health in known.health.values())
    assert len(world.attempts) == len(world.failed) + len(world.begun) + len(world.cancelled)
    assert all(health.breaker.admits(1e6) for health in known.health.values())


@given(HEDGED, st.lists(st.lists(FAILURES, min_size=1, max_size=4), min_size=4, max_size=4), st.integers(0, 3))
def test_whoever_would_answer_is_reached(plan: Plan, failing: list[list[Failure]], healthy: int) -> None:
    """A target that answers within its share of the deadline is reached, hedged or not, whatever the others do."""
    names = [each.name.partition("/")[0] for each in plan.targets]
    well = names[healthy % len(names)]
    acts = {name: [Act(failure, 5.0) for failure in failing[number]] for number, name in enumerate(names)}
    acts[well] = [Act(BEGUN.result, min(10.0, plan.deadline_s / len(names), plan.pace.attempt_s) * 0.9)]
    world = Scripted(**acts)
    assert world.race(plan, state()) or world.over
