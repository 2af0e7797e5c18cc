"""Which keys may be on disk: a map of bits, so that most keys that nobody has ever put are known to be new at once.

It says "maybe" too often (another key has the same bit; what was removed leaves its bit behind), never too seldom: what
was there when it was read, what this process puts and what others say that they changed are all in it.
"""

from __future__ import annotations

from collections.abc import Iterable

_BITS = 1 << 22
"""Half a megabyte. With 100,000 keys one new key in 42 is looked for on disk in vain."""
MOST_KEYS = 1 << 19
"""With more keys than this on disk the map would say "maybe" too often, and is off."""


class Known:
    """The map. For one thread at a time; `KeysRead` is filled by another meanwhile."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)
        self._count = 0
        self._complete = False
        self._reading = 0

    def begin(self) -> int:
        """Begin anew: the keys that are on disk from now on are to be read. Gives a ticket for `complete`."""
        self._bits = bytearray(_BITS // 8)
        self._count = 0
        self._complete = False
        self._reading += 1
        return self._reading

    def complete(self, ticket: int, read: KeysRead) -> None:
        """The keys have been read that were on disk after `begin` gave `ticket`; an old ticket counts for nothing."""
        if ticket != self._reading or read.count > MOST_KEYS:
            return
        merged = int.from_bytes(self._bits, "little") | int.from_bytes(read.bits, "little")
        self._bits = bytearray(merged.to_bytes(_BITS // 8, "little"))
        self._count += read.count
        self._complete = True

    def add(self, key: str) -> None:
        """The key may be on disk from now on."""
        _set(self._bits, key)
        self._count += 1

    @property
    def is_full(self) -> bool:
        """Whether so much was added that it is time to read what is really there."""
        return self._complete and self._count > 2 * MOST_KEYS

    def lacks(self, key: str) -> bool:
        """Whether the key is surely not on disk."""
        if not self._complete:
            return False
        place = hash(key) % _BITS
        return not self._bits[place >> 3] & (1 << (place & 7))


class KeysRead:
    """The keys that were read from disk."""

    def __init__(self) -> None:
        self.bits = bytearray(_BITS // 8)
        self.count = 0

    def add(self, keys: Iterable[str]) -> None:
        """Take some of them."""
        for key in keys:
            _set(self.bits, key)
            self.count += 1


def _set(bits: bytearray, key: str) -> None:
    place = hash(key) % _BITS
    bits[place >> 3] |= 1 << (place & 7)
