"""The store of recorded answers: a front in memory, a database on disk, and two threads that do all work on it.

One thread writes, in the order in which things were asked of it; the other reads and never waits for a writer. What was
put is served from memory at once. Faults end here: they switch the disk off, and memory goes on.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from isartor_addon.core.errors import StoreError
from isartor_addon.core.identity import ANYONE
from isartor_addon.core.recording import Entry
from isartor_addon.layers.ports import Clock
from isartor_addon.store.disk import make_directory, make_file
from isartor_addon.store.epoch import EVERYTHING, Epoch
from isartor_addon.store.form import Damaged
from isartor_addon.store.front import Front, weight
from isartor_addon.store.rooms import Rooms
from isartor_addon.store.switch import Switch
from isartor_addon.store.worker import Worker

GET_S = 0.5
"""A `get` that takes longer is a miss."""
LOOK_S = 0.05
"""How often it is seen what other processes changed."""
TOUCH_S = 600.0
"""How often the disk is told that an entry in memory is in use."""
MOST_TOUCHED = 500
"""What was used is told to the disk before the next write, once a minute, or when it is so many entries."""
COUNT_S = 60.0
"""How often counters are written down."""
PATIENCE_S = 60.0
"""How long people wait for a list, a removal or a pin."""
WAITING_BYTES = 32 << 20
"""What waits to be written; when it is more, the disk does not keep up, and further entries are in memory only."""

log = logging.getLogger(__name__)


class AnswerStore:
    """Answers and Shelf over one directory, which several processes may share."""

    def __init__(self, directory: Path, *, size_bytes: int, memory_bytes: int, clock: Clock) -> None:
        """
        Args:
            directory: made if it is missing.
            size_bytes: bound on disk; pinned entries are not counted.
            memory_bytes: bound in memory.
            clock: time.
        """
        self._directory = directory
        self._size = size_bytes
        self._clock = clock
        self._switch = Switch("the cache on disk", clock)
        self._front = Front(memory_bytes)
        self._pending: dict[str, Entry] = {}
        self._pending_bytes = 0
        self._lock = threading.RLock()
        self._generation = 0
        self._counts = {"hits": 0, "misses": 0, "stored": 0}
        self._touched: set[str] = set()
        self._counted_at = clock.monotonic()
        self._look_at = 0.0
        self._closed = False
        with suppress(OSError):
            make_directory(directory)
        self._epoch = Epoch(directory / "epoch")
        self._marker = directory / "imported"
        self.imported = self._marker.exists()
        self._write = Worker(directory, size_bytes=size_bytes, writes=True, switch=self._switch)
        self._read = Worker(directory, size_bytes=size_bytes, writes=False, switch=self._switch)
        for worker in (self._write, self._read):
            worker.soon(lambda rooms: None)

    # What the exact layer asks.

    def peek(self, key: str) -> Entry | None:
        """The entry, if it is in memory and fresh."""
        now = self._clock.monotonic()
        with self._lock:
            if now >= self._look_at:
                self._look(now)
            slot = self._front.get(key)
            entry = slot.entry if slot is not None else self._pending.get(key)
            if entry is None:
                return None
            if not entry.fresh(self._clock.time()):
                self._front.drop(key)
                return None
            self._counts["hits"] += 1
            if slot is not None and now - slot.touched > TOUCH_S:
                slot.touched = now
                self._used(key)
        return entry

    async def get(self, key: str) -> Entry | None:
        """The entry, if it is stored and fresh, and found within `GET_S`."""
        entry = self.peek(key)
        if entry is not None:
            return entry
        generation = self._generation
        entry = await self._from_disk(key)
        now = self._clock.monotonic()
        with self._lock:
            self._count("misses" if entry is None else "hits", now)
            if entry is None:
                return None
            self._look(now)
            if generation == self._generation and key not in self._front:
                self._front.put(entry, now)
            self._used(key)
        return entry

    def put(self, entry: Entry) -> None:
        """Keep `entry` in memory at once and on disk soon."""
        now = self._clock.monotonic()
        usable = self._usable()
        with self._lock:
            self._look(now)
            self._front.put(entry, now)
            if entry.key not in self._front:
                self._generation += 1
            self._count("stored", now)
            size = weight(entry)
            if not usable or (self._pending and self._pending_bytes + size > WAITING_BYTES):
                return
            self._pending_bytes += size
            self._pending[entry.key] = entry
        if self._write.soon(lambda rooms: self._store(rooms, entry), lambda: self._written(entry)) is None:
            self._written(entry)

    async def flush(self) -> None:
        """Wait until everything put is on disk or has been given up."""
        done = self._write.soon(lambda rooms: None)
        if done is not None:
            await asyncio.wrap_future(done)

    def settle(self) -> None:
        """
        Wait, in this thread, until everything put is on disk.

        Raises:
            StoreError: the disk cannot be used now.
        """
        self._demand(lambda rooms: True)

    def close(self) -> None:
        """Finish what is being written and let go of files and threads."""
        if self._closed:
            return
        self._closed = True
        self._write.soon(self._write_counts)
        self._read.close()
        self._write.close()

    # What people ask.

    def entries(self) -> Iterator[Entry]:
        """All fresh entries, newest first; those in memory when the disk is off."""
        rows = self._ask(lambda rooms: [row.key for row in rooms.rows()])
        if rows is None:
            yield from self._in_memory()
            return
        for key in rows:
            entry = self._ask(partial(self._fetch, key=key))
            if entry is not None:
                yield entry

    def find(self, key: str) -> Entry | None:
        """The newest entry whose key begins with `key`."""
        rows = self._ask(lambda rooms: [row.key for row in rooms.rows(key)])
        if rows is None:
            return next((entry for entry in self._in_memory() if entry.key.startswith(key)), None)
        found = (self._ask(partial(self._fetch, key=full)) for full in rows)
        return next((entry for entry in found if entry is not None), None)

    def remove(self, *, model: str = "", host: str = "", older_than_s: float | None = None, key: str = "") -> int:
        """
        Remove what matches everything that is given; what is pinned only when it is named by `key`.

        Args:
            model: a pattern as in `fnmatch`, in any case of letters.
            host: the same for the provider's host.
            older_than_s: only what was recorded longer ago, seconds.
            key: the beginning of a key.

        Raises:
            StoreError: the disk cannot be used now. What is in memory is gone all the same.
        """
        before = None if older_than_s is None else self._clock.time() - older_than_s
        with self._lock:
            for entry in list(self._front):
                self._front.drop(entry.key)

        def work(rooms: Rooms) -> list[str]:
            keys = [
                row.key
                for row in rooms.rows(key)
                if row.fits(model=model, host=host, before=before) and (key or not row.pinned)
            ]
            rooms.remove(keys)
            if not (model or host or key) and before is None:
                self._marker.unlink(missing_ok=True)
            self._epoch.note(keys)
            return keys

        keys = self._demand(work)
        self._forget(keys)
        self.imported = self._marker.exists()
        return len(keys)

    def pin(self, key: str, *, pinned: bool = True) -> Entry | None:
        """
        Pin or unpin the entry found under `key`.

        Raises:
            StoreError: the disk cannot be used now.
        """

        def work(rooms: Rooms) -> list[Entry]:
            for row in rooms.rows(key):
                entry = self._fetch(rooms, row.key)
                if entry is not None:
                    moved = rooms.pin(entry, self._clock.time(), pinned=pinned)
                    self._epoch.note([row.key])
                    return [moved]
            return []

        moved = self._demand(work)
        self._forget(entry.key for entry in moved)
        return moved[0] if moved else None

    def stats(self) -> Mapping[str, Any]:
        """Entries, bytes, limit, hits, misses and stored since the store was made, the front, state and reason."""

        def work(rooms: Rooms) -> dict[str, int]:
            self._write_counts(rooms)
            rows = rooms.rows()
            counts = {name: rooms.count(name) for name in self._counts}
            pinned = sum(row.pinned for row in rows)
            return {"entries": len(rows), "pinned": pinned, "bytes": rooms.bytes, **counts}

        there = self._ask(work)
        front = {
            "memory_entries": len(self._front),
            "memory_bytes": self._front.bytes,
            "memory_limit": self._front.limit,
        }
        state = {"limit": self._size, "state": "on" if self._switch.on else "off", "reason": self._switch.reason}
        return {**(there or {"entries": len(self._front), "pinned": 0, "bytes": 0, **self._counts}), **front, **state}

    # How it is done.

    def _usable(self) -> bool:
        if self._switch.due():
            self._write.try_again()
        return self._switch.on and not self._closed

    async def _from_disk(self, key: str) -> Entry | None:
        found = self._read.soon(partial(self._fetch, key=key)) if self._usable() else None
        if found is None:
            return None
        try:
            return await asyncio.wait_for(asyncio.wrap_future(found), GET_S)
        except TimeoutError:
            return None

    def _ask[T](self, work: Callable[[Rooms], T | None]) -> T | None:
        """Have `work` done by the writer, after all that was put, and wait for it; None when the disk is off."""
        done = self._write.soon(work) if self._usable() else None
        try:
            return done.result(PATIENCE_S) if done is not None else None
        except TimeoutError:
            return None

    def _demand[T](self, work: Callable[[Rooms], T | None]) -> T:
        result = self._ask(work)
        if result is None:
            raise StoreError(f"the cache on disk is off: {self._switch.reason or 'closed or busy'}")
        return result

    def _fetch(self, rooms: Rooms, key: str) -> Entry | None:
        try:
            entry = rooms.read(key)
        except Damaged as error:
            log.info("the entry %s is damaged (%s) and removed", key[:16], error)
            self._write.soon(lambda rooms: rooms.remove([key]))
            return None
        return entry if entry is not None and entry.fresh(self._clock.time()) else None

    def _store(self, rooms: Rooms, entry: Entry) -> None:
        if self._pending.get(entry.key) is not entry:
            return
        self._touch(rooms)
        rooms.write(entry, self._clock.time())
        if entry.caller == ANYONE and not self.imported:
            make_file(self._marker)
            self.imported = True
        self._epoch.note([entry.key])

    def _used(self, key: str) -> None:
        self._touched.add(key)
        if len(self._touched) >= MOST_TOUCHED:
            self._write.soon(self._touch)

    def _touch(self, rooms: Rooms) -> None:
        """Tell the disk what was used, before it chooses what to evict."""
        with self._lock:
            touched, self._touched = self._touched, set()
        if touched:
            rooms.touch(touched)

    def _written(self, entry: Entry) -> None:
        with self._lock:
            self._pending_bytes -= weight(entry)
            if self._pending.get(entry.key) is entry:
                del self._pending[entry.key]

    def _look(self, now: float) -> None:
        """Forget what other processes changed."""
        self._look_at = now + LOOK_S
        changed = self._epoch.look()
        if not changed:
            return
        self._generation += 1
        if EVERYTHING in changed:
            self._front.clear()
        for key in changed:
            self._front.drop(key)
        self.imported = self._marker.exists()

    def _forget(self, keys: Iterable[str]) -> None:
        with self._lock:
            self._generation += 1
            for key in keys:
                self._front.drop(key)

    def _in_memory(self) -> list[Entry]:
        now = self._clock.time()
        with self._lock:
            fresh = [entry for entry in self._front if entry.fresh(now)]
        return sorted(fresh, key=lambda entry: entry.created, reverse=True)

    def _count(self, name: str, now: float) -> None:
        self._counts[name] += 1
        if now - self._counted_at > COUNT_S:
            self._counted_at = now
            self._write.soon(self._write_counts)

    def _write_counts(self, rooms: Rooms) -> None:
        self._touch(rooms)
        with self._lock:
            counts = dict(self._counts)
            self._counts = dict.fromkeys(counts, 0)
        for name, value in counts.items():
            if value:
                rooms.count(name, value)
