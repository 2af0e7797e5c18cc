"""Fear: all providers are down, and an answer that we have is not given; or an old one is given as if it were new."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx2
import pytest

from tests.e2e.harness import Proxy, Setup, wait_for
from tests.e2e.test_chain import chained
from tests.e2e.wires import CHAT, MESSAGES, Ask
from tests.fake import Plan, Provider


@pytest.fixture(scope="module")
def forgiving(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy that keeps old answers; Claude's requests have a chain, others pass."""
    chain = {"for": "claude-*", "try": ["client", "groq/llama-x"], "retries": 0}
    setup = chained(provider, chain, isartor_cache_stale_if_error_s="3600")
    with Proxy(tmp_path_factory.mktemp("forgiving"), provider, setup) as proxy:
        yield proxy


def learned_and_expired(client: httpx2.Client, ask: Ask, words: str, *, stream: bool) -> httpx2.Response:
    """An answer that is stored and that is too old by now."""
    first = ask.send(client, words, stream=stream, headers={"x-isartor-ttl": "1"})
    only = {"x-isartor-cache": "only"}
    wait_for(lambda: ask.send(client, words, stream=stream, headers=only).status_code == 400, "the answer to expire")
    return first


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("ask", [CHAT, MESSAGES], ids=["passed", "chained"])
def test_an_old_answer_is_better_than_none(
    forgiving: Proxy, provider: Provider, words: str, ask: Ask, *, stream: bool
) -> None:
    """When every provider fails it is served, and marked; when one works again, its answer takes its place."""
    with forgiving.client() as client:
        first = learned_and_expired(client, ask, words, stream=stream)
        plan = provider.plan(Plan(words, status=503))
        old = ask.send(client, words, stream=stream)
        assert (old.status_code, old.content) == (200, first.content)
        assert old.headers["x-isartor-stale"] == "true"
        assert old.headers["x-isartor-layer"] == "l1a"
        assert old.headers["x-isartor-deflected"] == "false"
        assert int(old.headers["x-isartor-age"]) >= 1
        assert old.headers["x-isartor-attempts"].startswith("client 503")
        plan.times = plan.used
        new = ask.send(client, words, stream=stream)
        assert "x-isartor-stale" not in new.headers
        assert new.headers["x-isartor-layer"] == "l3"
        assert new.content != first.content
        assert ask.send(client, words, stream=stream).content == new.content


def test_an_answer_older_than_the_request_allows_is_none(forgiving: Proxy, provider: Provider, words: str) -> None:
    """A request that says how old its answer may be hears the error and not what is older."""
    with forgiving.client() as client:
        learned_and_expired(client, CHAT, words, stream=False)
        provider.plan(Plan(words, status=503))
        assert CHAT.send(client, words, headers={"x-isartor-ttl": "1"}).status_code == 503
        assert CHAT.send(client, words, headers={"x-isartor-ttl": "600"}).headers["x-isartor-stale"] == "true"


def test_an_error_of_the_clients_own_is_not_hidden(forgiving: Proxy, provider: Provider, words: str) -> None:
    """What the client's provider says about its request or its key is no failure to make up for."""
    with forgiving.client() as client:
        learned_and_expired(client, CHAT, words, stream=False)
        provider.plan(Plan(words, status=401))
        answer = CHAT.send(client, words)
    assert answer.status_code == 401
    assert CHAT.error(answer.json()) == "planned 401"


def test_without_the_setting_the_error_is_told(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """By default an answer that has expired is gone."""
    with launch(Setup()).client() as client:
        learned_and_expired(client, CHAT, words, stream=False)
        provider.plan(Plan(words, status=503))
        assert CHAT.send(client, words).status_code == 503


def test_an_old_answer_stands_in_where_nobody_can_be_reached(
    launch: Callable[..., Proxy], provider: Provider, words: str
) -> None:
    """It outlives a restart, and a provider that refuses connections, which mitmproxy alone could not hide."""
    stale = {"isartor_cache_stale_if_error_s": "3600", "isartor_egress_ca_file": str(provider.authority.path)}
    own = launch(Setup(options=stale))
    with own.client() as client:
        first = learned_and_expired(client, CHAT, words, stream=True)
    own.stop()
    options = {**stale, "fake_refused": ".*", "isartor_home": str(own.home / "isartor")}
    with launch(Setup(options=options), "unreached").client() as client:
        old = CHAT.send(client, words, stream=True)
    assert (old.content, old.headers["x-isartor-stale"]) == (first.content, "true")
    assert json.dumps(dict(old.headers)).count("connect") >= 1
