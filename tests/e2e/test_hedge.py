"""Fear: a provider that says nothing keeps the client waiting, or a request is answered by two, or paid on and on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.e2e.harness import Proxy
from tests.e2e.test_chain import GROQ, chained
from tests.e2e.wires import CHAT, MESSAGES, Ask
from tests.fake import Plan, Provider

HEDGE_S = 0.3


@pytest.fixture(scope="module")
def hedging(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy that asks a second provider where the first is silent for a moment."""
    chain = {"for": "*", "try": ["client", "groq/llama-x"], "retries": 0, "hedge_after": HEDGE_S}
    with Proxy(tmp_path_factory.mktemp("hedging"), provider, chained(provider, chain)) as proxy:
        yield proxy


@pytest.fixture
def through(hedging: Proxy) -> Iterator[httpx2.Client]:
    """A client through it."""
    with hedging.client() as client:
        yield client


def words_of(attempts: str) -> list[list[str]]:
    """Who was asked and what came of it; how long it took is left out."""
    return [attempt.split()[:2] for attempt in attempts.split(", ")]


@pytest.mark.parametrize("ask", [CHAT, MESSAGES], ids=lambda ask: ask.name)
def test_the_next_answers_where_the_first_is_silent(
    through: httpx2.Client, provider: Provider, words: str, ask: Ask
) -> None:
    """Its answer is the client's, whole and learned; the silent one's connection is closed at once."""
    provider.plan(Plan(words, times=1, hold=frozenset({0})))
    answer = ask.send(through, words, stream=True)
    assert ask.read(answer).count(words) == 1
    assert answer.headers["x-isartor-provider"] == "groq"
    assert [["groq/llama-x", "ok"], ["client", "cancelled"]] == sorted(
        words_of(answer.headers["x-isartor-attempts"]), reverse=True
    )
    provider.until(lambda: provider.about(words)[0].ended == "left", "the silent call to be closed")
    own, groq = provider.about(words)
    assert (groq.host, own.sent) == (GROQ, 0)
    assert ask.send(through, words, stream=True).headers["x-isartor-layer"] == "l1a"


def test_the_first_may_still_win(through: httpx2.Client, provider: Provider, words: str) -> None:
    """If it speaks before the one that was asked beside it, that one's connection is closed, and nothing is mixed."""
    later = provider.plan(Plan(words, times=1, hold=frozenset({0})))
    first = provider.plan(Plan(words, times=1, hold=frozenset({0})))
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(CHAT.send, through, words, stream=True)
        provider.until(lambda: first.held == 1 and later.held == 1, "both to be asked")
        provider.open(first)
        answer = asking.result()
    assert CHAT.read(answer).count(words) == 1
    assert answer.headers["x-isartor-provider"] == "api.openai.com"
    assert ["groq/llama-x", "cancelled"] in words_of(answer.headers["x-isartor-attempts"])
    provider.until(lambda: provider.about(words)[1].ended == "left", "the other call to be closed")


def test_a_hedge_that_fails_leaves_the_first_alone(through: httpx2.Client, provider: Provider, words: str) -> None:
    """The first is waited for, and the failure is told."""
    provider.plan(Plan(words, times=1, status=500))
    first = provider.plan(Plan(words, times=1, hold=frozenset({0})))
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(CHAT.send, through, words, stream=True)
        provider.until(lambda: [call.ended for call in provider.about(words)] == ["", "complete"], "the hedge to fail")
        provider.open(first)
        answer = asking.result()
    assert words in CHAT.read(answer)
    assert [["groq/llama-x", "500"], ["client", "ok"]] == words_of(answer.headers["x-isartor-attempts"])


def test_a_client_that_leaves_ends_both(hedging: Proxy, provider: Provider, words: str) -> None:
    """Neither provider is kept at work when nobody waits any more."""
    plan = provider.plan(Plan(words, times=2, hold=frozenset({0})))

    async def leave() -> None:
        async with hedging.async_client() as client:
            body, headers = CHAT.body(words, True), dict(CHAT.headers)
            call = asyncio.ensure_future(client.post(CHAT.whole, json=body, headers=headers))
            await asyncio.to_thread(provider.until, lambda: plan.held == 2, "both calls to be held")
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    asyncio.run(leave())
    provider.until(lambda: [call.ended for call in provider.about(words)] == ["left"] * 2, "both calls to be closed")


def test_a_whole_answer_is_waited_for(through: httpx2.Client, provider: Provider, words: str) -> None:
    """It shows nothing until its end, which is no silence: nobody is asked beside it."""
    held = provider.plan(Plan(words, times=1, hold=frozenset({0})))
    other = f"another {words[::-1]}"
    provider.plan(Plan(other, times=1, hold=frozenset({0})))
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(CHAT.send, through, words)
        provider.until(lambda: held.held == 1, "it to be asked")
        # Another request is hedged meanwhile, so enough time has passed for this one as well.
        hedged = MESSAGES.send(through, other, stream=True)
        provider.open(held)
        answer = asking.result()
    assert "cancelled" in hedged.headers["x-isartor-attempts"]
    assert [["client", "ok"]] == words_of(answer.headers["x-isartor-attempts"])
