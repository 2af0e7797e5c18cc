"""Fear: on the short way from the client's socket to the lane bytes get lost, or a connection hangs or grows."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import pytest

from tests.e2e.harness import Proxy, Setup, wait_for
from tests.e2e.raw import ask, connect, read_until
from tests.e2e.test_lane_differential import REPLY, body
from tests.fake import Plan, Provider

PATH = "/v1/chat/completions"
ON = {"isartor_lane_enabled": "true", "isartor_log_level": "debug", "termlog_verbosity": "debug"}
OTHER = "/v1/shortcut"
TAKEN = "repeats take the short way"


@pytest.fixture
def own(launch: Callable[..., Proxy], provider: Provider, words: str) -> Proxy:
    """A proxy with the lane, before a provider that says the same to all who say these words."""
    for marker in (words, OTHER):
        provider.plan(Plan(marker, pieces=(REPLY,)))
    return launch(Setup(options=ON))


def layer_of(client: ssl.SSLSocket, request: bytes, *, cuts: int = 1) -> bytes:
    """Send a request in so many pieces, read its answer, and say whose it is."""
    size = -(-len(request) // cuts)
    for begin in range(0, len(request), size):
        client.sendall(request[begin : begin + size])
    received = read_until(client, REPLY)
    assert received.endswith(REPLY)
    return received.partition(b"x-isartor-layer: ")[2][:3].strip()


def test_repeats_and_others_take_turns(own: Proxy, provider: Provider, words: str) -> None:
    """On one connection repeats, new questions and other requests follow each other, and each gets its own answer."""
    hit, miss = ask(PATH, body(words)), [ask(PATH, body(f"{words} {number}")) for number in range(4)]
    with connect(own) as client:
        assert b"l3" == layer_of(client, hit)
        for new in miss:
            assert [b"l1a"] * 3 == [layer_of(client, hit, cuts=cuts) for cuts in (1, 1, 7)]
            assert b"l3" == layer_of(client, new)
            assert b"l1a" == layer_of(client, new)
        assert b"" == layer_of(client, ask(OTHER))
        assert b"l1a" == layer_of(client, hit)
    own.stop()
    assert len(miss) + 2 == own.log.count(TAKEN)
    assert "Traceback" not in own.log
    assert len(miss) + 1 == sum(call.path == PATH for call in provider.calls if words.encode() in call.received)


def test_it_can_be_turned_off(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """With `lane.splice = false` mitmproxy keeps the socket."""
    provider.plan(Plan(words, pieces=(REPLY,)))
    own = launch(Setup(options={**ON, "isartor_lane_splice": "false"}))
    with connect(own) as client:
        assert b"l1a" == [layer_of(client, ask(PATH, body(words))) for _ in range(4)][-1]
    own.stop()
    assert TAKEN not in own.log


def test_the_last_request_of_a_connection(own: Proxy, words: str) -> None:
    """`connection: close` among repeats gets its answer, and then the end."""
    hit = ask(PATH, body(words))
    with connect(own) as client:
        assert [b"l3", b"l1a", b"l1a"] == [layer_of(client, hit) for _ in range(3)]
        client.sendall(hit.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
        assert read_until(client, b"never").endswith(REPLY)


def test_clients_that_leave_in_the_middle(own: Proxy, words: str) -> None:
    """With a close_notify, an end or neither: the rest of a request is not waited for, and nobody else notices."""
    hit = ask(PATH, body(words))
    for count, how in enumerate(("close_notify", "end", "neither"), 1):
        client = connect(own)
        assert b"l1a" == [layer_of(client, hit) for _ in range(3)][-1]
        client.sendall(hit[:-5])
        if how == "close_notify":
            client.settimeout(0)
            with pytest.raises(ssl.SSLWantReadError):
                client.unwrap()
        elif how == "end":
            client.shutdown(socket.SHUT_WR)
        client.close()
        wait_for(lambda: own.log.count("client disconnect") == count, "the connection to end")  # noqa: B023
    with connect(own) as other:
        assert b"l1a" == layer_of(other, hit)
    own.stop()
    assert "Traceback" not in own.log


def test_answers_that_nobody_takes_are_not_made(own: Proxy, words: str) -> None:
    """A client that asks on and on and reads nothing is read no more; when it reads, it gets all it has asked for."""
    hit = ask(PATH, body(words))
    with connect(own) as client:
        assert [b"l3", b"l1a", b"l1a"] == [layer_of(client, hit) for _ in range(3)]
        client.settimeout(1.0)
        asked = 0
        with pytest.raises(TimeoutError):
            while asked < 500_000:
                client.sendall(hit)
                asked += 1
        assert asked < 500_000
        client.settimeout(10)
        answered, tail = 0, b""
        while answered < asked:
            data = client.recv(1 << 16)
            assert data
            tail += data
            answered += tail.count(REPLY)
            tail = tail[tail.rfind(REPLY) + len(REPLY) :] if REPLY in tail else tail
