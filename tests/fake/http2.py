"""The fake provider over HTTP/2: a TLS port that speaks nothing else, and hands each stream to its plain port.

What the provider cuts is a stream that is reset; a stream that is reset is a client of the provider that leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass, field

import aiohttp
import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from tests.fake.certificates import Authority

type Fields = list[tuple[str, str]]
_OF_THE_CONNECTION = ("connection", "transfer-encoding", "keep-alive", "content-length")


@dataclass(eq=False)
class _Stream:
    headers: Fields
    body: bytes = b""
    answering: asyncio.Task[None] | None = None


@dataclass(eq=False)
class _Line:
    """One connection."""

    plain: int
    """The provider's plain port."""
    asks: aiohttp.ClientSession
    writer: asyncio.StreamWriter
    state: h2.connection.H2Connection = field(
        default_factory=lambda: h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
    )
    streams: dict[int, _Stream] = field(default_factory=dict)

    def begin(self) -> None:
        self.state.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.writer.write(self.state.data_to_send())

    def take(self, data: bytes) -> None:
        """What the other side says."""
        for event in self.state.receive_data(data):
            match event:
                case h2.events.RequestReceived(stream_id=int() as number, headers=headers):
                    self.streams[number] = _Stream(list(headers))  # type: ignore[arg-type]
                case h2.events.DataReceived(stream_id=int() as number, data=bytes() as body):
                    self.streams[number].body += body
                    self.state.acknowledge_received_data(event.flow_controlled_length or 0, number)
                case h2.events.StreamEnded(stream_id=int() as number):
                    self.streams[number].answering = asyncio.ensure_future(self._answer(number, self.streams[number]))
                case h2.events.StreamReset(stream_id=int() as number):
                    self.end(self.streams[number])
        self.flush()

    def end(self, stream: _Stream) -> None:
        """Nobody wants it any more."""
        if stream.answering is not None:
            stream.answering.cancel()

    async def _answer(self, number: int, stream: _Stream) -> None:
        named = dict(stream.headers)
        headers = [(name, value) for name, value in stream.headers if not name.startswith(":")]
        url = f"http://127.0.0.1:{self.plain}{named[':path']}"
        try:
            async with self.asks.request(
                named[":method"], url, headers=[*headers, ("host", named[":authority"])], data=stream.body
            ) as reply:
                fields = [(name.lower(), value) for name, value in reply.headers.items()]
                told = [(":status", str(reply.status)), *(each for each in fields if each[0] not in _OF_THE_CONNECTION)]
                self.state.send_headers(number, told)
                self.flush()
                async for piece in reply.content.iter_any():
                    self.state.send_data(number, piece)
                    self.flush()
                    await self.writer.drain()
            self.state.end_stream(number)
        except (aiohttp.ClientError, ConnectionError):
            with contextlib.suppress(h2.exceptions.ProtocolError):
                self.state.reset_stream(number, h2.errors.ErrorCodes.INTERNAL_ERROR)
        except h2.exceptions.ProtocolError:  # reset meanwhile
            pass
        self.flush()


class Front:
    """The port; use as a context manager."""

    def __init__(self, authority: Authority, plain: int) -> None:
        """
        Args:
            authority: who signs for every host.
            plain: the provider's plain port.
        """
        self.port = 0
        self.streams = 0
        """How many requests have come."""
        self._authority = authority
        self._plain = plain
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def __enter__(self) -> Front:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        context = self._authority.server("h2")
        running: set[asyncio.Task[None]] = set()
        unbounded = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=unbounded, auto_decompress=False) as asks:

            async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = asyncio.current_task()
                assert task is not None
                running.add(task)
                line = _Line(self._plain, asks, writer)
                line.begin()
                with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                    while data := await reader.read(65536):
                        line.take(data)
                self.streams += len(line.streams)
                for each in line.streams.values():
                    line.end(each)
                writer.transport.abort()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
                running.discard(task)

            server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context, backlog=512)
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()
            server.close()
            for each in tuple(running):
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)
