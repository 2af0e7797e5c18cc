"""What a supervisor and a worker tell each other: lines of JSON over a socket pair, open sockets with them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

_LONGEST = 65536
_MOST_SOCKETS = 64


class Gone(Exception):
    """The other end is closed."""


class Channel:
    """One end. Not for Windows, which cannot hand sockets over so."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._rest = b""
        self._sockets: list[socket.socket] = []

    @classmethod
    def pair(cls) -> tuple[Self, Self]:
        """Both ends of a new one."""
        one, other = socket.socketpair()
        return cls(one), cls(other)

    def fileno(self) -> int:
        """The file descriptor, for `add_reader` and for passing it on."""
        return self._end.fileno()

    def send(self, message: Mapping[str, Any], sockets: Sequence[socket.socket] = ()) -> None:
        """
        Send `message`, a line of some KB at most, and `sockets` with it.

        Raises:
            Gone: nobody hears it.
        """
        try:
            socket.send_fds(self._end, [json.dumps(message).encode() + b"\n"], [each.fileno() for each in sockets])
        except OSError as error:
            raise Gone from error

    def receive(self) -> Iterator[tuple[dict[str, Any], list[socket.socket]]]:
        """
        Wait for something, and give the messages that are whole, each with its sockets.

        Raises:
            Gone: nothing will come any more.
        """
        try:
            data, fds, _, _ = socket.recv_fds(self._end, _LONGEST, _MOST_SOCKETS)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        for fd in fds:
            os.set_inheritable(fd, False)
            self._sockets.append(socket.socket(fileno=fd))
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            sockets, self._sockets = self._sockets, []
            yield json.loads(line), sockets

    def close(self) -> None:
        """Close this end."""
        self._end.close()
