"""The semantic index: vectors by scope, in memory where they are asked for, on disk where all processes find them.

Three threads: one searches and owns what is in memory, one reads the disk, one writes it in batches. What is put is
found at once, by this process out of what waits to be written, by others when it is on disk: an epoch file tells them.
Faults end here: they switch the disk off, and what is in memory goes on.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isartor_addon.config.private import make_directory
from isartor_addon.layers.ports import Clock, Near
from isartor_addon.store.epoch import EVERYTHING, Epoch
from isartor_addon.store.switch import Switch
from isartor_addon.store.vector_rows import Row, VectorRows
from isartor_addon.store.worker import Worker

if TYPE_CHECKING:
    from isartor_addon.layers.ports import Vector
    from isartor_addon.store.index import Kind
    from isartor_addon.store.scopes import Scopes

LOOK_S = 0.05
"""How long another process's changes may stay unseen."""
SWEEP_S = 600.0
"""How often what has no answer any more is removed,"""
SWEEP_SOON_S = 120.0
SWEEP_ROWS = 4000
"""and how soon after so many questions: they may have come in place of others."""
MEMORY_BYTES = 256 << 20
WRITER_PATIENCE_S = 2.0
READER_PATIENCE_S = 0.25
STATS_PATIENCE_S = 10.0
_FILLED = "filled"

log = logging.getLogger(__name__)


class VectorStore:
    """Vectors over one directory, which several processes may share."""

    def __init__(
        self,
        directory: Path,
        *,
        embedder: str,
        clock: Clock,
        stored: Callable[[], Collection[str] | None] = lambda: None,
        memory_bytes: int = MEMORY_BYTES,
        kinds: Sequence[Kind] | None = None,
    ) -> None:
        """
        Args:
            directory: made if it is missing.
            embedder: `Embedder.id`; vectors of another one are not seen.
            clock: time.
            stored: gives the keys of which there are answers, or None if that is not known; called in a thread, where
                it may take its time.
            memory_bytes: bound in memory.
            kinds: see `store/index.py`; None: as measured there.
        """
        self._clock = clock
        self._stored = stored
        self._memory_bytes = memory_bytes
        self._kinds = kinds
        self._closed = False
        with suppress(OSError):
            make_directory(directory)
        self._epoch = Epoch(directory / "epoch")
        self._looking = threading.Lock()
        self._lock = threading.Lock()
        # Under the lock, which is never held during I/O.
        self._held: set[str] = set()
        self._added = 0
        self._unsure = True
        self._waiting: dict[str, Row | None] = {}
        self._writing: dict[str, Row | None] = {}
        self._was_on = True
        self._look_at = 0.0
        self._swept_at = clock.monotonic() - SWEEP_S
        self._filed = 0
        # For the searching thread alone.
        self._scopes: Scopes | None = None
        self._search = ThreadPoolExecutor(max_workers=1, thread_name_prefix="isartor-vectors")
        self._switch = Switch("the semantic index on disk", clock, "questions are kept in memory only")
        kind = blake2b(embedder.encode(), digest_size=8).hexdigest()
        rows = partial(VectorRows, directory, embedder=kind)
        self._write = Worker("isartor-vectors-write", partial(rows, timeout_s=WRITER_PATIENCE_S), self._switch)
        self._read = Worker("isartor-vectors-read", partial(rows, timeout_s=READER_PATIENCE_S), self._switch)
        self._soon(self._begin_anew)

    # What the layer asks.

    def holds(self, scope: str) -> bool:
        """Whether anything is stored under `scope`; True also while that is not known yet."""
        self._look()
        return self._unsure or scope in self._held

    async def nearest(self, scope: str, vector: Vector, count: int) -> Sequence[Near]:
        """Up to `count` stored questions with a similarity above 0, nearest first."""
        self._look()
        found = self._soon(partial(self._nearest, scope, vector, count))
        near = await asyncio.wrap_future(found) if found is not None else None
        return near or []

    def put(self, scope: str, key: str, vector: Vector) -> None:
        """File the entry `key` under `scope`: found from now on, on disk soon."""
        row = Row(scope, vector.astype("<f2").tobytes())
        self._hold([scope])
        self._change(key, row)

    def remove(self, key: str) -> None:
        """Forget the entry `key`, in whatever scope it is."""
        self._change(key, None)

    def settle(self) -> None:
        """Wait, in this thread, until everything put is on disk or has been given up."""
        done = self._write.soon(lambda rows: None)
        if done is not None:
            done.result()

    def close(self) -> None:
        """Finish what is being written and let go of files and threads."""
        if self._closed:
            return
        self._closed = True
        self._search.shutdown(wait=True)
        self._write.close()
        self._read.close()

    # What people and the composition root ask.

    def stats(self) -> Mapping[str, Any]:
        """Rows on disk, what is in memory, state and reason."""
        rows = self._write.soon(VectorRows.count) if self._usable() else None
        memory = self._soon(self._memory)
        try:
            count = rows.result(STATS_PATIENCE_S) if rows is not None else None
            held = memory.result(STATS_PATIENCE_S) if memory is not None else None
        except TimeoutError:
            count = held = None
        state = {"state": "on" if self._switch.on else "off", "reason": self._switch.reason}
        return {"rows": count or 0, **(held or {}), **state}

    def unfilled(self) -> Collection[str] | None:
        """
        The keys that are filed, as long as not all stored answers have been: the file is new, or who filled it was cut
        off. None when they have.

        May take its time: for a thread.
        """
        told = self._write.soon(lambda rows: None if rows.is_marked(_FILLED) else rows.keys())
        return told.result() if told is not None else None

    def mark_filled(self) -> None:
        """All stored answers have been filed, when what was put is on disk."""
        self._write.soon(lambda rows: rows.mark(_FILLED, self._clock.time()))

    # What others changed.

    def _look(self) -> None:
        now = self._clock.monotonic()
        if now < self._look_at or not self._looking.acquire(blocking=False):
            return
        try:
            self._look_at = now + LOOK_S
            changed = self._epoch.look()
            back, self._was_on = self._usable() and not self._was_on, self._switch.on
        finally:
            self._looking.release()
        if back or EVERYTHING in changed:
            self._unsure = True
            self._soon(self._begin_anew)
        elif changed:
            places = [each.partition("/") for each in changed]
            self._hold([scope for scope, _, _ in places if scope])
            self._soon(partial(self._heed, [key for _, _, key in places]))

    def _hold(self, scopes: Collection[str]) -> None:
        with self._lock:
            self._held.update(scopes)
            self._added += 1

    def _begin_anew(self) -> None:
        """Forget what is in memory and see which scopes there are."""
        if self._scopes is not None and self._switch.on:
            self._scopes.clear()
        found = self._from_disk(VectorRows.scopes)
        with self._lock:
            mine = {row.scope for row in (*self._writing.values(), *self._waiting.values()) if row is not None}
            if found is not None:
                self._held = mine.union(found)
            self._unsure = False

    def _heed(self, keys: Collection[str]) -> None:
        """Take over what another process did to these keys."""
        with self._lock:
            keys = [key for key in keys if key not in self._waiting and key not in self._writing]
        found = self._from_disk(lambda rows: rows.find(keys))
        if found is None or self._scopes is None:
            return
        for key in keys:
            self._take(self._scopes, key, found.get(key))

    # In the searching thread.

    def _soon[T](self, work: Callable[[], T]) -> Future[T | None] | None:
        try:
            return self._search.submit(self._do, work)
        except RuntimeError:
            return None

    def _do[T](self, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except Exception as error:
            # What is in memory may be anything now; the disk has it all.
            log.error("the semantic index failed (%s) and is read again", type(error).__name__)
            self._scopes = None
            return None

    def _loaded(self) -> Scopes:
        if self._scopes is None:
            from isartor_addon.store.index import KINDS
            from isartor_addon.store.scopes import Scopes

            self._scopes = Scopes(self._memory_bytes, self._kinds or KINDS)
        return self._scopes

    def _memory(self) -> dict[str, int]:
        scopes = self._scopes
        return {
            "scopes": len(scopes) if scopes else 0,
            "entries": scopes.entries if scopes else 0,
            "bytes": scopes.bytes if scopes else 0,
        }

    def _nearest(self, scope: str, vector: Vector, count: int) -> Sequence[Near]:
        scopes = self._loaded()
        if scope not in scopes:
            self._load(scopes, scope)
        return scopes.nearest(scope, vector, count)

    def _load(self, scopes: Scopes, scope: str) -> None:
        """Read a scope from the disk, and from what is not there yet: taken first, so that nothing falls between."""
        with self._lock:
            unwritten = {**self._writing, **self._waiting}
            added = self._added
        found = self._from_disk(lambda rows: rows.of_scope(scope))
        rows = dict(found or ())
        for key, row in unwritten.items():
            rows.pop(key, None)
            if row is not None and row.scope == scope:
                rows[key] = row.vector
        scopes.fill(scope, rows.items())
        if found is not None and scope not in scopes:
            with self._lock:
                if added == self._added:
                    self._held.discard(scope)

    def _file(self, key: str, row: Row | None) -> None:
        if row is not None and not self._switch.on:
            self._loaded().put(row.scope, key, row.vector)
        elif self._scopes is not None:
            self._take(self._scopes, key, row)

    @staticmethod
    def _take(scopes: Scopes, key: str, row: Row | None) -> None:
        """A scope that is not in memory is read when it is asked for."""
        if row is not None and row.scope in scopes:
            scopes.put(row.scope, key, row.vector)
        else:
            scopes.remove(key)

    # On disk.

    def _usable(self) -> bool:
        if self._switch.due():
            self._write.try_again()
        return self._switch.on and not self._closed

    def _from_disk[T](self, work: Callable[[VectorRows], T]) -> T | None:
        found = self._read.soon(work) if self._usable() else None
        return found.result() if found is not None else None

    def _change(self, key: str, row: Row | None) -> None:
        if self._usable():
            with self._lock:
                self._waiting[key] = row
            self._write.soon(self._write_waiting, self._written)
        self._soon(partial(self._file, key, row))

    def _write_waiting(self, rows: VectorRows) -> None:
        with self._lock:
            # Again, if the first try failed.
            self._writing.update(self._waiting)
            self._waiting = {}
            batch = dict(self._writing)
        if not batch:
            return
        rows.write(batch, self._clock.time())
        self._epoch.note(f"{row.scope if row is not None else ''}/{key}" for key, row in batch.items())
        self._filed += sum(row is not None for row in batch.values())
        pause = SWEEP_S if self._filed < SWEEP_ROWS else SWEEP_SOON_S
        if self._clock.monotonic() >= self._swept_at + pause:
            self._swept_at, self._filed = self._clock.monotonic(), 0
            self._sweep(rows, pause)

    def _written(self) -> None:
        with self._lock:
            self._writing = {}
            if not self._switch.on:
                self._waiting = {}

    def _sweep(self, rows: VectorRows, pause: float) -> None:
        if not rows.claim("swept", self._clock.time(), pause / 2):
            return
        gone = rows.sweep(self._stored(), self._clock.time())
        self._epoch.note(f"/{key}" for key in gone)
        for key in gone:
            self._soon(partial(self._file, key, None))
