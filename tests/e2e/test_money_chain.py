"""Fear: what a chain has paid in vain is not told, or a chain passes a budget that one provider would have kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.harness import Proxy
from tests.e2e.test_chain import GROQ, chained, hosts
from tests.e2e.test_money import stats
from tests.e2e.wires import CHAT, MESSAGES, RESPONSES, Ask
from tests.fake import Plan, Provider

OWN = "api.anthropic.com"
CHAIN = {"for": "*", "try": ["client", "groq/llama-x"], "retries": 0}


def quotas(*tables: dict[str, Any]) -> dict[str, str]:
    """Several of them, as an option."""
    named = [{"name": f"q{number}", "window": "month", **table} for number, table in enumerate(tables)]
    return {"isartor_quotas": json.dumps(named)}


def restarted(proxy: Proxy) -> None:
    """Which writes what was used."""
    proxy.stop()
    proxy.start()


def test_a_broken_stream_is_paid_for_and_counts(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """What it had said it took is told apart, priced as an estimate, and counts on its provider's quota, which the
    chain then passes over.
    """
    limit = quotas({"provider": OWN, "tokens": 1, "action": "fallback"})
    proxy = launch(chained(provider, CHAIN, **limit))
    provider.plan(Plan(words, times=1, cut=1))
    with proxy.client() as client:
        assert words in MESSAGES.read(MESSAGES.send(client, words, stream=True))
    restarted(proxy)
    with proxy.client() as client:
        later = MESSAGES.send(client, f"again {words}", stream=True)
    assert words in MESSAGES.read(later)
    assert [OWN, GROQ, GROQ] == hosts(provider, words)
    assert later.headers["x-isartor-attempts"].startswith("client quota")
    told = stats(proxy)
    assert (2, 0, 3, 1) == tuple(_requests(told, name) for name in ("requests", "failed", "calls", "unanswered"))
    assert told["unanswered"]["tokens"]["input"] > 0 == told["unanswered"]["uncounted"]
    assert told["unanswered"]["usd"] == told["unanswered"]["usd_estimated"] > 0
    rows = {row["provider"]: row for row in stats(proxy, "--usage")}
    assert [(0, 1, 1), (2, 2, 0)] == [
        (rows[name]["requests"], rows[name]["calls"]["requests"], rows[name]["unanswered"]["requests"])
        for name in (OWN, "groq")
    ]


def test_where_all_fail_each_is_counted_once(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """The request has failed; of its two calls neither took anything."""
    proxy = launch(chained(provider, CHAIN))
    provider.plan(Plan(words, status=500))
    with proxy.client() as client:
        assert 500 == CHAT.send(client, words).status_code
    told = stats(proxy)
    assert (1, 1, 2, 2) == tuple(_requests(told, name) for name in ("requests", "failed", "calls", "unanswered"))
    assert (0, 0, {}) == (told["calls"]["usd"], told["calls"]["uncounted"], told["layers"])


def test_who_lost_a_race_is_counted_and_nothing_is_guessed(
    launch: Callable[..., Proxy], provider: Provider, words: str
) -> None:
    """A hedged call that was closed before it said anything: one call more, whose usage is unknown."""
    proxy = launch(chained(provider, {**CHAIN, "hedge_after": 0.3}))
    provider.plan(Plan(words, times=1, hold=frozenset({0})))
    with proxy.client() as client:
        answer = MESSAGES.send(client, words, stream=True)
    assert "groq" == answer.headers["x-isartor-provider"]
    told = stats(proxy)
    assert (1, 0, 2, 1) == tuple(_requests(told, name) for name in ("requests", "failed", "calls", "unanswered"))
    assert (1, 0) == (told["unanswered"]["uncounted"], told["unanswered"]["usd"])


def test_a_chain_passes_over_who_is_over_quota(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """The first request goes to the first of the chain, the others to the next, with a warning, until that is over its
    quota, too: then the client hears so in its own wire, and nobody is asked.
    """
    limits = quotas(
        {"provider": "api.*.com", "requests": 1, "action": "fallback", "warn_at": 1},
        {"provider": "groq", "requests": 2, "action": "fallback", "warn_at": 0.5},
    )
    proxy, ask = launch(chained(provider, CHAIN, **limits)), RESPONSES
    with proxy.client() as client:
        first, second, third, fourth = (ask.send(client, f"{number} {words}") for number in range(4))
        repeat = ask.send(client, f"2 {words}")
    assert [200, 200, 200, 400, 200] == [each.status_code for each in (first, second, third, fourth, repeat)]
    assert [GROQ, GROQ] == hosts(provider, words)[1:]
    assert "x-isartor-quota" not in first.headers
    assert "q1: 1/2 requests in this month" == third.headers["x-isartor-quota"]
    assert third.headers["x-isartor-attempts"].startswith("client quota ")
    assert all(part in ask.error(fourth.json()) for part in ("over quota", "q0: 1/1 requests", "q1: 2/2 requests"))
    assert ("quota", "true", "l1a") == (
        fourth.headers["x-isartor-layer"],
        fourth.headers["x-isartor-deflected"],
        repeat.headers["x-isartor-layer"],
    )
    told = stats(proxy)
    assert (5, 1, 3) == tuple(_requests(told, name) for name in ("requests", "refused", "calls"))


@pytest.mark.parametrize(("ask", "stream"), [(CHAT, False), (MESSAGES, True)], ids=["whole", "streamed"])
def test_a_quota_that_blocks_ends_the_chain(
    launch: Callable[..., Proxy], provider: Provider, words: str, ask: Ask, stream: bool
) -> None:
    """Nobody is asked, whoever else might be; the refusal has the client's own form, and so after a restart."""
    proxy = launch(chained(provider, CHAIN, **quotas({"requests": 1})))
    with proxy.client() as client:
        assert 200 == ask.send(client, words, stream=stream).status_code
        refused = [ask.send(client, f"more {words}", stream=stream)]
    restarted(proxy)
    with proxy.client() as client:
        refused.append(ask.send(client, f"more {words}", stream=stream))
    for each in refused:
        assert (400, "quota") == (each.status_code, each.headers["x-isartor-layer"])
        assert "q0: 1/1 requests in this month" in ask.error(each.json())
    assert 1 == len(hosts(provider, words))


def _requests(told: dict[str, Any], name: str) -> int:
    part = told[name]
    return int(part["requests"] if isinstance(part, dict) else part)
