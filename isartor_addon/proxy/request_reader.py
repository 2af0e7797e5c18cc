"""Gathers the bytes of one HTTP/1.1 request, and tells as early as possible whether the fast lane takes it.

It parses nothing: it looks for the empty line, and whoever reads the head says how long the body is. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_BEGIN = b"POST "
_BLANK_LINE = re.compile(rb"\n\r?\n")
"""Where mitmproxy lets a head end."""
LONGEST_HEAD = 64 * 1024
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Head[T]:
    """A head that has been read."""

    size: int
    """Bytes, the empty line among them."""
    body_size: int
    meaning: T
    """What the reader of heads made of it."""


class RequestReader[T]:
    """One request at a time."""

    def __init__(self, read_head: Callable[[bytes], Head[T] | None]) -> None:
        """
        Args:
            read_head: reads a head; None if the request is not for the lane.
        """
        self._read_head = read_head
        self._held = bytearray()
        self._searched = 0
        self.head: Head[T] | None = None
        """Of the request that is being gathered, once it is there."""

    def __bool__(self) -> bool:
        """Whether it holds bytes."""
        return bool(self._held)

    def take(self, data: bytes) -> bool:
        """
        Gather more bytes.

        Returns:
            Whether to go on; if not, the request is not for the lane.
        """
        held = self._held
        held += data
        if self.head is not None or not held:
            return True
        end = _BLANK_LINE.search(held, max(0, self._searched - 2))
        self._searched = len(held)
        if end is None:
            return _BEGIN.startswith(held[: len(_BEGIN)]) and len(held) <= LONGEST_HEAD
        head = bytes(held[: end.end()])
        # Lines that end otherwise are mitmproxy's to judge.
        if head.startswith(_BEGIN) and head.count(b"\n") == head.count(b"\r\n"):
            self.head = self._read_head(head)
        return self.head is not None

    def hold(self, data: bytes) -> None:
        """Gather bytes that are not to be looked at, or not yet."""
        self._held += data

    @property
    def whole(self) -> bool:
        """Whether the request is complete."""
        head = self.head
        return head is not None and len(self._held) >= head.size + head.body_size

    def request(self) -> bytes:
        """The bytes of the complete request."""
        assert self.head is not None
        end = self.head.size + self.head.body_size
        return bytes(self._held[:end]) if end < len(self._held) else bytes(self._held)

    def next(self) -> bool:
        """Let go of the complete request; whether to go on with what follows it, see `take`."""
        assert self.head is not None
        del self._held[: self.head.size + self.head.body_size]
        self._searched, self.head = 0, None
        return self.take(b"")

    def all(self) -> bytes:
        """Give everything, and hold nothing."""
        held = bytes(self._held)
        self._held.clear()
        self._searched, self.head = 0, None
        return held
