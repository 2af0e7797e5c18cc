"""A cassette: recordings in one file that people can read, commit and share, in place of the store."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from isartor_addon.core.errors import ConfigError, StoreError
from isartor_addon.core.recording import Entry
from isartor_addon.layers.ports import Clock
from isartor_addon.store.cassette_file import append, as_nobodys, fits, read_cassette, write_whole
from isartor_addon.store.cassette_line import HEADER, write_line
from isartor_addon.store.lock import locked

Mode = Literal["record", "replay"]

log = logging.getLogger(__name__)


class Cassette:
    """Answers and Shelf over one file. What is recorded belongs to nobody: it is found under `ANYONE`."""

    imported = True

    def __init__(self, file: Path, *, mode: Mode, clock: Clock) -> None:
        """
        Args:
            file: `record` makes it if it is missing.
            mode: `record` adds to it, `replay` only reads.
            clock: time.

        Raises:
            ConfigError: the file cannot be used; the sentence names file and line.
        """
        self._file = file
        self._mode = mode
        self._clock = clock
        self._failed = False
        self._counts = {"hits": 0, "misses": 0, "stored": 0}
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="isartor-cassette")
        if mode == "record":
            self._begin()
        self._entries = read_cassette(file)

    def _begin(self) -> None:
        try:
            with locked(self._file) as fd:
                _head(fd)
        except (OSError, StoreError) as error:
            raise ConfigError(f"cassette: {self._file} cannot be written: {error}") from error

    def peek(self, key: str) -> Entry | None:
        """The recording, if there is one."""
        entry = self._entries.get(key)
        if entry is not None:
            self._counts["hits"] += 1
        return entry

    async def get(self, key: str, *, counted: bool = True) -> Entry | None:
        """The recording, if there is one."""
        entry = self._entries.get(key)
        if counted:
            self._counts["hits" if entry is not None else "misses"] += 1
        return entry

    async def expired(self, key: str) -> Entry | None:
        """None: recordings do not expire."""
        return None

    def put(self, entry: Entry, then: Callable[[], None] | None = None) -> None:
        """Record, in place of an earlier one; nothing in mode `replay`. No other process sees it: `then` is now."""
        if then is not None:
            then()
        if self._mode == "replay":
            return
        mine = as_nobodys(entry)
        self._entries[mine.key] = mine
        self._counts["stored"] += 1
        with suppress(RuntimeError):
            self._pool.submit(self._append, mine)

    async def flush(self) -> None:
        """Wait until everything put is in the file or has been given up."""
        with suppress(RuntimeError):
            await asyncio.wrap_future(self._pool.submit(lambda: None))

    def close(self) -> None:
        """Finish what is being written and have it on the disk."""
        if self._mode == "record":
            with suppress(RuntimeError):
                self._pool.submit(self._sync)
        self._pool.shutdown(wait=True)

    def entries(self) -> Iterator[Entry]:
        """All recordings, newest first."""
        return iter(sorted(self._entries.values(), key=lambda entry: entry.created, reverse=True))

    def find(self, key: str) -> Entry | None:
        """The newest recording whose key begins with `key`."""
        return next((entry for entry in self.entries() if entry.key.startswith(key)), None)

    def keys(self) -> frozenset[str]:
        """The keys of all entries."""
        return frozenset(entry.key for entry in self.entries())

    def remove(self, *, model: str = "", host: str = "", older_than_s: float | None = None, key: str = "") -> int:
        """
        Remove what matches everything that is given.

        Raises:
            StoreError: the cassette is being replayed, or cannot be written now.
        """
        if self._mode == "replay":
            raise StoreError("a cassette that is replayed is not changed")
        before = None if older_than_s is None else self._clock.time() - older_than_s

        def goes(entry: Entry) -> bool:
            return (
                entry.key.startswith(key)
                and fits(entry, model=model, host=host)
                and (before is None or entry.created < before)
            )

        try:
            removed = self._pool.submit(self._rewrite, goes).result()
        except (OSError, RuntimeError) as error:
            raise StoreError(f"the cassette {self._file} cannot be written: {error}") from error
        return removed

    def pin(self, key: str, *, pinned: bool = True) -> Entry | None:
        """
        The recording found under `key`: in a cassette everything is pinned.

        Raises:
            StoreError: it was to be unpinned.
        """
        if not pinned:
            raise StoreError("recordings of a cassette do not expire; remove it instead")
        return self.find(key)

    def stats(self) -> Mapping[str, Any]:
        """Recordings, bytes of the file, hits and misses of this process, state."""
        size = self._file.stat().st_size if self._file.exists() else 0
        reason = "the cassette cannot be written" if self._failed else ""
        count = len(self._entries)
        return {
            "entries": count,
            "pinned": count,
            "bytes": size,
            "limit": 0,
            "state": "off" if reason else "on",
            "reason": reason,
            "cassette": str(self._file),
            "mode": self._mode,
            **self._counts,
        }

    # In the thread.

    def _append(self, entry: Entry) -> None:
        try:
            with locked(self._file) as fd:
                _head(fd)
                append(fd, write_line(entry))
        except (OSError, StoreError) as error:
            if not self._failed:
                log.warning("the cassette %s cannot be written: %s; what is recorded now is lost", self._file, error)
            self._failed = True

    def _rewrite(self, goes: Callable[[Entry], bool]) -> int:
        with locked(self._file):
            there = read_cassette(self._file)
            kept = {key: entry for key, entry in there.items() if not goes(entry)}
            write_whole(self._file, kept.values())
        self._entries = kept
        return len(there) - len(kept)

    def _sync(self) -> None:
        if self._file.exists():
            with suppress(OSError, StoreError), locked(self._file) as fd:
                os.fsync(fd)


def _head(fd: int) -> None:
    if os.fstat(fd).st_size == 0:
        append(fd, HEADER)
