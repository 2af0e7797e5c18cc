"""What was read before, by the bytes it was read from: what comes again need not be read again.

Only what reading gives is remembered, never an answer: whether there still is one, and whether it may be given, the
layers decide every time. Reading depends on nothing but the bytes, the connection they came by (which is part of every
key) and the settings (a change empties both stores).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, replace

from isartor_addon.core.exchange import Exchange
from isartor_addon.proxy.requests import Asked

LIMIT = 16 * 1024 * 1024
"""Bytes of memory for requests, about."""
MOST_OPENINGS = 256
LONGEST_OPENING = 16 * 1024
"""Bytes."""
_ITEM_BYTES = 6 * 1024
"""About what one remembered request takes besides its canonical bytes and its headers."""
_LENGTH = re.compile(rb"\r\ncontent-length: ?([1-9][0-9]{0,7})\r\n", re.I)


@dataclass(frozen=True, slots=True)
class Known:
    """A request that was read before."""

    exchange: Exchange
    """Never given to anybody as it is."""
    head_size: int
    closes: bool
    """Whether the connection ends with the answer."""


class Memo:
    """Whole requests by a digest of their bytes; those used longest ago make room."""

    def __init__(self, limit: int = LIMIT) -> None:
        """
        Args:
            limit: bytes.
        """
        self._limit = limit
        self._items: OrderedDict[bytes, tuple[Known, int]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def get(self, digest: bytes) -> Known | None:
        """The request with these bytes, if it is known; it counts as used. Its body is not kept."""
        item = self._items.get(digest)
        if item is None:
            return None
        self._items.move_to_end(digest)
        return item[0]

    def put(self, digest: bytes, known: Known) -> None:
        """Remember what was read."""
        if digest in self._items:
            self._bytes -= self._items.pop(digest)[1]
        # The headers are kept as texts, and the ids among them once more.
        size = _ITEM_BYTES + 4 * known.head_size + len(known.exchange.identity.canonical)
        if size > self._limit:
            return
        known.exchange.body, known.exchange.raw = {}, b""
        self._items[digest] = known, size
        self._bytes += size
        while self._bytes > self._limit:
            self._bytes -= self._items.popitem(last=False)[1][1]

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._bytes = 0


@dataclass(frozen=True, slots=True)
class Opening:
    """What the head of a request says."""

    asked: Asked
    body_size: int
    """Bytes."""
    closes: bool
    """Whether the connection ends with the answer."""


class Openings:
    """Heads by their bytes, but for the number in `content-length`, which changes with every turn of a conversation.

    That number is cut out only where the rest of the head cannot depend on it: one such field, with a plain number.
    """

    def __init__(self) -> None:
        self._items: OrderedDict[tuple[bytes, bytes, bytes], Opening] = OrderedDict()

    def get(self, place: bytes, head: bytes) -> Opening | None:
        """
        What `head` says, if one like it was read at the same place.

        Args:
            place: digest of the connection.
            head: with its empty line.
        """
        cut = _LENGTH.search(head)
        if cut is None:
            return None
        key = (place, head[: cut.start(1)], head[cut.end(1) :])
        opening = self._items.get(key)
        if opening is None:
            return None
        self._items.move_to_end(key)
        size = int(cut[1])
        if size == opening.body_size:
            return opening
        request = opening.asked.request
        headers = {**request.headers, "content-length": cut[1].decode()}
        return replace(opening, asked=replace(opening.asked, request=replace(request, headers=headers)), body_size=size)

    def put(self, place: bytes, head: bytes, opening: Opening) -> None:
        """Remember what `head` says."""
        cut = _LENGTH.search(head)
        if cut is None or len(head) > LONGEST_OPENING:
            return
        self._items[place, head[: cut.start(1)], head[cut.end(1) :]] = opening
        if len(self._items) > MOST_OPENINGS:
            self._items.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
