"""The vectors on disk: one SQLite database that several processes share. It holds no text."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isartor_addon.config.private import make_database, make_directory
from isartor_addon.store.disk import OPENING_S
from isartor_addon.store.fault import Watched
from isartor_addon.store.lock import locked

FILE = "vectors.db"
MOST_ROWS = 500_000
"""Beyond, what was filed first goes; some 550 MB on disk."""
GRACE_S = 120.0
"""A row younger than this is kept though its answer is not stored: it may be on its way to the disk."""
OTHERS_S = 86400.0
"""How long rows of another embedder are kept, for somebody who goes back to it."""

_SET_UP = """
PRAGMA auto_vacuum = 1;
PRAGMA journal_mode = wal;
CREATE TABLE IF NOT EXISTS vectors (
    key TEXT PRIMARY KEY, scope TEXT NOT NULL, embedder TEXT NOT NULL, filed REAL NOT NULL, vector BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_scope ON vectors (embedder, scope);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value REAL NOT NULL);
"""
_EACH_TIME = """
PRAGMA synchronous = normal;
PRAGMA journal_size_limit = 16777216;
PRAGMA mmap_size = 0;
"""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Row:
    """A vector as it is written."""

    scope: str
    vector: bytes
    """Half-precision floats, little endian."""


class VectorRows:
    """The database as one thread has it open. Every method raises `Fault` when it cannot be used now."""

    def __init__(self, directory: Path, *, embedder: str, timeout_s: float) -> None:
        """
        Args:
            directory: where `vectors.db` is or will be; made if it is missing.
            embedder: names whose vectors are meant; others' are not seen.
            timeout_s: how long to wait for another process's write.
        """
        self._path = directory / FILE
        self._embedder = embedder
        self._file = Watched(self._path)
        with self._file.faults():
            make_directory(directory)
            # One at a time: processes that set up a new database at once get I/O errors from SQLite.
            with locked(directory / "lock"):
                make_database(self._path)
                self._file.begin()
                self._set_up(max(timeout_s, OPENING_S))
            self._connection = sqlite3.connect(self._path, timeout=timeout_s, isolation_level=None)
            self._connection.executescript(_EACH_TIME)

    def _set_up(self, timeout_s: float) -> None:
        with closing(sqlite3.connect(self._path, timeout=timeout_s, isolation_level=None)) as connection:
            connection.executescript(_SET_UP)

    def scopes(self) -> list[str]:
        """All scopes in which anything is filed."""
        found = self._select("SELECT DISTINCT scope FROM vectors WHERE embedder = ?", self._embedder)
        return [scope for (scope,) in found]

    def of_scope(self, scope: str) -> list[tuple[str, bytes]]:
        """Keys and vectors of one scope, oldest first."""
        sql = "SELECT key, vector FROM vectors WHERE embedder = ? AND scope = ? ORDER BY rowid"
        return list(self._select(sql, self._embedder, scope))

    def find(self, keys: Iterable[str]) -> dict[str, Row]:
        """What is filed under these keys."""
        sql = "SELECT scope, vector FROM vectors WHERE embedder = ? AND key = ?"
        return {key: Row(*found) for key in keys for found in self._select(sql, self._embedder, key)}

    def keys(self) -> frozenset[str]:
        """All keys that are filed."""
        return frozenset(key for (key,) in self._select("SELECT key FROM vectors WHERE embedder = ?", self._embedder))

    def count(self) -> int:
        """How many rows there are, other embedders' too."""
        ((count,),) = self._select("SELECT COUNT(*) FROM vectors")
        return int(count)

    def write(self, changes: Mapping[str, Row | None], now: float) -> None:
        """
        File rows, remove those that are None; all or nothing.

        Args:
            changes: by key.
            now: Unix time, seconds.
        """
        filed = [(key, row.scope, self._embedder, now, row.vector) for key, row in changes.items() if row is not None]
        with self._transaction() as connection:
            connection.executemany("DELETE FROM vectors WHERE key = ?", [(key,) for key in changes])
            connection.executemany("INSERT INTO vectors VALUES (?, ?, ?, ?, ?)", filed)

    def sweep(self, stored: Collection[str] | None, now: float, most: int = MOST_ROWS) -> list[str]:
        """
        Remove what is of no use any more; give the keys.

        Args:
            stored: keys of which there are answers; None: that is not known, and says nothing.
            now: Unix time, seconds.
            most: how many rows may stay.
        """
        settled = self._select("SELECT key FROM vectors WHERE filed < ?", now - GRACE_S)
        gone = [key for (key,) in settled if stored is not None and key not in stored]
        others = self._select(
            "SELECT key FROM vectors WHERE embedder != ? AND filed < ?", self._embedder, now - OTHERS_S
        )
        gone += [key for (key,) in others]
        self._delete(gone)
        oldest = self._select("SELECT key FROM vectors ORDER BY rowid LIMIT ?", max(0, self.count() - most))
        excess = [key for (key,) in oldest]
        self._delete(excess)
        return gone + excess

    def is_marked(self, what: str) -> bool:
        """Whether `what` has been done."""
        return any(self._select("SELECT 1 FROM marks WHERE name = ?", what))

    def mark(self, what: str, now: float) -> None:
        """`what` has been done, at `now` (Unix time, seconds)."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (what, now))

    def claim(self, what: str, now: float, every_s: float) -> bool:
        """Whether the caller is to do `what` now: one of all processes is told so, once in `every_s` seconds."""
        with self._transaction() as connection:
            found = connection.execute("SELECT value FROM marks WHERE name = ?", (what,)).fetchone()
            if found is not None and abs(now - found[0]) < every_s:
                return False
            connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (what, now))
        return True

    def try_write(self) -> None:
        """See whether there is room: write some pages and take them back."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO marks VALUES ('room', zeroblob(65536))")
        with self._transaction() as connection:
            connection.execute("DELETE FROM marks WHERE name = 'room'")

    def close(self) -> None:
        """Let go of the files; in the thread that used them."""
        with suppress(sqlite3.Error):
            self._connection.close()

    def _select(self, sql: str, *values: object) -> Iterator[Any]:
        with self._file.faults():
            self._file.check()
            yield from self._connection.execute(sql, values)

    def _delete(self, keys: list[str]) -> None:
        for begin in range(0, len(keys), _AT_ONCE):
            with self._transaction() as connection:
                some = [(key,) for key in keys[begin : begin + _AT_ONCE]]
                connection.executemany("DELETE FROM vectors WHERE key = ?", some)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._file.faults():
            self._file.check()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise
