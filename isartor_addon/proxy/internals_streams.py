"""What lies between the two sockets of one streamed reply inside mitmproxy, found when it is safe to take.

Names that mitmproxy, pyOpenSSL and asyncio do not promise; `internals.py` has those of the fast lane. `rehearse` tries
them out before the first stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h11
from h11._readers import ChunkedReader
from mitmproxy import connection, http
from mitmproxy.options import Options
from mitmproxy.proxy import commands, context, events, layer, server
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers import modes, tls
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.tunnel import TunnelState
from OpenSSL import SSL

from isartor_addon.proxy.rehearsal import first_fault

if TYPE_CHECKING:
    from mitmproxy.master import Master

type Commands = Generator[commands.Command, Any, None]
type BodyEvent = h11.Data | h11.EndOfMessage | None

ABOVE = (
    modes.HttpProxy,
    modes.ReverseProxy,
    modes.TransparentProxy,
    modes.Socks5Proxy,
    http_layers.HttpLayer,
    http_layers.HttpStream,
    tls.ServerTLSLayer,
    tls.ClientTLSLayer,
)
"""Layers that hand a client's bytes and a stream's on as they are, but for TLS."""
_TOWARDS_SERVER = (tls.ServerTLSLayer, http_layers.HttpClient, _http1.Http1Client)
MOST = 256 * 1024
"""Bytes that may be taken from a socket at a time."""
PIECE = 64 * 1024
"""Bytes of a stream that are."""
RECORD = 16 * 1024
"""What OpenSSL encrypts at a time."""
RECEIVED = bytearray(MOST)
"""What has just come from a socket. One for all: nothing is left in it when the next socket is read."""
_lib, _ffi = SSL._lib, SSL._ffi  # type: ignore[attr-defined]
_received, _plain, _sent = _ffi.from_buffer(RECEIVED), _ffi.new("char[]", MOST + 2 * RECORD), _ffi.new("char[]", PIECE)


@dataclass(slots=True)
class Junction:
    """One streamed reply over HTTP/1 on both sides."""

    connections: server.ConnectionHandler
    stream: http_layers.HttpStream
    reading: _http1.Http1Client
    """Reads the reply; holds what of it has been received and not been read."""
    server_tls: tls.TLSLayer | None
    client_tls: tls.TLSLayer | None
    server_io: server.ConnectionIO
    client_io: server.ConnectionIO
    chunked: bool
    """Whether the body is sent to the client in chunks."""

    @property
    def server_cipher(self) -> Cipher | None:
        """The TLS with the provider."""
        return Cipher(self.server_tls.tls) if self.server_tls is not None else None

    @property
    def client_cipher(self) -> Cipher | None:
        """The TLS with the client."""
        return Cipher(self.client_tls.tls) if self.client_tls is not None else None

    @property
    def server_transport(self) -> asyncio.Transport:
        """The socket to the provider."""
        return self.server_io.writer.transport  # type: ignore[union-attr, return-value]

    @property
    def client_writer(self) -> asyncio.StreamWriter:
        """The socket to the client."""
        return self.client_io.writer  # type: ignore[return-value]

    def is_free(self) -> bool:
        """Whether mitmproxy streams the body, holds no byte of it that the client has not got, and waits for more."""
        stream, reading, reader = self.stream, self.reading, self.server_io.reader
        return (
            stream.server_state == stream.state_stream_response_body
            and stream.client_state == stream.state_done
            and not stream._paused
            and reading.state == reading.read_body
            and isinstance(reader, asyncio.StreamReader)
            and not reader._buffer  # type: ignore[attr-defined]
            and reader._waiter is not None  # type: ignore[attr-defined]
            and not reader._waiter.done()  # type: ignore[attr-defined]
        )

    def between_chunks(self) -> bool:
        """Whether the next byte of the body begins a chunk."""
        reader = self.reading.body_reader
        return (
            type(reader) is ChunkedReader
            and not reader._bytes_in_chunk
            and not reader._bytes_to_discard
            and not reader._reading_trailer
            and not self.reading.buf
        )

    def read(self, data: bytes) -> tuple[bytes, bool]:
        """
        Read more of the body as mitmproxy would.

        Returns:
            What is to go to the client, and whether mitmproxy must do the rest: the body's end has come, or a fault.
        """
        reading = self.reading
        reading.buf += data
        pieces: list[bytes] = []
        while True:
            try:
                event: BodyEvent = reading.body_reader(reading.buf)
            except h11.ProtocolError as error:
                reading.body_reader = _Reads(reading, error)  # type: ignore[assignment]
                return b"".join(pieces), True
            if event is None:
                return b"".join(pieces), False
            if not isinstance(event, h11.Data):
                reading.body_reader = _Reads(reading, event)  # type: ignore[assignment]
                return b"".join(pieces), True
            pieces.append(bytes(event.data))

    def note_activity(self) -> None:
        """Say that something has come, lest mitmproxy think that nothing does."""
        self.connections.timeout_watchdog.register_activity()

    async def give_back(self) -> None:
        """Let mitmproxy go on where `read` stopped."""
        if self.server_tls is not None:
            wake_child_of(self.server_tls)
        await self.connections.server_event(events.DataReceived(self.reading.conn, b""))


class Cipher:
    """
    The TLS of one connection, without what pyOpenSSL does around each call: new buffers, and a look for errors where
    there is none. What fails is put to pyOpenSSL, which raises as it would.
    """

    __slots__ = ("_from", "_into", "_ssl", "_tls")

    def __init__(self, tls_: SSL.Connection) -> None:
        self._tls = tls_
        self._ssl = tls_._ssl
        self._into, self._from = tls_._into_ssl, tls_._from_ssl

    def decrypt(self, at: int, size: int) -> tuple[bytes, bytes, bool]:
        """
        Take what lies there in `RECEIVED`.

        Returns:
            The plain text, what must be sent back (such as the answer to a key update), and whether the TLS has come
            to its end or a fault, which mitmproxy will then see for itself.
        """
        _lib.BIO_write(self._into, _received + at, size)
        have = 0
        while _lib.BIO_get_mem_data(self._into, _ffi.NULL):
            got = _lib.SSL_read(self._ssl, _plain + have, len(_plain) - have)
            if got <= 0:
                ended = self._has_ended(got)
                return _ffi.buffer(_plain, have)[:], self._output(), ended
            have += got
        return _ffi.buffer(_plain, have)[:], b"", False

    def encrypt(self, data: bytes) -> bytes:
        """
        What must be sent so that the other side reads `data`.

        Raises:
            SSL.Error: there is no sending any more.
        """
        if len(data) > RECORD:
            self._tls.sendall(data)
        elif (written := _lib.SSL_write(self._ssl, data, len(data))) != len(data):
            self._tls._raise_ssl_error(self._ssl, written)
        return self._output()

    def _output(self) -> bytes:
        size = _lib.BIO_get_mem_data(self._from, _ffi.NULL)
        if not size:
            return b""
        if size <= PIECE:
            return bytes(_ffi.buffer(_sent, _lib.BIO_read(self._from, _sent, size)))
        return self._tls.bio_read(size)

    def _has_ended(self, result: int) -> bool:
        if _lib.SSL_get_error(self._ssl, result) == _lib.SSL_ERROR_WANT_READ:
            return False
        try:
            self._tls._raise_ssl_error(self._ssl, result)
        except SSL.WantReadError:
            return False
        except SSL.Error:
            pass
        return True


class _Reads:
    """Says once more what a reply's own reader of the body has said, and gives it its place back."""

    def __init__(self, reading: _http1.Http1Client, said: h11.EndOfMessage | h11.ProtocolError) -> None:
        self._reading = reading
        self._reader = reading.body_reader
        self._said = said

    def __call__(self, _: object) -> h11.EndOfMessage:
        self._reading.body_reader = self._reader
        if isinstance(self._said, h11.ProtocolError):
            raise self._said
        return self._said


def wake_child_of(layer_: tls.TLSLayer) -> None:
    """Have the layer hand an event without data down, which it would otherwise keep."""

    def receive_data(data: bytes) -> Commands:
        del layer_.receive_data
        yield from layer_.event_to_child(events.DataReceived(layer_.conn, b""))
        yield from layer_.receive_data(data)

    layer_.receive_data = receive_data  # type: ignore[method-assign]


def find(master: Master, flow: http.HTTPFlow) -> Junction | None:
    """The junction of a flow whose reply is being streamed; None where it is of another kind."""
    proxyserver = master.addons.get("proxyserver")
    handler = proxyserver.connections.get(flow.client_conn.id)
    if handler is None or handler.layer.context.options.store_streamed_bodies or handler.layer.debug is not None:
        return None
    stream = _stream_of(flow, handler.layer.context.layers)
    return None if stream is None else _join(flow, handler, stream)


def _stream_of(flow: http.HTTPFlow, layers: list[layer.Layer]) -> http_layers.HttpStream | None:
    for above in layers:
        if type(above) is not http_layers.HttpLayer:
            continue
        for stream in above.streams.values():
            if getattr(stream, "flow", None) is flow:
                return stream
            inside = stream.context.layers[stream.context.layers.index(stream) + 1 :]
            if inside and (found := _stream_of(flow, inside)):
                return found
    return None


def _join(flow: http.HTTPFlow, handler: server.ConnectionHandler, stream: http_layers.HttpStream) -> Junction | None:
    above = stream.context.layers[: stream.context.layers.index(stream)]
    if not above or any(type(each) not in ABOVE or each._paused for each in above):
        return None
    client, upstream = flow.client_conn, flow.server_conn
    https = [each for each in above if isinstance(each, http_layers.HttpLayer)]
    if above[-1] is not https[-1] or any(
        type(each.connections.get(client)) is not _http1.Http1Server for each in https
    ):
        return None
    writing, chain = https[-1].connections[client], https[-1].connections.get(upstream)
    below = [] if chain is None else chain.context.layers[len(above) :]
    reading = below[-1] if below else None
    if type(reading) is not _http1.Http1Client or any(type(each) not in _TOWARDS_SERVER for each in below):
        return None
    assert isinstance(writing, _http1.Http1Server)
    if reading.conn is not upstream or {reading.stream_id, writing.stream_id} != {stream.stream_id}:
        return None
    client_tls = [each for each in above if isinstance(each, tls.ClientTLSLayer)]
    server_tls = [each for each in (*above, *below) if isinstance(each, tls.ServerTLSLayer) and each.conn is upstream]
    if not covers(client_tls, client) or not covers(server_tls, upstream):
        return None
    server_io, client_io = handler.transports.get(upstream), handler.transports.get(client)
    if server_io is None or client_io is None or writing.response is None:
        return None
    if not isinstance(server_io.writer, asyncio.StreamWriter) or not isinstance(client_io.writer, asyncio.StreamWriter):
        return None
    return Junction(
        connections=handler,
        stream=stream,
        reading=reading,
        server_tls=server_tls[0] if server_tls else None,
        client_tls=client_tls[0] if client_tls else None,
        server_io=server_io,
        client_io=client_io,
        chunked="chunked" in writing.response.headers.get("transfer-encoding", "").lower(),
    )


def covers(found: Sequence[tls.TLSLayer], conn: connection.Connection) -> bool:
    """Whether this is all the TLS of a connection, and it is open."""
    open_ = all(each.tunnel_state is TunnelState.OPEN and each.conn is conn for each in found)
    return open_ and len(found) == int(conn.tls)


def rehearse(options: Options) -> str:
    """Read a reply on a connection that there is not; why it does not work, empty if it does."""
    return first_fault(lambda: _faults(options))


def _faults(options: Options) -> Iterable[str]:
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=0.0)
    around = context.Context(client, options)
    upstream = around.server = connection.Server(address=("127.0.0.1", 3))
    upstream.state = connection.ConnectionState.OPEN
    reading, stream = _http1.Http1Client(around), http_layers.HttpStream(around, 1)
    reading.request, reading.stream_id = http.Request.make("GET", "http://h/"), 1
    said = _run(reading, events.Start()) + _run(reading, events.DataReceived(upstream, _HEAD + b"3\r\nabc\r\n"))
    yield "" if said == ["ResponseHeaders", "ResponseData"] else f"a reply begins with {said}"
    stream.server_state, stream.client_state = stream.state_stream_response_body, stream.state_done
    reader = asyncio.StreamReader()
    reader._waiter = asyncio.get_running_loop().create_future()  # type: ignore[attr-defined]
    handler = server.SimpleConnectionHandler.__new__(server.SimpleConnectionHandler)
    handler.timeout_watchdog = server.TimeoutWatchdog(600, asyncio.Event().wait)
    io = server.ConnectionIO(reader=reader)
    at = Junction(handler, stream, reading, None, None, io, io, chunked=True)
    at.note_activity()
    yield "" if at.is_free() and at.between_chunks() else "a stream is not free when it should be"
    yield "" if at.read(b"3\r\nd") == (b"d", False) and not at.between_chunks() else "a body is read otherwise"
    yield "" if at.read(b"ef\r\n0\r\n\r\n") == (b"ef", True) else "a body ends otherwise"
    said = _run(reading, events.DataReceived(upstream, b""))
    yield "" if said == ["ResponseEndOfMessage"] else f"a reply ends with {said}"
    ssl = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
    ssl.set_connect_state()
    RECEIVED[:1] = b"\x16"
    data, hello, ended = Cipher(ssl).decrypt(0, 1)
    yield "" if (data, hello[:1], ended) == (b"", b"\x16", False) else "TLS is fed otherwise"
    yield "" if hasattr(tls.TLSLayer, "receive_data") and hasattr(tls.TLSLayer, "event_to_child") else "TLS has moved"


_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def _run(reading: layer.Layer, event: events.Event) -> list[str]:
    """What the layer says of an event."""
    return [type(command.event).__name__ for command in reading.handle_event(event) if isinstance(command, ReceiveHttp)]
