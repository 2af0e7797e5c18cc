"""Takes connections from a port that several processes listen on.

asyncio's own server takes all that wait at once, and so one process may get them all. This one takes one at a time, and
leaves it to the others for a moment when they have fewer; if they do not take it by then, it takes it all the same.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Sequence

from isartor_addon.proxy.internals_servers import Serve
from isartor_addon.workers.tally import Tally

logger = logging.getLogger(__name__)

LEAVE_S = 0.005
"""How long others have the first chance."""
_REST_S = 1.0
"""After the system has refused, for want of file descriptors."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class SharedServer:
    """Stands for an `asyncio.Server` where mitmproxy wants one."""

    def __init__(self, sockets: Sequence[socket.socket], serve: Serve, *, tally: Tally, number: int) -> None:
        """
        Args:
            sockets: they listen and do not block; closed by `close`.
            serve: what is done with a connection.
            tally: how many connections each process has.
            number: this process's in it.
        """
        self.sockets = tuple(sockets)
        self._serve = serve
        self._tally = tally
        self._number = number
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False
        for each in self.sockets:
            self._loop.add_reader(each, self._ready, each)

    def close(self) -> None:
        """Take no more connections; those that are there go on."""
        self._closed = True
        for each in self.sockets:
            self._loop.remove_reader(each)
            each.close()

    def _ready(self, listener: socket.socket) -> None:
        if self._tally.has_fewest(self._number):
            self._take(listener)
        else:
            self._rest(listener, LEAVE_S)

    def _rest(self, listener: socket.socket, seconds: float) -> None:
        self._loop.remove_reader(listener)
        self._loop.call_later(seconds, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        if not self._closed:
            self._take(listener)
            self._loop.add_reader(listener, self._ready, listener)

    def _take(self, listener: socket.socket) -> None:
        try:
            taken, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was faster, or the client has left
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            logger.warning("a connection cannot be taken now: %s", error.strerror)
            self._loop.call_soon(self._rest, listener, _REST_S)
            return
        taken.setblocking(False)
        self._tally.add(self._number, 1)
        task = self._loop.create_task(self._open(taken))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, taken: socket.socket) -> None:
        """Do with a connection what `asyncio.start_server` does."""
        reader = asyncio.StreamReader(loop=self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, self._attend, loop=self._loop)
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, taken)
        except OSError:
            self._tally.add(self._number, -1)
            taken.close()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        finally:
            self._tally.add(self._number, -1)
