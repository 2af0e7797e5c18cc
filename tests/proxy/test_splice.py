"""The short way of streams: what comes out of it is what comes out of mitmproxy's own, however the bytes are cut."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from h11 import Data
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mitmproxy import connection, http
from mitmproxy.options import Options
from mitmproxy.proxy import commands, context, events, server
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from OpenSSL import SSL

from isartor_addon.proxy import internals_streams
from isartor_addon.proxy.gather import Gather
from isartor_addon.proxy.internals_streams import RECEIVED, Cipher, Junction
from isartor_addon.proxy.splice import Splice
from isartor_addon.proxy.tasks import Tasks
from tests.fake import Authority

OPTIONS = Options()
HEADS = {
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    "length": b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n",
    "close": b"HTTP/1.1 200 OK\r\n\r\n",
}
type Said = list[tuple[str, str]]
"""What mitmproxy says of a body but its data: the kind of each event, and its message where it is a fault."""


class Reading:
    """mitmproxy's reader of replies, where the head of one has just been read."""

    def __init__(self, framing: str) -> None:
        client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=0.0)
        around = context.Context(client, OPTIONS)
        self.upstream = around.server = connection.Server(address=("127.0.0.1", 3))
        self.upstream.state = connection.ConnectionState.OPEN
        self.stream = http_layers.HttpStream(around, 1)
        self.reading = _http1.Http1Client(around)
        self.reading.request, self.reading.stream_id = http.Request.make("GET", "http://h/"), 1
        self.body = b""
        self.said: Said = []
        self.handle(events.Start())
        self.handle(events.DataReceived(self.upstream, HEADS[framing]))
        self.said.clear()

    def handle(self, event: events.Event) -> None:
        """Let it read."""
        if self.upstream.state is connection.ConnectionState.CLOSED:
            return
        try:
            self._handle(event)
        except NotImplementedError as error:  # trailers
            self.said.append((type(error).__name__, str(error)))
            self.upstream.state = connection.ConnectionState.CLOSED

    def _handle(self, event: events.Event) -> None:
        for command in self.reading.handle_event(event):
            if isinstance(command, ReceiveHttp) and isinstance(command.event, http_layers.ResponseData):
                self.body += command.event.data
            elif isinstance(command, ReceiveHttp):
                self.said.append((type(command.event).__name__, getattr(command.event, "message", "")))
            elif isinstance(command, commands.CloseConnection):
                self.upstream.state = connection.ConnectionState.CLOSED

    async def server_event(self, event: events.Event) -> None:
        """What a connection does with an event."""
        self.handle(event)


class Socket(asyncio.Transport):
    """One end of a connection that there is not."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.protocol: asyncio.BaseProtocol = asyncio.Protocol()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol


@dataclass
class Writer:
    """What holds a socket."""

    transport: Socket


def joined(reading: Reading, *, chunked: bool) -> tuple[Junction, Socket, Socket]:
    """A junction in the clear, and its two sockets."""
    handler = server.SimpleConnectionHandler.__new__(server.SimpleConnectionHandler)
    handler.timeout_watchdog = server.TimeoutWatchdog(600, asyncio.Event().wait)
    handler.server_event = reading.server_event  # type: ignore[method-assign]
    sockets = Socket(), Socket()
    ios = [server.ConnectionIO(writer=Writer(each)) for each in sockets]  # type: ignore[arg-type]
    at = Junction(handler, reading.stream, reading.reading, None, None, ios[0], ios[1], chunked=chunked)
    return at, sockets[0], sockets[1]


async def spliced(framing: str, pieces: list[bytes]) -> tuple[bytes, bytes, Said]:
    """What the client, the tee and mitmproxy get of a body."""
    reading = Reading(framing)
    at, provider, client = joined(reading, chunked=framing == "chunked")
    seen: list[bytes] = []
    Splice(at, lambda data: seen.append(data) or data, tasks=Tasks(), gather=Gather()).begin()  # type: ignore[func-returns-value]
    for piece in pieces:
        if isinstance(provider.protocol, Splice):
            RECEIVED[: len(piece)] = piece
            provider.protocol.buffer_updated(len(piece))
            await asyncio.sleep(0)
        else:
            reading.handle(events.DataReceived(reading.upstream, piece))
    sent = dechunked(client.sent) if framing == "chunked" else client.sent
    return sent + reading.body, b"".join(seen) + reading.body, reading.said


def stock(framing: str, pieces: list[bytes]) -> tuple[bytes, Said]:
    """The same as mitmproxy reads it."""
    reading = Reading(framing)
    for piece in pieces:
        reading.handle(events.DataReceived(reading.upstream, piece))
    return reading.body, reading.said


def dechunked(sent: bytes) -> bytes:
    """The payload of whole chunks."""
    buffer, reader, body = ReceiveBuffer(), ChunkedReader(), b""
    buffer += sent
    while isinstance(event := reader(buffer), Data):
        body += bytes(event.data)
    assert event is None
    assert reader._bytes_in_chunk == 0
    assert not reader._bytes_to_discard
    return body


@st.composite
def chunks(draw: st.DrawFn) -> bytes:
    """One chunk, its length written in any of the ways there are."""
    data = draw(
        st.binary(min_size=1, max_size=60) | st.sampled_from([b"\r\n", b"data: {}\n\n", b"0\r\n\r\n", b"3\r\nabc"])
    )
    size = draw(st.sampled_from(["%x", "%X", "0%x", "000000000%x"])) % len(data)
    return size.encode() + draw(st.sampled_from([b"", b"", b";a=b", b" "])) + b"\r\n" + data + b"\r\n"


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A framing and what follows the head, mostly whole and right."""
    framing = draw(st.sampled_from(["chunked", "chunked", "chunked", "length", "close"]))
    if framing != "chunked":
        return framing, draw(st.binary(min_size=1, max_size=600))
    body = b"".join(draw(st.lists(chunks(), min_size=1, max_size=8)))
    body += draw(
        st.sampled_from([b"0\r\n\r\n", b"0\r\n\r\n", b"", b"0\r\n\r\nHTTP/1.1 200 OK\r\n", b"000\r\n\r\n", b"x"])
    )
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(body) - 1))
        body = body[:at] + draw(st.binary(max_size=2)) + body[at + 1 :]
    return framing, body or b"0"


def cut(body: bytes, at: set[int]) -> list[bytes]:
    """The pieces between the cuts."""
    bounds = [0, *sorted(each for each in at if 0 < each < len(body)), len(body)]
    return [body[begin:end] for begin, end in itertools.pairwise(bounds)]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all."""
    with asyncio.Runner() as running:
        yield running


@settings(max_examples=200)
@given(framed=bodies(), cuts=st.sets(st.integers(1, 600), max_size=12))
@example(framed=("chunked", b"5\r\nhello\r\n0\r\n\r\n"), cuts=set())
@example(framed=("chunked", b"5\r\nhello\r\n"), cuts={1, 2, 3, 5, 8, 9})
def test_any_body_however_it_is_cut(runner: asyncio.Runner, framed: tuple[str, bytes], cuts: set[int]) -> None:
    """Client and tee get the bytes that mitmproxy would give them, and mitmproxy sees the same end or fault."""
    framing, body = framed
    pieces = cut(body, cuts)
    expected, said = stock(framing, pieces)
    assert (expected, expected, said) == runner.run(spliced(framing, pieces))


def test_every_cut_of_a_stream(runner: asyncio.Runner) -> None:
    """Two pieces, cut anywhere: the same."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (b"data: one\n\n", b"data: two\n\n")) + b"0\r\n\r\n"
    for at in range(1, len(body)):
        whole = (b"data: one\n\ndata: two\n\n", [("ResponseEndOfMessage", "")])
        sent, seen, said = runner.run(spliced("chunked", cut(body, {at})))
        assert (whole, whole) == ((sent, said), (seen, said))


def test_a_whole_chunk_goes_on_as_it_is(runner: asyncio.Runner) -> None:
    """Where a read is just one chunk, it is not written anew: extensions apart, nothing changes for the client."""

    async def run() -> bytes:
        at, provider, client = joined(Reading("chunked"), chunked=True)
        Splice(at, None, tasks=Tasks(), gather=Gather()).begin()
        assert isinstance(provider.protocol, Splice)
        piece = b"05\r\nabcde\r\n"
        RECEIVED[: len(piece)] = piece
        provider.protocol.buffer_updated(len(piece))
        return client.sent

    assert b"05\r\nabcde\r\n" == runner.run(run())


def test_what_is_read_late_is_left_alone(runner: asyncio.Runner) -> None:
    """Once mitmproxy has closed the provider's connection, what still comes goes nowhere."""

    async def run() -> bytes:
        reading = Reading("chunked")
        at, provider, client = joined(reading, chunked=True)
        Splice(at, None, tasks=Tasks(), gather=Gather()).begin()
        reading.upstream.state = connection.ConnectionState.CLOSED
        RECEIVED[:8] = b"3\r\nabc\r\n"
        assert isinstance(provider.protocol, Splice)
        provider.protocol.buffer_updated(8)
        return client.sent

    assert b"" == runner.run(run())


def test_a_client_that_cannot_be_written_to_breaks_its_own_stream_only(runner: asyncio.Runner) -> None:
    """Nothing is raised where others' pieces wait for their turn; the provider's connection is cut."""

    class Broken(Socket):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            raise RuntimeError("unable to write")

    class Provider(Socket):
        aborted = False

        def abort(self) -> None:
            self.aborted = True

    async def run() -> bool:
        at, _, _ = joined(Reading("chunked"), chunked=True)
        provider = Provider()
        at.server_io.writer, at.client_io.writer = Writer(provider), Writer(Broken())  # type: ignore[assignment]
        Splice(at, None, tasks=Tasks(), gather=Gather()).begin()
        assert isinstance(provider.protocol, Splice)
        RECEIVED[:8] = b"3\r\nabc\r\n"
        provider.protocol.send(provider.protocol.take(0, 8))
        return provider.aborted

    assert runner.run(run())


def test_rehearsal(runner: asyncio.Runner) -> None:
    """With the mitmproxy that is installed everything is where it should be."""

    async def run() -> str:
        return internals_streams.rehearse(OPTIONS)

    assert "" == runner.run(run())


def test_rehearsal_notices_what_has_moved(runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no longer there is said, and nothing is raised."""
    monkeypatch.delattr(http_layers.HttpStream, "state_stream_response_body")

    async def run() -> str:
        return internals_streams.rehearse(OPTIONS)

    assert "state_stream_response_body" in runner.run(run())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its certificate."""
    return Authority(tmp_path_factory.mktemp("authority")).leaf("localhost")


def connected(certificate: Path, version: int) -> tuple[SSL.Connection, SSL.Connection]:
    """Two ends of a TLS connection in memory, the handshake done."""
    contexts = SSL.Context(SSL.TLS_SERVER_METHOD), SSL.Context(SSL.TLS_CLIENT_METHOD)
    contexts[0].use_certificate_chain_file(str(certificate))
    contexts[0].use_privatekey_file(str(certificate))
    for each in contexts:
        each.set_max_proto_version(version)
    ends = SSL.Connection(contexts[0], None), SSL.Connection(contexts[1], None)
    ends[0].set_accept_state()
    ends[1].set_connect_state()
    for _ in range(4):
        for one, other in (ends[::-1], ends):
            for step in (one.do_handshake, lambda one=one, other=other: other.bio_write(one.bio_read(65536))):
                with contextlib.suppress(SSL.WantReadError):
                    step()
    return ends


@settings(max_examples=60)
@given(
    said=st.lists(st.binary(min_size=1, max_size=40) | st.integers(1, 40000).map(lambda n: b"z" * n), max_size=6),
    cuts=st.sets(st.integers(1, 50000), max_size=8),
    version=st.sampled_from([SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION]),
    closes=st.booleans(),
)
def test_tls_however_it_is_cut(
    certificate: Path, said: list[bytes], cuts: set[int], version: int, closes: bool
) -> None:
    """What was encrypted comes out whole, at once, and once; the end of the connection is told from a pause."""
    sender, receiver = connected(certificate, version)
    sending, receiving = Cipher(sender), Cipher(receiver)
    encrypted = b"".join(map(sending.encrypt, said))
    if closes:
        sender.shutdown()
        encrypted += sender.bio_read(65536)
    got, ended = b"", False
    for piece in cut(encrypted, cuts) if encrypted else ():
        for at in range(0, len(piece), len(RECEIVED)):
            part = piece[at : at + len(RECEIVED)]
            RECEIVED[: len(part)] = part
            data, answer, ended = receiving.decrypt(0, len(part))
            assert b"" == answer
            got += data
    assert (b"".join(said), closes) == (got, ended)
