"""The entries used last, in memory, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from isartor_addon.core.recording import Entry

LARGEST_PART = 4
"""An entry of more than this part of the bound (a quarter) is not kept: it would push out everything else."""

_ENTRY_BYTES = 2048
"""Among them what is short: scope and words."""
_CHUNK_BYTES = 41
_PRINT_BYTES = 180


@dataclass(slots=True)
class Slot:
    """One entry and what the front knows of it."""

    entry: Entry
    size: int
    touched: float
    """When its use was last told to the disk; monotonic seconds."""


class Front:
    """A least-recently-used map from key to entry. Not safe for threads: its owner locks."""

    def __init__(self, limit: int) -> None:
        """
        Args:
            limit: bytes.
        """
        self.limit = limit
        self.bytes = 0
        self._slots: OrderedDict[str, Slot] = OrderedDict()

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, key: str) -> bool:
        return key in self._slots

    def __iter__(self) -> Iterator[Entry]:
        """All entries, the one used last first."""
        return (slot.entry for slot in reversed(self._slots.values()))

    def get(self, key: str) -> Slot | None:
        """The slot under `key`; it counts as used."""
        slot = self._slots.get(key)
        if slot is not None:
            self._slots.move_to_end(key)
        return slot

    def put(self, entry: Entry, touched: float) -> None:
        """Keep `entry`, if need be in place of those used longest ago."""
        self.drop(entry.key)
        size = weight(entry)
        if size * LARGEST_PART > self.limit:
            return
        self._slots[entry.key] = Slot(entry, size, touched)
        self.bytes += size
        while self.bytes > self.limit:
            _, slot = self._slots.popitem(last=False)
            self.bytes -= slot.size

    def drop(self, key: str) -> None:
        """Forget `key`."""
        slot = self._slots.pop(key, None)
        if slot is not None:
            self.bytes -= slot.size

    def clear(self) -> None:
        """Forget everything."""
        self._slots.clear()
        self.bytes = 0


def weight(entry: Entry) -> int:
    """About how many bytes of memory `entry` takes."""
    chunks, prints = entry.recording.chunks, entry.fingerprint.about
    return sum(map(len, chunks)) + _CHUNK_BYTES * len(chunks) + _PRINT_BYTES * prints + _ENTRY_BYTES
