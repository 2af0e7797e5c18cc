"""Fear: the client is gone and the provider goes on being paid."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from tests.e2e.harness import Proxy
from tests.e2e.wires import CHAT, MESSAGES, Ask
from tests.fake import Plan, Provider

versions = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])


@versions
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("ask", [CHAT, MESSAGES], ids=lambda ask: ask.name)
def test_a_client_that_leaves_before_the_answer_ends_the_call(
    proxy: Proxy, provider: Provider, ask: Ask, stream: bool, http2: bool, words: str
) -> None:
    """The upstream call is closed when the client goes, and nothing is stored."""
    plan = provider.plan(Plan(words, hold=frozenset({0}), times=1))

    async def leave() -> None:
        async with proxy.async_client(http2=http2) as client:
            body, headers = ask.body(words, stream), dict(ask.headers)
            call = asyncio.ensure_future(client.post(ask.url(stream=stream), json=body, headers=headers))
            await asyncio.to_thread(provider.until, lambda: plan.held == 1, "the call to be held")
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    asyncio.run(leave())
    provider.until(lambda: provider.about(words)[0].ended == "left", "the upstream call to be closed")
    with proxy.client() as client:
        assert ask.send(client, words, stream=stream).headers["x-isartor-layer"] == "l3"


@versions
def test_a_client_that_leaves_in_mid_stream_ends_the_call(
    proxy: Proxy, provider: Provider, http2: bool, words: str
) -> None:
    """The same after half a stream."""
    plan = provider.plan(Plan(words, hold=frozenset({4}), times=1))
    body, headers = MESSAGES.body(words, True), dict(MESSAGES.headers)
    with (
        proxy.client(http2=http2) as client,
        client.stream("POST", MESSAGES.whole, json=body, headers=headers) as response,
    ):
        next(response.iter_raw())
        provider.until(lambda: plan.held == 1, "the stream to be held")
    provider.until(lambda: provider.about(words)[0].ended == "left", "the upstream call to be closed")


def test_a_follower_that_leaves_disturbs_nobody(proxy: Proxy, provider: Provider, words: str) -> None:
    """Of two who share a call one goes; the other gets the whole answer, and it is stored."""
    plan = provider.plan(Plan(words, hold=frozenset({3})))
    body, headers = CHAT.body(words, True), dict(CHAT.headers)
    with proxy.client() as first, first.stream("POST", CHAT.whole, json=body, headers=headers) as leader:
        provider.until(lambda: plan.held == 1, "the stream to be held")
        with proxy.client() as second, second.stream("POST", CHAT.whole, json=body, headers=headers) as follower:
            next(follower.iter_raw())
        provider.open(plan)
        assert words in CHAT.read_text(b"".join(leader.iter_raw()).decode(), leader.headers["content-type"])
    with proxy.client() as client:
        assert CHAT.send(client, words, stream=True).headers["x-isartor-layer"] == "l1a"
    assert provider.generations(words) == 1


def test_a_storm_of_leaving_clients_leaves_the_proxy_well(proxy: Proxy, words: str) -> None:
    """A hundred clients that hang up at any moment make no traceback and no wrong entry."""
    before = proxy.log.count("Traceback")
    for number in range(100):
        body = json.dumps(CHAT.body(f"{words} {number % 10}", bool(number % 2))).encode()
        head = "".join(f"{name}: {value}\r\n" for name, value in CHAT.headers.items())
        request = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\n{head}"
        whole = f"{request}Content-Length: {len(body)}\r\n\r\n".encode() + body
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as raw:
            raw.sendall(whole[: len(whole) - number % 3])
            if number % 3 == 0 and number % 2:
                raw.recv(1 + number * 10)
    with proxy.client() as client:
        answers = [CHAT.send(client, f"{words} {number}") for number in range(10)]
    assert all(words in CHAT.read(answer) for answer in answers)
    assert proxy.log.count("Traceback") == before
    assert proxy.alive
