"""Gathers the bytes of one HTTP/1.1 request, and tells as early as possible whether the fast lane takes it.

It parses nothing: it looks for the empty line, and whoever reads the head says how long the body is. The body is hashed
as it comes, and the pieces in which it comes are put together only for who asks for it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

_BEGIN = b"POST "
_END = b"\r\n\r\n"
_BLANK_LINE = re.compile(rb"\n\r?\n")
"""Where mitmproxy lets a head end."""
LONGEST_HEAD = 64 * 1024
"""Bytes."""


@dataclass(slots=True)
class Head[T]:
    """A head that has been read. Not frozen, as an `Answer`."""

    size: int
    """Bytes, the empty line among them."""
    body_size: int
    meaning: T
    """What the reader of heads made of it."""


def may_begin(head: bytes) -> bool:
    """Whether a whole head may be one for the lane; lines that end in another way are mitmproxy's to judge."""
    return head.startswith(_BEGIN) and head.count(b"\n") == head.count(b"\r\n")


class RequestReader[T]:
    """One request at a time."""

    def __init__(self, read_head: Callable[[bytes], Head[T] | None]) -> None:
        """
        Args:
            read_head: reads a head, see `may_begin`; None if the request is not for the lane.
        """
        self._read_head = read_head
        self._pieces: list[bytes] = []
        self._size = 0
        """Of all pieces, bytes."""
        self._searched = 0
        """So many of them are known to hold no end of a head."""
        self._end = 0
        """Where the request ends, once its head is there."""
        self._body: HASH = sha256()
        """Has been fed what is there of the body."""
        self.head: Head[T] | None = None
        """Of the request that is being gathered, once it is there."""

    def __bool__(self) -> bool:
        """Whether it holds bytes."""
        return self._size > 0

    def take(self, data: bytes) -> bool:
        """
        Gather more bytes.

        Returns:
            Whether to go on; if not, the request is not for the lane.
        """
        if self.head is not None:
            missing = max(0, self._end - self._size)
            self._body.update(data if missing >= len(data) else memoryview(data)[:missing])
            self.hold(data)
            return True
        if self._pieces:
            self.hold(data)
            held = self._joined()
        elif data:
            held = data
            self._pieces, self._size = [data], len(data)
        else:
            return True
        begin, self._searched = max(0, self._searched - 3), len(held)
        end = held.find(_END, begin) + len(_END)
        if end < len(_END):
            waits = _BEGIN.startswith(held[: len(_BEGIN)]) and len(held) <= LONGEST_HEAD
            return waits and _BLANK_LINE.search(held, begin) is None
        self.head = head = self._read_head(held[:end])
        if head is None:
            return False
        self._end = end + head.body_size
        self._body = sha256(memoryview(held)[end : self._end])
        return True

    def hold(self, data: bytes) -> None:
        """Gather bytes that are not to be looked at, or not yet."""
        if data:
            self._pieces.append(data)
            self._size += len(data)

    @property
    def whole(self) -> bool:
        """Whether the request is complete."""
        return self.head is not None and self._size >= self._end

    def body_digest(self) -> bytes:
        """Of the complete request's body: SHA-256."""
        return self._body.digest()

    def body(self) -> bytes:
        """Of the complete request."""
        assert self.head is not None
        first, *rest = self._pieces  # the head is in one piece
        if self._size == self._end:
            return b"".join((memoryview(first)[self.head.size :], *rest))
        return self._joined()[self.head.size : self._end]

    def request(self) -> bytes:
        """The bytes of the complete request."""
        return self._joined()[: self._end]

    def next(self) -> bool:
        """Let go of the complete request; whether to go on with what follows it, see `take`."""
        rest = self._joined()[self._end :] if self._size > self._end else b""
        self.head, self._pieces, self._size, self._searched = None, [], 0, 0
        return self.take(rest) if rest else True

    def all(self) -> bytes:
        """Give everything, and hold nothing."""
        held = self._joined()
        self.head, self._pieces, self._size, self._searched = None, [], 0, 0
        return held

    def _joined(self) -> bytes:
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""
