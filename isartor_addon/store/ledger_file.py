"""The ledger on disk: one SQLite file that several processes write, in transactions, so that what a killed process had
written stands and what it had half written does not.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from isartor_addon.config.private import make_database, make_directory
from isartor_addon.core.errors import StoreError
from isartor_addon.core.expense import Kind, Sums
from isartor_addon.layers.ports import Count, Counter
from isartor_addon.store.fault import understand
from isartor_addon.store.lock import locked

FINE_S = 2 * 86400
"""For so long what happened is told by the minute, then by the hour."""
AHEAD_S = 31 * 86400
"""A window that begins so much later than the one that is asked for does not go on: the clock was wrong then."""
_DAY_S = 86400
_OPENING_S = 2.0
_KINDS, _SUMS = ", ".join(Kind._fields), ", ".join(Sums._fields)
_ADDED = ", ".join(f"{name} = {name} + excluded.{name}" for name in Sums._fields)
_MARKS = ", ".join("?" * (len(Kind._fields) + len(Sums._fields)))
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS spent ({_KINDS}, {_SUMS}, PRIMARY KEY ({_KINDS})) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (
    quota, of, since, requests DEFAULT 0, tokens DEFAULT 0, cost DEFAULT 0, said DEFAULT 0,
    PRIMARY KEY (quota, of, since)) WITHOUT ROWID;
COMMIT;
"""
"""In one transaction: nobody sees the one table without the other."""
_ADD = f"INSERT INTO spent VALUES ({_MARKS}) ON CONFLICT DO UPDATE SET {_ADDED}"  # noqa: S608
_HOUR = ", ".join(("minute - minute % 3600", *Kind._fields[1:]))
_COARSEN = f"""
INSERT INTO spent SELECT {_HOUR}, {", ".join(f"sum({name})" for name in Sums._fields)} FROM spent
WHERE minute < ? AND minute % 3600 > 0 GROUP BY {_HOUR} ON CONFLICT DO UPDATE SET {_ADDED}"""  # noqa: S608
_COUNT = """
INSERT INTO counters (quota, of, since, tokens, cost) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET tokens = tokens + excluded.tokens, cost = cost + excluded.cost"""
_ADMIT = """
INSERT INTO counters (quota, of, since, requests) VALUES (?, ?, ?, 1)
ON CONFLICT DO UPDATE SET requests = requests + 1"""
_SAY = """
INSERT INTO counters (quota, of, since, said) VALUES (?, ?, ?, 1)
ON CONFLICT DO UPDATE SET said = 1 WHERE said = 0"""


class LedgerFile:
    """The file. Any thread, any process; every fault comes out as `Fault`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, spent: Mapping[Kind, Sums], counted: Mapping[Counter, Count]) -> None:
        """
        Add to what stands there, all of it or nothing.

        Raises:
            Fault: it cannot be written now.
        """
        with self._written() as connection:
            connection.executemany(_ADD, [(*kind, *sums) for kind, sums in spent.items()])
            for counter, count in counted.items():
                each = _current(connection, counter)
                connection.execute(_COUNT, (each.quota, each.of, each.since, count.tokens, count.cost))

    def tidy(self, now: float, days: int) -> None:
        """
        Tell what is old by the hour, and forget what is older than `days`.

        Raises:
            Fault: it cannot be written now.
        """
        fine, oldest = int(now - FINE_S) // 3600 * 3600, int(now) - days * _DAY_S
        with self._written() as connection:
            connection.execute(_COARSEN, (fine,))
            connection.execute("DELETE FROM spent WHERE minute < ? AND minute % 3600 > 0", (fine,))
            connection.execute("DELETE FROM spent WHERE minute < ?", (oldest,))
            connection.execute("DELETE FROM counters WHERE since < ?", (int(now) - 62 * _DAY_S,))

    def read(self, since: float) -> dict[Kind, Sums]:
        """
        What began at `since` (Unix time, seconds) or later; nothing where there is no file.

        Raises:
            Fault: it cannot be read now.
        """
        if not self.path.exists():
            return {}
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        with _faults(), closing(sqlite3.connect(uri, uri=True, timeout=_OPENING_S)) as connection:
            rows = connection.execute("SELECT * FROM spent WHERE minute >= ?", (int(since // 60) * 60,))
            width = len(Kind._fields)
            return {Kind(*row[:width]): Sums(*row[width:]) for row in rows}

    def admit(self, counters: Sequence[Counter], goes: Callable[[Sequence[Count]], bool]) -> Sequence[Count]:
        """Read, and add a request to each if `goes` says so; see `ports.Counters`."""
        with self._written() as connection:
            current = [_current(connection, counter) for counter in counters]
            counts = [_count(connection, counter) for counter in current]
            if goes(counts):
                connection.executemany(_ADMIT, [(each.quota, each.of, each.since) for each in current])
            return counts

    def first(self, counter: Counter) -> bool:
        """Whether nobody has asked this before; see `ports.Counters`."""
        with self._written() as connection:
            current = _current(connection, counter)
            return connection.execute(_SAY, (current.quota, current.of, current.since)).rowcount > 0

    def move_aside(self) -> Path | None:
        """Put a corrupt file out of the way; an earlier one is replaced. None: it cannot be, or is gone."""
        aside = self.path.with_name(f"{self.path.name}.corrupt")
        with suppress(OSError):
            os.replace(self.path, aside)
            for suffix in ("-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            return aside
        return None

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else writes in."""
        with _faults(), closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    def _open(self) -> sqlite3.Connection:
        make_directory(self.path.parent)
        make_database(self.path)
        connection = sqlite3.connect(self.path, timeout=_OPENING_S, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = normal")
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                # One at a time: processes that set up a new database at once get I/O errors from SQLite.
                with locked(self.path.with_suffix(".lock")):
                    connection.execute("PRAGMA journal_mode = wal")
                    connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection


def _current(connection: sqlite3.Connection, counter: Counter) -> Counter:
    """The window that is counted: the latest there is, so that a clock that is set back opens none anew."""
    latest: int | None = connection.execute(
        "SELECT max(since) FROM counters WHERE quota = ? AND of = ? AND since > ? AND since <= ?",
        (counter.quota, counter.of, counter.since, counter.since + AHEAD_S),
    ).fetchone()[0]
    return counter if latest is None else replace(counter, since=latest)


def _count(connection: sqlite3.Connection, counter: Counter) -> Count:
    row = connection.execute(
        "SELECT requests, tokens, cost FROM counters WHERE quota = ? AND of = ? AND since = ?",
        (counter.quota, counter.of, counter.since),
    ).fetchone()
    return Count(*row) if row else Count()


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except (sqlite3.Error, OSError) as error:
        raise understand(error) from error
