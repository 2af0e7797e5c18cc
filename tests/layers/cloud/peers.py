"""Providers for one test, in its own event loop: they speak HTTP/1.1 or HTTP/2 and say what they are told to."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h11

from tests.fake import Authority

type Say = Callable[[Peer, Heard], Awaitable[None]]


@dataclass(eq=False)
class Heard:
    """One request."""

    target: str
    headers: list[tuple[str, str]]
    write: Callable[[bytes], Awaitable[None]]
    """Sends bytes as they are (HTTP/1.1), or a piece of the body (HTTP/2)."""
    finish: Callable[[], Awaitable[None]]
    """Ends the reply (HTTP/2) or the connection (HTTP/1.1)."""
    body: bytes = b""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the other side has closed the connection or reset the stream."""


@dataclass(eq=False)
class Peer:
    """A server and what it has heard."""

    say: Say
    url: str = ""
    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, heard: Heard) -> None:
        """Answer one request."""
        self.heard.append(heard)
        self.arrived.set()
        with contextlib.suppress(ConnectionError):
            await self.say(self, heard)


async def _hear_h1(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer.connections += 1
    reads = h11.Connection(h11.SERVER)

    async def write(data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    async def finish() -> None:
        writer.close()

    heard = Heard("", [], write, finish)
    answering: asyncio.Task[None] | None = None
    try:
        while data := await reader.read(65536):
            reads.receive_data(data)
            while (event := reads.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Request):
                    named = [(name.decode(), value.decode()) for name, value in event.headers]
                    heard = Heard(event.target.decode(), named, write, finish)
                elif isinstance(event, h11.Data):
                    heard.body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    answering = asyncio.ensure_future(peer.take(heard))
                    reads = h11.Connection(h11.SERVER)
                    break
    except ConnectionError:
        pass
    finally:
        heard.left.set()
        writer.close()
        if answering is not None:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)


async def _hear_h2(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer.connections += 1
    state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    state.initiate_connection()
    writer.write(state.data_to_send())
    streams: dict[int, Heard] = {}
    answering: list[asyncio.Task[None]] = []

    def heard_on(stream: int, headers: list[tuple[str, str]]) -> Heard:
        async def write(data: bytes) -> None:
            state.send_data(stream, data)
            writer.write(state.data_to_send())
            await writer.drain()

        async def finish() -> None:
            state.end_stream(stream)
            writer.write(state.data_to_send())

        return Heard(dict(headers)[":path"], headers, write, finish)

    def begin(stream: int) -> None:
        state.send_headers(stream, [(":status", "200"), ("content-type", "text/event-stream")])
        answering.append(asyncio.ensure_future(peer.take(streams[stream])))

    try:
        while data := await reader.read(65536):
            for event in state.receive_data(data):
                match event:
                    case h2.events.RequestReceived(stream_id=int() as stream, headers=headers):
                        streams[stream] = heard_on(stream, headers)  # type: ignore[arg-type]
                    case h2.events.DataReceived(stream_id=int() as stream, data=bytes() as body):
                        streams[stream].body += body
                        state.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                    case h2.events.StreamEnded(stream_id=int() as stream):
                        begin(stream)
                    case h2.events.StreamReset(stream_id=int() as stream):
                        streams[stream].left.set()
            writer.write(state.data_to_send())
    except ConnectionError:
        pass
    finally:
        for each in answering:
            each.cancel()
        await asyncio.gather(*answering, return_exceptions=True)
        writer.close()


@contextlib.asynccontextmanager
async def serve(
    say: Say, *, authority: Authority | None = None, http2: bool = False, name: str = "localhost"
) -> AsyncIterator[Peer]:
    """A server on loopback; with an authority it speaks TLS, under `name`."""
    context: ssl.SSLContext | None = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.leaf(name))
        context.set_alpn_protocols(["h2"] if http2 else ["http/1.1"])
    peer = Peer(say)
    running: set[asyncio.Task[None]] = set()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await (_hear_h2 if http2 else _hear_h1)(peer, reader, writer)
        running.discard(task)

    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context)
    peer.port = server.sockets[0].getsockname()[1]
    peer.url = f"{'https' if context else 'http'}://localhost:{peer.port}/v1"
    try:
        yield peer
    finally:
        server.close()
        for each in tuple(running):
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
