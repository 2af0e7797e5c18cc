"""A driver of the chain without a network: providers that do what a script says, time that passes by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from isartor_addon.layers.cloud.chain import Attempt, Begun, Descent, Pause
from isartor_addon.layers.cloud.failures import Failure
from isartor_addon.layers.cloud.health import State
from isartor_addon.layers.cloud.keys import Key, Pool, Strategy
from isartor_addon.layers.cloud.plan import Pace, Plan, Target
from isartor_addon.layers.cloud.provider import Provider


def provider(name: str, **fields: object) -> Provider:
    """A provider at a host of its own."""
    url = f"https://api.{name}.test/v1"
    return Provider(name, url, "openai_chat", hosts=(f"api.{name}.test",), **fields)  # type: ignore[arg-type]


def target(name: str, model: str = "m") -> Target:
    """A target of that name; `client` is the client's own provider."""
    return Target(None if name == "client" else provider(name), model)


def plan(*names: str, **pace: float) -> Plan:
    """A plan with these targets."""
    return Plan(tuple(map(target, names)), "api.client.test", Pace(**pace))  # type: ignore[arg-type]


def state(*, strategy: Strategy = "round_robin", **keys: int) -> State:
    """What is known when a process starts, with so many keys for each provider."""
    return State(
        {
            name: Pool(tuple(Key(f"env:{name}{number}", f"sk-{name}-{number}") for number in range(count)), strategy)
            for name, count in keys.items()
        }
    )


@dataclass(frozen=True, slots=True)
class Act:
    """What an attempt comes to, and when; one that takes longer than its time is cut off."""

    result: Failure | Begun
    takes_s: float = 0.1


BEGUN = Act(Begun())
REFUSED = Act(Failure(0, "connect"))


def status(code: int, **fields: object) -> Act:
    """An error reply."""
    return Act(Failure(code, "status", **fields))  # type: ignore[arg-type]


@dataclass
class Drive:
    """One descent, driven to its end."""

    now: float = 0.0
    streams: bool = True
    attempts: list[Attempt] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    begun: Attempt | None = None
    failures: tuple[Failure, ...] = ()

    @property
    def asked(self) -> list[str]:
        """The names of those asked, in order."""
        return [each.target.name.partition("/")[0] for each in self.attempts]

    def run(self, plan: Plan, state: State, act: Callable[[Attempt], Act], random: Random | None = None) -> Drive:
        """Drive a descent with providers that behave like `act`."""
        chance = random or Random(1)
        descent = Descent(plan, state, now=lambda: self.now, random=chance.random, streams=self.streams)
        steps = descent.walk()
        told: Failure | Begun | None = None
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    self.pauses.append(step.seconds)
                    self.now += step.seconds
                    told = None
                else:
                    assert self.begun is None, "an attempt after the first delta"
                    self.attempts.append(step)
                    self.starts.append(self.now)
                    told = self._play(step, act(step))
                    self.ends.append(self.now)
                step = steps.send(told)
        except StopIteration:
            self.failures = descent.failures
        return self

    def _play(self, attempt: Attempt, act: Act) -> Failure | Begun:
        if act.takes_s >= attempt.timeout_s:
            self.now += attempt.timeout_s
            return Failure(0, "timeout")
        self.now += act.takes_s
        if isinstance(act.result, Begun):
            self.begun = attempt
        return act.result


def script(**acts: Iterable[Act]) -> Callable[[Attempt], Act]:
    """Each provider does what its list says, and at its end the last thing again."""
    left = {name: list(each) for name, each in acts.items()}

    def act(attempt: Attempt) -> Act:
        mine = left[attempt.target.name.partition("/")[0]]
        return mine.pop(0) if len(mine) > 1 else mine[0]

    return act
