"""Fear: the proxy makes a stream wait, or learns only what ends politely."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.e2e.harness import Proxy, Setup, wait_for
from tests.e2e.wires import ARRAY, CHAT, GENERATE, INTERNAL, MESSAGES, OLLAMA_CHAT, RESPONSES, WIRES, Ask
from tests.fake import END, Plan, Provider

versions = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
TERMINAL = {
    CHAT: b"data: [DONE]\n\n",
    RESPONSES: b"event: response.completed\n",
    MESSAGES: b'{"type": "message_stop"}\n\n',
    OLLAMA_CHAT: b'"done": true',
}
_CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Four."}, "finish_reason": "stop"}
_COMPLETION = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [_CHOICE]}


@pytest.fixture(scope="module", params=["true", "false"], ids=["spliced", "stock"])
def proxy(
    request: pytest.FixtureRequest, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A proxy whose streams take the short way, and one whose do not."""
    options = {"isartor_hosts": "ollama.test", "isartor_streams_splice": request.param}
    with Proxy(tmp_path_factory.mktemp("proxy"), provider, Setup(options=options)) as running:
        yield running


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[httpx2.Client]:
    """An HTTP/1.1 client through it."""
    with proxy.client() as running:
        yield running


def _until(chunks: Iterator[bytes], wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += next(chunks)
    return seen


@versions
@pytest.mark.parametrize("ask", WIRES, ids=lambda ask: ask.name)
def test_each_event_arrives_before_the_next_is_sent(
    proxy: Proxy, provider: Provider, ask: Ask, http2: bool, words: str
) -> None:
    """While the provider holds back its next event, every earlier one has reached the client."""
    gates = (1, 3, END)
    plan = provider.plan(Plan(words, hold=frozenset(gates)))
    with (
        proxy.client(http2=http2) as client,
        client.stream("POST", ask.streamed, json=ask.body(words, True), headers=dict(ask.headers)) as response,
    ):
        chunks, seen = response.iter_raw(), b""
        for number in range(1, len(gates) + 1):
            provider.until(lambda reached=number: plan.held == reached, "the provider to hold back an event")  # type: ignore[misc]
            sent = provider.about(words)[0].sent_bytes
            while len(seen) < sent:
                seen += next(chunks)
            assert len(seen) == sent
            provider.open(plan)
        assert list(chunks) == []
    assert words in ask.read_text(seen.decode(), response.headers["content-type"])


@versions
def test_a_whole_reply_is_not_held_back(proxy: Proxy, provider: Provider, http2: bool, words: str) -> None:
    """Where no other addon may change it, what there is of a JSON reply is on its way; whole, it has been learned."""
    body = json.dumps(_COMPLETION).encode()
    half = len(body) // 2
    pieces = (body[:half], body[half:])
    plan = provider.plan(Plan(words, pieces=pieces, content_type="application/json", hold=frozenset({1}), times=1))
    with proxy.client(http2=http2) as client:
        asked: dict[str, Any] = {"json": CHAT.body(words, False), "headers": dict(CHAT.headers)}
        with client.stream("POST", CHAT.whole, **asked) as response:
            chunks = response.iter_raw()
            assert next(chunks) == pieces[0]
            provider.open(plan)
            assert b"".join(chunks) == pieces[1]
        again = client.post(CHAT.whole, **asked)
    assert (again.headers["x-isartor-layer"], again.content) == ("l1a", body)


@versions
def test_the_first_byte_does_not_wait_for_the_second(proxy: Proxy, provider: Provider, http2: bool, words: str) -> None:
    """Head and first event are at the client while the provider has sent nothing else."""
    plan = provider.plan(Plan(words, hold=frozenset({1})))
    body, headers = MESSAGES.body(words, True), dict(MESSAGES.headers)
    with (
        proxy.client(http2=http2) as client,
        client.stream("POST", MESSAGES.whole, json=body, headers=headers) as response,
    ):
        assert response.headers["x-isartor-layer"] == "l3"
        assert b"message_start" in _until(response.iter_raw(), b"message_start")
        assert provider.about(words)[0].sent == 1
        provider.open(plan)
        provider.until(lambda: provider.about(words)[0].ended != "", "the end")


@versions
@pytest.mark.parametrize("ask", TERMINAL, ids=lambda ask: ask.name)
def test_a_client_that_hangs_up_after_the_last_event_has_taught_us(
    proxy: Proxy, provider: Provider, ask: Ask, http2: bool, words: str
) -> None:
    """The terminal event is what counts: the body never ends, the client is gone, and the repeat is answered here."""
    plan = provider.plan(Plan(words, hold=frozenset({END}), times=1))
    with (
        proxy.client(http2=http2) as client,
        client.stream("POST", ask.streamed, json=ask.body(words, True), headers=dict(ask.headers)) as response,
    ):
        seen = _until(response.iter_raw(), TERMINAL[ask])
        while not seen.endswith((b"\n\n", b"}\n")):
            seen += next(response.iter_raw())
    provider.until(lambda: provider.about(words)[0].ended == "left", "the upstream call to be closed")
    provider.open(plan)
    with proxy.client(http2=http2) as client:
        second = ask.send(client, words, stream=True)
    assert second.headers["x-isartor-layer"] == "l1a"
    assert provider.generations(words) == 1


@pytest.mark.parametrize("ask", [GENERATE, INTERNAL, ARRAY], ids=lambda ask: ask.name)
def test_gemini_is_learned_at_the_end_of_the_body(
    client: httpx2.Client, provider: Provider, ask: Ask, words: str
) -> None:
    """Gemini's streams have no terminal event: their end is the body's."""
    replies = [ask.send(client, words, stream=True) for _ in range(2)]
    assert replies[0].content == replies[1].content
    assert provider.generations(words) == 1


def test_a_client_that_leaves_earlier_has_not(proxy: Proxy, provider: Provider, words: str) -> None:
    """Half a stream is never given to anybody."""
    plan = provider.plan(Plan(words, hold=frozenset({4}), times=1))
    body, headers = CHAT.body(words, True), dict(CHAT.headers)
    with proxy.client() as client, client.stream("POST", CHAT.whole, json=body, headers=headers) as response:
        _until(response.iter_raw(), b"ANSWER")
    provider.until(lambda: provider.about(words)[0].ended == "left", "the upstream call to be closed")
    provider.open(plan)
    with proxy.client() as client:
        assert CHAT.send(client, words, stream=True).headers["x-isartor-layer"] == "l3"
    assert provider.generations(words) == 2


@versions
def test_streams_of_one_connection_do_not_wait_for_each_other(
    proxy: Proxy, provider: Provider, http2: bool, words: str
) -> None:
    """While one stream is held, another request of the same client is answered."""
    plan = provider.plan(Plan(f"slow {words}", hold=frozenset({2})))
    body, headers = CHAT.body(f"slow {words}", True), dict(CHAT.headers)
    with (
        proxy.client(http2=http2) as client,
        client.stream("POST", CHAT.whole, json=body, headers=headers) as response,
    ):
        wait_for(lambda: plan.held == 1, "the slow stream to be held")
        assert CHAT.send(client, f"quick {words}").status_code == 200
        provider.open(plan)
        text = b"".join(response.iter_raw()).decode()
    assert f"slow {words}" in CHAT.read_text(text, response.headers["content-type"])
