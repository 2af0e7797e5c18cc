"""A loopback server that streams to a flow what mitmproxy itself cannot: an answer of ours that is still growing.

A response that an addon sets is sent whole. So a flow that is to get a live stream is sent on to this server instead,
with a one-time ticket, and mitmproxy streams its response like any provider's. The server listens on several ports
because mitmproxy opens at most five connections to one address for each client connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from mitmproxy import connection, http

from isartor_addon.core.errors import BadReply
from isartor_addon.core.outcome import Stream
from isartor_addon.proxy.tasks import Tasks
from isartor_addon.wire.base import Wire

logger = logging.getLogger(__name__)

PORTS = 8
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class _Ticket:
    stream: Stream
    wire: Wire


class _Server(uvicorn.Server):
    """uvicorn inside mitmproxy's loop: signals stay mitmproxy's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class Relay:
    """Hands live streams over to flows."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._tickets: dict[str, _Ticket] = {}
        self._server: _Server | None = None
        self._sockets: list[socket.socket] = []
        self._next: Iterator[int] = iter(())

    def hand_over(self, flow: http.HTTPFlow, stream: Stream, wire: Wire) -> None:
        """
        Send `flow` to this server for `stream`. The caller puts the flow's own request back for display afterwards.

        Raises:
            OSError: no loopback socket can be opened.
        """
        if self._server is None:
            self._start()
        ticket, port = secrets.token_urlsafe(24), next(self._next)
        self._tickets[ticket] = _Ticket(stream, wire)
        # RFC 9112, 3.2: without a Host header it is no request.
        flow.request = http.Request.make(
            "GET", f"http://{LOOPBACK}:{port}/{ticket}", headers=((b"host", LOOPBACK.encode()),)
        )
        # A fresh server connection: the old one may say "via the upstream proxy".
        flow.server_conn = connection.Server(address=(LOOPBACK, port))

    def is_own(self, address: tuple[str, int] | None) -> bool:
        """Whether `address` is this server's."""
        return address is not None and any(address[:2] == each.getsockname() for each in self._sockets)

    def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.should_exit = True
            self._server.force_exit = True
        for each in self._sockets:
            each.close()

    def _start(self) -> None:
        self._sockets = [_listen() for _ in range(PORTS)]
        self._next = itertools.cycle([each.getsockname()[1] for each in self._sockets])
        config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            proxy_headers=False,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            http="h11",
            server_header=False,
            date_header=False,
        )
        self._server = _Server(config)
        self._tasks.start(self._server.serve(sockets=self._sockets))

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        ticket = self._tickets.pop(scope["path"][1:], None) if scope["type"] == "http" else None
        if ticket is None:
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in ticket.stream.headers]
        await send({"type": "http.response.start", "status": ticket.stream.status, "headers": headers})
        await receive()  # the request itself, which has no body
        left = asyncio.ensure_future(receive())
        chunks = ticket.stream.chunks()
        try:
            while (chunk := await _next_unless(left, chunks, ticket.wire)) is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            left.cancel()
            await chunks.aclose()  # type: ignore[attr-defined]


async def _next_unless(left: asyncio.Future[Any], chunks: AsyncIterator[bytes], wire: Wire) -> bytes | None:
    """The next chunk; None at the end or when the client has left. A cut becomes an error event and then the end."""
    following = asyncio.ensure_future(anext(chunks, None))
    await asyncio.wait({left, following}, return_when=asyncio.FIRST_COMPLETED)
    if not following.done():
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        return None
    try:
        return following.result()
    except BadReply as error:
        return wire.error_event("isartor_cut", str(error))


def _listen() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((LOOPBACK, 0))
    listener.listen(128)
    listener.setblocking(False)
    return listener
