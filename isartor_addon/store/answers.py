"""The store of recorded answers: a front in memory, a database on disk, and two threads that do all work on it.

One thread writes, in the order in which things were asked of it; the other reads and never waits for a writer. What was
put is served from memory at once. Faults end here: they switch the disk off, and memory goes on.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from isartor_addon.config.private import make_directory, make_file
from isartor_addon.core.errors import StoreError
from isartor_addon.core.identity import ANYONE
from isartor_addon.core.recording import Entry
from isartor_addon.layers.ports import Clock
from isartor_addon.store.epoch import Epoch
from isartor_addon.store.form import Damaged
from isartor_addon.store.gathering import Gathering
from isartor_addon.store.known import MOST_KEYS, KeysRead
from isartor_addon.store.memory import COUNTERS, Memory
from isartor_addon.store.rooms import Rooms
from isartor_addon.store.switch import Switch
from isartor_addon.store.worker import Worker

GET_S = 0.5
"""A `get` that takes longer is a miss."""
GATHER_S = 0.05
"""Entries are gathered for so long before they are written, in one transaction."""
GATHER_STREAM_S = 0.01
"""The same where one of them came as a stream: less than another process's request for the same stream waits."""
COUNT_S = 1.0
"""How long counters may be ahead of what is written down."""
PATIENCE_S = 60.0
"""How long people wait for a list, a removal or a pin."""

log = logging.getLogger(__name__)


class _Put(NamedTuple):
    entry: Entry
    done: Callable[[], None]
    """To be called when it is on disk, or has been given up."""


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
        self._size = size_bytes
        self._clock = clock
        self._switch = Switch("the cache on disk", clock, "answers are kept in memory only")
        self._closed = False
        self._gathering = Gathering[_Put]()
        self._counting: threading.Timer | None = None
        with suppress(OSError):
            make_directory(directory)
        self._epoch = Epoch(directory / "epoch")
        self._marker = directory / "imported"
        self.imported = self._marker.exists()
        self._memory = Memory(
            memory_bytes,
            epoch=self._epoch,
            clock=clock,
            changed=self._look_for_imports,
            counted=self._count_soon,
            unsure=self._read_keys_soon,
        )
        rooms = partial(Rooms, directory, size_bytes=size_bytes)
        self._write = Worker("isartor-store-write", partial(rooms, writes=True), self._switch)
        self._read = Worker("isartor-store-read", partial(rooms, writes=False), self._switch)
        self._write.soon(lambda rooms: None)
        self._read_keys_soon()

    # What the exact layer asks.

    def peek(self, key: str) -> Entry | None:
        """The entry, if it is in memory and fresh."""
        return self._memory.get(key)

    async def get(self, key: str, *, counted: bool = True) -> Entry | None:
        """The entry, if it is stored and fresh, and found within `GET_S`."""
        entry = self._memory.get(key, counted=counted)
        if entry is not None:
            return entry
        generation = self._memory.generation
        if self._memory.surely_new(key, counted=counted):
            self._usable()  # which tries a disk again that was off
            return None
        entry = await self._from_disk(key)
        self._memory.found(key, entry, generation, counted=counted)
        return entry

    async def expired(self, key: str) -> Entry | None:
        """The entry, if it is stored, no longer fresh, and kept for when everything else fails."""
        entry = self._memory.held(key) or await self._from_disk(key, kept=True)
        now = self._clock.time()
        return entry if entry is not None and not entry.fresh(now) and now < entry.end else None

    def put(self, entry: Entry, then: Callable[[], None] | None = None) -> None:
        """Keep `entry` in memory at once and on disk soon; `then` is called when that is done or given up."""

        def done() -> None:
            self._memory.written(entry)
            end()

        def end() -> None:
            entry.fingerprint.take()  # or memory would hold the request as well
            if then is not None:
                then()

        self._memory.put(entry)
        if self._usable() and self._memory.wait(entry):
            self._gather(_Put(entry, done))
        else:
            end()

    async def flush(self) -> None:
        """Wait until everything put is on disk or has been given up; it is written no sooner for that."""
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
        if self._counting is not None:
            self._counting.cancel()
        self._write.soon(self._tell)
        self._gathering.hurry()
        self._read.close()
        self._write.close()

    # What the semantic index asks, and people who clear it.

    def keys(self) -> frozenset[str] | None:
        """The keys of everything on disk, expired or not; None when that is not known. Waits, in this thread."""
        found = self._read.soon(_keys) if self._usable() else None
        try:
            return found.result(PATIENCE_S) if found is not None else None
        except TimeoutError:
            return None

    # What people ask.

    def entries(self) -> Iterator[Entry]:
        """All fresh entries, newest first; those in memory when the disk is off."""
        rows = self._ask(lambda rooms: [row.key for row in rooms.rows()])
        if rows is None:
            yield from self._memory.fresh()
            return
        for key in rows:
            entry = self._ask(partial(self._fetch, key=key))
            if entry is not None:
                yield entry

    def find(self, key: str) -> Entry | None:
        """The newest entry whose key begins with `key`."""
        rows = self._ask(lambda rooms: [row.key for row in rooms.rows(key)])
        if rows is None:
            return next((entry for entry in self._memory.fresh() if entry.key.startswith(key)), None)
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
        self._memory.forget_all()

        def work(rooms: Rooms) -> list[str]:
            keys = [
                row.key
                for row in rooms.rows(key)
                if row.fits(model=model, host=host, before=before) and (key or not row.pinned)
            ]
            rooms.remove(keys)
            if not rooms.rows():
                self._marker.unlink(missing_ok=True)
            self._epoch.note(keys)
            return keys

        keys = self._demand(work)
        self._memory.forget(keys)
        self._look_for_imports()
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
        self._memory.forget([entry.key for entry in moved])
        return moved[0] if moved else None

    def stats(self) -> Mapping[str, Any]:
        """Entries, bytes, limit, hits, misses and stored since the store was made, the front, state and reason."""

        def work(rooms: Rooms) -> dict[str, int]:
            self._tell(rooms)
            rows = rooms.rows()
            counts = {name: rooms.count(name) for name in COUNTERS}
            pinned = sum(row.pinned for row in rows)
            return {"entries": len(rows), "pinned": pinned, "bytes": rooms.size, **counts}

        there = self._ask(work)
        front = self._memory.front
        held = {"memory_entries": len(front), "memory_bytes": front.bytes, "memory_limit": front.limit}
        state = {"limit": self._size, "state": "on" if self._switch.on else "off", "reason": self._switch.reason}
        there = there or {"entries": len(front), "pinned": 0, "bytes": 0, **self._memory.counts()}
        return {**there, **held, **state}

    # How it is done.

    def _usable(self) -> bool:
        if self._switch.due():
            self._write.try_again()
        return self._switch.on and not self._closed

    async def _from_disk(self, key: str, *, kept: bool = False) -> Entry | None:
        found = self._read.soon(partial(self._fetch, key=key, kept=kept)) if self._usable() else None
        if found is None:
            return None
        try:
            return await asyncio.wait_for(asyncio.wrap_future(found), GET_S)
        except TimeoutError:
            return None

    def _ask[T](self, work: Callable[[Rooms], T | None]) -> T | None:
        """Have `work` done by the writer, after all that was put, and wait for it; None when the disk is off."""
        done = self._write.soon(work) if self._usable() else None
        self._gathering.hurry()
        try:
            return done.result(PATIENCE_S) if done is not None else None
        except TimeoutError:
            return None

    def _demand[T](self, work: Callable[[Rooms], T | None]) -> T:
        result = self._ask(work)
        if result is None:
            raise StoreError(f"the cache on disk is off: {self._switch.reason or 'closed or busy'}")
        return result

    def _fetch(self, rooms: Rooms, key: str, *, kept: bool = False) -> Entry | None:
        try:
            entry = rooms.read(key)
        except Damaged as error:
            log.info("the entry %s is damaged (%s) and removed", key[:16], error)
            self._write.soon(lambda rooms: rooms.remove([key]))
            return None
        return entry if entry is not None and (kept or entry.fresh(self._clock.time())) else None

    def _read_keys_soon(self) -> None:
        self._read.soon(self._read_keys)

    def _read_keys(self, rooms: Rooms) -> None:
        ticket, keys = self._memory.begin_reading(), KeysRead()
        for some in rooms.all_keys():
            keys.add(some)
            if self._closed or keys.count > MOST_KEYS:
                return
        self._memory.have_read(ticket, keys)

    def _gather(self, put: _Put) -> None:
        batch = self._gathering.add(put, GATHER_S if put.entry.recording.mode == "json" else GATHER_STREAM_S)
        if batch is None:
            return
        if self._write.soon(partial(self._store, batch=batch), partial(self._stored, batch)) is None:
            self._stored(batch)

    def _store(self, rooms: Rooms, batch: list[_Put]) -> None:
        self._gathering.wait()
        self._gathering.complete(batch)
        entries = [put.entry for put in batch if self._memory.waits(put.entry)]
        if not entries:
            return
        self._touch(rooms)
        rooms.write(entries, self._clock.time())
        if not self.imported and any(entry.caller == ANYONE for entry in entries):
            make_file(self._marker)
            self.imported = True
        self._epoch.note([entry.key for entry in entries])

    def _stored(self, batch: list[_Put]) -> None:
        """It is on disk, or has been given up."""
        self._gathering.complete(batch)
        for put in batch:
            put.done()

    def _touch(self, rooms: Rooms) -> None:
        """Tell the disk what was used, before it chooses what to evict."""
        used = self._memory.take_used()
        if used:
            rooms.touch(used)

    def _tell(self, rooms: Rooms) -> None:
        """Tell the disk what it does not know yet: what was used, and the counters."""
        self._touch(rooms)
        for name, count in self._memory.take_counts().items():
            rooms.count(name, count)

    def _count_soon(self) -> None:
        """People look at the counters from another process, mostly when this one has nothing to do any more."""
        self._counting = threading.Timer(COUNT_S, self._write.soon, (self._tell,))
        self._counting.daemon = True
        self._counting.start()

    def _look_for_imports(self) -> None:
        self.imported = self._marker.exists()


def _keys(rooms: Rooms) -> frozenset[str]:
    return frozenset(key for some in rooms.all_keys() for key in some)
