"""Fear: the proxy opens what is none of its business, or writes down where somebody went."""

from __future__ import annotations

import socket
import ssl

import httpx2
import pytest

from tests.e2e.harness import Proxy, wait_for
from tests.e2e.wires import CHAT
from tests.fake import Plan, Provider
from tests.fake.certificates import NAME


def _issuer(proxy: Proxy, host: str, *, port: int = 443) -> str:
    """Who signed the certificate that a client sees."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as raw:
        raw.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        assert b" 200 " in raw.recv(4096)
        with proxy.context().wrap_socket(raw, server_hostname=host) as secure:
            certificate = secure.getpeercert()
    assert certificate is not None
    return next(value for group in certificate["issuer"] for name, value in group if name == "commonName")  # type: ignore[str-unpack]


@pytest.mark.parametrize("host", ["www.example.com", "github.com", "storage.googleapis.com", "notopenai.com"])
def test_other_hosts_show_their_own_certificate(proxy: Proxy, host: str) -> None:
    """TLS to a host that serves no models passes untouched."""
    assert _issuer(proxy, host) == NAME


@pytest.mark.parametrize("host", ["api.openai.com", "api.anthropic.com", "my.openai.azure.com", "api.groq.com"])
def test_hosts_of_models_are_opened(proxy: Proxy, host: str) -> None:
    """TLS to a provider shows the proxy's certificate."""
    assert _issuer(proxy, host) == "mitmproxy"


def test_a_client_that_trusts_only_the_origin_is_served(proxy: Proxy, provider: Provider) -> None:
    """Somebody who does not trust our CA still reaches every other host."""
    context = ssl.create_default_context(cafile=provider.authority.path)
    with httpx2.Client(proxy=proxy.url, verify=context, trust_env=False) as client:
        assert client.get("https://www.example.com/here").text == "origin www.example.com /here"


def test_other_hosts_are_never_logged(proxy: Proxy, client: httpx2.Client) -> None:
    """Neither the name nor the path of another host is in the log, over TLS or without it."""
    secret = "private-clinic.example"
    assert client.get(f"https://{secret}/patients").text == f"origin {secret} /patients"
    assert client.get(f"http://{secret}/patients", headers={"x-isartor-cache": "bypass"}).status_code == 200
    assert "patients" not in proxy.log


def test_other_paths_of_a_provider_stream_through(proxy: Proxy, provider: Provider, words: str) -> None:
    """A path that is not ours arrives piece by piece and untouched, and is asked anew each time."""
    path = f"/v1/files/{words.replace(' ', '-')}/content"
    plan = provider.plan(Plan(path, pieces=(b"one", b"two", b"three"), content_type="text/plain", hold=frozenset({1})))
    with proxy.client() as client:
        with client.stream("GET", f"https://api.openai.com{path}", headers=dict(CHAT.headers)) as response:
            chunks = response.iter_raw()
            assert next(chunks) == b"one"
            provider.open(plan, 2)
            assert b"".join(chunks) == b"twothree"
        assert client.get(f"https://api.openai.com{path}").text == "onetwothree"
    assert len(provider.about(path)) == 2


def test_a_large_upload_to_another_path_streams_through(proxy: Proxy, provider: Provider, words: str) -> None:
    """The provider has the beginning of an upload while the client still holds back its end."""
    path = f"/v1/uploads/{words.replace(' ', '-')}"
    known = len(provider.calls)
    piece = b"z" * (1 << 20)

    def body() -> object:
        yield from [piece] * 3
        provider.until(lambda: any(call.received for call in provider.calls[known:]), "the beginning of the upload")
        yield piece

    headers = {**CHAT.headers, "content-length": str(4 << 20)}
    with proxy.client() as client:
        client.post(f"https://api.openai.com{path}", content=body(), headers=headers)  # type: ignore[arg-type]
    assert [len(call.received) for call in provider.calls[known:]] == [4 << 20]


def test_a_get_on_a_known_path_is_not_ours(client: httpx2.Client, provider: Provider) -> None:
    """Catalogues are the provider's own words, each time."""
    known = len(provider.calls)
    for _ in range(2):
        assert client.get("https://api.openai.com/v1/models", headers=dict(CHAT.headers)).status_code == 200
    assert len(provider.calls[known:]) == 2


def test_plain_http_to_another_host_is_left_alone(client: httpx2.Client, provider: Provider, words: str) -> None:
    """The body of a chat completion sent to a host that is no provider's is neither read nor answered."""
    url = "http://intranet.example/v1/chat/completions"
    replies = [client.post(url, json=CHAT.body(words, False), headers=dict(CHAT.headers)) for _ in range(2)]
    assert not [name for reply in replies for name in reply.headers if name.startswith("x-isartor")]
    wait_for(lambda: provider.generations(words) == 2, "both calls")


def test_binary_rpc_flows_both_ways(proxy: Proxy) -> None:
    """Cursor's protocol passes unread, and each side hears the other before it has finished speaking."""
    host = "api2.cursor.sh"
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as raw:
        raw.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert b" 200 " in raw.recv(4096)
        with proxy.context().wrap_socket(raw, server_hostname=host) as secure:
            secure.sendall(
                f"POST /aiserver.v1.ChatService/Stream HTTP/1.1\r\nHost: {host}\r\n"
                "Content-Type: application/connect+proto\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            )
            seen = b""
            for piece in (b"\x00ping one", b"\x00ping two"):
                secure.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
                while piece not in seen:
                    seen += secure.recv(4096)
            secure.sendall(b"0\r\n\r\n")
            while not seen.endswith(b"0\r\n\r\n"):
                seen += secure.recv(4096)
    assert b" 200 " in seen
    assert b"x-isartor" not in seen.lower()
