"""Fear: a replay that takes its time is another answer, or goes on when nobody listens."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.harness import Proxy, Setup
from tests.e2e.wires import CHAT, MESSAGES, OLLAMA_CHAT, Ask
from tests.fake import Plan, Provider

versions = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])


@versions
@pytest.mark.parametrize("ask", [CHAT, MESSAGES, OLLAMA_CHAT], ids=lambda ask: ask.name)
@pytest.mark.parametrize("pace", ["recorded", "200"])
def test_a_replay_that_takes_its_time_is_the_same_answer(
    launch: Callable[..., Proxy], provider: Provider, ask: Ask, pace: str, http2: bool, words: str
) -> None:
    """Body, type and headers are those of a hit, given live; a JSON answer to the same question comes at once."""
    proxy = launch(Setup(options={"isartor_hosts": "ollama.test", "isartor_cache_replay_pace": pace}))
    with proxy.client(http2=http2) as client:
        first, second = (ask.send(client, words, stream=True) for _ in range(2))
    assert first.content == second.content
    assert first.headers["content-type"] == second.headers["content-type"]
    assert ("l1a", "true") == (second.headers["x-isartor-layer"], second.headers["x-isartor-deflected"])
    assert "x-isartor-age" in second.headers
    assert provider.generations(words) == 1


def test_the_recorded_times_are_kept(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """A pause that the provider made is made again; the first bytes come before it."""
    proxy = launch(Setup(options={"isartor_cache_replay_pace": "recorded"}))
    plan = provider.plan(Plan(words, hold=frozenset({3}), times=1))
    body, headers = CHAT.body(words, True), dict(CHAT.headers)
    with proxy.client() as client:
        with client.stream("POST", CHAT.whole, json=body, headers=headers) as response:
            chunks = response.iter_raw()
            next(chunks)
            provider.until(lambda: plan.held == 1, "the stream to be held")
            time.sleep(0.5)  # this is the pause, nothing is waited for
            provider.open(plan)
            recorded = b"".join(chunks)
        began = time.monotonic()
        with client.stream("POST", CHAT.whole, json=body, headers=headers) as response:
            assert response.headers["x-isartor-layer"] == "l1a"
            chunks = response.iter_raw()
            next(chunks)
            first = time.monotonic() - began
            replayed = b"".join(chunks)
        took = time.monotonic() - began
    assert recorded.endswith(replayed[-20:])
    assert took >= 0.45
    assert first < took - 0.3


def test_a_client_that_leaves_a_replay(launch: Callable[..., Proxy], words: str) -> None:
    """At a token a second nobody waits for the end; the proxy goes on well, and the same is answered again."""
    proxy = launch(Setup(options={"isartor_cache_replay_pace": "1"}))
    body, headers = CHAT.body(words, True), dict(CHAT.headers)
    with proxy.client() as client:
        CHAT.send(client, words, stream=True)
    for _ in range(2):
        with proxy.client() as client, client.stream("POST", CHAT.whole, json=body, headers=headers) as response:
            assert response.headers["x-isartor-layer"] == "l1a"
            next(response.iter_raw())
    with proxy.client() as client:
        assert CHAT.send(client, words).headers["x-isartor-layer"] == "l1a"
    proxy.stop()
    assert "Traceback" not in proxy.log
