"""Reading many sockets together: nothing is lost, held back or read twice, whoever comes, goes, waits or ends."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable

from isartor_addon.proxy.gather import CROWD, FEW, MANY, Gather
from isartor_addon.proxy.internals_streams import RECEIVED


class Reader(asyncio.BufferedProtocol):
    """Notes what it is given."""

    def __init__(self, gather: Gather) -> None:
        self.gather = gather
        self.got = b""
        self.on_take: Callable[[Reader], object] = lambda me: None
        self.ended = asyncio.Event()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(RECEIVED)

    def buffer_updated(self, nbytes: int) -> None:
        self.send(self.take(0, nbytes))

    def take(self, at: int, size: int) -> bytes:
        self.on_take(self)
        return bytes(memoryview(RECEIVED)[at : at + size])

    def send(self, data: bytes) -> None:
        self.got += data

    def eof_received(self) -> None:
        self.gather.end(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gather.end(self)
        self.ended.set()


async def opened(gather: Gather) -> tuple[Reader, socket.socket]:
    """A member and the other end of its connection."""
    near, far = socket.socketpair()
    _, reader = await asyncio.get_running_loop().create_connection(lambda: Reader(gather), sock=near)
    return reader, far


async def until(happened: object) -> None:
    """Let the loop run until something has happened."""
    assert callable(happened)
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110 (what it waits for are bytes)
            await asyncio.sleep(0.001)


def test_many_and_few_and_many_again() -> None:
    """Whatever is sent arrives, in order and to the end, while members come, are held for a while, and go."""

    async def run() -> None:
        gather, chance = Gather(), random.Random(7)
        pairs = [await opened(gather) for _ in range(CROWD + MANY)]
        sent = dict.fromkeys(pairs, b"")
        for number, (reader, _) in enumerate(pairs):
            gather.begin(reader)
            assert (number + 1 >= MANY) == (not reader.transport.is_reading())
        for _ in range(400):
            pair = chance.choice(pairs)
            piece = chance.randbytes(chance.randrange(1, 3000))
            pair[1].sendall(piece)
            sent[pair] += piece
            if chance.random() < 0.1:
                gather.hold(pair[0])
                await asyncio.sleep(0)
                gather.go_on(pair[0])
            if chance.random() < 0.2:
                await asyncio.sleep(0.001)
        await until(lambda: all(reader.got == sent[reader, far] for reader, far in pairs))
        for _, far in pairs[FEW:]:
            far.close()
        await until(lambda: all(reader.ended.is_set() for reader, _ in pairs[FEW:]))
        await until(lambda: all(reader.transport.is_reading() for reader, _ in pairs[:FEW]))
        for reader, far in pairs[:FEW]:
            far.sendall(b"alone")
            await until(lambda reader=reader: reader.got.endswith(b"alone"))
            far.close()
            await reader.ended.wait()

    asyncio.run(run())


def test_what_is_held_is_not_read() -> None:
    """A member that is held is given nothing, also when reading together begins or ends meanwhile."""

    async def run() -> None:
        gather = Gather()
        pairs = [await opened(gather) for _ in range(MANY)]
        gather.begin(pairs[0][0])
        gather.hold(pairs[0][0])
        for reader, _ in pairs[1:]:
            gather.begin(reader)
        for _, far in pairs:
            far.sendall(b"x")
        await until(lambda: all(reader.got for reader, _ in pairs[1:]))
        for _, far in pairs[1:]:
            far.close()
        await until(lambda: all(reader.ended.is_set() for reader, _ in pairs[1:]))
        assert b"" == pairs[0][0].got
        gather.go_on(pairs[0][0])
        await until(lambda: pairs[0][0].got == b"x")
        pairs[0][1].close()
        await pairs[0][0].ended.wait()

    asyncio.run(run())


def test_what_has_been_read_is_taken_whoever_leaves_meanwhile() -> None:
    """A member that another one's piece makes leave is given what was read of it in the same turn."""

    async def run() -> None:
        gather = Gather()
        pairs = [await opened(gather) for _ in range(MANY)]
        others = [reader for reader, _ in pairs]
        for reader, far in pairs:
            reader.on_take = lambda me: [gather.end(each) for each in others if each is not me]
            gather.begin(reader)
            far.sendall(b"x")
        await until(lambda: all(reader.got == b"x" for reader, _ in pairs))
        for reader, far in pairs:
            far.close()
            await reader.ended.wait()

    asyncio.run(run())
