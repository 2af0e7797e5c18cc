"""Many streams at once: what an event costs, and how late it comes, against bare mitmproxy that passes streams on.

Bare mitmproxy fills a core with some 60 streams; from there on its events come late and several at a time, which costs
less for each. So CPU times are compared at 50 streams. How late an event is with us is compared with how late it is
when nothing is between client and provider: both use the same two processes on the same cores.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench_kit import traffic
from bench_kit.cases import Target
from bench_kit.load import PATIENCE_S, Plan
from bench_kit.rounds import Effort
from bench_kit.servers import KIT, Servers
from bench_kit.streams import Result

COMPARED = 50
CROWDS: Sequence[tuple[int, Target]] = (
    (COMPARED, "provider"),
    (COMPARED, "passing"),
    (COMPARED, "ours"),
    (100, "provider"),
    (100, "passing"),
    (100, "ours"),
    (300, "provider"),
    (300, "ours"),
)
LIMIT = 0.25
"""CPU time of an event with us is at most so much of bare mitmproxy's."""
LATER_MS = 5.0
"""An event comes at most so much later than directly, 99 of 100,"""
JUDGED = 100
"""with so many streams."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """What came of one number of streams through one server; medians over the rounds."""

    target: Target
    result: Result
    ratio: float | None
    """CPU time of an event by bare mitmproxy's of the same round; None where that is not compared."""
    later: tuple[float, float] | None = None
    """How much later events come than directly in the same round, p50 and p99, milliseconds; None: that is direct."""

    @property
    def limit(self) -> float | None:
        """The most that `ratio` may be."""
        return None if self.ratio is None else LIMIT

    @property
    def later_limit(self) -> float | None:
        """The most that the second of `later` may be."""
        return LATER_MS if self.target == "ours" and self.result.streams == JUDGED else None

    @property
    def ok(self) -> bool:
        """Whether an event is cheap and quick enough."""
        cheap = self.ratio is None or self.limit is None or self.ratio <= self.limit
        return cheap and (self.later is None or self.later_limit is None or self.later[1] <= self.later_limit)


def measure(servers: Servers, effort: Effort, folder: Path) -> list[Crowd]:
    """
    Measure.

    Raises:
        RuntimeError: a server does not start, or the load ends in an error.
    """
    body = folder / "crowd.json"
    body.write_bytes(traffic.request_body(traffic.SMALL, stream=True))
    plans = {(count, target): _plan(count, target, servers, effort, body) for count, target in CROWDS}
    rounds = [{crowd: _watch(plan) for crowd, plan in plans.items()} for _ in range(effort.rounds)]
    return [_together(count, target, rounds) for count, target in CROWDS]


def _plan(count: int, target: Target, servers: Servers, effort: Effort, body: Path) -> Plan:
    server = servers.get(target)
    return Plan(
        port=servers.paced_port,
        ca=str(server.ca),
        body=str(body),
        proxy=server.proxy,
        connections=count,
        seconds=effort.seconds,
        unique=True,
        expect="x-isartor-layer: l3" if target == "ours" else "",
        pid=0 if target == "provider" else server.pid,
    )


def _watch(plan: Plan) -> Result:
    done = subprocess.run(
        [sys.executable, "-m", "bench_kit.streams"],
        input=json.dumps(asdict(plan)),
        cwd=KIT.parent,
        capture_output=True,
        text=True,
        timeout=plan.seconds + 3 * PATIENCE_S + plan.connections * 0.2,
    )
    if done.returncode:
        raise RuntimeError(f"the load failed: {done.stderr}")
    return Result(**json.loads(done.stdout))


def _together(count: int, target: Target, rounds: Sequence[Mapping[tuple[int, Target], Result]]) -> Crowd:
    mine = [each[count, target] for each in rounds]

    def median(name: str) -> float:
        return float(statistics.median(getattr(each, name) for each in mine))

    measured = mine[0].cpu_us is not None
    result = Result(
        streams=count,
        events=median("events"),
        p50=median("p50"),
        p99=median("p99"),
        cpu_us=median("cpu_us") if measured else None,
        cpu_share=median("cpu_share") if measured else None,
    )
    compared = count == COMPARED and target == "ours"
    ratios = [_ratio(each) for each in rounds] if compared and measured else []
    later = None if target == "provider" else (_later("p50", mine, rounds), _later("p99", mine, rounds))
    return Crowd(target, result, statistics.median(ratios) if ratios else None, later)


def _later(name: str, mine: Sequence[Result], rounds: Sequence[Mapping[tuple[int, Target], Result]]) -> float:
    direct = [each[one.streams, "provider"] for one, each in zip(mine, rounds, strict=True)]
    return float(statistics.median(getattr(a, name) - getattr(b, name) for a, b in zip(mine, direct, strict=True)))


def _ratio(each: Mapping[tuple[int, Target], Result]) -> float:
    return (each[COMPARED, "ours"].cpu_us or 0.0) / (each[COMPARED, "passing"].cpu_us or float("inf"))
