"""Measures one case, in several rounds; in each of them all targets take turns (`load`), and see the same noise."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench_kit import traffic
from bench_kit.cases import Case, Target
from bench_kit.load import PATIENCE_S, Plan, Result
from bench_kit.servers import KIT, Servers


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one case."""

    case: Case
    results: Mapping[Target, Result]
    """Medians over the rounds, sums of requests and wrong answers."""
    ratios: tuple[float, ...]
    """Ours by the yardstick's, one a round."""
    mores: tuple[float, ...] = ()
    """Ours less the yardstick's, milliseconds, one a round."""

    @property
    def ratio(self) -> float:
        """The median of them."""
        return statistics.median(self.ratios)

    @property
    def wrong(self) -> int:
        """Answers that were not what they should be; all targets."""
        return sum(result.wrong for result in self.results.values())

    @property
    def ok(self) -> bool:
        """Whether it is fast enough, and every answer was right."""
        case = self.case
        quick = case.limit is None or self.ratio <= case.limit
        return not self.wrong and quick and (case.more_ms is None or statistics.median(self.mores) <= case.more_ms)


@dataclass(frozen=True, slots=True)
class Effort:
    """How thoroughly it is measured."""

    rounds: int
    seconds: float
    """For one target in one round."""
    warmup: float


def measure(case: Case, servers: Servers, effort: Effort, folder: Path) -> Outcome:
    """
    Measure.

    Raises:
        RuntimeError: a server does not start, or the load ends in an error.
    """
    body = folder / f"{case.name}.json"
    body.write_bytes(
        traffic.request_body(case.size, stream=case.stream, thinking=case.thinking, traced=case.varies == "body")
    )
    plans = {target: _plan(case, target, servers, effort, body) for target in case.targets}
    rounds = [dict(zip(plans, ask(list(plans.values())), strict=True)) for _ in range(effort.rounds)]
    return summary(case, rounds)


def summary(case: Case, rounds: Sequence[Mapping[Target, Result]]) -> Outcome:
    """Put the rounds together."""
    return Outcome(
        case,
        {target: together([each[target] for each in rounds]) for target in case.targets},
        tuple(
            _ratio(getattr(each[case.subject], case.measure), getattr(each[case.yardstick], case.measure))
            for each in rounds
        ),
        tuple(
            getattr(each[case.subject], case.measure) - getattr(each[case.yardstick], case.measure) for each in rounds
        ),
    )


def _ratio(ours: float, yardstick: float) -> float:
    return ours / yardstick if ours and yardstick else float("inf")


def together(results: Sequence[Result]) -> Result:
    """Medians over the rounds, sums of requests and wrong answers."""

    def median(name: str) -> float:
        return float(statistics.median(getattr(result, name) for result in results))

    used = [result.cpu_us for result in results if result.cpu_us is not None]
    return Result(
        requests=sum(result.requests for result in results),
        wrong=sum(result.wrong for result in results),
        rate=median("rate"),
        p50=median("p50"),
        p90=median("p90"),
        first=median("first"),
        cpu_us=statistics.median(used) if used else None,
    )


def _plan(case: Case, target: Target, servers: Servers, effort: Effort, body: Path) -> Plan:
    server = servers.get(target)
    layer = "l1a" if case.hit else "l3"
    return Plan(
        port=servers.port,
        ca=str(server.ca),
        body=str(body),
        proxy=server.proxy,
        connections=case.connections,
        seconds=effort.seconds,
        warmup=effort.warmup,
        unique=not case.hit,
        varies=case.varies,
        renew=case.renew,
        expect=f"x-isartor-layer: {layer}" if target == case.subject else "",
        pid=server.pid,
    )


def ask(plans: Sequence[Plan]) -> list[Result]:
    """
    Carry out plans in a process of its own.

    Raises:
        RuntimeError: it ends in an error.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench_kit.load"],
        input=json.dumps([asdict(plan) for plan in plans]),
        cwd=KIT.parent,
        capture_output=True,
        text=True,
        timeout=sum(plan.warmup + plan.seconds + 3 * PATIENCE_S for plan in plans),
    )
    if done.returncode:
        raise RuntimeError(f"the load failed: {done.stderr}")
    return [Result(**result) for result in json.loads(done.stdout)]
