"""Fear: it works as a regular proxy over HTTP/1.1 and nowhere else."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from collections.abc import Callable, Iterator

import httpx2
import pytest

from tests.e2e.harness import OPENAI, REGULAR, Proxy, Setup, free_port
from tests.e2e.wires import CHAT, MESSAGES
from tests.fake import Provider


@pytest.fixture(scope="module")
def many(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """One process with three modes, in the order regular, reverse, SOCKS."""
    modes = (REGULAR, f"reverse:{OPENAI}@127.0.0.1:{free_port()}", f"socks5@127.0.0.1:{free_port()}")
    with Proxy(tmp_path_factory.mktemp("many"), provider, Setup(modes=modes)) as running:
        yield running


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_regular(proxy: Proxy, provider: Provider, http2: bool, stream: bool, words: str) -> None:
    """Through CONNECT and TLS, with either version of HTTP, the repeat is answered here."""
    with proxy.client(http2=http2) as client:
        replies = [MESSAGES.send(client, words, stream=stream) for _ in range(2)]
    assert {"HTTP/2" if http2 else "HTTP/1.1"} == {reply.http_version for reply in replies}
    assert replies[0].content == replies[1].content
    assert replies[1].headers["x-isartor-layer"] == "l1a"
    assert provider.generations(words) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_reverse(many: Proxy, provider: Provider, stream: bool, words: str) -> None:
    """As a reverse proxy before one provider the repeat is answered here."""
    base = f"http://127.0.0.1:{many.port_of('reverse')}"
    with httpx2.Client(trust_env=False) as client:
        replies = [
            client.post(f"{base}/v1/chat/completions", json=CHAT.body(words, stream), headers=dict(CHAT.headers))
            for _ in range(2)
        ]
    assert words in CHAT.read(replies[0])
    assert replies[0].content == replies[1].content
    assert provider.generations(words) == 1


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_upstream(chained: Proxy, provider: Provider, http2: bool, stream: bool, words: str) -> None:
    """Before another proxy, and with HTTP/2 on both legs, the repeat is answered here."""
    with chained.client(http2=http2) as client:
        replies = [MESSAGES.send(client, words, stream=stream) for _ in range(2)]
    assert words in MESSAGES.read(replies[0])
    assert replies[0].content == replies[1].content
    assert provider.generations(words) == 1


@pytest.fixture(scope="module")
def chained(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with Proxy(tmp_path_factory.mktemp("outer"), provider, Setup(addon=False)) as outer:
        setup = Setup(
            modes=(f"upstream:{outer.url}@127.0.0.1:0",), options={"ssl_verify_upstream_trusted_ca": str(outer.ca)}
        )
        with Proxy(tmp_path_factory.mktemp("inner"), provider, setup) as inner:
            yield inner


def test_socks(many: Proxy, provider: Provider, words: str) -> None:
    """As a SOCKS proxy the repeat is answered here."""
    replies = [_through_socks(many, words) for _ in range(2)]
    assert b"ANSWER" in replies[0]
    assert replies[0] == replies[1]
    assert provider.generations(words) == 1


def _through_socks(proxy: Proxy, words: str) -> bytes:
    with socket.create_connection(("127.0.0.1", proxy.port_of("socks5")), timeout=20) as raw:
        raw.sendall(b"\x05\x01\x00")
        assert raw.recv(2) == b"\x05\x00"
        host = b"api.openai.com"
        raw.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host + struct.pack(">H", 443))
        assert raw.recv(10)[:2] == b"\x05\x00"
        connection = http.client.HTTPConnection("api.openai.com")
        connection.sock = proxy.context().wrap_socket(raw, server_hostname="api.openai.com")
        body = json.dumps(CHAT.body(words, True))
        connection.request("POST", "/v1/chat/completions", body, dict(CHAT.headers))
        with connection.getresponse() as response:
            content = response.read()
        connection.close()
    return content


def test_modes_of_one_process_share_the_cache(many: Proxy, provider: Provider, words: str) -> None:
    """What came by one door is answered at the other."""
    body, headers = CHAT.body(words, False), dict(CHAT.headers)
    with many.client() as client:
        client.post(CHAT.whole, json=body, headers=headers)
    with httpx2.Client(trust_env=False) as client:
        url = f"http://127.0.0.1:{many.port_of('reverse')}/v1/chat/completions"
        assert client.post(url, json=body, headers=headers).headers["x-isartor-layer"] == "l1a"
    assert provider.generations(words) == 1


def test_a_hit_opens_no_connection(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """With the recommended lazy strategy an answered request never reaches for the provider, not even by TCP."""
    own = launch()
    with own.client() as client:
        CHAT.send(client, words)
    refusing = Setup(options={"fake_refused": ".*", "isartor_home": str(own.home / "isartor")})
    own.stop()
    with launch(refusing, "offline").client() as client:
        assert CHAT.send(client, words).headers["x-isartor-layer"] == "l1a"
        assert CHAT.send(client, f"other {words}").status_code == 502
    assert provider.generations(words) == 1
