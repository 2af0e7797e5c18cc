"""Fear: twenty agents that ask the same at once pay twenty times, or all fail with the first."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.e2e.harness import Proxy
from tests.e2e.wires import CHAT, MESSAGES, Ask
from tests.fake import Plan, Provider

CROWD = 20


def _crowd(proxy: Proxy, ask: Ask, words: str, *, stream: bool, http2: bool) -> list[httpx2.Response]:
    async def gather() -> list[httpx2.Response]:
        async with proxy.async_client(http2=http2) as client:
            body, headers = ask.body(words, stream), dict(ask.headers)
            calls = (client.post(ask.url(stream=stream), json=body, headers=headers) for _ in range(CROWD))
            return await asyncio.gather(*calls)

    return asyncio.run(gather())


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_a_crowd_shares_one_call(proxy: Proxy, provider: Provider, stream: bool, http2: bool, words: str) -> None:
    """Twenty identical requests at once: one call to the provider, the same bytes for everybody."""
    plan = provider.plan(Plan(words, hold=frozenset({0})))
    with ThreadPoolExecutor(1) as pool:
        crowd = pool.submit(_crowd, proxy, MESSAGES, words, stream=stream, http2=http2)
        provider.until(lambda: plan.held >= 1, "the first call")
        provider.open(plan, CROWD)
        replies = crowd.result()
    assert [reply.status_code for reply in replies] == [200] * CROWD
    assert len({reply.content for reply in replies}) == 1
    assert provider.generations(words) == 1


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_followers_get_the_stream_as_it_comes(proxy: Proxy, provider: Provider, http2: bool, words: str) -> None:
    """A second client that asks while the first is being answered reads what has come, before the rest is sent."""
    plan = provider.plan(Plan(words, hold=frozenset({3})))
    body, headers = CHAT.body(words, True), dict(CHAT.headers)
    with (
        proxy.client(http2=http2) as first,
        proxy.client(http2=http2) as second,
        first.stream("POST", CHAT.whole, json=body, headers=headers) as leader,
    ):
        provider.until(lambda: plan.held == 1, "the leader's stream to be held")
        with second.stream("POST", CHAT.whole, json=body, headers=headers) as follower:
            assert follower.headers["x-isartor-layer"] == "l1a"
            chunks, seen = follower.iter_raw(), b""
            while len(seen) < provider.about(words)[0].sent_bytes:
                seen += next(chunks)
            provider.open(plan)
            seen += b"".join(chunks)
        assert seen == b"".join(leader.iter_raw())
    assert provider.generations(words) == 1


def _race(proxy: Proxy, provider: Provider, plan: Plan, words: str) -> list[httpx2.Response]:
    """A leader that is held by `plan`, and a follower that asks meanwhile; then the gate is opened."""
    replies: list[httpx2.Response] = []

    def ask() -> None:
        with proxy.client() as client:
            replies.append(CHAT.send(client, words))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    threads[0].start()
    provider.until(lambda: plan.held == 1, "the leader to be held")
    threads[1].start()
    provider.open(plan)
    for thread in threads:
        thread.join()
    return replies


@pytest.mark.parametrize("status", [429, 500])
def test_a_failed_leader_is_replaced(proxy: Proxy, provider: Provider, status: int, words: str) -> None:
    """When the shared call fails, only the leader gets the error; a follower asks for itself."""
    plan = provider.plan(Plan(words, status=status, hold=frozenset({0}), times=1))
    replies = _race(proxy, provider, plan, words)
    assert sorted(reply.status_code for reply in replies) == [200, status]
    assert provider.generations(words) == 2


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_a_leader_that_leaves_is_replaced(proxy: Proxy, provider: Provider, http2: bool, words: str) -> None:
    """When the first client goes away before its answer came, a follower takes its place."""
    plan = provider.plan(Plan(words, hold=frozenset({0}), times=1))
    answers: list[httpx2.Response] = []

    def follow() -> None:
        with proxy.client(http2=http2) as client:
            answers.append(CHAT.send(client, words))

    async def lead() -> None:
        async with proxy.async_client(http2=http2) as client:
            body, headers = CHAT.body(words, False), dict(CHAT.headers)
            call = asyncio.ensure_future(client.post(CHAT.whole, json=body, headers=headers))
            await asyncio.to_thread(provider.until, lambda: plan.held == 1, "the leader to be held")
            follower.start()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    follower = threading.Thread(target=follow)
    asyncio.run(lead())
    follower.join()
    assert [reply.status_code for reply in answers] == [200]
    provider.open(plan)


def test_a_cut_in_mid_stream_is_said_to_followers(proxy: Proxy, provider: Provider, words: str) -> None:
    """A follower that has read half an answer when it breaks off is told so in its wire, and nothing is stored."""
    plan = provider.plan(Plan(words, hold=frozenset({3}), cut=3, times=1))
    body, headers = MESSAGES.body(words, True), dict(MESSAGES.headers)
    with (
        proxy.client() as first,
        proxy.client() as second,
        first.stream("POST", MESSAGES.whole, json=body, headers=headers) as leader,
    ):
        provider.until(lambda: plan.held == 1, "the leader's stream to be held")
        with second.stream("POST", MESSAGES.whole, json=body, headers=headers) as follower:
            chunks = follower.iter_raw()
            seen = next(chunks)
            provider.open(plan)
            with pytest.raises(httpx2.RemoteProtocolError):
                list(leader.iter_raw())
            seen += b"".join(chunks)
        assert b"event: error" in seen
    with proxy.client() as client:
        assert MESSAGES.send(client, words, stream=True).headers["x-isartor-layer"] == "l3"


def test_different_callers_share_no_call(proxy: Proxy, provider: Provider, words: str) -> None:
    """Identical questions of two accounts at once are two calls."""
    plan = provider.plan(Plan(words, hold=frozenset({0})))

    def ask(key: str) -> int:
        with proxy.client() as client:
            return CHAT.send(client, words, headers={"authorization": f"Bearer {key}"}).status_code

    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(ask, key) for key in ("sk-one-0000000000000", "sk-two-0000000000000")]
        provider.until(lambda: plan.held == 2, "both calls to be held")
        provider.open(plan, 2)
        assert [call.result() for call in calls] == [200, 200]
    assert provider.generations(words) == 2
