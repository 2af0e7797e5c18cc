"""One diskcache database, made fit for private answers: bytes only, never a pickle, files for their owner only.

Everything stands inside SQLite, nothing in files beside it: what a killed process left half written rolls back, and the
bound in bytes holds. Every fault comes out as one exception, `Fault`, which says what to do about it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import batched
from pathlib import Path
from typing import NamedTuple

import diskcache
from diskcache.core import MODE_RAW, UNKNOWN

from isartor_addon.config.private import make_database, make_directory
from isartor_addon.core.errors import StoreError
from isartor_addon.store.fault import DATABASE, Watched
from isartor_addon.store.lock import locked

SETTINGS = {
    # Not while something is written: the bytes of what is evicted are free only when that is committed.
    "cull_limit": 0,
    "sqlite_auto_vacuum": 1,
    "sqlite_cache_size": 512,
    "sqlite_journal_mode": "wal",
    "sqlite_journal_size_limit": 16 << 20,
    # A mapped file that somebody cuts off kills the process which reads it.
    "sqlite_mmap_size": 0,
    "sqlite_synchronous": 1,
}

OPENING_S = 2.0
"""How long to wait for another process's write when a database is opened."""
_CULL_EVERY = 100
"""A hundredth of the bound has been written: time to see that it is kept."""
_KEYS_AT_ONCE = 2000
_ASKED_AT_ONCE = 500
"""SQLite may not take more than 999 values."""


class Item(NamedTuple):
    """What is written under one key."""

    key: str
    data: bytes
    expire_s: float | None
    """Seconds from now; None: never."""
    tag: str
    """A note that `rows` gives without reading the bytes."""


class Refused(StoreError):
    """A value that is not plain bytes: this store did not write it, and it is not opened."""


class BytesDisk(diskcache.Disk):  # type: ignore[misc]
    """Keys are text, values are bytes (and whole numbers, for counters); nothing else goes in or comes out."""

    def put(self, key: object) -> tuple[str, bool]:
        """Take a key."""
        if type(key) is not str:
            raise Refused(f"a key of type {type(key).__name__}")
        return key, True

    def get(self, key: object, raw: object) -> str:
        """Give a key back."""
        if not raw or type(key) is not str:
            raise Refused("a key that was not written here")
        return key

    def store(self, value: object, read: bool, key: object = UNKNOWN) -> tuple[int, int, None, object]:
        """Take a value."""
        if read or type(value) not in (bytes, int):
            raise Refused(f"a value of type {type(value).__name__}")
        return 0, MODE_RAW, None, value

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> bytes | int:
        """Give a value back."""
        if mode != MODE_RAW or filename is not None or not isinstance(value, bytes | int):
            raise Refused("a value that was not written here")
        return value

    def remove(self, file_path: str) -> None:
        """Do nothing: no value of ours is a file, and a row that names one was not written here."""


class Database:
    """One diskcache in one directory. For one thread; any number of processes."""

    def __init__(self, directory: Path, *, size_bytes: int | None, timeout_s: float) -> None:
        """
        Args:
            directory: where `cache.db` is or will be; made if it is missing.
            size_bytes: the bound, kept by evicting what was used longest ago; None: unbounded.
            timeout_s: how long to wait for another process's write.

        Raises:
            Fault: it cannot be opened.
        """
        self.directory = directory
        self.path = directory / DATABASE
        self._size = size_bytes
        self._timeout_s = timeout_s
        self._written = 0
        self._looking: sqlite3.Connection | None = None
        self._file = Watched(self.path)
        with self._file.faults():
            make_directory(directory)
            # One at a time: processes that set up a new database at once get I/O errors from SQLite.
            with locked(directory / "lock"):
                make_database(self.path)
                self._file.begin()
                self._try_lock()
                self._cache = self._open()

    def _open(self) -> diskcache.Cache:
        return diskcache.Cache(
            str(self.directory),
            timeout=self._timeout_s,
            disk=BytesDisk,
            size_limit=self._size or 1 << 62,
            eviction_policy="none" if self._size is None else "least-recently-used",
            **SETTINGS,
        )

    def _open_to_read(self) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, timeout=self._timeout_s)

    def _try_lock(self) -> None:
        """Fail within the timeout where diskcache's set-up would go on trying for a minute."""
        timeout_s = max(self._timeout_s, OPENING_S)
        with closing(sqlite3.connect(self.path, timeout=timeout_s, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")

    def read_only_from_here(self) -> None:
        """Let `get` neither write nor lock: uses are told by `touch` of another connection."""
        self._cache.eviction_policy = "none"

    def get(self, key: str) -> bytes | None:
        """
        The bytes under `key`.

        Raises:
            Fault: it cannot be read now.
            Refused: something else stands there.
        """
        with self._file.faults():
            self._file.check()
            value = self._cache.get(key)
        if value is not None and not isinstance(value, bytes):
            raise Refused("no bytes")
        return value

    def touch(self, keys: Iterable[str]) -> None:
        """
        Say that `keys` were used now.

        Raises:
            Fault: it cannot be written now.
        """
        with self._file.faults():
            self._file.check()
            with self._cache.transact():
                for key in keys:
                    with suppress(Refused):
                        self._cache.get(key)

    def which(self, keys: Sequence[str]) -> set[str]:
        """
        Those of `keys` that are there, by few looks.

        Raises:
            Fault: it cannot be read now.
        """
        there: set[str] = set()
        with self._file.faults():
            if self._looking is None:
                self._looking = self._open_to_read()
            for some in batched(keys, _ASKED_AT_ONCE):
                asked = ", ".join("?" * len(some))
                rows = self._looking.execute(f"SELECT key FROM Cache WHERE raw = 1 AND key IN ({asked})", some)  # noqa: S608
                there.update(key for (key,) in rows)
        return there

    def put(self, *items: Item) -> None:
        """
        Write all of `items`, or nothing.

        Raises:
            Fault: they cannot be written now.
        """
        with self._file.faults():
            self._file.check()
            with self._cache.transact():
                for item in items:
                    self._cache.set(item.key, item.data, expire=item.expire_s, tag=item.tag)
            self._written += sum(len(item.data) for item in items)
            if self._size is not None and self._written * _CULL_EVERY >= self._size:
                self._written = 0
                self._cache.cull()

    def delete(self, keys: list[str]) -> int:
        """
        Remove `keys`, some hundred in one transaction; give how many there were.

        Raises:
            Fault: it cannot be written now.
        """
        count = 0
        with self._file.faults():
            self._file.check()
            for begin in range(0, len(keys), 200):
                with self._cache.transact():
                    count += sum(self._cache.delete(key) for key in keys[begin : begin + 200])
        return count

    def rows(self, prefix: str = "") -> list[tuple[str, str]]:
        """
        Keys that begin with `prefix`, and their tags, of everything that has not expired; without reading values.

        Raises:
            Fault: it cannot be read now.
        """
        with self._file.faults():
            self._file.check()
            with closing(self._open_to_read()) as connection:
                rows = connection.execute(
                    "SELECT key, tag FROM Cache WHERE raw = 1 AND key >= ? AND key < ?"
                    " AND (expire_time IS NULL OR expire_time > CAST(strftime('%s', 'now') AS REAL))",
                    (prefix, prefix + "\U0010ffff"),
                ).fetchall()
        return [(key, tag) for key, tag in rows if isinstance(key, str) and isinstance(tag, str)]

    def all_keys(self) -> Iterator[list[str]]:
        """
        All keys, some thousand at a time; what has expired may be among them.

        Raises:
            Fault: they cannot be read now.
        """
        with self._file.faults():
            self._file.check()
            with closing(self._open_to_read()) as connection:
                # The index has all of this, so that no value is read.
                found = connection.execute("SELECT key FROM Cache WHERE raw = 1")
                while rows := found.fetchmany(_KEYS_AT_ONCE):
                    yield [key for (key,) in rows if isinstance(key, str)]

    def count(self, name: str, by: int = 0) -> int:
        """
        Add `by` to the counter `name`; give its value.

        Raises:
            Fault: it cannot be read or written now.
        """
        with self._file.faults():
            value = self._cache.incr(name, by) if by else self._cache.get(name, 0)
        return value if isinstance(value, int) else 0

    def try_write(self) -> None:
        """
        See whether there is room: write some pages and take them back.

        Raises:
            Fault: there is none.
        """
        self.put(Item("room", bytes(64 << 10), 60, ""))
        self.delete(["room"])

    @property
    def size(self) -> int:
        """Bytes on disk, free pages and the write-ahead log not counted."""
        with self._file.faults():
            return int(self._cache.volume())

    def close(self) -> None:
        """Let go of the files; in the thread that used them."""
        with suppress(sqlite3.Error):
            self._cache.close()
        if self._looking is not None:
            self._looking.close()
