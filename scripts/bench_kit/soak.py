"""Sends very many mixed requests through the addon and tells how its memory grows: `python -m bench_kit.soak`.

Of every eight requests four are byte-identical repeats, two repeats with another header, two new. Run it with
`PYTHONPATH=scripts`; it prints one line of JSON at every twentieth of the way.
"""

from __future__ import annotations

import argparse
import itertools
import json
import ssl
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench_kit import machine, traffic
from bench_kit.load import Plan, connect
from bench_kit.servers import Servers

PROMPTS = 200
"""Different requests that are repeated."""
PATIENCE_S = 300.0
"""For one answer, on a machine that does something else besides."""


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="bench_kit.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=8)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isartor-soak-") as name, Servers(Path(name)) as servers:
        server = servers.get("ours")
        plan = Plan(port=servers.port, ca=str(server.ca), body="", proxy=server.proxy)
        done, began = itertools.count(1), time.monotonic()

        def tell(count: int) -> None:
            said = {"requests": count, "rss_mb": machine.resident_mb(server.pid), "s": round(time.monotonic() - began)}
            print(json.dumps(said), flush=True)

        tell(0)
        numbers = itertools.count()
        step = max(1, asked.requests // 20)

        def run() -> None:
            connection = connect(plan, context)
            connection.settimeout(PATIENCE_S)
            while (number := next(numbers)) < asked.requests:
                connection.sendall(request(number))
                _read(connection)
                if (count := next(done)) % step == 0:
                    tell(count)
            connection.close()

        context = ssl.create_default_context(cafile=plan.ca)
        with ThreadPoolExecutor(asked.connections) as pool:
            for ended in [pool.submit(run) for _ in range(asked.connections)]:
                ended.result()


def request(number: int) -> bytes:
    """The request of that number."""
    kind, prompt = number % 8, number // 8 % PROMPTS
    body = _BODY.replace(traffic.NONCE.encode(), b"%020d" % (number + PROMPTS if kind > 5 else prompt))
    tag = b"x-request-id: %d\r\n" % number if kind in (4, 5) else b""
    return _HEAD + b"%bcontent-length: %d\r\n\r\n%b" % (tag, len(body), body)


_BODY = traffic.request_body(traffic.SMALL)
_HEAD = (
    f"POST {traffic.PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    "user-agent: bench/1\r\nauthorization: Bearer sk-bench\r\n"
).encode()


def _read(connection: ssl.SSLSocket) -> None:
    received = b""
    while (end := received.find(b"\r\n\r\n") + 4) < 4:
        received += _more(connection)
    head = received[:end].lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"a wrong answer: {received!r}")
    size = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
    while len(received) < end + size:
        received += _more(connection)


def _more(connection: ssl.SSLSocket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise RuntimeError("the connection was closed")
    return data


if __name__ == "__main__":
    main()
