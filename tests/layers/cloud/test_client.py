"""Fear: a key goes astray, a call goes on unheard, a piece waits, a connection is lost or leads back here."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from isartor_addon.core.errors import Lost
from isartor_addon.core.reach import Reach
from isartor_addon.layers.cloud.client import Client, Terms
from tests.fake import Authority
from tests.layers.cloud.peers import Heard, Peer, serve

PATIENCE_S = 20.0
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
ANYWHERE = Reach()


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def run[T](work: Awaitable[T]) -> T:
    """Run a test's coroutine, for so long at most."""

    async def bounded() -> T:
        return await asyncio.wait_for(work, PATIENCE_S)

    return asyncio.run(bounded())


@contextlib.asynccontextmanager
async def closing(client: Client) -> AsyncIterator[Client]:
    """Close it, and wait until its connections are closed."""
    try:
        yield client
    finally:
        client.close()
        if client.closing is not None:
            await client.closing


def plain(reply: bytes) -> Callable[[Peer, Heard], Awaitable[None]]:
    """Says `reply` and closes."""

    async def say(_: Peer, heard: Heard) -> None:
        await heard.write(reply)
        await heard.finish()

    return say


async def whole(client: Client, url: str) -> tuple[int, bytes]:
    """Ask, and read all of the reply."""
    async with client.ask(url, {}, b"{}") as received:
        return received.status, b"".join([piece async for piece in received.chunks()])


def test_pieces_come_as_they_are_said() -> None:
    """The second piece is said only when the first has been read, so nothing waits for more."""

    async def story() -> None:
        read = asyncio.Event()

        async def say(_: Peer, heard: Heard) -> None:
            await heard.write(HEAD + chunk(b"one"))
            await read.wait()
            await heard.write(chunk(b"two") + b"0\r\n\r\n")

        async with (
            serve(say) as peer,
            closing(Client(Terms(), ANYWHERE)) as client,
            client.ask(peer.url, {}, b"{}") as received,
        ):
            pieces = received.chunks()
            assert await anext(pieces) == b"one"
            read.set()
            assert [piece async for piece in pieces] == [b"two"]

    run(story())


@pytest.mark.parametrize("begun", [False, True], ids=["before the first byte", "in mid-stream"])
@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_whoever_leaves_ends_the_call(tmp_path: Path, *, http2: bool, begun: bool) -> None:
    """The provider is told at once: the connection is closed, or the stream reset."""

    async def story() -> None:
        authority = Authority(tmp_path)
        seen = asyncio.Event()

        async def say(_: Peer, heard: Heard) -> None:
            if begun:
                await heard.write(b"data: 1\n\n" if http2 else HEAD + chunk(b"data: 1\n\n"))
            await heard.left.wait()

        async def ask(client: Client, url: str) -> None:
            async with client.ask(url, {}, b"{}") as received:
                async for _ in received.chunks():
                    seen.set()

        terms = Terms(ca_file=str(authority.path), http2=http2)
        async with serve(say, authority=authority, http2=http2) as peer, closing(Client(terms, ANYWHERE)) as client:
            asking = asyncio.ensure_future(ask(client, peer.url))
            await (seen if begun else peer.arrived).wait()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await peer.heard[0].left.wait()

    run(story())


def test_of_two_on_one_http2_connection_one_leaves_and_the_other_hears_all(tmp_path: Path) -> None:
    """Both share a connection; resetting one stream takes nothing from the other, and the next one uses it again."""

    async def story() -> None:
        authority = Authority(tmp_path)
        other_left = asyncio.Event()

        async def say(_: Peer, heard: Heard) -> None:
            if heard.body == b"leaves":
                await heard.left.wait()
                other_left.set()
                return
            await heard.write(b"one")
            if heard.body == b"stays":
                await other_left.wait()
            await heard.write(b"two")
            await heard.finish()

        async def ask(client: Client, url: str, body: bytes) -> bytes:
            async with client.ask(url, {}, body) as received:
                return b"".join([piece async for piece in received.chunks()])

        terms = Terms(ca_file=str(authority.path), http2=True)
        async with serve(say, authority=authority, http2=True) as peer, closing(Client(terms, ANYWHERE)) as client:
            assert await ask(client, peer.url, b"opens the connection") == b"onetwo"
            peer.arrived.clear()
            stays = asyncio.ensure_future(ask(client, peer.url, b"stays"))
            await peer.arrived.wait()
            peer.arrived.clear()
            leaves = asyncio.ensure_future(ask(client, peer.url, b"leaves"))
            await peer.arrived.wait()
            leaves.cancel()
            assert await stays == b"onetwo"
            assert await ask(client, peer.url, b"again") == b"onetwo"
            assert peer.connections == 1

    run(story())


def test_only_what_is_said_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No header, cookie or redirect of the library's own; a proxy in the environment is not used."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def story() -> None:
        moved = b"HTTP/1.1 307 Moved\r\nlocation: /elsewhere\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
        async with serve(plain(moved)) as peer, closing(Client(Terms(), ANYWHERE)) as client:
            for _ in range(2):
                async with client.ask(peer.url, {"x-api-key": "k", "accept-encoding": "br"}, b"{}") as received:
                    assert received.status == 307
            for heard in peer.heard:
                assert dict(heard.headers) == {
                    "host": f"localhost:{peer.port}",
                    "x-api-key": "k",
                    "accept-encoding": "identity",
                    "content-length": "2",
                }
            assert [heard.target for heard in peer.heard] == ["/v1", "/v1"]

    run(story())


@pytest.mark.parametrize(
    ("encoding", "packed"), [("gzip", gzip.compress(b"text")), ("deflate", zlib.compress(b"text"))]
)
def test_what_comes_encoded_is_decoded(encoding: str, packed: bytes) -> None:
    """Some providers compress unasked; broken encoding is a lost reply."""

    async def story() -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(packed)}\r\n\r\n".encode()
        async with serve(plain(head + packed)) as peer, closing(Client(Terms(), ANYWHERE)) as client:
            assert await whole(client, peer.url) == (200, b"text")
        async with serve(plain(head + b"?" * len(packed))) as peer, closing(Client(Terms(), ANYWHERE)) as client:
            with pytest.raises(Lost) as lost:
                await whole(client, peer.url)
            assert lost.value.kind == "garbled"

    run(story())


def test_every_fault_has_its_kind() -> None:
    """Refused, silent, cut before and after the head, and no HTTP at all."""

    async def story() -> None:
        async def silent(_: Peer, heard: Heard) -> None:
            await heard.left.wait()

        async def kind_of(say: Callable[[Peer, Heard], Awaitable[None]], terms: Terms = Terms()) -> str:  # noqa: B008
            async with serve(say) as peer, closing(Client(terms, ANYWHERE)) as client:
                with pytest.raises(Lost) as lost:
                    await whole(client, peer.url)
                return lost.value.kind

        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            async with closing(Client(Terms(), ANYWHERE)) as client:
                with pytest.raises(Lost) as lost:
                    await whole(client, f"http://127.0.0.1:{nobody.getsockname()[1]}/")
        assert lost.value.kind == "connect"
        assert await kind_of(silent, Terms(silence_s=0.05)) == "timeout"
        assert await kind_of(plain(b"")) == "cut"
        assert await kind_of(plain(HEAD + chunk(b"half"))) == "cut"
        assert await kind_of(plain(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")) == "cut"

    run(story())


def test_a_provider_with_an_unknown_certificate_is_not_asked(tmp_path: Path) -> None:
    """Nothing is sent to who cannot show who it is."""

    async def story() -> None:
        async with (
            serve(plain(b""), authority=Authority(tmp_path)) as peer,
            closing(Client(Terms(), ANYWHERE)) as client,
        ):
            with pytest.raises(Lost) as lost:
                await whole(client, peer.url)
            assert lost.value.kind == "connect"
            assert peer.heard == []

    run(story())


def test_everything_goes_out_by_the_proxy_that_is_set(tmp_path: Path) -> None:
    """A corporate proxy is asked for a tunnel, and sees nothing of what goes through it."""

    async def story() -> None:
        authority = Authority(tmp_path)
        asked: list[bytes] = []

        async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", peer.port)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

        reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        async with serve(plain(reply), authority=authority, name="provider.test") as peer:
            proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
            terms = Terms(
                proxy=f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}",
                proxy_login="u:p",
                ca_file=str(authority.path),
            )
            async with closing(Client(terms, ANYWHERE)) as client:
                assert await whole(client, f"https://provider.test:{peer.port}/v1") == (200, b"ok")
            proxy.close()
            assert asked[0].startswith(f"CONNECT provider.test:{peer.port} ".encode())
            assert b"proxy-authorization: basic dtpw" in asked[0].lower()

    run(story())


def test_no_proxy_sees_what_is_asked_of_this_machine() -> None:
    """A model of one's own is asked directly, and offline the proxy must be allowed itself."""

    async def story() -> None:
        reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        async with serve(plain(b"")) as proxy, serve(plain(reply)) as peer:
            terms = Terms(proxy=f"http://localhost:{proxy.port}")
            async with closing(Client(terms, ANYWHERE)) as client:
                assert await whole(client, peer.url) == (200, b"ok")
            assert proxy.connections == 0
        offline = Reach(offline=True, hosts=("llm.lan",))
        async with closing(Client(Terms(proxy="http://proxy.example:3128"), offline)) as client:
            with pytest.raises(Lost, match="offline: proxy"):
                await whole(client, "http://llm.lan/v1")

    run(story())


def test_a_provider_that_is_this_proxy_is_not_asked() -> None:
    """A name may lead here; the connection is closed before anything is sent over it."""

    async def story() -> None:
        async with serve(plain(b"")) as peer:
            own = ("127.0.0.1", peer.port)
            async with closing(Client(Terms(), ANYWHERE, is_own=lambda address: address == own)) as client:
                with pytest.raises(Lost) as lost:
                    await whole(client, peer.url)
            assert lost.value.kind == "loop"
            assert peer.heard == []

    run(story())


def test_offline_no_name_is_even_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may not be reached is not resolved either; loopback is reached all the same."""

    async def story() -> None:
        reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        async with serve(plain(reply)) as peer, closing(Client(Terms(), Reach(offline=True))) as client:
            assert await whole(client, peer.url) == (200, b"ok")
            looked_up: list[object] = []
            monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **_: looked_up.append(asked))
            with pytest.raises(Lost) as lost:
                await whole(client, "https://api.openai.com/v1/chat/completions")
            assert (lost.value.kind, looked_up) == ("offline", [])

    run(story())


def test_a_client_that_is_closed_lets_a_call_end(tmp_path: Path) -> None:
    """When settings change, calls in flight go on with the old client, which then closes its connections."""

    async def story() -> None:
        go_on = asyncio.Event()

        async def say(_: Peer, heard: Heard) -> None:
            await heard.write(HEAD + chunk(b"one"))
            await go_on.wait()
            await heard.write(chunk(b"two") + b"0\r\n\r\n")

        async with serve(say) as peer:
            client = Client(Terms(), ANYWHERE)
            async with client.ask(peer.url, {}, b"{}") as received:
                client.close()
                assert client.closing is None
                go_on.set()
                assert b"".join([piece async for piece in received.chunks()]) == b"onetwo"
            assert client.closing is not None
            await client.closing
            await peer.heard[0].left.wait()

    run(story())


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
