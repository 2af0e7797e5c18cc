"""Asks servers the same thing again and again: `python -m bench_kit.load`, a list of `Plan`s as JSON on standard input.

Each connection is a thread that waits for its answer before it asks again. The servers take turns of a tenth of a
second, so that whatever else the machine does slows all of them down alike. Prints a list of `Result`s as JSON.
"""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench_kit import machine, traffic

PATIENCE_S = 10.0
"""For one answer."""
TURN_S = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask of whom, and for how long."""

    port: int
    """Of the provider, on `localhost`."""
    ca: str
    """File of the certificate authority that its certificate must be from."""
    body: str
    """File of the request's body."""
    proxy: int = 0
    """Port of the proxy through which it is asked; 0: none."""
    connections: int = 1
    seconds: float = 1.0
    warmup: float = 0.3
    """Seconds before that are not measured."""
    unique: bool = False
    """Every request is another one."""
    varies: str = ""
    """What is another in every request that asks the same: its `header`, its `body`, or nothing."""
    plain: bool = False
    """Without TLS, and without a proxy."""
    headers: str = ""
    """Lines of the head beside the usual ones, in place of a credential."""
    renew: bool = False
    """Every request has its own connection, whose opening counts."""
    expect: str = ""
    """A line of the response's head, in lower case; answers without it count as wrong."""
    pid: int = 0
    """The process whose CPU time is read; 0: none."""
    pids: tuple[int, ...] = ()
    """The same of several, where a load looks at more than one."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a plan. Times in milliseconds: until the last byte, and until the first byte of the body."""

    requests: int
    wrong: int
    rate: float
    """Requests a second."""
    p50: float
    p90: float
    first: float
    """Median."""
    cpu_us: float | None
    """CPU time of the process `pid` for one request, microseconds."""

    @property
    def spacing(self) -> float:
        """From one answer to the next, whichever the connection."""
        return 1000 / self.rate if self.rate else 0.0


@dataclass(frozen=True, slots=True)
class _Answer:
    ended: float
    took: float
    first: float
    right: bool


class _Asker:
    """One connection."""

    def __init__(self, plan: Plan, context: ssl.SSLContext, bodies: Callable[[], bytes]) -> None:
        self._plan = plan
        self._context = context
        self._bodies = bodies
        self._socket: socket.socket | None = None
        self.answers: list[_Answer] = []

    def run(self, until: float) -> None:
        """Ask until that time of `perf_counter`, at least once."""
        while True:
            self.answers.append(self._answer())
            if self.answers[-1].ended >= until:
                return

    def _answer(self) -> _Answer:
        """Ask once. A fault is a wrong answer and ends the connection."""
        began = time.perf_counter()
        try:
            first, right = self._ask()
        except OSError:
            first, right = time.perf_counter(), False
        ended = time.perf_counter()
        if self._plan.renew or not right:
            self.close()
        return _Answer(ended, ended - began, first - began, right)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self) -> tuple[float, bool]:
        """When the body's first byte came, and whether the answer is as expected."""
        if self._socket is None:
            plan = self._plan
            self._socket = _connect_plainly(plan) if plan.plain else connect(plan, self._context)
        self._socket.sendall(self._bodies())
        received = b""
        while (end := received.find(b"\r\n\r\n") + 4) < 4 or len(received) == end:
            received += _receive(self._socket)
        first = time.perf_counter()
        head = received[:end].lower()
        rest = bytearray(received[end:])
        _, _, after = head.partition(b"\r\ncontent-length:")
        length = int(after.partition(b"\r\n")[0]) if after else None
        while len(rest) < length if length is not None else not rest.endswith(b"0\r\n\r\n"):
            rest += _receive(self._socket)
        return first, head.startswith(b"http/1.1 200") and self._plan.expect.encode() in head


def connect(plan: Plan, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A connection to the provider over TLS, through the proxy if there is one."""
    raw = socket.create_connection(("127.0.0.1", plan.proxy or plan.port), PATIENCE_S)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if plan.proxy:
        raw.sendall(b"CONNECT localhost:%d HTTP/1.1\r\nhost: localhost:%d\r\n\r\n" % (plan.port, plan.port))
        opened = b""
        while not opened.endswith(b"\r\n\r\n"):
            opened += _receive(raw)
    return context.wrap_socket(raw, server_hostname="localhost")


def _connect_plainly(plan: Plan) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", plan.port), PATIENCE_S)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("closed")
    return data


def requests(plan: Plan) -> Callable[[], bytes]:
    """What gives the next request, head and body."""
    body = Path(plan.body).read_bytes()
    lines = (
        f"POST {traffic.PATH} HTTP/1.1",
        f"host: localhost:{plan.port}",
        "content-type: application/json",
        "accept: */*",
        "user-agent: bench/1",
        plan.headers or "authorization: Bearer sk-bench",
        f"content-length: {len(body)}",
        *([f"x-request-id: {traffic.TRACE}"] if plan.varies == "header" else []),
    )
    whole = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    if not plan.unique and not plan.varies:
        return lambda: whole
    before, _, after = whole.partition((traffic.TRACE if plan.varies else traffic.NONCE).encode())
    numbers = itertools.count(time.time_ns() * 10)
    return lambda: b"%b%020d%b" % (before, next(numbers), after)


class _Server:
    """One plan as it is carried out."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        context = ssl.create_default_context(cafile=plan.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        bodies = requests(plan)
        self._askers = [_Asker(plan, context, bodies) for _ in range(plan.connections)]
        self._elapsed = 0.0
        self._cpu: float | None = None

    def begin(self) -> None:
        """Warm up; what comes then is measured."""
        self.turn(self.plan.warmup)
        for asker in self._askers:
            asker.answers.clear()
        self._elapsed = 0.0
        self._cpu = machine.cpu_seconds(self.plan.pid)

    def turn(self, seconds: float) -> None:
        """Let all connections ask for a while."""
        began = time.perf_counter()
        threads = [threading.Thread(target=asker.run, args=(began + seconds,)) for asker in self._askers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._elapsed += time.perf_counter() - began

    def end(self) -> Result:
        """Hang up."""
        cpu = machine.cpu_seconds(self.plan.pid)
        for asker in self._askers:
            asker.close()
        used = cpu - self._cpu if cpu is not None and self._cpu is not None else None
        return _result([answer for asker in self._askers for answer in asker.answers], self._elapsed, used)


def run(plans: Sequence[Plan]) -> list[Result]:
    """Ask as planned."""
    servers = [_Server(plan) for plan in plans]
    for server in servers:
        server.begin()
    for _ in range(max(1, round(plans[0].seconds / TURN_S))):
        for server in servers:
            server.turn(TURN_S)
    return [server.end() for server in servers]


def _result(answers: list[_Answer], elapsed: float, cpu: float | None) -> Result:
    right = [answer for answer in answers if answer.right]
    if not right:
        return Result(0, len(answers), 0.0, 0.0, 0.0, 0.0, None)
    took = sorted(answer.took * 1000 for answer in right)
    return Result(
        requests=len(right),
        wrong=len(answers) - len(right),
        rate=len(right) / elapsed,
        p50=statistics.median(took),
        p90=took[int(len(took) * 0.9)],
        first=statistics.median(answer.first * 1000 for answer in right),
        cpu_us=None if cpu is None else cpu / len(answers) * 1e6,
    )


if __name__ == "__main__":
    print(json.dumps([asdict(result) for result in run([Plan(**plan) for plan in json.load(sys.stdin)])]))
