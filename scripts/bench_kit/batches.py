"""A cheap load: `python -m bench_kit.batches`, a `Plan` as JSON on standard input.

One thread writes some requests at a time to each connection and reads their answers before it writes more: so it needs
little CPU for each, and what is measured is the proxy, also where both share the cores. Prints a `Result` as JSON.
"""

from __future__ import annotations

import json
import selectors
import ssl
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench_kit import machine, traffic
from bench_kit.load import Plan, connect, requests

BATCH = 8
_HEAD = b"HTTP/1.1 200 "
_END = traffic.reply()[-32:]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a plan."""

    requests: int
    wrong: int
    seconds: float
    cpu_s: float
    """CPU time of this process."""
    cpus: list[float]
    """CPU time of each of the plan's processes; empty where nobody says."""
    awake: list[float]
    """How much of the time each of them ran or waited for a core, and for nothing else; empty where nobody says."""


class _Line:
    """One connection."""

    def __init__(self, plan: Plan, context: ssl.SSLContext, batch: bytes) -> None:
        self.socket = connect(plan, context)
        self.socket.setblocking(False)
        self._batch = batch
        self._expect = plan.expect.encode()
        self._received = bytearray()
        self.wrong = 0

    def ask(self) -> None:
        """Write a batch; it is small enough for the system's buffers."""
        self._received.clear()
        self.socket.sendall(self._batch)

    def read(self) -> bool:
        """Read what has come; whether the batch is answered."""
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    raise ConnectionError("closed")
                self._received += data
        except ssl.SSLWantReadError:
            pass
        if not self._received.endswith(_END) or self._received.count(_HEAD) < BATCH:
            return False
        self.wrong += BATCH - self._received.count(self._expect)
        return True


def run(plan: Plan) -> Result:
    """Ask as planned."""
    context = ssl.create_default_context(cafile=plan.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    request = requests(plan)()
    _teach(plan, context, request)
    batch = request * BATCH
    lines = [_Line(plan, context, batch) for _ in range(plan.connections)]
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
            line.ask()
        _go(selector, plan.warmup)
        for line in lines:
            line.wrong = 0
        before = _clocks(plan.pids)
        began, cpu = time.perf_counter(), time.process_time()
        count = _go(selector, plan.seconds)
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
        cpus, wanted = (_passed(early, late) for early, late in zip(before, _clocks(plan.pids), strict=True))
    for line in lines:
        line.socket.close()
    return Result(count, sum(line.wrong for line in lines), seconds, used, cpus, [each / seconds for each in wanted])


def _clocks(pids: Sequence[int]) -> tuple[list[float | None], list[float | None]]:
    return [machine.cpu_seconds(pid) for pid in pids], [machine.wanted_seconds(pid) for pid in pids]


def _passed(early: Sequence[float | None], late: Sequence[float | None]) -> list[float]:
    """How far each clock has gone; empty if one of them stands still."""
    passed = [b - a for a, b in zip(early, late, strict=True) if a is not None and b is not None]
    return passed if len(passed) == len(early) else []


def _teach(plan: Plan, context: ssl.SSLContext, request: bytes) -> None:
    """Ask once, so that all that follow are repeats."""
    with connect(plan, context) as teacher:
        teacher.sendall(request)
        received = b""
        while not received.endswith(_END):
            received += teacher.recv(65536) or b"closed" + _END


def _go(selector: selectors.BaseSelector, seconds: float) -> int:
    """Ask for so long; how many answers there were."""
    count, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        for key, _ in selector.select(0.1):
            if key.data.read():
                count += BATCH
                key.data.ask()
    return count


if __name__ == "__main__":
    print(json.dumps(asdict(run(Plan(**json.load(sys.stdin))))))
