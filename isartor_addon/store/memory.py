"""What of the store is in memory: the front, what waits to be written, and what other processes changed meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from isartor_addon.core.recording import Entry
from isartor_addon.layers.ports import Clock
from isartor_addon.store.epoch import EVERYTHING, Epoch
from isartor_addon.store.front import Front, weight
from isartor_addon.store.known import KeysRead, Known

LOOK_S = 0.05
"""How often it is seen what other processes changed."""
TOUCH_S = 600.0
"""How often the disk is told that an entry in memory is in use."""
WAITING_BYTES = 32 << 20
"""What waits to be written; when it is more, the disk does not keep up, and further entries are in memory only."""

COUNTERS = ("hits", "misses", "stored")


class Memory:
    """Entries in memory. Safe for threads."""

    def __init__(
        self,
        limit: int,
        *,
        epoch: Epoch,
        clock: Clock,
        changed: Callable[[], None],
        counted: Callable[[], None],
        unsure: Callable[[], None],
    ) -> None:
        """
        Args:
            limit: bytes.
            epoch: tells what other processes changed.
            clock: time.
            changed: called when other processes changed something.
            counted: called when something is counted for the first time since `take_counts`.
            unsure: called when it is no longer known which keys may be on disk.
        """
        self.front = Front(limit)
        self.generation = 0
        """Changes whenever something was forgotten: what was being read meanwhile may be out of date."""
        self._epoch = epoch
        self._clock = clock
        self._changed = changed
        self._counted = counted
        self._unsure = unsure
        self._known = Known()
        self._lock = threading.RLock()
        self._look_at = 0.0
        self._waiting: dict[str, Entry] = {}
        self._waiting_bytes = 0
        self._used: set[str] = set()
        self._counts = dict.fromkeys(COUNTERS, 0)

    def get(self, key: str, *, counted: bool = True) -> Entry | None:
        """The entry, if it is here and fresh; a hit is counted, if wanted."""
        now = self._clock.monotonic()
        with self._lock:
            if now >= self._look_at:
                self._look(now)
            slot = self.front.get(key)
            entry = slot.entry if slot is not None else self._waiting.get(key)
            if entry is None:
                return None
            wall = self._clock.time()
            if not entry.fresh(wall):
                if wall >= entry.end:
                    self.front.drop(key)
                return None
            if counted:
                self._count("hits")
            if slot is not None and now - slot.touched > TOUCH_S:
                slot.touched = now
                self._used.add(key)
        return entry

    def held(self, key: str) -> Entry | None:
        """The entry, if it is here, fresh or not."""
        with self._lock:
            self._look(self._clock.monotonic())
            slot = self.front.get(key)
            return slot.entry if slot is not None else self._waiting.get(key)

    def surely_new(self, key: str, *, counted: bool = True) -> bool:
        """Whether nobody has put `key` on the disk; if so, a miss is counted, if wanted."""
        with self._lock:
            self._look(self._clock.monotonic())
            if not self._epoch.is_there or not self._known.lacks(key):
                return False
            if counted:
                self._count("misses")
        return True

    def begin_reading(self) -> int:
        """The disk's keys are about to be read; gives a ticket for `have_read`."""
        with self._lock:
            ticket = self._known.begin()
            for key in self._waiting:  # neither is it there yet, nor will it be told again
                self._known.add(key)
        return ticket

    def have_read(self, ticket: int, keys: KeysRead) -> None:
        """They have been read."""
        with self._lock:
            self._known.complete(ticket, keys)

    def found(self, key: str, entry: Entry | None, generation: int, *, counted: bool = True) -> None:
        """
        Take what was read from the disk.

        Args:
            key: what was looked for.
            entry: what was found.
            generation: as it was before reading.
            counted: whether it is a hit or a miss.
        """
        now = self._clock.monotonic()
        with self._lock:
            if counted:
                self._count("misses" if entry is None else "hits")
            if entry is None:
                return
            self._used.add(key)
            self._look(now)
            if generation == self.generation and key not in self.front:
                self.front.put(entry, now)

    def put(self, entry: Entry) -> None:
        """Keep `entry`."""
        now = self._clock.monotonic()
        with self._lock:
            self._look(now)
            self.front.put(entry, now)
            if entry.key not in self.front:
                self.generation += 1
            self._count("stored")

    def wait(self, entry: Entry) -> bool:
        """Hold `entry` until it is written; False when too much waits already."""
        size = weight(entry)
        with self._lock:
            if self._waiting and self._waiting_bytes + size > WAITING_BYTES:
                return False
            self._waiting_bytes += size
            self._waiting[entry.key] = entry
            self._may_be_there((entry.key,))
        return True

    def waits(self, entry: Entry) -> bool:
        """Whether it is still this one that is to be written under its key."""
        return self._waiting.get(entry.key) is entry

    def written(self, entry: Entry) -> None:
        """It no longer waits."""
        with self._lock:
            self._waiting_bytes -= weight(entry)
            if self.waits(entry):
                del self._waiting[entry.key]

    def forget(self, keys: Collection[str]) -> None:
        """Drop `keys`, also from what is being read right now; on disk there may be something else under them."""
        with self._lock:
            self.generation += 1
            self._may_be_there(keys)
            for key in keys:
                self.front.drop(key)

    def forget_all(self) -> None:
        """Drop everything that does not wait to be written."""
        with self._lock:
            self.generation += 1
            self.front.clear()

    def fresh(self) -> list[Entry]:
        """What is here, newest first."""
        now = self._clock.time()
        with self._lock:
            entries = [entry for entry in self.front if entry.fresh(now)]
        return sorted(entries, key=lambda entry: entry.created, reverse=True)

    def take_used(self) -> set[str]:
        """The keys that were used since this was last asked."""
        with self._lock:
            used, self._used = self._used, set()
        return used

    def take_counts(self) -> dict[str, int]:
        """What was counted since this was last asked."""
        with self._lock:
            counts, self._counts = self._counts, dict.fromkeys(COUNTERS, 0)
        return counts

    def counts(self) -> dict[str, int]:
        """What was counted since it was last taken."""
        return dict(self._counts)

    def _count(self, name: str) -> None:
        first = not any(self._counts.values())
        self._counts[name] += 1
        if first:
            self._counted()

    def _look(self, now: float) -> None:
        """Forget what other processes changed."""
        self._look_at = now + LOOK_S
        changed = self._epoch.look()
        if not changed:
            return
        if EVERYTHING in changed:
            self.forget_all()
            self._known.begin()
            self._unsure()
        self.forget(changed)
        self._changed()

    def _may_be_there(self, keys: Collection[str]) -> None:
        for key in keys:
            self._known.add(key)
        if self._known.is_full:
            self._known.begin()
            self._unsure()
