"""
The provider chain, sans-IO: a generator that says what to do next and is told what came of it.

    steps = Descent(plan, state, now=clock.monotonic, random=random.random).walk()
    step = next(steps)
    while True:
        match step:
            case Attempt(): result = <ask step.target with step.key within step.timeout_s>  # Failure or Begun
            case Pause(): result = None                                                      # after step.seconds
        step = steps.send(result)       # StopIteration: begun, or nobody is left

The driver closes the generator when the client leaves. An attempt that has begun is the last: what follows the first
content delta cannot be taken back, so nothing is tried after it.

An attempt that shows nothing for long may be hedged (Jeffrey Dean and Luiz Andre Barroso, "The Tail at Scale", CACM 56,
2013): the driver begins a second walk of the same descent, beside the first. Both take their targets from one list, so
each is asked by one of them; there is no third. `race.py` is the driver that does so.

A target is asked again after a pause with full jitter, `random() * min(cap, base * 2 ** n)` (Marc Brooker, "Exponential
Backoff And Jitter", AWS Architecture Blog, 2015), or after what the provider asks for, if that fits. Each target that
is left keeps a share of the time, so a slow one cannot use up the deadline of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from isartor_addon.layers.cloud.failures import Failure
from isartor_addon.layers.cloud.health import State
from isartor_addon.layers.cloud.keys import Key
from isartor_addon.layers.cloud.plan import Plan, Target

BASE_S = 0.5
CAP_S = 8.0
SHARE_S = 10.0
"""What every target that is left keeps of the deadline, or an equal share of it where that is less."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Ask `target` now."""

    target: Target
    key: Key | None
    """None: without one of ours (the client's own provider, a local model)."""
    number: int
    """From 1, over the whole chain."""
    timeout_s: float
    """Until the first content delta."""
    hedge_after_s: float | None = None
    """After so long without one, another walk may be begun; None: there is no use in it."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Begun:
    """The first content delta has come: nothing may be tried after it."""


type Step = Attempt | Pause
type Told = Failure | Begun | None
"""What came of an attempt; None after a pause."""
type Steps = Generator[Step, Told]


class Descent:
    """One request's way along the targets of its plan, in the order of `order.py`, open breakers last."""

    def __init__(
        self, plan: Plan, state: State, *, now: Callable[[], float], random: Callable[[], float], streams: bool = True
    ) -> None:
        """
        Args:
            plan: what to try.
            state: what is known of providers and keys; learns from this request.
            now: seconds that never go back.
            random: from [0, 1).
            streams: whether the answer comes in pieces. One that comes whole shows nothing until its end, so an attempt
                at it may take all the time that is its target's, and is not hedged.
        """
        self._plan = plan
        self._state = state
        self._now = now
        self._random = random
        self._attempt_s = plan.pace.attempt_s if streams else plan.deadline_s
        self._hedge_after_s = plan.pace.hedge_after_s if streams else 0.0
        self._until = now() + plan.deadline_s
        self._share_s = min(SHARE_S, plan.deadline_s / max(1, len(plan.targets)))
        self._streams = streams
        self._waiting = state.arranged(plan, now())
        self._walks = 0
        self._failed: list[Failure] = []
        self._number = 0
        self.over = False
        """Whether nobody is to be asked any more: it has begun, or the client's own provider refuses the request."""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What failed, in order; when it has begun: what failed before."""
        return tuple(self._failed)

    @property
    def hedges(self) -> bool:
        """Whether an attempt may be hedged at all."""
        return self._hedge_after_s > 0 and len(self._waiting) > 1

    def walk(self) -> Steps:
        """Try one target after the other until one begins or none is left; a second walk asks nobody who is ill."""
        self._walks += 1
        hedge = self._walks > 1
        while not self.over and self._now() < self._until:
            target = next(filter(self._is_well, self._waiting), None)
            if target is None and (hedge or not self._waiting):
                return
            target = target or self._waiting[0]
            self._waiting.remove(target)
            left = len(self._waiting)
            yield from self._ask(target, self._until - left * self._share_s, last=left == 0)

    def _is_well(self, target: Target) -> bool:
        return self._state.of(self._plan, target).breaker.admits(self._now())

    def _ask(self, target: Target, until: float, *, last: bool) -> Steps:
        """Ask one target, and again while that may help. Sets `over` when no other may be asked after it."""
        tried: frozenset[Key] = frozenset()
        retries = 0
        while self._now() < until:
            key = self._state.pool(target).take(self._now(), without=tried)
            if key is None and self._state.needs_key(target):
                pause_s = self._until_a_key_is_ready(target, tried)
            else:
                told = yield from self._attempt(target, key, until)
                clients = target.provider is None or (key is not None and key.is_clients)
                if isinstance(told, Begun) or (clients and told.clients_own_making):
                    self.over = True
                    return
                withheld = clients and told.kind == "withheld"  # the client's own key, meant for another provider
                if key is not None and (withheld or (not clients and told.concerns_key)):
                    tried |= {key}
                    continue
                pause_s = self._pause_after(told, retries)
            limit_s = until - self._now() if last else min(self._plan.pace.patience_s, until - self._now())
            if pause_s is None or pause_s >= limit_s or retries >= self._plan.pace.retries:
                return
            if not last and not self._is_well(target):
                return
            retries += 1
            tried = frozenset()
            yield Pause(pause_s)

    def _until_a_key_is_ready(self, target: Target, tried: frozenset[Key]) -> float | None:
        ready_s = self._state.pool(target).ready_in(self._now())
        if not tried:
            self._failed.append(Failure(0, "no_key", ready_s, "each of its keys rests or was refused", target))
        return None if ready_s is None else ready_s + self._random() * BASE_S

    def _pause_after(self, failure: Failure, retries: int) -> float | None:
        """Seconds until the same target may be asked again; None: not for this request."""
        if not failure.retryable:
            return None
        if failure.retry_after_s is not None:
            return failure.retry_after_s + self._random() * BASE_S
        return self._random() * min(CAP_S, BASE_S * 2.0**retries)

    def _attempt(self, target: Target, key: Key | None, until: float) -> Generator[Step, Told, Failure | Begun]:
        health = self._state.of(self._plan, target)
        started = self._now()
        self._number += 1
        trial = health.breaker.enter(started)
        try:
            told = yield Attempt(target, key, self._number, min(self._attempt_s, until - started), self._hedged_after())
        finally:
            if trial:
                health.breaker.leave()
        assert told is not None, "an attempt comes to something"
        if isinstance(told, Begun):
            now = self._now()
            self._state.began(self._plan, target, key, now - started, now, streams=self._streams)
            return told
        told = replace(told, target=target, key=key.name if key else "")
        self._failed.append(told)
        self._state.failed(self._plan, target, key, told, self._now())
        return told

    def _hedged_after(self) -> float | None:
        useful = self._hedge_after_s > 0 and self._walks == 1 and any(map(self._is_well, self._waiting))
        return self._hedge_after_s if useful else None
