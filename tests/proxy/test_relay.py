"""Fear: an answer goes to who has no ticket, is asked for though nobody wants it, or grows while nobody takes it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing

import pytest
from mitmproxy.test import tflow

from isartor_addon.core.errors import BadReply
from isartor_addon.core.outcome import Opened, Relayed
from isartor_addon.proxy.relay import LOOPBACK, Relay, Ticket
from isartor_addon.proxy.relay_line import head
from isartor_addon.proxy.tasks import Tasks
from tests.layers.play import exchange

PATIENCE_S = 20.0
PIECE = b"x" * 65536


def run[T](work: Awaitable[T]) -> T:
    """Run a test's coroutine, for so long at most."""

    async def bounded() -> T:
        return await asyncio.wait_for(work, PATIENCE_S)

    return asyncio.run(bounded())


class Source:
    """An answer, and how far it was asked for."""

    def __init__(self, give: Callable[[], AsyncGenerator[bytes]]) -> None:
        self._give = give
        self.opened = asyncio.Event()
        self.closed = asyncio.Event()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Opened]:
        """See `Relayed`."""
        self.opened.set()
        try:
            yield Opened("l3", 200, (("content-type", "text/plain"),), self._give())
        finally:
            self.closed.set()


def handed(relay: Relay, source: Source, *, at_once: bool = False) -> tuple[Ticket, int]:
    """A ticket for the answer of `source`, and the port where it counts."""
    flow = tflow.tflow()
    ticket = relay.hand_over(flow, exchange("hi"), Relayed("l3", source.open), at_once=at_once)
    return ticket, flow.request.port


async def asked(port: int, number: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has asked for the answer, with as little room as there can be."""
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.setblocking(False)
    await asyncio.get_running_loop().sock_connect(wire, (LOOPBACK, port))
    reader, writer = await asyncio.open_connection(sock=wire, limit=4096)
    writer.write(f"GET /{number} HTTP/1.1\r\nhost: {LOOPBACK}\r\n\r\n".encode())
    return reader, writer


async def turns(number: int) -> None:
    """Let everything else run for a while."""
    for _ in range(number):
        await asyncio.sleep(0)


async def words() -> AsyncGenerator[bytes]:
    """An answer in three pieces, one of them empty."""
    for piece in (b"one", b"", b"two"):
        yield piece


def test_an_answer_is_given_once_to_who_has_the_ticket() -> None:
    """Whole and in chunks; the same number again, or another, is not found, on a connection that goes on."""

    async def story() -> None:
        relay, source = Relay(Tasks()), Source(words)
        with closing(relay):
            ticket, port = handed(relay, source)
            reader, writer = await asked(port, ticket.number)
            assert await reader.readuntil(b"0\r\n\r\n") == (
                b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
                b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
            )
            for number in (ticket.number, "guessed"):
                writer.write(f"GET /{number} HTTP/1.1\r\n\r\n".encode())
                assert (await reader.readuntil(b"0\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
            writer.close()

    run(story())


@pytest.mark.parametrize("at_once", [False, True], ids=["later", "at once"])
def test_asking_begins_when_it_may(*, at_once: bool) -> None:
    """With `at_once` before anybody comes for the answer, else then; and a flow that ends before takes it all back."""

    async def story() -> None:
        relay, source = Relay(Tasks()), Source(words)
        with closing(relay):
            ticket, port = handed(relay, source, at_once=at_once)
            if at_once:
                await source.opened.wait()
            else:
                assert ticket.giving is None
            relay.give_back(ticket)
            if at_once:
                await source.closed.wait()
            reader, writer = await asked(port, ticket.number)
            assert (await reader.readline()).startswith(b"HTTP/1.1 404 ")
            assert source.opened.is_set() is at_once
            writer.close()

    run(story())


def test_who_leaves_ends_the_work() -> None:
    """Whether anything has been said by then or not."""

    async def story() -> None:
        never = asyncio.Event()

        async def silent() -> AsyncGenerator[bytes]:
            await never.wait()
            yield b""

        async def begun() -> AsyncGenerator[bytes]:
            yield b"one"
            await never.wait()

        relay = Relay(Tasks())
        with closing(relay):
            for source in (Source(silent), Source(begun)):
                ticket, port = handed(relay, source)
                reader, writer = await asked(port, ticket.number)
                await reader.readline()
                writer.close()
                await source.closed.wait()

    run(story())


@pytest.mark.parametrize("size", [10, len(PIECE)], ids=["small", "large"])
def test_nothing_piles_up_where_nobody_reads(size: int) -> None:
    """An answer without an end is asked for as far as the buffers of the system and of asyncio go, and no further."""

    async def story() -> None:
        given = 0

        async def endless() -> AsyncGenerator[bytes]:
            nonlocal given
            while True:
                given += size
                yield PIECE[:size]

        relay = Relay(Tasks())
        with closing(relay):
            source = Source(endless)
            ticket, port = handed(relay, source)
            reader, writer = await asked(port, ticket.number)
            line = await ticket.line
            while not line.is_full:
                await turns(1)
            before = given
            assert before < 8 * 1024 * 1024
            await turns(100)
            assert given == before
            assert len(await reader.readexactly(1_000_000)) == 1_000_000  # and it goes on when somebody reads
            writer.close()
            await source.closed.wait()

    run(story())


def test_a_cut_ends_in_the_words_of_the_clients_wire_and_a_fault_in_a_cut() -> None:
    """What `BadReply` says is an event of the stream; after any other fault no one may take the answer for whole."""

    async def story() -> None:
        async def cut() -> AsyncGenerator[bytes]:
            yield b"data: 1\n\n"
            raise BadReply("gone")

        async def broken() -> AsyncGenerator[bytes]:
            yield b"data: 1\n\n"
            raise ZeroDivisionError

        relay = Relay(Tasks())
        with closing(relay):
            ticket, port = handed(relay, Source(cut))
            reader, writer = await asked(port, ticket.number)
            said = await reader.readuntil(b"0\r\n\r\n")
            assert b"gone" in said and b'"error"' in said
            writer.close()
            ticket, port = handed(relay, Source(broken))
            reader, writer = await asked(port, ticket.number)
            assert not (await reader.read()).endswith(b"0\r\n\r\n")
            writer.close()

    run(story())


@pytest.mark.parametrize("bad", ["a\r\nx: y", "a\nb", "a\0"])
def test_no_header_becomes_two(bad: str) -> None:
    """What would end its line is not written at all."""
    with pytest.raises(ValueError, match="more than one line"):
        head(200, (("x-note", bad),))


def test_the_connections_own_headers_are_its_own() -> None:
    """A recorded length says nothing about chunks; a status that HTTP does not know has no words."""
    written = head(529, (("content-length", "3"), ("transfer-encoding", "gzip"), ("x-note", "\xe9")))
    assert written == b"HTTP/1.1 529 \r\nx-note: \xe9\r\ntransfer-encoding: chunked\r\n\r\n"


def test_a_request_without_an_end_is_not_kept() -> None:
    """Whoever finds the port and sends on and on is cut off."""

    async def story() -> None:
        relay = Relay(Tasks())
        with closing(relay):
            _, port = handed(relay, Source(words))
            reader, writer = await asked(port, "a" * 20000)
            with pytest.raises(ConnectionError):
                while await reader.read(1):
                    pass
                raise ConnectionError  # closed without a word is as good
            writer.close()

    run(story())
