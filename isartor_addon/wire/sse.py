"""Server-sent events, read incrementally and written (WHATWG HTML, section "Server-sent events")."""

from __future__ import annotations

from typing import NamedTuple

from isartor_addon.core.errors import BadReply
from isartor_addon.wire.lines import LIMIT, Lines

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event. `id` and `retry` fields are not kept: no wire uses them."""

    name: str
    """The `event` field; empty where there is none."""
    data: bytes
    """The `data` lines, joined with LF. UTF-8 as received, not checked."""


class Reader:
    """Reads one stream of events, at whatever places its bytes are cut."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lines = Lines(limit=limit)
        self._data: list[bytes] = []
        self._size = 0
        self._name = b""
        self._at_start = True

    @property
    def pending(self) -> bool:
        """Whether an event has begun that has not ended."""
        return bool(self._data) or bool(self._name) or self._lines.pending

    def feed(self, data: bytes) -> list[Event]:
        """
        Take the next bytes; give the events they complete.

        Raises:
            BadReply: an event is larger than the limit.
        """
        lines = self._lines.feed(data)
        if not lines:
            return []
        if self._at_start:
            self._at_start = False
            lines[0] = lines[0].removeprefix(_BOM)
        events: list[Event] = []
        for line in lines:
            if line:
                self._field(line)
                continue
            if self._data:
                joined = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                events.append(Event(self._name.decode("utf-8", "replace") if self._name else "", joined))
                self._data, self._size = [], 0
            self._name = b""
        return events

    def finish(self) -> list[Event]:
        """
        The bytes have ended; give the event that lacks only its blank line.

        The specification drops such an event. Some servers end their last one so; a caller that wants the
        specification's way does not ask.
        """
        return self.feed(b"\n\n") if self.pending else []

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._size += len(value)
            if self._size > self._limit:
                raise BadReply(f"an event of the reply has more than {self._limit} bytes")
            self._data.append(value)
        elif name == b"event":
            self._name = value


def event(data: bytes, name: str = "") -> bytes:
    """Write one event. `data` may hold LF; it is written as several lines."""
    head = b"event: " + name.encode() + b"\n" if name else b""
    if b"\n" in data:
        data = data.replace(b"\n", b"\ndata: ")
    return head + b"data: " + data + b"\n\n"
