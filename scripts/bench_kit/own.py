"""What the fast lane itself adds to a hit: from the decrypted bytes of a request to the bytes of its answer.

No socket, no TLS, no other process: the lane is given what the short way gives it once a connection had a repeat, and
what it gives back is looked at. So these figures are of our own work alone, with the trail, the journal and the ledger.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson
from mitmproxy import connection, ctx
from mitmproxy.options import Options
from mitmproxy.proxy import commands, context, events, layer, mode_specs
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.tools.dump import DumpMaster

from bench_kit import traffic
from bench_kit.figures import Figure, tell
from isartor_addon import wire
from isartor_addon.config.schema import Config
from isartor_addon.core.exchange import Request
from isartor_addon.core.recording import Recording
from isartor_addon.intake import Sender
from isartor_addon.proxy.hooks import Isartor
from isartor_addon.proxy.shortcut import Answers

RAW_US = 20.0
"""The most that a hit of 1 KB may take of us when the very same bytes come again, p50."""
PIECE = 64 * 1024
"""About what comes at a time, bytes."""
REST = 100
"""So many hits, then other threads have their turn, as they have while a proxy waits for its clients."""
_HOST, _PORT = "localhost", 443


class _ShortWay:
    """In place of the one from a socket."""

    lane: Answers

    def open_soon(self, below: HttpLayer, lane: Answers) -> None:
        """The lane has answered for the first time."""
        self.lane = lane


@contextmanager
def _lane(home: Path) -> Iterator[tuple[Isartor, HttpLayer]]:
    """Our addon in a mitmproxy that does not run, and a client's connection in it."""
    master = DumpMaster(Options(confdir=str(home / "conf")), with_termlog=False, with_dumper=False)
    addon = Isartor(Config(home=str(home), hosts=(_HOST,)))
    master.addons.add(addon)
    master.options.update(connection_strategy="lazy")
    addon.running()
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=0.0)
    client.tls, client.proxy_mode = True, mode_specs.ProxyMode.parse("regular")
    inside = context.Context(client, master.options)
    inside.server = connection.Server(address=(_HOST, _PORT))
    inside.server.tls = True
    below = HttpLayer(inside, HTTPMode.transparent)
    chosen = layer.NextLayer(inside)
    chosen.layer = below
    master.addons.get("isartor_lane").next_layer(chosen)
    assert not list(below.handle_event(events.Start()))
    yield addon, below
    addon.done()


def _file(addon: Isartor, body: bytes) -> None:
    """Have the house learn an answer, as if the provider had given it."""
    house = addon.house
    lines = _asked(body).partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    request = Request("POST", "https", _HOST, _PORT, traffic.PATH, {}, headers)
    (route,) = wire.find("POST", _HOST, traffic.PATH, {})
    exchange = house.intake.read(
        request, route, orjson.loads(body), id="", started=house.clock.time(), sender=Sender(trusted=True)
    )
    kept = (("content-type", "application/json"),)
    house.pipeline.learn(exchange, Recording(route.wire.name, route.operation, "json", (traffic.reply(),), kept))


def _asked(body: bytes, *more: str) -> bytes:
    lines = (
        f"POST {traffic.PATH} HTTP/1.1",
        f"host: {_HOST}",
        "content-type: application/json",
        "accept: */*",
        "user-agent: bench/1",
        "authorization: Bearer sk-bench",
        *more,
        f"content-length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _short_way(below: HttpLayer, request: bytes) -> _ShortWay:
    """Where what comes after a request goes, which is answered."""
    way = _ShortWay()
    ctx.master.addons.get("isartor_lane").shortcuts = way
    (answer,) = below.handle_event(events.DataReceived(below.context.client, request))
    assert isinstance(answer, commands.SendData)
    return way


async def _time(lane: Answers, request: Callable[[], bytes], count: int) -> list[float]:
    """How long so many hits take, microseconds."""
    took = []
    for number in range(count):
        pieces = _pieces(request())
        began = time.perf_counter()
        for piece in pieces:
            answers, rest = lane.take(piece)
        lane.settle()
        took.append((time.perf_counter() - began) * 1e6)
        (answer,) = answers
        assert b"x-isartor-layer: l1a" in answer
        assert not rest
        if number % REST == 0:
            await asyncio.sleep(0.001)
    return took


def _pieces(whole: bytes) -> list[bytes]:
    return [whole[begin : begin + PIECE] for begin in range(0, len(whole), PIECE)]


def _kinds(body: bytes) -> Mapping[str, Callable[[], bytes]]:
    """Ways in which the same is asked again."""
    numbers, whole = itertools.count(time.time_ns() * 10), _asked(body)
    before, _, after = body.partition(traffic.TRACE.encode())
    return {
        "the same bytes": lambda: whole,
        "another header": lambda: _asked(body, f"x-request-id: {next(numbers)}"),
        "another trace id in its body": lambda: _asked(b"%b%020d%b" % (before, next(numbers), after)),
    }


async def run(count: int) -> list[Figure]:
    """Measure so many hits of each kind."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="isartor-bench-own-") as folder, _lane(Path(folder)) as (addon, below):
        for name, size in (("1 KB", traffic.SMALL), ("200 KB", traffic.LARGE)):
            body = traffic.request_body(size, traced=True)
            _file(addon, body)
            way = _short_way(below, _asked(body))
            for kind, request in _kinds(body).items():
                took = statistics.median(await _time(way.lane, request, count))
                limit = RAW_US if size == traffic.SMALL and kind == "the same bytes" else None
                figures.append(Figure(f"own work, hit of {name}, {kind}, p50", took, "us", limit))
    return figures


if __name__ == "__main__":
    tell(asyncio.run(run(int(sys.argv[1]))))
