"""Fear: bytes that take a short way through mitmproxy get lost, doubled or held, or the connections with them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.harness import Proxy, Setup, wait_for
from tests.e2e.raw import RawProvider, Visit, ask, connect, raw_provider, read_until
from tests.fake import Provider

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FILE = "/v1/files/file-1/content"
"""A path that is passed on and not learned."""
END = b"0\r\n\r\n"
BIG = 200 << 20

type Start = Callable[..., tuple[Proxy, RawProvider]]
"""Takes how the provider answers, and further options of the proxy."""


@pytest.fixture(params=["true", "false"], ids=["spliced", "stock"])
def start(request: pytest.FixtureRequest, provider: Provider, launch: Callable[..., Proxy]) -> Iterator[Start]:
    """Start a proxy before a provider that answers so."""
    opened: list[object] = []

    def begin(answer: Callable[[Visit, bytes], None], **more: str) -> tuple[Proxy, RawProvider]:
        behind = raw_provider(provider.authority, answer)
        opened.append(behind)
        raw = behind.__enter__()
        options = {
            "fake_tls": str(raw.port),
            "isartor_streams_splice": request.param,
            "isartor_log_level": "debug",
            "termlog_verbosity": "debug",
            **more,
        }
        return launch(Setup(options=options)), raw

    yield begin
    for each in opened:
        each.__exit__(None, None, None)  # type: ignore[attr-defined]


def chunk(data: bytes) -> bytes:
    """One chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(text: str, *, done: bool = False) -> bytes:
    """One event of a chat stream."""
    choice = {"index": 0, "delta": {} if done else {"content": text}, "finish_reason": "stop" if done else None}
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"


def chat(words: str) -> bytes:
    """A chat request to be streamed."""
    return json.dumps({"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": words}]}).encode()


def payload(received: bytes) -> bytes:
    """The body of one chunked response."""
    _, _, rest = received.partition(b"\r\n\r\n")
    body = b""
    while rest and not rest.startswith(END):
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def is_spliced(proxy: Proxy) -> bool:
    """Whether a stream has taken the short way; stops the proxy, so that its log is whole."""
    proxy.stop()
    return "takes the short way" in proxy.log


def test_connections_are_used_again(start: Start, request: pytest.FixtureRequest) -> None:
    """After a stream that took the short way the next requests go over the same two connections, streamed or not."""

    def answer(visit: Visit, asked: bytes) -> None:
        if b"/v1/models" in asked:
            visit.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            return
        visit.send(CHUNKED + chunk(b"one "))
        for word in (b"two ", b"three"):
            visit.step()
            visit.send(chunk(word))
        visit.step()
        visit.send(END)

    proxy, provider = start(answer)
    with connect(proxy) as client:
        for _ in range(3):
            client.sendall(ask(FILE))
            received = read_until(client, b"one ")
            for word in (b"two ", b"three", END):
                provider.visits[0].go.release()
                received = read_until(client, word, received)
            assert b"one two three" == payload(received)
            client.sendall(ask("/v1/models"))
            assert read_until(client, b"{}").endswith(b"{}")
    assert [6] == [visit.requests for visit in provider.visits]
    assert is_spliced(proxy) == ("spliced" in request.node.name)
    assert "Traceback" not in proxy.log


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_what_took_the_short_way_is_learned(start: Start, packed: bool, words: str) -> None:
    """The tee sees every byte: the repeat is answered from here, with the same body and by nobody else."""
    packer = zlib.compressobj(wbits=31)

    def answer(visit: Visit, _: bytes) -> None:
        events = [event("so "), event("it "), event(words), event("", done=True), b"data: [DONE]\n\n"]
        if packed:
            events = [packer.compress(each) + packer.flush(zlib.Z_SYNC_FLUSH) for each in events] + [packer.flush()]
            visit.send(CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n"))
        else:
            visit.send(CHUNKED)
        for each in events:
            visit.step()
            visit.send(chunk(each))
        visit.send(END)

    proxy, provider = start(answer)
    with connect(proxy) as client:
        client.sendall(ask("/v1/chat/completions", chat(words)))
        received = read_until(client, b"\r\n\r\n")
        for _ in range(6 if packed else 5):
            provider.visits[0].go.release()
            received = read_until(client, b"\r\n", received + client.recv(65536))
        body = payload(read_until(client, b"\r\n" + END, received))
        body = zlib.decompress(body, wbits=31) if packed else body
        client.sendall(ask("/v1/chat/completions", chat(words)))
        again = read_until(client, b"[DONE]\n\n")
    assert words.encode() in body
    assert b"x-isartor-layer: l1a" in again
    assert body == again.partition(b"\r\n\r\n")[2]
    assert 1 == provider.visits[0].requests


def test_a_client_that_leaves_ends_the_call(start: Start) -> None:
    """In the middle of a stream that takes the short way the client goes: so does the connection to the provider."""

    def answer(visit: Visit, _: bytes) -> None:
        visit.send(CHUNKED + chunk(b"one "))
        while True:
            visit.step()
            visit.send(chunk(b"two "))

    proxy, provider = start(answer)
    with connect(proxy) as client:
        client.sendall(ask(FILE))
        received = read_until(client, b"one ")
        for _ in range(3):
            provider.visits[0].go.release()
            received = read_until(client, b"two ", received + client.recv(65536))
    visit = provider.visits[0]

    def left() -> bool:
        visit.go.release()
        return visit.left.is_set()

    wait_for(left, "the provider's connection to end")
    assert "Traceback" not in proxy.log


@pytest.mark.parametrize("politely", [True, False], ids=["close_notify", "reset"])
def test_a_cut_stream_is_seen_to_be_cut(start: Start, politely: bool, words: str) -> None:
    """The provider goes in the middle: the client gets what came, then an end that is none, and nothing is learned."""

    def answer(visit: Visit, _: bytes) -> None:
        visit.send(CHUNKED + chunk(event("one ")))
        for _ in range(2):
            visit.step()
            visit.send(chunk(event("two ")))
        if politely:
            visit.socket.unwrap()
        visit.socket.close()

    proxy, provider = start(answer)
    with connect(proxy) as client:
        client.sendall(ask("/v1/chat/completions", chat(words)))
        received = read_until(client, b"one ")
        for _ in range(2):
            provider.visits[0].go.release()
            received += client.recv(65536)
        received = read_until(client, b"never", received)
    assert 2 == received.count(b"two ")
    assert not received.endswith(END)
    with connect(proxy) as client:
        client.sendall(ask("/v1/chat/completions", chat(words)))
        assert b"x-isartor-layer: l3" in read_until(client, b"one ")


@pytest.mark.parametrize("framing", ["length", "close"])
def test_other_framings(start: Start, framing: str) -> None:
    """A body of known length, and one that ends with the connection, come whole and end as they should."""
    words = [b"w%d " % number for number in range(40)]
    size = sum(map(len, words))

    def answer(visit: Visit, _: bytes) -> None:
        head = b"content-length: %d" % size if framing == "length" else b"connection: close"
        visit.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n%b\r\n\r\n" % head)
        for word in words:
            visit.step()
            visit.send(word)
        if framing == "close":
            visit.socket.close()

    proxy, provider = start(answer)
    with connect(proxy) as client:
        for _ in range(2 if framing == "length" else 1):
            client.sendall(ask(FILE))
            received = read_until(client, b"\r\n\r\n")
            for word in words:
                provider.visits[0].go.release()
                received = read_until(client, word, received)
            if framing == "close":
                received = read_until(client, b"never", received)
            assert b"".join(words) == received.partition(b"\r\n\r\n")[2]


def test_two_streams_at_once(start: Start) -> None:
    """Streams of two clients that come piece by piece in turn do not mix."""

    def answer(visit: Visit, asked: bytes) -> None:
        name = asked.partition(b"/v1/files/")[2][:1]
        visit.send(CHUNKED)
        for number in range(20):
            visit.step()
            visit.send(chunk(b"%b%d " % (name, number)))
        visit.send(END)

    proxy, provider = start(answer)
    clients, received = [connect(proxy), connect(proxy)], [b"", b""]
    for client, name in zip(clients, "ab", strict=True):
        client.sendall(ask(f"/v1/files/{name}/content"))
        wait_for(lambda name=name: len(provider.visits) == "ab".index(name) + 1, "the provider to be asked")  # type: ignore[misc]
    for number in range(20):
        for at, name in enumerate("ab"):
            provider.visits[at].go.release()
            received[at] = read_until(clients[at], f"{name}{number} ".encode(), received[at])
    for at, name in enumerate("ab"):
        received[at] = read_until(clients[at], END, received[at])
        assert "".join(f"{name}{number} " for number in range(20)).encode() == payload(received[at])
        clients[at].close()


def test_many_streams_at_once(start: Start) -> None:
    """The same with so many that they are read together; some leave, connections are used again."""
    many = 24

    def answer(visit: Visit, asked: bytes) -> None:
        name = asked.partition(b"/v1/files/")[2].partition(b"/")[0]
        visit.send(CHUNKED + chunk(b"begin "))
        for number in range(10):
            visit.step()
            visit.send(chunk(b"%b.%d " % (name, number)))
        visit.send(END)

    proxy, provider = start(answer)
    clients = [connect(proxy) for _ in range(many)]
    for lap in range(2):
        received = [b""] * len(clients)
        for at, client in enumerate(clients):
            client.sendall(ask(f"/v1/files/{lap}-{at}/content"))
            received[at] = read_until(client, b"begin ")
        for number in range(10):
            for visit in provider.visits:
                visit.go.release()
            for at, client in enumerate(clients):
                received[at] = read_until(client, f"{lap}-{at}.{number} ".encode(), received[at])
        for at, client in enumerate(clients):
            received[at] = read_until(client, END, received[at])
            assert b"begin " + b"".join(b"%d-%d.%d " % (lap, at, number) for number in range(10)) == payload(
                received[at]
            )
        for client in clients[many // 2 :]:
            client.close()
        del clients[many // 2 :]
    for client in clients:
        client.close()
    assert many == len(provider.visits)
    assert "Traceback" not in proxy.log


@pytest.mark.parametrize("way", ["passed", "learned", "relayed"])
def test_a_slow_client_makes_the_provider_wait(start: Start, provider: Provider, way: str, words: str) -> None:
    """A client that does not read while 200 MB are sent to it costs no memory; when it reads it gets all of them."""
    piece = chunk(event("x" * 60_000))
    pieces = BIG // 60_000

    def answer(visit: Visit, _: bytes) -> None:
        visit.send(CHUNKED + chunk(event("begin")))
        visit.step()
        for _ in range(pieces):
            visit.send(piece)
        visit.send(END)

    options = {}
    if way == "relayed":
        chain = json.dumps([{"for": "*", "try": "client"}])
        options = {"isartor_chain": chain, "isartor_egress_ca_file": str(provider.authority.path)}
    proxy, behind = start(answer, **options)
    with connect(proxy) as client:
        client.sendall(ask(FILE) if way == "passed" else ask("/v1/chat/completions", chat(words)))
        received = read_until(client, b"begin")
        before = resident_mb(proxy.pid)
        visit = behind.visits[0]
        visit.go.release()
        assert visit.blocked.wait(30)
        assert visit.sent < 40 << 20
        assert resident_mb(proxy.pid) - before < 20
        size = len(received)
        while not received.endswith(END):
            received = received[-5:] + client.recv(1 << 20)
            size += len(received) - 5
        # What may be learned is kept until it is too large.
        assert resident_mb(proxy.pid) - before < (20 if way == "passed" else 150)
    assert size > pieces * 60_000


def resident_mb(pid: int) -> float:
    """Memory of a process in RAM, MiB."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20
