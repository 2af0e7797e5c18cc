"""Lines out of a byte stream that is cut anywhere (newline-delimited JSON, and what server-sent events stand on)."""

from __future__ import annotations

from isartor_addon.core.errors import BadReply

LIMIT = 16 * 1024 * 1024
"""Bytes that one line, or one event, may have."""


class Lines:
    """Splits at LF, CR and CRLF. Work is linear in the bytes fed, however they are cut."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        self._limit = limit
        self._held: list[bytes] = []
        self._size = 0
        self._after_cr = False

    @property
    def pending(self) -> bool:
        """Whether a line has begun that has not ended."""
        return self._size > 0

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the next bytes; give the lines they complete, without their ends, blank lines included.

        Raises:
            BadReply: a line is longer than the limit.
        """
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == 0x0A:
                data = data[1:]
        if b"\n" not in data and b"\r" not in data:
            self._hold(data)
            return []
        if self._held:
            self._held.append(data)
            data = b"".join(self._held)
            self._held, self._size = [], 0
        lines = data.splitlines()
        if data[-1] == 0x0D:
            self._after_cr = True
        elif data[-1] != 0x0A:
            self._hold(lines.pop())
        return lines

    def finish(self) -> list[bytes]:
        """The bytes have ended; give the line that had no end."""
        return self.feed(b"\n") if self._size else []

    def _hold(self, data: bytes) -> None:
        if not data:
            return
        self._size += len(data)
        if self._size > self._limit:
            raise BadReply(f"a line of the reply has more than {self._limit} bytes")
        self._held.append(data)
