"""What happened lately: one short record an exchange, for `isartor explain` and `isartor status`.

Nothing of what was said is in it: no prompt, no header, only names, outcomes and digests. It is written by a thread of
its own, several records at a time; when that cannot keep up, records are lost and counted, and nobody waits.
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from itertools import batched
from pathlib import Path

import orjson

from isartor_addon.config.private import make_database, make_directory
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.fingerprint import Fingerprint, differences
from isartor_addon.observe.record import Record, dump, load, record_of

KEPT = 2000
"""Exchanges that are remembered,"""
SLACK = 200
"""and so many more, so that there is seldom something to remove."""
GATHER_S = 0.25
"""Records are gathered for so long before they are written."""
AT_ONCE = 200
"""Rows of one statement: SQLite may not take more than 999 values."""
MOST_WAITING = 500
"""Records; more are lost. One statement asks for the fingerprints of all."""
MOST_WAITING_BYTES = 32 << 20
LARGEST_PRINTED = 4 << 20
"""Canonical requests of more bytes get no fingerprint: it would take the interpreter from others for too long."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS exchanges (
    id INTEGER PRIMARY KEY, flow TEXT NOT NULL, key TEXT NOT NULL, content TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS prints (content TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
"""


class Journal:
    """The records of all processes that use one directory. Never raises for faults of its own."""

    def __init__(self, directory: Path) -> None:
        """
        Args:
            directory: made (0700) when there is something to write.
        """
        self.path = directory / "journal.db"
        self.lost = 0
        """Records that could not be written."""
        self._waiting: deque[tuple[Record, Fingerprint | None]] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._busy = False
        self._hurry = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def record(self, exchange: Exchange, *, layer: str, status: int = 0) -> None:
        """
        Remember `exchange`; a few microseconds.

        Args:
            exchange: it has come to its end.
            layer: who answered: `l3` is the provider, empty is nobody.
            status: HTTP status of the answer.
        """
        prints, canonical, size = exchange.fingerprint, exchange.identity.canonical, 0
        if prints is None and 0 < len(canonical) <= LARGEST_PRINTED:
            prints, size = Fingerprint(canonical), len(canonical)
        with self._changed:
            if self._closed or len(self._waiting) >= MOST_WAITING or self._waiting_bytes > MOST_WAITING_BYTES:
                self.lost += 1
                return
            self._waiting.append((record_of(exchange, layer=layer, status=status), prints))
            self._waiting_bytes += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="isartor-journal", daemon=True)
                self._thread.start()
            elif len(self._waiting) == 1:  # with more it is awake, and gathers
                self._changed.notify_all()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until what was recorded is written or lost; whether that came in time."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout_s)

    def close(self) -> None:
        """Write what waits, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(5.0)

    # Reading.

    def recent(self, count: int = 20) -> list[Record]:
        """The last records, newest first."""
        return self._select("ORDER BY id DESC LIMIT ?", (count,))

    def find(self, flow_or_key: str) -> Record | None:
        """The newest record of a flow, by its id, or of a key, by its beginning."""
        found = self._select(
            "WHERE flow = ? OR (key >= ? AND key < ? || 'g') ORDER BY id DESC LIMIT 1", (flow_or_key,) * 3
        )
        return found[0] if found else None

    def fingerprint(self, record: Record) -> Mapping[str, str]:
        """Digests of the request by path; see `core/fingerprint.py`. Empty where none is kept."""
        return self._prints((record.content,)).get(record.content, {})

    def nearest(
        self,
        prints: Mapping[str, str],
        *,
        but: str = "",
        wire: str = "",
        host: str = "",
        model: str = "",
        caller: str = "",
    ) -> tuple[Record, list[str]] | None:
        """
        The record whose request differs from another in the fewest places; of several the newest.

        Args:
            prints: the other's fingerprint.
            but: a key whose own records do not count.
            wire: only records of this wire; likewise the others.
            host: only of this provider.
            model: only of this model.
            caller: only of this caller.

        Returns:
            The record, and the paths at which it differs.
        """
        wanted = {"wire": wire, "host": host, "model": model, "caller": caller}
        records = [
            record
            for record in self.recent(KEPT)
            if record.key != but and all(not value or getattr(record, name) == value for name, value in wanted.items())
        ]
        all_prints = self._prints(tuple({record.content for record in records}))
        best: tuple[Record, list[str]] | None = None
        for record in records:
            found = differences(prints, all_prints[record.content]) if record.content in all_prints else None
            if found is not None and (best is None or len(found) < len(best[1])):
                best = (record, found)
        return best

    def _select(self, clause: str, values: tuple[object, ...]) -> list[Record]:
        self.flush(1.0)
        with (
            suppress(sqlite3.Error, OSError, ValueError, TypeError, KeyError),
            closing(self._open_to_read()) as connection,
        ):
            rows = connection.execute(f"SELECT data FROM exchanges {clause}", values).fetchall()  # noqa: S608
            return [load(data) for (data,) in rows]
        return []

    def _prints(self, contents: tuple[str, ...]) -> dict[str, Mapping[str, str]]:
        found: dict[str, Mapping[str, str]] = {}
        with suppress(sqlite3.Error, OSError, ValueError, zlib.error), closing(self._open_to_read()) as connection:
            for content in contents:
                row = connection.execute("SELECT data FROM prints WHERE content = ?", (content,)).fetchone()
                if row is not None:
                    found[content] = orjson.loads(zlib.decompress(row[0]))
        return found

    def _open_to_read(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)

    # Writing.

    def _run(self) -> None:
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                self._changed.wait_for(lambda: self._hurry or self._closed, GATHER_S)
                batch, self._busy = list(self._waiting), True
                self._waiting.clear()
                self._waiting_bytes = 0
                self._changed.release()
                try:
                    written = not batch or self._write(batch)
                finally:
                    self._changed.acquire()
                self._busy = self._hurry = False
                self.lost += 0 if written else len(batch)
                self._changed.notify_all()
                if self._closed and not self._waiting:
                    return

    def _write(self, batch: list[tuple[Record, Fingerprint | None]]) -> bool:
        for again in (True, False):
            try:
                with closing(self._open_to_write()) as connection, connection:
                    self._insert(connection, batch)
                return True
            except (sqlite3.Error, OSError) as error:
                # Processes that set it up at once can get an I/O error: a second attempt is worth it in any case.
                if again and _corrupt(error):
                    self._begin_anew()
        return False

    def _begin_anew(self) -> None:
        """What it holds can be lost."""
        with suppress(OSError):
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def _open_to_write(self) -> sqlite3.Connection:
        make_directory(self.path.parent)
        make_database(self.path)
        connection = sqlite3.connect(self.path, timeout=2.0)
        try:
            connection.execute("PRAGMA journal_mode = wal")
            connection.execute("PRAGMA synchronous = off")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _insert(self, connection: sqlite3.Connection, batch: list[tuple[Record, Fingerprint | None]]) -> None:
        rows = [(record.flow, record.key, record.content, dump(record)) for record, _ in batch]
        _insert_all(connection, "INSERT INTO exchanges (flow, key, content, data)", rows)
        prints = {record.content: prints for record, prints in batch if prints is not None}
        asked = ", ".join("?" * len(prints))
        known = connection.execute(f"SELECT content FROM prints WHERE content IN ({asked})", tuple(prints))  # noqa: S608
        for (content,) in known.fetchall():
            del prints[content]
        taken = [(content, zlib.compress(orjson.dumps(each.take()), 1)) for content, each in prints.items()]
        _insert_all(connection, "INSERT OR IGNORE INTO prints (content, data)", taken)
        ends = "SELECT (SELECT min(id) FROM exchanges), (SELECT max(id) FROM exchanges)"
        first, last = connection.execute(ends).fetchone()
        if last - first >= KEPT + SLACK:
            connection.execute("DELETE FROM exchanges WHERE id <= ?", (last - KEPT,))
            connection.execute("DELETE FROM prints WHERE content NOT IN (SELECT content FROM exchanges)")


def _insert_all(connection: sqlite3.Connection, into: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows by few statements: between two of them the interpreter changes threads, and a request may wait."""
    for some in batched(rows, AT_ONCE):
        row = f"({', '.join('?' * len(some[0]))})"
        connection.execute(f"{into} VALUES {', '.join([row] * len(some))}", [value for each in some for value in each])


def _corrupt(error: Exception) -> bool:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
