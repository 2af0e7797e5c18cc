"""How much more several workers answer than one: exact hits of 1 KB on 16 connections of one port, by `isartor up`.

The load writes eight requests at a time, and so needs a fraction of the CPU time that the workers need. Where workers
and load want more cores than there are they take turns, and hits a second cannot double. Then what counts is what they
would do with a core each: hits in a second of CPU time, times the part of the time in which a worker ran or waited for
a core. So what workers cost each other in CPU time counts, and so does the time in which one waits for the other's
lock, or has nothing to do because the other has got the connections.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench_kit import batches, machine, traffic
from bench_kit.load import PATIENCE_S, Plan
from bench_kit.rounds import Effort
from bench_kit.servers import KIT, Servers, free_port

COUNTS = (1, 2)
CONNECTIONS = 16
LIMIT = 1.7
"""Two workers answer at least so many times what one does, where each and the load have a core."""


@dataclass(frozen=True, slots=True)
class Crew:
    """What came of one number of workers; medians over the rounds."""

    workers: int
    rate: float
    """Hits a second."""
    ratio: float
    """By one worker's, of the same round."""
    by_cpu: float | None
    """The same, had each a core."""
    cpu_us: float | None
    """CPU time of all workers for one hit, microseconds."""
    load_us: float
    """The same of the load."""
    awake: float | None
    """How much of the time a worker ran or waited for a core: one that waits for another, or for work, does neither."""
    shares: tuple[float, ...]
    """Of that CPU time, what each worker used."""
    wrong: int
    rss_mb: float | None
    """Of all processes, the supervisor among them, after the run."""
    limit: float | None
    """The least that the ratio may be."""
    crowded: bool
    """Whether workers and load have fewer cores than they want: `by_cpu` counts, not `ratio`."""

    @property
    def ok(self) -> bool:
        """Whether workers and load got on, and every answer was right."""
        judged = self.by_cpu if self.crowded else self.ratio
        return not self.wrong and (self.limit is None or judged is None or judged >= self.limit)


@dataclass(frozen=True, slots=True)
class _Round:
    rate: float
    cpu_us: float | None
    load_us: float
    awake: float | None
    shares: tuple[float, ...]
    wrong: int

    def with_a_core_each(self, workers: int) -> float | None:
        """Hits a second."""
        if not self.cpu_us or self.awake is None:
            return None
        return workers * min(1.0, self.awake) / self.cpu_us * 1e6


def measure(servers: Servers, effort: Effort, folder: Path) -> list[Crew]:
    """
    Measure, with as many workers as in `COUNTS`, in turn.

    Raises:
        RuntimeError: a proxy does not start, or the load ends in an error.
    """
    body = folder / "workers.json"
    body.write_bytes(traffic.request_body(traffic.SMALL))
    proxies = {count: _Proxy(count, servers, folder) for count in COUNTS}
    try:
        rounds = [{count: proxies[count].ask(servers, effort, body) for count in COUNTS} for _ in range(effort.rounds)]
        return [_together(count, rounds, proxies[count].rss_mb) for count in COUNTS]
    finally:
        for proxy in proxies.values():
            proxy.stop()


class _Proxy:
    """`isartor up` in the background."""

    def __init__(self, workers: int, servers: Servers, folder: Path) -> None:
        self._home = folder / f"workers-{workers}"
        self._port = free_port()
        options = (f"isartor_hosts=localhost:{servers.port}", f"ssl_verify_upstream_trusted_ca={servers.ca}")
        words = ["--port", str(self._port), "--workers", str(workers)]
        self._run("up", "--detach", *words, *(word for option in options for word in ("--set", option)))
        running = json.loads((self._home / "run.json").read_text())
        self._pids: list[int] = running["workers"]
        self._supervisor: int = running["pid"]

    def stop(self) -> None:
        self._run("stop")

    def _run(self, verb: str, *words: str) -> None:
        command = [sys.executable, "-P", "-m", "isartor_addon", verb, "--home", str(self._home), *words]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ISARTOR_")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(f"isartor {verb}: {done.stderr}")

    @property
    def rss_mb(self) -> float | None:
        sizes = [machine.resident_mb(pid) for pid in {self._supervisor, *self._pids}]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    def ask(self, servers: Servers, effort: Effort, body: Path) -> _Round:
        plan = Plan(
            port=servers.port,
            ca=str(self._home / "ca" / "mitmproxy-ca-cert.pem"),
            body=str(body),
            proxy=self._port,
            connections=CONNECTIONS,
            seconds=effort.seconds,
            warmup=max(effort.warmup, 0.5),
            expect="x-isartor-layer: l1a",
            pids=tuple(self._pids),
        )
        result = _load(plan)
        whole = sum(result.cpus)
        return _Round(
            rate=result.requests / result.seconds,
            cpu_us=whole / result.requests * 1e6 if result.cpus else None,
            load_us=result.cpu_s / result.requests * 1e6,
            awake=statistics.mean(result.awake) if result.awake else None,
            shares=tuple(each / whole for each in result.cpus) if whole else (),
            wrong=result.wrong,
        )


def _load(plan: Plan) -> batches.Result:
    done = subprocess.run(
        [sys.executable, "-m", "bench_kit.batches"],
        input=json.dumps(asdict(plan)),
        cwd=KIT.parent,
        capture_output=True,
        text=True,
        timeout=plan.warmup + plan.seconds + 3 * PATIENCE_S,
    )
    if done.returncode:
        raise RuntimeError(f"the load failed: {done.stderr}")
    return batches.Result(**json.loads(done.stdout))


def _together(count: int, rounds: Sequence[Mapping[int, _Round]], rss_mb: float | None) -> Crew:
    mine = [each[count] for each in rounds]
    used = [each.cpu_us for each in mine if each.cpu_us is not None]
    awake = [each.awake for each in mine if each.awake is not None]
    return Crew(
        workers=count,
        rate=statistics.median(each.rate for each in mine),
        ratio=statistics.median(each[count].rate / each[COUNTS[0]].rate for each in rounds),
        by_cpu=_by_cpu(count, rounds),
        cpu_us=statistics.median(used) if used else None,
        load_us=statistics.median(each.load_us for each in mine),
        awake=statistics.median(awake) if awake else None,
        shares=tuple(statistics.median(shares) for shares in zip(*(each.shares for each in mine), strict=True)),
        wrong=sum(each.wrong for each in mine),
        rss_mb=rss_mb,
        limit=LIMIT if count > 1 else None,
        crowded=(os.cpu_count() or 1) <= count,
    )


def _by_cpu(count: int, rounds: Sequence[Mapping[int, _Round]]) -> float | None:
    pairs = [(each[COUNTS[0]].with_a_core_each(COUNTS[0]), each[count].with_a_core_each(count)) for each in rounds]
    ratios = [many / one for one, many in pairs if one and many]
    return statistics.median(ratios) if ratios else None
