"""Many streams at once: `python -m bench_kit.streams`, a `Plan` as JSON on standard input.

All streams are opened, and once each has begun, their events are counted for a while. Some of them are read to see how
late each event comes; of the others the bytes are only taken from the socket, so that this process needs little CPU.
Prints a `Result` as JSON.
"""

from __future__ import annotations

import json
import selectors
import ssl
import statistics
import sys
import time
from dataclasses import asdict, dataclass

from bench_kit import machine, paced
from bench_kit.load import Plan, connect, requests

READ = 10
"""How many of the streams are looked into."""
SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a plan. Delays in milliseconds, from the provider's sending an event to the client's having it."""

    streams: int
    events: float
    """A second, over all streams."""
    p50: float
    p99: float
    cpu_us: float | None
    """CPU time of the process `pid` for one event, microseconds."""
    cpu_share: float | None
    """CPU time of the process `pid` by the time that passed."""


def run(plan: Plan) -> Result:
    """Open the streams, then watch them."""
    context = ssl.create_default_context(cafile=plan.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    bodies = requests(plan)
    streams = []
    for _ in range(plan.connections):
        stream = connect(plan, context)
        stream.sendall(bodies())
        streams.append(stream)
    for stream in streams:
        received = b""
        while paced.MARK not in received:
            data = stream.recv(65536)
            if not data:
                raise ConnectionError("closed")
            received += data
        if plan.expect.encode() not in received.lower():
            raise ValueError(f"unexpected: {received!r}")
        stream.setblocking(False)
    _watch(streams, SETTLE_S)
    cpu, began = machine.cpu_seconds(plan.pid), time.perf_counter()
    delays = _watch(streams, plan.seconds)
    used, took = machine.cpu_seconds(plan.pid), time.perf_counter() - began
    for stream in streams:
        stream.close()
    events = len(delays) / min(READ, len(streams)) * len(streams)
    spent = used - cpu if used is not None and cpu is not None else None
    delays.sort()
    return Result(
        streams=len(streams),
        events=events / took,
        p50=statistics.median(delays),
        p99=delays[int(len(delays) * 0.99)],
        cpu_us=None if spent is None else spent / events * 1e6,
        cpu_share=None if spent is None else spent / took,
    )


def _watch(streams: list[ssl.SSLSocket], seconds: float) -> list[float]:
    """The delays of the events that come within `seconds` on the streams that are looked into."""
    delays: list[float] = []
    read = set(streams[:READ])
    until = time.perf_counter() + seconds
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ, stream)
        while time.perf_counter() < until:
            for key, _ in selector.select(0.1):
                stream = key.data
                if stream in read:
                    delays += _delays(stream)
                elif not _take(stream):
                    raise ConnectionError("closed")
    return delays


def _take(stream: ssl.SSLSocket) -> bytes:
    """What has come, still encrypted."""
    return super(ssl.SSLSocket, stream).recv(65536)


def _delays(stream: ssl.SSLSocket) -> list[float]:
    received = bytearray()
    try:
        while True:
            data = stream.recv(65536)
            if not data:
                raise ConnectionError("closed")
            received += data
    except ssl.SSLWantReadError:
        pass
    now = time.perf_counter_ns()
    return [(now - int(each[:20])) / 1e6 for each in received.split(paced.MARK)[1:]]


if __name__ == "__main__":
    print(json.dumps(asdict(run(Plan(**json.load(sys.stdin))))))
