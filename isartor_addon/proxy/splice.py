"""Streams for a fraction of their price: once a reply streams, its bytes take a short way from socket to socket.

mitmproxy leads every piece of a streamed body through some thirty generators, a task, a lock and, twice, TLS. Nothing
that an addon can see happens there. So when mitmproxy waits for the next bytes of a body, this takes the provider's
socket over (by the protocol of its transport, as asyncio's own TLS upgrade does), and each piece is decrypted, read,
shown to the tee, encrypted and written in one call. mitmproxy's own reader of the body is used, so that its state is
always the one it would have. The end of the body, a fault in it, and the end of the connection are left to mitmproxy,
with the protocol it had. HTTP/2 and whatever else is not known keeps mitmproxy's way.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable

from mitmproxy import ctx, http
from OpenSSL import SSL

from isartor_addon.config.schema import Streams
from isartor_addon.pipeline import describe_fault
from isartor_addon.proxy import internals_streams
from isartor_addon.proxy.internals_streams import Junction
from isartor_addon.proxy.tasks import Tasks

logger = logging.getLogger(__name__)

PIECE = 64 * 1024
"""Bytes taken from a socket at a time."""
WAITING = 128 * 1024
"""A client that is behind by more bytes makes the provider wait."""
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")
_buffer = bytearray(PIECE)
"""What has just come from a socket. One for all: nothing is left in it when the next socket is read."""
_view = memoryview(_buffer)

type Look = Callable[[bytes], bytes]


class Splices:
    """Watches streams and splices those that can be spliced."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._works: bool | None = None

    def follow(self, flow: http.HTTPFlow, settings: Streams, look: Look | None = None) -> Look | bool:
        """
        What to set as a response's `stream`.

        Args:
            flow: the flow, whose response's head is here.
            settings: whether to splice at all.
            look: is called with each piece of the body and with `b""` at its end, and hands it on.
        """
        if not settings.splice or not self._can():
            return look or True
        return _Watch(flow, look, self._tasks)

    def _can(self) -> bool:
        if self._works is None:
            reason = internals_streams.rehearse(ctx.options)
            self._works = not reason
            if reason:
                logger.warning("streams keep mitmproxy's own way, which costs more CPU time: %s", reason)
        return self._works


class _Watch:
    """mitmproxy's `flow.response.stream`: from the first piece of the body on it is seen whether to splice."""

    def __init__(self, flow: http.HTTPFlow, look: Look | None, tasks: Tasks) -> None:
        self._flow = flow
        self._look = look
        self._tasks = tasks
        self._junction: Junction | None = None
        self._tried = False

    def __call__(self, data: bytes) -> bytes:
        if data and not self._tried:
            self._tried = True
            # Not now: mitmproxy is in the middle of things.
            asyncio.get_running_loop().call_soon(self._try)
        return data if self._look is None else self._look(data)

    def _try(self) -> None:
        try:
            self._junction = self._junction or internals_streams.find(ctx.master, self._flow)
            if self._junction is None:
                return
            if self._junction.is_free():
                Splice(self._junction, self._look, self._tasks).begin()
            else:
                self._tried = False
        except Exception as error:
            logger.warning("a stream keeps mitmproxy's way: %s", describe_fault(error))


class Splice(asyncio.BufferedProtocol):
    """The short way of one reply's body; the protocol of the provider's socket meanwhile."""

    def __init__(self, at: Junction, look: Look | None, tasks: Tasks) -> None:
        self._at = at
        self._look = look
        self._tasks = tasks
        self._client_ssl = at.client_ssl
        self._server_ssl = at.server_ssl
        self._from = at.server_transport
        self._to = at.client_writer.transport
        self._before = self._from.get_protocol()
        self._paused = False

    def begin(self) -> None:
        """Take the socket over."""
        self._from.set_protocol(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return _view

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come from the provider."""
        if not self._at.alive():
            return
        try:
            ended = self._pass_on(_view[:nbytes])
        except Exception as error:
            logger.warning("a stream broke: %s", describe_fault(error))
            self._from.abort()
            return
        if ended:
            self._end()
        elif not self._paused and self._to.get_write_buffer_size() > WAITING:
            self._paused = True
            self._from.pause_reading()
            self._tasks.start(self._resume())

    def _pass_on(self, received: memoryview) -> bool:
        """Give the client what has come of the body; whether mitmproxy must go on."""
        closed = False
        if self._server_ssl is None:
            data = bytes(received)
        else:
            data, closed = _decrypt(self._server_ssl, received, self._from)
        if not data:
            return closed
        at, look, ended = self._at, self._look, False
        payload = _only_chunk(data) if at.between_chunks() else None
        if payload is not None:
            framed = data if at.chunked else payload
        else:
            payload, ended = at.read(data)
            framed = b"%x\r\n%b\r\n" % (len(payload), payload) if at.chunked else payload
        if payload:
            if look is not None:
                look(payload)
            self._write(framed)
        return ended or closed

    def _write(self, data: bytes) -> None:
        if self._to.is_closing():
            return
        tls = self._client_ssl
        if tls is None:
            self._to.write(data)
            return
        tls.sendall(data)
        size = len(data) + 1024
        while True:
            encrypted = tls.bio_read(size)
            self._to.write(encrypted)
            if len(encrypted) < size:
                return

    async def _resume(self) -> None:
        """Read on when the client has caught up."""
        try:
            await self._at.client_writer.drain()
        except OSError:
            return  # the client is gone, and mitmproxy closes the provider's connection
        self._paused = False
        self._from.resume_reading()

    def _end(self) -> None:
        """Give the socket back; mitmproxy does the rest."""
        self._from.set_protocol(self._before)
        self._tasks.start(self._at.give_back())

    def eof_received(self) -> bool | None:
        """The provider has closed."""
        self._from.set_protocol(self._before)
        return self._before.eof_received()  # type: ignore[attr-defined, no-any-return]

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection to the provider is gone."""
        self._before.connection_lost(exc)

    def pause_writing(self) -> None:
        """What mitmproxy has sent to the provider piles up."""
        self._before.pause_writing()

    def resume_writing(self) -> None:
        """It no longer does."""
        self._before.resume_writing()


def _decrypt(tls: SSL.Connection, received: memoryview, transport: asyncio.Transport) -> tuple[bytes, bool]:
    """The plain text, and whether the TLS has come to its end, which mitmproxy will then see for itself."""
    size = tls.bio_write(received)
    data, closed = b"", False
    try:
        data = tls.recv(size)
        while internals_streams.has_input(tls):
            data += tls.recv(size)
    except SSL.WantReadError:
        pass
    except SSL.Error:
        closed = True
    if internals_streams.has_output(tls):  # such as the answer to a key update
        transport.write(tls.bio_read(PIECE))
    return data, closed


def _only_chunk(data: bytes) -> bytes | None:
    """The payload, if `data` is exactly one chunk (RFC 9112, 7.1) and not the last."""
    head = _CHUNK.match(data)
    if head is None:
        return None
    size = int(head[1], 16)
    begin = head.end()
    if not size or len(data) != begin + size + 2 or not data.endswith(b"\r\n"):
        return None
    return data[begin:-2]
