"""A loopback server that gives a flow what mitmproxy itself cannot: an answer of ours that is still growing.

A response that an addon sets is sent whole. So a flow that is to get a live stream, or an answer that somebody else is
still to be asked for, is sent on to this server instead, with a one-time ticket, and mitmproxy streams its response
like any provider's. When the client leaves, mitmproxy closes that connection, and the work for it is cancelled. The
server listens on several ports because mitmproxy opens at most five connections to one address for each client
connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import socket
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from mitmproxy import connection, http

from isartor_addon.core.errors import BadReply
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.outcome import Opened, Relayed, Stream
from isartor_addon.pipeline import describe_fault
from isartor_addon.proxy.tasks import Tasks

logger = logging.getLogger(__name__)

PORTS = 8
LONGEST_IDLE_S = 86400
"""mitmproxy uses a connection again for the same client, and closes it when that client goes. If this side closed it, a
request could meet a connection that is about to go.
"""
LOOPBACK = "127.0.0.1"


@dataclass(slots=True, eq=False)
class Ticket:
    """One flow's right to one answer."""

    number: str
    exchange: Exchange
    outcome: Stream | Relayed
    opened: Opened | None = None
    """How the answer begins, once it does."""


class _Server(uvicorn.Server):
    """uvicorn inside mitmproxy's loop: signals stay mitmproxy's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class Relay:
    """Hands answers over to flows that wait for them."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._tickets: dict[str, Ticket] = {}
        self._server: _Server | None = None
        self._sockets: list[socket.socket] = []
        self._next: Iterator[int] = iter(())

    def hand_over(self, flow: http.HTTPFlow, exchange: Exchange, outcome: Stream | Relayed) -> Ticket:
        """
        Send `flow` to this server for `outcome`. The caller puts the flow's own request back for display afterwards,
        and gives the ticket back at the flow's end.

        Raises:
            OSError: no loopback socket can be opened.
        """
        if self._server is None:
            self._start()
        ticket, port = Ticket(secrets.token_urlsafe(24), exchange, outcome), next(self._next)
        self._tickets[ticket.number] = ticket
        # RFC 9112, 3.2: without a Host header it is no request.
        flow.request = http.Request.make(
            "GET", f"http://{LOOPBACK}:{port}/{ticket.number}", headers=((b"host", LOOPBACK.encode()),)
        )
        # A fresh server connection: the old one may say "via the upstream proxy".
        flow.server_conn = connection.Server(address=(LOOPBACK, port))
        return ticket

    def give_back(self, ticket: Ticket) -> None:
        """The flow has ended; nobody will come with `ticket` any more."""
        self._tickets.pop(ticket.number, None)

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
            timeout_keep_alive=LONGEST_IDLE_S,
            date_header=False,
        )
        self._server = _Server(config)
        self._tasks.start(self._server.serve(sockets=self._sockets))

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        ticket = self._tickets.pop(scope["path"][1:], None) if scope["type"] == "http" else None
        if ticket is None:
            await _say(send, 404)
            return
        await receive()  # the request itself, which has no body
        left = asyncio.ensure_future(receive())
        giving = asyncio.ensure_future(_give(ticket, send))
        try:
            await asyncio.wait({left, giving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
            giving.cancel()
            await asyncio.gather(left, giving, return_exceptions=True)
        if not giving.cancelled() and (error := giving.exception()) is not None:
            raise ConnectionError(describe_fault(error))  # which cuts the answer; nothing of its text is logged


async def _give(ticket: Ticket, send: Any) -> None:
    """Give the answer for as long as it is wanted."""
    try:
        async with _open(ticket.outcome) as opened:
            ticket.opened = opened
            await _say(send, opened.status, opened.headers, more=True)
            try:
                async with contextlib.aclosing(opened.chunks) as chunks:
                    async for chunk in chunks:
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except BadReply as error:
                cut = _cut(ticket.exchange, str(error))
                await send({"type": "http.response.body", "body": cut, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
    except Exception as error:
        if ticket.opened is not None:
            raise
        logger.warning("an answer could not be relayed: %s", describe_fault(error))
        said = ticket.exchange.route.wire.error(502, "isartor_relay", "isartor: the request could not be relayed")
        await _say(send, 502, (("content-type", "application/json"),), said)


def _open(outcome: Stream | Relayed) -> contextlib.AbstractAsyncContextManager[Opened]:
    return outcome.open() if isinstance(outcome, Relayed) else _begun(outcome)


@contextlib.asynccontextmanager
async def _begun(stream: Stream) -> AsyncGenerator[Opened]:
    """A stream whose beginning is known."""
    async with contextlib.aclosing(stream.chunks()) as chunks:
        yield Opened(stream.layer, stream.status, stream.headers, chunks, stream.told, stream.age_s, stream.usage)


def _cut(exchange: Exchange, message: str) -> bytes:
    """How an answer that was cut ends: as an error that its client can read."""
    wire = exchange.route.wire
    if exchange.mode == "array":
        return b",\r\n" + wire.error(502, "isartor_cut", message) + b"]"
    return wire.error_event("isartor_cut", message)


async def _say(
    send: Any, status: int, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"", *, more: bool = False
) -> None:
    """Begin a response; without `more` it is whole."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    if not more:
        await send({"type": "http.response.body", "body": body})


def _listen() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((LOOPBACK, 0))
    listener.listen(128)
    listener.setblocking(False)
    return listener
