"""What was read from requests whose answers came from memory, by a digest of their raw bytes: a byte-identical repeat
need not be read again.

Only what reading gives is remembered, never an answer: whether there still is one, and whether it may be given, the
layers decide every time. Reading depends on nothing but the bytes, the connection they came by (both are hashed) and
the settings (a change empties the memo).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from isartor_addon.core.exchange import Exchange

LIMIT = 16 * 1024 * 1024
"""Bytes of memory, about."""
_ITEM_BYTES = 6 * 1024
"""About what one remembered request takes besides its canonical bytes and its headers."""


@dataclass(frozen=True, slots=True)
class Known:
    """A request that was read before."""

    exchange: Exchange
    """Without its body; never given to anybody as it is."""
    head_size: int
    closes: bool
    """Whether the connection ends with the answer."""
    size: int
    """Bytes of memory, about."""


class Memo:
    """A least-recently-used map, bounded in bytes."""

    def __init__(self, limit: int = LIMIT) -> None:
        """
        Args:
            limit: bytes.
        """
        self._limit = limit
        self._items: OrderedDict[bytes, Known] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def get(self, digest: bytes) -> Known | None:
        """The request with these bytes, if it is known; it counts as used."""
        known = self._items.get(digest)
        if known is not None:
            self._items.move_to_end(digest)
        return known

    def put(self, digest: bytes, exchange: Exchange, *, head_size: int, closes: bool) -> None:
        """Remember what was read, if need be in place of what was used longest ago."""
        if (before := self._items.pop(digest, None)) is not None:
            self._bytes -= before.size
        # The headers are kept as texts, and the ids among them once more.
        size = _ITEM_BYTES + 4 * head_size + len(exchange.identity.canonical)
        if size > self._limit:
            return
        kept = replace(exchange, body={}, raw=b"", trail=[])
        self._items[digest] = Known(kept, head_size, closes, size)
        self._bytes += size
        while self._bytes > self._limit:
            _, oldest = self._items.popitem(last=False)
            self._bytes -= oldest.size

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._bytes = 0
