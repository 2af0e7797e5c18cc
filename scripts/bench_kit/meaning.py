"""What answering other words costs: a semantic hit through the proxy, beyond what a bare hit takes.

The question has 16 tokens and stands among 10,000 others in its scope. It is asked with other white space each time, so
that nothing of it is remembered, and in the very same other words; bare mitmproxy is asked in turn.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import ssl
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench_kit import machine
from bench_kit.figures import Figure
from bench_kit.load import Plan, connect
from bench_kit.rounds import Effort
from bench_kit.servers import Server, Servers
from isartor_addon.assemble import SystemClock
from isartor_addon.models.onnx_embedder import OnnxEmbedder
from isartor_addon.store.vectors import VectorStore

ENTRIES = 10_000
LIMIT_MS = 3.5
"""The most that a semantic hit may take beyond a bare one, median."""
ONE = "How do I reverse a list of words in Python and keep the list?"
OTHER = "How do I reverse the list of words in Python and keep the list?"
PATIENCE_S = 60.0


def measure(servers: Servers, effort: Effort, folder: Path) -> list[Figure]:
    """
    Measure.

    Raises:
        RuntimeError: a server does not start, or learns nothing.
    """
    asking = [_Asking(servers, servers.get("sure")), _Asking(servers, servers.get("constant"))]
    asking[0].ask(ONE)
    _fill(folder / "sure" / "home" / "cache" / "semantic")
    new = _spaced(OTHER)
    for words in itertools.islice(new, 20):  # warm up; what comes before the model is loaded is asked of the provider
        asking[0].ask(words)
    first = _in_turn(asking, new, effort)
    again = _in_turn(asking, itertools.repeat(OTHER), effort)
    told = f"semantic hit, 16 tokens among {ENTRIES} questions"
    return [
        Figure(f"{told}, p50", first.ours_ms, "ms"),
        Figure("bare hit in turn with it, p50", first.bare_ms, "ms"),
        Figure(f"{told}, beyond the bare one", first.ours_ms - first.bare_ms, "ms", LIMIT_MS),
        Figure("CPU time of it beyond the bare one", first.cpu_ms, "ms"),
        Figure("the same in words that came before, beyond the bare one", again.ours_ms - again.bare_ms, "ms"),
        Figure(f"{told}: not answered so, of {first.asked + again.asked}", first.wrong + again.wrong, "", 0),
    ]


@dataclass(frozen=True, slots=True)
class _Turns:
    """What came of asking us and bare mitmproxy in turn."""

    asked: int
    """Questions that we were asked."""
    wrong: int
    """Those that the semantic layer has not answered."""
    ours_ms: float
    """Median."""
    bare_ms: float
    cpu_ms: float
    """CPU time of ours beyond the bare one, mean."""


def _in_turn(asking: Sequence[_Asking], questions: Iterable[str], effort: Effort) -> _Turns:
    took: list[list[float]] = [[], []]
    wrong, until = 0, time.perf_counter() + effort.rounds * effort.seconds
    used = [each.cpu_seconds for each in asking]
    for words in questions:
        for number, each in enumerate(asking):
            began = time.perf_counter()
            head = each.ask(words)
            took[number].append((time.perf_counter() - began) * 1000)
            wrong += number == 0 and b"x-isartor-layer: l1b" not in head
        if time.perf_counter() > until:
            break
    ours, bare = (each.cpu_seconds - before for each, before in zip(asking, used, strict=True))
    return _Turns(
        asked=len(took[0]),
        wrong=wrong,
        ours_ms=statistics.median(took[0]),
        bare_ms=statistics.median(took[1]),
        cpu_ms=1000 * (ours - bare) / len(took[0]),
    )


class _Asking:
    """One open connection."""

    def __init__(self, servers: Servers, server: Server) -> None:
        self._port = servers.port
        self._pid = server.pid
        context = ssl.create_default_context(cafile=str(server.ca))
        self._socket = connect(Plan(port=servers.port, ca=str(server.ca), body="", proxy=server.proxy), context)

    @property
    def cpu_seconds(self) -> float:
        """What its process has used."""
        return machine.cpu_seconds(self._pid) or 0.0

    def ask(self, words: str) -> bytes:
        """The head of the answer."""
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": words}]
        body = json.dumps({"model": "gpt-4o-mini", "temperature": 0, "messages": messages}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost:{self._port}\r\nauthorization: Bearer sk-bench\r\n"
        )
        self._socket.sendall(b"%bcontent-length: %d\r\n\r\n%b" % (head.encode(), len(body), body))
        received = b""
        while (end := received.find(b"\r\n\r\n") + 4) < 4:
            received += self._socket.recv(65536)
        answer = received[:end].lower()
        length = int(answer.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        while len(received) < end + length:
            received += self._socket.recv(65536)
        return answer


def _spaced(words: str) -> Iterator[str]:
    """The same words with other spaces between the first of them; more of them than the layer remembers."""
    parts = words.split()
    for number in itertools.count(1):
        yield "".join(part + " " * (1 + (number % 4096 >> 2 * place & 3)) for place, part in enumerate(parts)).strip()


def _fill(directory: Path) -> None:
    """Put others beside the one question that is filed."""
    scope, until = "", time.monotonic() + PATIENCE_S
    while not scope and time.monotonic() < until:
        with closing(sqlite3.connect(directory / "vectors.db", timeout=10)) as connection:
            row = connection.execute("SELECT scope FROM vectors").fetchone()
            scope = row[0] if row else ""
        time.sleep(0.05)
    if not scope:
        raise RuntimeError("the question was not filed")
    vectors = np.random.default_rng(1).standard_normal((ENTRIES, 384), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with closing(VectorStore(directory, embedder=OnnxEmbedder().id, clock=SystemClock())) as store:
        for number, vector in enumerate(vectors):
            store.put(scope, f"{number:064x}", vector)
        store.settle()
