"""What one run measures, row by row. What came of each is said at once, and one that fails does not keep the others."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bench_kit import crowd, figures, machine, meaning, peers, report, rounds, soak, startup, workers
from bench_kit.cases import CASES, EMBEDDER, INDEX, MEANING, OWN, PEERS, SOAK, STARTUP, STREAMS, WORKERS, Case
from bench_kit.report import Report
from bench_kit.servers import Servers

type Row = tuple[str, str, Callable[[], None]]
"""Its name, what it measures, and what measures it and puts it into the report."""

QUICK_SCOPES, SCOPES = 100, 1000
"""Of the vector index."""


def measure(rows: Iterable[Row], found: Report, tell: Callable[[str], None], keep: Callable[[], None]) -> None:
    """
    Measure them, one after another.

    Args:
        rows: what to measure.
        found: gets what they find out, or why they do not.
        tell: is told of the progress, and of each row's results.
        keep: is called after each row.
    """
    for name, what, row in rows:
        tell(f"{name}: {what}")
        told, began = set(report.said(found)), time.monotonic()
        try:
            row()
        except Exception as error:  # whatever it is, the next row is another matter
            traceback.print_exc()
            found.faults[name] = f"{type(error).__name__}: {error}"
        found.seconds[name] = round(time.monotonic() - began, 1)
        for line in report.said(found):
            if line not in told:
                tell(f"  {line}")
        keep()


class Rows:
    """All rows that there are, over servers that start when they are first needed."""

    def __init__(self, found: Report, folder: Path, tell: Callable[[str], None], *, quick: bool, requests: int) -> None:
        """
        Args:
            found: gets what is found out.
            folder: an empty one.
            tell: is told of the progress of what takes long.
            quick: whether it is to be rough.
            requests: of the soak.
        """
        self._found = found
        self._folder = folder
        self._tell = tell
        self._scopes = QUICK_SCOPES if quick else SCOPES
        self._requests = requests
        self._servers = Servers(folder)

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self._servers.__exit__(*_)

    def named(self, names: Sequence[str]) -> Iterator[Row]:
        """Those of these names, in the order of the report."""
        return (row for row in self._all() if row[0] in names)

    def _all(self) -> Iterator[Row]:
        for case in CASES:
            yield case.name, case.what, partial(self._case, case)
        yield STREAMS, "many at once", self._streams
        yield MEANING, "hits in other words", self._meaning
        yield WORKERS, "exact hits by several workers", self._workers
        yield STARTUP, "commands that do next to nothing", self._startup
        yield EMBEDDER, "the model that is shipped", self._embedder
        yield INDEX, "many questions in many scopes", self._index
        yield OWN, "what the fast lane itself adds to a hit", self._own
        yield PEERS, "LiteLLM and Portkey, installed into .peers when they are not there", self._peers
        yield SOAK, f"memory over {self._requests} requests of every kind", self._soak

    def _case(self, case: Case) -> None:
        self._found.outcomes.append(rounds.measure(case, self._servers, self._found.effort, self._folder))
        self._found.memory = {
            report.PROCESSES[target]: (server.rss_mb, machine.resident_mb(server.pid))
            for target, server in self._servers.started.items()
            if target in report.PROCESSES
        }

    def _streams(self) -> None:
        self._found.crowds = crowd.measure(self._servers, self._found.effort, self._folder)

    def _meaning(self) -> None:
        self._found.figures += meaning.measure(self._servers, self._found.effort, self._folder)

    def _workers(self) -> None:
        self._found.crews = workers.measure(self._servers, self._found.effort, self._folder)

    def _startup(self) -> None:
        self._found.startups = startup.measure(4 * self._found.effort.rounds)

    def _embedder(self) -> None:
        effort = self._found.effort
        self._found.figures += figures.measure("embedding", 40 * effort.rounds, effort.seconds)

    def _index(self) -> None:
        self._found.figures += figures.measure("index", 100 * self._scopes, self._scopes)

    def _own(self) -> None:
        self._found.figures += figures.measure("own", 400 * self._found.effort.rounds)

    def _peers(self) -> None:
        self._found.peers = peers.measure(self._servers, self._found.effort, self._folder)

    def _soak(self) -> None:
        self._found.soak = soak.measure(self._servers, self._requests, lambda said: self._tell(f"  {said}"))
