"""What is known of the semantic layer's hits: a small SQLite database beside the store, private to its owner.

One thread does all work on it, in the order in which things were asked of it, so a check that was noted counts in the
next decision. Several processes may use it; what one has written the others read. Faults end here.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from isartor_addon.config.private import make_database, make_directory
from isartor_addon.layers.ports import Check, Hit

CHECKS = 500
"""Checks of a scope that count, the latest."""
PATIENCE_S = 5.0
"""How long people wait for an answer."""
MOST_WAITING = 1000
"""While so much waits to be written, hits and near misses are no longer noted; checks always are."""

_KEPT = {"checks": 50_000, "served": 10_000, "missed": 2_000, "taught": 1_000}
"""Rows of each table, the latest."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS checks (
    id INTEGER PRIMARY KEY, scope TEXT, key TEXT, similarity REAL, agreed INTEGER, time REAL, why TEXT);
CREATE INDEX IF NOT EXISTS by_scope ON checks (scope);
CREATE TABLE IF NOT EXISTS served (
    id INTEGER PRIMARY KEY, asked TEXT, words TEXT, key TEXT, similarity REAL);
CREATE INDEX IF NOT EXISTS by_asked ON served (asked);
CREATE INDEX IF NOT EXISTS by_key ON served (key);
CREATE TABLE IF NOT EXISTS missed (id INTEGER PRIMARY KEY, asked TEXT, key TEXT, similarity REAL, rule TEXT);
CREATE TABLE IF NOT EXISTS taught (id INTEGER PRIMARY KEY, one TEXT, other TEXT, similarity REAL);
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
"""
_HIT = """
SELECT asked, words, key, similarity FROM served
WHERE (asked >= :key AND asked < :key || 'g') OR (key >= :key AND key < :key || 'g') ORDER BY id DESC LIMIT 1
"""
"""No hexadecimal digit comes after `f`."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A request to which an entry was near, and was refused."""

    asked: str
    key: str
    similarity: float
    rule: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known, for people."""

    hits: int
    checks: int
    wrong: int
    """Of the checks."""
    differed: Sequence[tuple[str, float, str]]
    """The latest of these: key, similarity, what differed."""
    misses: Sequence[NearMiss]
    """The nearest, nearest first."""
    taught: Sequence[tuple[str, str, float]]
    """Words that were taken for the same question, and are not."""


class EvidenceStore:
    """Evidence in one file."""

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: made (0600) when there is something to write.
        """
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._waiting = 0
        self._complained = False
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="isartor-evidence")

    async def checks(self, scope: str) -> Sequence[Check]:
        """The latest checks in one scope, newest first."""
        found = self._soon(lambda database: _checks(database, scope))
        return (await asyncio.wrap_future(found) if found is not None else None) or ()

    def checked(self, scope: str, check: Check, why: str) -> None:
        """Keep the outcome of a check."""
        row = scope, check.key, check.similarity, check.right, check.time, why

        def work(database: sqlite3.Connection) -> None:
            _insert(database, "checks", "scope, key, similarity, agreed, time, why", row)
            _count(database, "checks")
            if not check.right:
                _count(database, "wrong")

        self._soon(work)

    def served(self, hit: Hit) -> None:
        """A request was answered."""
        row = hit.asked, hit.words, hit.key, hit.similarity

        def work(database: sqlite3.Connection) -> None:
            _insert(database, "served", "asked, words, key, similarity", row)
            _count(database, "hits")

        if self._waiting < MOST_WAITING:
            self._soon(work)

    def missed(self, asked: str, key: str, similarity: float, rule: str) -> None:
        """The entry `key` was near, and `rule` has refused it."""
        row = asked, key, similarity, rule
        if self._waiting < MOST_WAITING:
            self._soon(lambda database: _insert(database, "missed", "asked, key, similarity, rule", row))

    def taught(self, one: str, other: str, similarity: float) -> None:
        """These words were taken for the same question, and are not."""
        self._soon(lambda database: _insert(database, "taught", "one, other, similarity", (one, other, similarity)))

    def forget(self, stored: Collection[str], *, lessons: bool) -> None:
        """Forget hits and near misses of answers that are not `stored`; with `lessons` also what they have taught."""

        def work(database: sqlite3.Connection) -> None:
            for table in ("served", "missed", *(("checks",) if lessons else ())):
                known = database.execute(f"SELECT DISTINCT key FROM {table}").fetchall()  # noqa: S608
                gone = [(key,) for (key,) in known if key not in stored]
                database.executemany(f"DELETE FROM {table} WHERE key = ?", gone)  # noqa: S608
            if lessons:
                database.execute("DELETE FROM taught")
                database.execute("DELETE FROM counts")

        if self._waiting or self._path.exists():  # else there is nothing to forget, and no file to be made
            self._soon(work)

    def close(self) -> None:
        """Write what waits, and end."""
        with suppress(RuntimeError):
            self._pool.submit(self._let_go)
        self._pool.shutdown(wait=True)

    # What people ask.

    def hit(self, key: str) -> Hit | None:
        """The latest hit of a request or by an entry, by the beginning of its key; waits for the disk."""

        def work(database: sqlite3.Connection) -> Hit | None:
            row = database.execute(_HIT, {"key": key}).fetchone()
            return Hit(*row) if row is not None else None

        return self._ask(work)

    def report(self, count: int = 20) -> Report:
        """All that is known, lists cut to `count`."""
        return self._ask(lambda database: _report(database, count)) or Report(0, 0, 0, (), (), ())

    # How it is done.

    def _ask[T](self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        done = self._soon(work)
        with suppress(TimeoutError):
            return done.result(PATIENCE_S) if done is not None else None
        return None

    def _soon[T](self, work: Callable[[sqlite3.Connection], T]) -> Future[T | None] | None:
        self._waiting += 1
        try:
            return self._pool.submit(self._do, work)
        except RuntimeError:  # closed
            return None

    def _do[T](self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        self._waiting -= 1
        for again in (True, False):
            try:
                if self._connection is None or not self._path.exists():
                    self._let_go()
                    self._connection = self._open()
                with self._connection:
                    return work(self._connection)
            except (sqlite3.Error, OSError) as error:
                self._let_go()
                if again and _corrupt(error):
                    self._begin_anew()
                elif not again:
                    self._complain(error)
        return None

    def _open(self) -> sqlite3.Connection:
        make_directory(self._path.parent)
        make_database(self._path)
        connection = sqlite3.connect(self._path, timeout=2.0)
        try:
            connection.execute("PRAGMA journal_mode = wal")
            connection.execute("PRAGMA synchronous = normal")
            connection.execute("PRAGMA secure_delete = on")  # what is forgotten are somebody's words
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _begin_anew(self) -> None:
        """What cannot be read is lost: the layer is back to its rules."""
        log.warning("the evidence of the semantic layer, %s, is damaged and begun anew", self._path)
        with suppress(OSError):
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            log.warning("the evidence of the semantic layer cannot be used: %s", error)
        self._complained = True


def _corrupt(error: Exception) -> bool:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _insert(database: sqlite3.Connection, table: str, columns: str, row: tuple[object, ...]) -> None:
    marks = ", ".join("?" * len(row))
    added = database.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", row)  # noqa: S608
    database.execute(f"DELETE FROM {table} WHERE id <= ?", ((added.lastrowid or 0) - _KEPT[table],))  # noqa: S608


def _count(database: sqlite3.Connection, name: str) -> None:
    database.execute(
        "INSERT INTO counts VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
        (name,),
    )


def _checks(database: sqlite3.Connection, scope: str) -> Sequence[Check]:
    rows = database.execute(
        "SELECT key, similarity, agreed, time FROM checks WHERE scope = ? ORDER BY id DESC LIMIT ?", (scope, CHECKS)
    )
    return [Check(key, similarity, bool(agreed), time) for key, similarity, agreed, time in rows]


def _report(database: sqlite3.Connection, count: int) -> Report:
    counts = dict(database.execute("SELECT name, value FROM counts").fetchall())
    differed = database.execute(
        "SELECT key, similarity, why FROM checks WHERE NOT agreed ORDER BY id DESC LIMIT ?", (count,)
    ).fetchall()
    missed = database.execute(
        "SELECT asked, key, similarity, rule FROM missed ORDER BY similarity DESC, id DESC LIMIT ?", (count,)
    ).fetchall()
    taught = database.execute("SELECT one, other, similarity FROM taught ORDER BY id DESC LIMIT ?", (count,)).fetchall()
    return Report(
        hits=counts.get("hits", 0),
        checks=counts.get("checks", 0),
        wrong=counts.get("wrong", 0),
        differed=differed,
        misses=[NearMiss(*row) for row in missed],
        taught=taught,
    )
