"""The relay's side of one connection from mitmproxy: a request line with a ticket's number in, an answer out.

It speaks the little HTTP/1.1 that mitmproxy needs here (RFC 9112): requests without a body, one after the other, and
chunked answers. A server for everything that HTTP is would take longer than all the rest of the way through the relay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from http import HTTPStatus

LONGEST_HEAD = 8192
"""Bytes of a request; what is longer is not from us."""
_ENDS_HEAD = b"\r\n\r\n"
ENOUGH = 64 * 1024
"""Bytes that are sent at once; fewer are gathered until the event loop's next turn, since sending takes its time."""
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})
"""Response headers that are this connection's own."""

type Arrive = Callable[[str, Line], None]


class Line(asyncio.Protocol):
    """One connection, of which mitmproxy is the client."""

    def __init__(self, arrive: Arrive) -> None:
        """
        Args:
            arrive: called with a ticket's number when its answer is asked for here.
        """
        self._arrive = arrive
        self._asked = b""
        self._unsent: list[bytes] = []
        self._size = 0
        self._room = asyncio.Event()
        self._room.set()
        self._transport: asyncio.Transport | None = None
        self.left: Callable[[], object] | None = None
        """Called when the connection goes while an answer is given."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A request, or a part of one."""
        self._asked += data
        if len(self._asked) > LONGEST_HEAD:
            self.abort()
        elif self._asked.endswith(_ENDS_HEAD) and self.left is None:
            _, _, rest = self._asked.partition(b" /")
            self._asked = b""
            self._arrive(rest.partition(b" ")[0].decode("latin-1"), self)

    def pause_writing(self) -> None:
        """No more is taken, since the client takes none."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._room.set()

    def eof_received(self) -> None:
        """Whatever still waits to be sent is for nobody."""
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        if self.left is not None:
            self.left()

    @property
    def is_full(self) -> bool:
        """Whether more waits to be sent than should."""
        return not self._room.is_set()

    async def send(self, data: bytes) -> None:
        """Send more of the answer, once there is room for it."""
        if data:  # a chunk of no bytes would be the last
            self._write(b"%x\r\n%b\r\n" % (len(data), data))
        if self.is_full:
            await self._room.wait()

    def begin(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """
        Send the head of an answer.

        Raises:
            ValueError: a header cannot be written.
        """
        self._write(head(status, headers))

    def end(self) -> None:
        """The answer is whole; the next may be asked for."""
        self.left = None
        self._write(b"0\r\n\r\n")

    def _write(self, data: bytes) -> None:
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(data)
        self._size += len(data)
        if self._size >= ENOUGH:
            self._flush()

    def _flush(self) -> None:
        if self._unsent and self._transport is not None:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()
            self._size = 0

    def abort(self) -> None:
        """Close at once, which cuts an answer that is being given."""
        if self._transport is not None:
            self._transport.abort()


def head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """
    The head of a chunked response; header values are bytes as Latin-1.

    Raises:
        ValueError: a header would end its line, or is no Latin-1.
    """
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:  # one of a provider's own, such as 529
        phrase = ""
    fields = [f"{name}: {value}" for name, value in headers if name not in _FRAMING]
    if any("\r" in field or "\n" in field or "\0" in field for field in fields):
        raise ValueError("a header holds more than one line")
    lines = (f"HTTP/1.1 {status} {phrase}", *fields, "transfer-encoding: chunked", "\r\n")
    return "\r\n".join(lines).encode("latin-1")
