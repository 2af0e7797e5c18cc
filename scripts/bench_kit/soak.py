"""Whether memory grows: very many requests of every kind (`mixed`), and what the process takes after a part of them.

The stores are small, so that they are full long before the first look: what grows from there on is not a cache.
"""

from __future__ import annotations

import itertools
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench_kit import machine, mixed
from bench_kit.cases import Target
from bench_kit.load import Plan
from bench_kit.servers import Servers

REQUESTS = 1_000_000
QUICK = 4_000
"""Too few to say much."""
PARTS = 20
"""Memory is looked at so often, and what it is after the first part is compared with what it is after the last."""
CONNECTIONS = 8
LIMIT = 1.1
"""So many times the memory of the first part is the most that there may be after the last."""
FILLED = 10_000
"""With so many requests the stores are full, and what there is after them can be compared."""
SETTLE_S = 1.0
"""Between the last answer of a part and the look: what an answer leaves to be done is done by then."""
TARGET: Target = "soak"


@dataclass(frozen=True, slots=True)
class Soak:
    """What came of it."""

    requests: int
    looks: tuple[float, ...]
    """Memory of the process in RAM before the first request and after each part, MiB; empty where nobody says."""
    hits: int
    """Answers from the store."""
    wrong: int
    """Answers with another status than the provider's."""
    seconds: float

    @property
    def first(self) -> int:
        """So many requests are the first part."""
        return self.requests // PARTS

    @property
    def limit(self) -> float | None:
        """The most that `ratio` may be; None where the first part was too short to judge by."""
        return LIMIT if self.first >= FILLED else None

    @property
    def ratio(self) -> float | None:
        """Memory at the end by that after the first part."""
        return self.looks[-1] / self.looks[1] if len(self.looks) > 2 else None

    @property
    def ok(self) -> bool:
        """Whether it does not grow, and every answer was right."""
        return not self.wrong and (self.ratio is None or self.limit is None or self.ratio <= self.limit)


def measure(servers: Servers, requests: int, tell: Callable[[str], None], *, target: Target = TARGET) -> Soak:
    """
    Ask so many times.

    Args:
        servers: the target among them.
        requests: how many, in all.
        tell: is told of the progress.
        target: whose memory is looked at.

    Raises:
        RuntimeError: the server does not start.
        OSError: a connection breaks, or an answer does not come.
    """
    server = servers.get(target)
    plan = Plan(port=servers.port, ca=str(server.ca), body="", proxy=server.proxy)
    asking, began = _Asking(plan), time.monotonic()
    looks = [machine.resident_mb(server.pid)]
    for part in range(1, PARTS + 1):
        asking.until(requests * part // PARTS)
        time.sleep(SETTLE_S)
        looks.append(machine.resident_mb(server.pid))
        seconds = time.monotonic() - began
        tell(f"{asking.asked} requests, {asking.hits} hits, {seconds:.0f} s: {looks[-1]} MiB")
    asking.close()
    seen = tuple(look for look in looks if look is not None)
    return Soak(requests, seen, asking.hits, asking.wrong, time.monotonic() - began)


class _Asking:
    """Some clients that share the numbers of the requests."""

    def __init__(self, plan: Plan) -> None:
        context = ssl.create_default_context(cafile=plan.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._lines = [mixed.Line(plan, context) for _ in range(CONNECTIONS)]
        self._lock = threading.Lock()
        self._given_up = False
        self.asked = self.hits = self.wrong = 0

    def until(self, count: int) -> None:
        """Ask until so many requests have been answered since the beginning."""
        numbers = itertools.count(self.asked)
        with ThreadPoolExecutor(len(self._lines)) as pool:
            running = [pool.submit(self._run, line, numbers, count) for line in self._lines]
            try:
                for each in running:
                    each.result()
            except BaseException:
                self._given_up = True  # the others are waited for
                raise
        self.asked = count

    def _run(self, line: mixed.Line, numbers: itertools.count[int], count: int) -> None:
        hits = wrong = 0
        while not self._given_up and (number := next(numbers)) < count:
            asked = mixed.request(number)
            head = line.ask(asked)
            hits += b"x-isartor-layer: l1a" in head
            wrong += not head.startswith(b"http/1.1 %d " % asked.status)
        with self._lock:
            self.hits += hits
            self.wrong += wrong

    def close(self) -> None:
        """Hang up."""
        for line in self._lines:
            line.close()
