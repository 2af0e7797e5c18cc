"""Fear: a request that some provider could answer is lost, answered twice or by two, or tells a stranger a key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.harness import Proxy, Setup
from tests.e2e.wires import CHAT, MESSAGES, RESPONSES, Ask
from tests.fake import Plan, Provider
from tests.fake.http2 import Front

type Launch = Callable[..., Proxy]
KEYS = {"GROQ": "gsk-groq-000000000000", "MISTRAL": "mistral-00000000000000", "CLAUDE": "sk-ant-ours-0000000000"}
PROVIDERS = [
    {"name": "groq", "key": "env:GROQ"},
    {"name": "mistral", "key": "env:MISTRAL"},
    {"name": "anthropic", "key": "env:CLAUDE"},
]
GROQ, MISTRAL = "api.groq.com", "api.mistral.ai"


def chained(provider: Provider, *chain: Any, providers: Sequence[Any] = PROVIDERS, **options: str) -> Setup:
    """A proxy with chains."""
    return Setup(
        options={
            "isartor_providers": json.dumps(providers),
            "isartor_chain": json.dumps(chain),
            "isartor_egress_ca_file": str(provider.authority.path),
            **options,
        },
        environment=KEYS,
    )


@pytest.fixture(scope="module")
def relaying(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy whose chats go to the client's own provider, then to two others."""
    chain = {"for": ["gpt-4o", "claude-*"], "try": ["client", "groq/llama-x", "mistral/mistral-x"], "retries": 0}
    with Proxy(tmp_path_factory.mktemp("relaying"), provider, chained(provider, chain)) as proxy:
        yield proxy


@pytest.fixture
def through(relaying: Proxy) -> Iterator[httpx2.Client]:
    """A client through it."""
    with relaying.client() as client:
        yield client


def hosts(provider: Provider, words: str) -> list[str]:
    """Who was asked, in order."""
    return [call.host for call in provider.about(words)]


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_the_clients_own_provider_comes_first(
    through: httpx2.Client, provider: Provider, words: str, *, stream: bool
) -> None:
    """It gets what the client sent, and its answer is the client's, byte for byte, and is learned."""
    first = CHAT.send(through, words, stream=stream)
    assert words in CHAT.read(first)
    assert first.headers["x-isartor-layer"] == "l3"
    assert first.headers["x-isartor-deflected"] == "false"
    assert first.headers["x-isartor-provider"] == "api.openai.com"
    assert first.headers["x-isartor-model"] == "gpt-4o"
    assert first.headers["x-isartor-attempts"].startswith("client ok ")
    (call,) = provider.about(words)
    assert call.header("authorization") == CHAT.headers["authorization"]
    assert not [name for name, _ in call.headers if name.lower().startswith("x-isartor")]
    again = CHAT.send(through, words, stream=stream)
    assert again.headers["x-isartor-layer"] == "l1a"
    assert again.content == first.content


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("ask", [CHAT, MESSAGES], ids=lambda ask: ask.name)
def test_the_next_one_answers_when_the_first_fails(
    through: httpx2.Client, provider: Provider, words: str, ask: Ask, *, stream: bool
) -> None:
    """In the client's wire, with its own key and model; the client's credentials go to nobody else."""
    provider.plan(Plan(words, times=1, status=500))
    answer = ask.send(through, words, stream=stream)
    assert answer.status_code == 200
    assert words in ask.read(answer)
    assert answer.headers["x-isartor-provider"] == "groq"
    assert answer.headers["x-isartor-model"] == "llama-x"
    assert [word.split()[:2] for word in answer.headers["x-isartor-attempts"].split(", ")] == [
        ["client", "500"],
        ["groq/llama-x", "ok"],
    ]
    own, groq = provider.about(words)
    assert groq.host == GROQ
    assert groq.body["model"] == "llama-x"
    assert groq.header("authorization") == f"Bearer {KEYS['GROQ']}"
    sent = json.dumps(groq.headers)
    assert own.host != groq.host
    assert not any(secret in sent for secret in (*ask.headers.values(), KEYS["MISTRAL"]) if len(secret) > 12)
    assert ask.send(through, words, stream=stream).headers["x-isartor-layer"] == "l1a"


def test_an_error_of_the_clients_own_making_is_its_own(through: httpx2.Client, provider: Provider, words: str) -> None:
    """A 400 from the client's own provider is told as it is, and nobody else is asked."""
    provider.plan(Plan(words, status=400))
    answer = CHAT.send(through, words)
    assert answer.status_code == 400
    assert CHAT.error(answer.json()) == "planned 400"
    assert hosts(provider, words) == ["api.openai.com"]


@pytest.mark.parametrize("ask", [CHAT, MESSAGES], ids=lambda ask: ask.name)
def test_when_all_fail_the_last_ones_error_is_told(
    through: httpx2.Client, provider: Provider, words: str, ask: Ask
) -> None:
    """With its status, in the client's wire, after each has been asked once; and nothing is stored."""
    provider.plan(Plan(words, status=529))
    provider.plan(Plan(words, times=2, status=500))
    answer = ask.send(through, words, stream=True)
    assert answer.status_code == 529
    assert "planned 529" in ask.error(answer.json())
    assert answer.headers["x-isartor-provider"] == "mistral"
    assert hosts(provider, words)[1:] == [GROQ, MISTRAL]
    assert len(answer.headers["x-isartor-attempts"].split(", ")) == 3


def test_nothing_is_tried_after_the_first_word(through: httpx2.Client, provider: Provider, words: str) -> None:
    """A stream that is cut ends in an error event of the client's wire."""
    provider.plan(Plan(words, cut=4))
    answer = MESSAGES.send(through, words, stream=True)
    assert answer.status_code == 200
    assert answer.text.rstrip().splitlines()[-2] == "event: error"
    assert hosts(provider, words) == ["api.anthropic.com"]


@pytest.mark.parametrize("ask", [CHAT, MESSAGES], ids=["chat", "messages"])
def test_a_cut_inside_an_event_spoils_no_event(
    through: httpx2.Client, provider: Provider, words: str, ask: Ask
) -> None:
    """What the client gets is whole events, the last of them the error."""
    whole = ask.send(through, f"{words} first", stream=True).content
    provider.plan(Plan(words, cut_bytes=len(whole) * 3 // 4))
    answer = ask.send(through, words, stream=True)
    data = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert answer.text.endswith("\n\n") and "the answer was cut" in data[-1]
    assert all(json.loads(each) for each in data)


def test_what_is_cut_before_the_first_word_is_asked_of_another(
    through: httpx2.Client, provider: Provider, words: str
) -> None:
    """The head and the events before the first word are held back, so another can answer."""
    provider.plan(Plan(words, times=1, cut=2))
    answer = MESSAGES.send(through, words, stream=True)
    assert words in MESSAGES.read(answer)
    assert answer.text.count("message_start") == 2  # event and type: one beginning only
    assert hosts(provider, words) == ["api.anthropic.com", GROQ]


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("piece", [0, 4], ids=["before the first byte", "in mid-stream"])
def test_a_client_that_leaves_ends_the_call(
    relaying: Proxy, provider: Provider, words: str, piece: int, *, http2: bool
) -> None:
    """The provider's connection is closed at once, and nobody else is asked."""
    plan = provider.plan(Plan(words, hold=frozenset({piece}), times=1))

    async def leave() -> None:
        async with relaying.async_client(http2=http2) as client:
            sending = client.post(MESSAGES.whole, json=MESSAGES.body(words, True), headers=dict(MESSAGES.headers))
            call = asyncio.ensure_future(sending)
            await asyncio.to_thread(provider.until, lambda: plan.held == 1, "the call to be held")
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    asyncio.run(leave())
    provider.until(lambda: provider.about(words)[0].ended == "left", "the call to the provider to be closed")
    assert hosts(provider, words) == ["api.anthropic.com"]
    with relaying.client() as client:  # and the next one is answered, by a call of its own
        assert words in MESSAGES.read(MESSAGES.send(client, words, stream=True))


def test_identical_requests_share_one_descent(relaying: Proxy, provider: Provider, words: str) -> None:
    """Of two streams in flight the second reads along what the chain gives the first."""
    plan = provider.plan(Plan(words, hold=frozenset({4}), times=1))
    body, headers = MESSAGES.body(words, True), dict(MESSAGES.headers)
    with relaying.client() as first, first.stream("POST", MESSAGES.whole, json=body, headers=headers) as leader:
        provider.until(lambda: plan.held == 1, "the stream to be held")
        with relaying.client() as second, second.stream("POST", MESSAGES.whole, json=body, headers=headers) as follower:
            provider.open(plan)
            assert leader.read() == follower.read()
            assert follower.headers["x-isartor-layer"] == "l1a"
    assert hosts(provider, words) == ["api.anthropic.com"]


def test_a_repeat_says_who_gave_the_answer(through: httpx2.Client, provider: Provider, words: str) -> None:
    """What another provider's other model said is not passed off as the client's own: the hit names both."""
    provider.plan(Plan(words, times=1, status=503))
    for layer in ("l3", "l1a"):
        answer = MESSAGES.send(through, words, stream=True)
        assert words in MESSAGES.read(answer)
        told = [answer.headers[f"x-isartor-{name}"] for name in ("layer", "provider", "model")]
        assert told == [layer, "groq", "llama-x"]
    assert hosts(provider, words) == ["api.anthropic.com", GROQ]


def test_a_socket_is_led_to_http(relaying: Proxy, provider: Provider, words: str) -> None:
    """With chains, Responses over WebSocket goes by HTTP: 426 makes Codex do so at once."""
    with relaying.client() as client:
        upgrade = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}
        answer = client.get(RESPONSES.whole, headers={**RESPONSES.headers, **upgrade})
    assert answer.status_code == 426


def test_the_door_takes_the_same_way(relaying: Proxy, provider: Provider, words: str) -> None:
    """An SDK with nothing but a base URL, and no key at all, is answered by a provider with ours."""
    provider.plan(Plan(words, times=1, status=429))
    with relaying.direct() as client:
        answer = client.post("/v1/chat/completions", json=CHAT.body(words, False))
    assert words in CHAT.read(answer)
    assert answer.headers["x-isartor-provider"] == "groq"


def test_a_web_page_spends_no_key_of_ours(relaying: Proxy, provider: Provider, words: str) -> None:
    """What a page of another site sends to the door is asked of the client's own provider only, which says no."""
    provider.plan(Plan(words, times=1, status=429))
    page = {"origin": "https://evil.example", "content-type": "text/plain"}
    with relaying.direct() as client:
        answer = client.post("/v1/chat/completions", content=json.dumps(CHAT.body(words, False)), headers=page)
    assert answer.status_code == 429
    assert hosts(provider, words) == ["api.openai.com"]


def test_what_no_chain_is_for_passes(through: httpx2.Client, provider: Provider, words: str) -> None:
    """Another model's request goes its own way, by mitmproxy."""
    body = {**CHAT.body(words, False), "model": "gpt-4o-mini"}
    answer = CHAT.post(through, body)
    assert words in CHAT.read(answer)
    assert "x-isartor-attempts" not in answer.headers
    assert hosts(provider, words) == ["api.openai.com"]


def test_behind_another_proxy_the_chain_leaves_by_it_too(
    launch: Launch, provider: Provider, tmp_path: Path, words: str
) -> None:
    """In a network where only the proxy of mode upstream gets out: with its login, and nothing is tried without it."""
    login = "worker:secret"
    with Proxy(tmp_path, provider, Setup(addon=False, options={"proxyauth": login})) as outer:
        chain = {"for": "*", "try": ["client", "groq/llama-x"], "retries": 0}
        setup = chained(provider, chain, upstream_auth=login, fake_refused=".*")
        setup = replace(
            setup,
            modes=(f"upstream:{outer.url}@127.0.0.1:0",),
            options={**setup.options, "isartor_egress_ca_file": str(outer.ca)},
        )
        provider.plan(Plan(words, times=1, status=500))
        with launch(setup).client() as client:
            for stream in (False, True):
                answer = CHAT.send(client, f"{words} {stream}", stream=stream)
                assert words in CHAT.read(answer), answer.headers["x-isartor-attempts"]
    assert hosts(provider, words) == ["api.openai.com", GROQ, "api.openai.com"]


@pytest.fixture(scope="module")
def multiplexed(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """As `relaying`, before providers that speak HTTP/2."""
    chain = {"for": ["gpt-4o", "claude-*"], "try": ["client", "groq/llama-x"], "retries": 0}
    with Front(provider.authority, provider.port) as front:
        setup = chained(provider, chain, isartor_egress_http2="true", fake_tls=str(front.port))
        with Proxy(tmp_path_factory.mktemp("multiplexed"), provider, setup) as proxy:
            yield proxy
        assert front.streams


def test_over_http2_nothing_is_tried_after_the_first_word(multiplexed: Proxy, provider: Provider, words: str) -> None:
    """A stream that is reset before the first word is asked of another, one that is reset later ends in an error."""
    provider.plan(Plan(f"{words} late", cut=4))
    provider.plan(Plan(f"{words} early", times=1, cut=2))
    with multiplexed.client() as client:
        late = MESSAGES.send(client, f"{words} late", stream=True)
        early = MESSAGES.send(client, f"{words} early", stream=True)
    assert late.text.rstrip().splitlines()[-2] == "event: error"
    assert words in MESSAGES.read(early)
    assert hosts(provider, f"{words} late") == ["api.anthropic.com"]
    assert hosts(provider, f"{words} early") == ["api.anthropic.com", GROQ]


@pytest.mark.parametrize("piece", [0, 4], ids=["before the first byte", "in mid-stream"])
def test_over_http2_a_client_that_leaves_ends_the_call_and_no_other(
    multiplexed: Proxy, provider: Provider, words: str, piece: int
) -> None:
    """Its stream is reset; another request's, on the same connection, goes on."""
    leaves = provider.plan(Plan(f"{words} leaves", hold=frozenset({piece}), times=1))
    stays = provider.plan(Plan(f"{words} stays", hold=frozenset({4}), times=1))

    async def story() -> str:
        async with multiplexed.async_client() as client:
            headers = dict(MESSAGES.headers)
            one, other = (
                asyncio.ensure_future(
                    client.post(MESSAGES.whole, json=MESSAGES.body(f"{words} {name}", True), headers=headers)
                )
                for name in ("leaves", "stays")
            )
            await asyncio.to_thread(provider.until, lambda: leaves.held == stays.held == 1, "both to be held")
            one.cancel()
            await asyncio.gather(one, return_exceptions=True)
            await asyncio.to_thread(
                provider.until, lambda: provider.about(f"{words} leaves")[0].ended == "left", "the call to be ended"
            )
            provider.open(stays)
            return MESSAGES.read(await other)

    assert "stays'" in asyncio.run(story())
    assert hosts(provider, f"{words} leaves") == ["api.anthropic.com"]
