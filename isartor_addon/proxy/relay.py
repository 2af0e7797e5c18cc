"""A loopback server that gives a flow what mitmproxy itself cannot: an answer of ours that is still growing.

A response that an addon sets is sent whole. So a flow that is to get a live stream, or an answer that somebody else is
still to be asked for, is sent on to this server instead, with a one-time ticket, and mitmproxy streams its response
like any provider's. When the client leaves, mitmproxy closes that connection, and the work for it is cancelled. The
server listens on several ports because mitmproxy opens at most five connections to one address for each client
connection; a client that asks one thing after the other always gets the first, whose connection is there already.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import socket
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field

from mitmproxy import connection, http

from isartor_addon.core.errors import BadReply
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.outcome import Opened, Relayed, Stream
from isartor_addon.pipeline import describe_fault
from isartor_addon.proxy.relay_line import Line
from isartor_addon.proxy.tasks import Tasks

logger = logging.getLogger(__name__)

PORTS = 8
LOOPBACK = "127.0.0.1"


@dataclass(slots=True, eq=False)
class Ticket:
    """One flow's right to one answer."""

    number: str
    exchange: Exchange
    outcome: Stream | Relayed
    opened: Opened | None = None
    """How the answer begins, once it does."""
    line: asyncio.Future[Line] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Where it is to be given, once mitmproxy has come for it."""
    giving: asyncio.Task[None] | None = None
    """Gives it."""


class Relay:
    """Hands answers over to flows that wait for them."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._tickets: dict[str, Ticket] = {}
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._next: Iterator[int] = iter(())

    def hand_over(
        self, flow: http.HTTPFlow, exchange: Exchange, outcome: Stream | Relayed, *, at_once: bool = False
    ) -> Ticket:
        """
        Send `flow` to this server for `outcome`. The caller puts the flow's own request back for display afterwards,
        and gives the ticket back at the flow's end.

        Args:
            flow: gets the answer.
            exchange: what it asks.
            outcome: the answer.
            at_once: begin to ask before mitmproxy comes for the answer, which it surely does.

        Raises:
            OSError: no loopback socket can be opened.
        """
        if not self._sockets:
            self._start()
        serial = flow.request.http_version.startswith("HTTP/1")
        port = self._sockets[0].getsockname()[1] if serial else next(self._next)
        ticket = Ticket(secrets.token_urlsafe(24), exchange, outcome)
        self._tickets[ticket.number] = ticket
        # RFC 9112, 3.2: without a Host header it is no request.
        flow.request = http.Request.make(
            "GET", f"http://{LOOPBACK}:{port}/{ticket.number}", headers=((b"host", LOOPBACK.encode()),)
        )
        # A fresh server connection: the old one may say "via the upstream proxy".
        flow.server_conn = connection.Server(address=(LOOPBACK, port))
        if at_once:
            ticket.giving = self._tasks.start(_give(ticket))
        return ticket

    def give_back(self, ticket: Ticket) -> None:
        """The flow has ended; nobody will come with `ticket` any more."""
        if self._tickets.pop(ticket.number, None) is not None and ticket.giving is not None:
            ticket.giving.cancel()

    def is_own(self, address: tuple[str, int] | None) -> bool:
        """Whether `address` is this server's."""
        return address is not None and any(address[:2] == each.getsockname() for each in self._sockets)

    def close(self) -> None:
        """Stop serving."""
        for server in self._servers:
            server.close()
        for each in self._sockets:
            each.close()

    def _start(self) -> None:
        self._sockets = [_listen() for _ in range(PORTS)]
        self._next = itertools.cycle([each.getsockname()[1] for each in self._sockets])
        self._tasks.start(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            self._servers.append(await loop.create_server(lambda: Line(self._arrive), sock=each))

    def _arrive(self, number: str, line: Line) -> None:
        """An answer is asked for."""
        ticket = self._tickets.pop(number, None)
        if ticket is None:
            line.begin(404, ())
            line.end()
            return
        if ticket.giving is None:
            ticket.giving = self._tasks.start(_give(ticket))
        line.left = ticket.giving.cancel
        ticket.line.set_result(line)


async def _give(ticket: Ticket) -> None:
    """Give the answer for as long as it is wanted."""
    try:
        async with _open(ticket.outcome) as opened:
            ticket.opened = opened
            line = await ticket.line
            line.begin(opened.status, opened.headers)
            try:
                async with contextlib.aclosing(opened.chunks) as chunks:
                    async for chunk in chunks:
                        await line.send(chunk)
            except BadReply as error:
                await line.send(_cut(ticket.exchange, str(error)))
            line.end()
    except Exception as error:
        line = await ticket.line
        if ticket.opened is not None:
            logger.warning("a relayed answer was cut: %s", describe_fault(error))
            line.abort()
            return
        logger.warning("an answer could not be relayed: %s", describe_fault(error))
        said = ticket.exchange.route.wire.error(502, "isartor_relay", "isartor: the request could not be relayed")
        line.begin(502, (("content-type", "application/json"),))
        await line.send(said)
        line.end()


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


def _listen() -> socket.socket:
    # asyncio sends at once (TCP_NODELAY) only where a socket says that it is TCP; those that it accepts say as much.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((LOOPBACK, 0))
    listener.listen(128)
    listener.setblocking(False)
    return listener
