"""Many streams at once: what an event costs, and how late it comes, against bare mitmproxy that passes streams on.

Bare mitmproxy fills a core with some 60 streams; from there on its events come late and several at a time, which costs
less for each. So CPU times are compared at 50 streams.
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
    (100, "passing"),
    (100, "ours"),
    (300, "ours"),
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """What came of one number of streams through one server; medians over the rounds."""

    target: Target
    result: Result
    ratio: float | None
    """CPU time of an event by bare mitmproxy's of the same round; None where that is not compared."""


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
    return Crowd(target, result, statistics.median(ratios) if ratios else None)


def _ratio(each: Mapping[tuple[int, Target], Result]) -> float:
    return (each[COMPARED, "ours"].cpu_us or 0.0) / (each[COMPARED, "passing"].cpu_us or float("inf"))
