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
from time import monotonic

from mitmproxy import ctx, http

from isartor_addon.config.schema import Streams
from isartor_addon.pipeline import describe_fault
from isartor_addon.proxy import internals_streams
from isartor_addon.proxy.gather import Gather
from isartor_addon.proxy.internals_streams import PIECE, RECEIVED, Junction
from isartor_addon.proxy.tasks import Tasks

logger = logging.getLogger(__name__)

WAITING = 128 * 1024
"""A client that is behind by more bytes makes the provider wait."""
NOTE_S = 1.0
"""mitmproxy need not know to a second when something came last: it ends connections after minutes."""
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")
_view = memoryview(RECEIVED)
_piece = _view[:PIECE]

type Look = Callable[[bytes], bytes]


class Splices:
    """Watches streams and splices those that can be spliced."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._gather = Gather()
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
        return Watch(flow, look, tasks=self._tasks, gather=self._gather)

    def _can(self) -> bool:
        if self._works is None:
            reason = internals_streams.rehearse(ctx.options)
            self._works = not reason
            if reason:
                logger.warning("streams keep mitmproxy's own way, which costs more CPU time: %s", reason)
        return self._works


class Watch:
    """mitmproxy's `flow.response.stream`: from the first piece of the body on it is seen whether to splice."""

    def __init__(self, flow: http.HTTPFlow, look: Look | None, *, tasks: Tasks, gather: Gather) -> None:
        self._flow = flow
        self._look = look
        self._tasks = tasks
        self._gather = gather
        self._junction: Junction | None = None
        self._tried = False

    def __call__(self, data: bytes) -> bytes:
        """Look at the next bytes of the body, and hand them on."""
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
                Splice(self._junction, self._look, tasks=self._tasks, gather=self._gather).begin()
            else:
                self._tried = False
        except Exception as error:
            logger.warning("a stream keeps mitmproxy's way: %s", describe_fault(error))


class Splice(asyncio.BufferedProtocol):
    """The short way of one reply's body; the protocol of the provider's socket meanwhile."""

    # Between two pieces others use the processor: what is spread over less memory is back in its cache sooner.
    __slots__ = (
        "_at",
        "_before",
        "_between",
        "_chunked",
        "_ended",
        "_gather",
        "_incoming",
        "_look",
        "_note_at",
        "_outgoing",
        "_tasks",
        "_to",
        "_upstream",
        "_waits",
        "transport",
    )

    def __init__(self, at: Junction, look: Look | None, *, tasks: Tasks, gather: Gather) -> None:
        self._at = at
        self._upstream = at.reading.conn
        self._look = look
        self._tasks = tasks
        self._gather = gather
        self._note_at = 0.0
        self._incoming = at.server_cipher
        self._outgoing = at.client_cipher
        self._chunked = at.chunked
        self._between = at.between_chunks()
        self.transport = at.server_transport
        self._to = at.client_writer.transport
        self._before = self.transport.get_protocol()
        self._waits = False
        self._ended = False
        """Whether mitmproxy must do the rest."""

    def begin(self) -> None:
        """Take the socket over."""
        logger.debug("a stream takes the short way")
        self.transport.set_protocol(self)
        self._gather.begin(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return _piece

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come from the provider."""
        self.send(self.take(0, nbytes))

    def take(self, at: int, size: int) -> bytes:
        """See `Member`: what is to go to the client of what has come."""
        if not self._upstream.connected:  # mitmproxy does not want it any more
            return b""
        now = monotonic()
        if now >= self._note_at:
            self._note_at = now + NOTE_S
            self._at.note_activity()
        try:
            return self._pass_on(at, size)
        except Exception as error:
            self._break_off(error)
            return b""

    def send(self, data: bytes) -> None:
        """See `Member`; after the last bytes the socket is given back, after too many it waits."""
        try:
            if data and not self._to.is_closing():
                self._to.write(data)
        except Exception as error:
            self._break_off(error)
        if self._ended:
            self._end()
        elif not self._waits and self._to.get_write_buffer_size() > WAITING:
            self._waits = True
            self._gather.hold(self)
            self._tasks.start(self._go_on())

    def _pass_on(self, at: int, size: int) -> bytes:
        if self._incoming is None:
            data = bytes(_view[at : at + size])
        else:
            data, answer, self._ended = self._incoming.decrypt(at, size)
            if answer:
                self.transport.write(answer)
        if not data:
            return b""
        payload = _whole_chunks(data) if self._between else None
        if payload is not None:
            framed = data if self._chunked else payload
        else:
            payload, done = self._at.read(data)
            self._ended = self._ended or done
            self._between = not self._ended and self._at.between_chunks()
            framed = b"%x\r\n%b\r\n" % (len(payload), payload) if self._chunked else payload
        if not payload:
            return b""
        if self._look is not None:
            self._look(payload)
        return framed if self._outgoing is None else self._outgoing.encrypt(framed)

    def _break_off(self, error: Exception) -> None:
        """The client must not take what it has for the whole."""
        logger.warning("a stream broke: %s", describe_fault(error))
        self._ended = False
        self.transport.abort()

    async def _go_on(self) -> None:
        """Read on when the client has caught up."""
        try:
            await self._at.client_writer.drain()
        except OSError:
            return  # the client is gone, and mitmproxy closes the provider's connection
        self._waits = False
        self._gather.go_on(self)

    def _end(self) -> None:
        """Give the socket back; mitmproxy does the rest."""
        self._leave()
        self._tasks.start(self._at.give_back())

    def _leave(self) -> None:
        self.transport.set_protocol(self._before)
        self._gather.end(self)

    def eof_received(self) -> bool | None:
        """The provider has closed."""
        self._leave()
        return self._before.eof_received()  # type: ignore[attr-defined, no-any-return]

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection to the provider is gone."""
        self._gather.end(self)
        self._before.connection_lost(exc)

    def pause_writing(self) -> None:
        """What mitmproxy has sent to the provider piles up."""
        self._before.pause_writing()

    def resume_writing(self) -> None:
        """It no longer does."""
        self._before.resume_writing()


def _whole_chunks(data: bytes) -> bytes | None:
    """The payload, if `data` is exactly one chunk or several (RFC 9112, 7.1) and not the last."""
    pieces, at = [], 0
    while at < len(data):
        head = _CHUNK.match(data, at)
        if head is None:
            return None
        begin = head.end()
        end = begin + int(head[1], 16)
        if end == begin or data[end : end + 2] != b"\r\n":
            return None
        pieces.append(data[begin:end])
        at = end + 2
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
