"""Fear: one cannot get a fresh answer when one wants it, or our own headers leak to the provider."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest

from tests.e2e.harness import Proxy, Setup
from tests.e2e.wires import CHAT, CLOUD, MESSAGES, Ask
from tests.fake import Provider
from tests.fake.plan import Call


def _layers(replies: list[httpx2.Response]) -> list[str]:
    return [reply.headers["x-isartor-layer"] for reply in replies]


def test_bypass_neither_reads_nor_stores(client: httpx2.Client, provider: Provider, words: str) -> None:
    """`x-isartor-cache: bypass` goes to the provider and leaves the store as it was."""
    stored = CHAT.send(client, words)
    passed = CHAT.send(client, words, headers={"x-isartor-cache": "bypass"})
    again = CHAT.send(client, words)
    assert _layers([stored, passed, again]) == ["l3", "l3", "l1a"]
    assert stored.content == again.content != passed.content
    assert provider.generations(words) == 2


@pytest.mark.parametrize("header", [{"x-isartor-cache": "refresh"}, {"cache-control": "no-cache"}])
def test_refresh_replaces(client: httpx2.Client, provider: Provider, header: dict[str, str], words: str) -> None:
    """A refresh gets a fresh answer, and that is the one that is stored from then on."""
    CHAT.send(client, words)
    fresh = CHAT.send(client, words, headers=header)
    again = CHAT.send(client, words)
    assert _layers([fresh, again]) == ["l3", "l1a"]
    assert fresh.content == again.content
    assert provider.generations(words) == 2


def test_no_store_is_not_stored(client: httpx2.Client, provider: Provider, words: str) -> None:
    """An answer to a request with `no-store` is never given to anybody."""
    replies = [CHAT.send(client, words, headers={"cache-control": "no-store"}), CHAT.send(client, words)]
    assert _layers(replies) == ["l3", "l3"]
    assert provider.generations(words) == 2


@pytest.mark.parametrize("ask", CLOUD, ids=lambda ask: ask.name)
def test_only_refuses_what_is_not_stored(client: httpx2.Client, provider: Provider, ask: Ask, words: str) -> None:
    """`only` never calls the provider: 400 in the wire's own shape without an answer, the answer with one."""
    refused = ask.send(client, words, headers={"x-isartor-cache": "only"})
    assert refused.status_code == 400
    assert "isartor" in ask.error(refused.json())
    assert provider.generations(words) == 0
    ask.send(client, words)
    assert ask.send(client, words, headers={"x-isartor-cache": "only"}).headers["x-isartor-layer"] == "l1a"
    assert provider.generations(words) == 1


def test_a_lifetime_of_its_own(client: httpx2.Client, provider: Provider, words: str) -> None:
    """`x-isartor-ttl: 0` neither serves nor leaves an answer behind."""
    replies = [CHAT.send(client, words, headers={"x-isartor-ttl": "0"}) for _ in range(2)]
    assert _layers([*replies, CHAT.send(client, words)]) == ["l3", "l3", "l3"]
    assert provider.generations(words) == 3


@pytest.mark.parametrize(
    "header", [{"x-isartor-cache": "sometimes"}, {"x-isartor-ttl": "soon"}, {"x-isartor-ttl": "9" * 400}]
)
def test_a_wish_that_means_nothing_is_refused(
    client: httpx2.Client, provider: Provider, header: dict[str, str], words: str
) -> None:
    """A control header with a wrong value is a mistake of the caller's: 400 in the wire's shape, which names it."""
    reply = MESSAGES.send(client, words, headers=header)
    assert reply.status_code == 400
    assert "x-isartor-" in MESSAGES.error(reply.json())
    assert provider.generations(words) == 0


def test_our_headers_never_reach_the_provider(client: httpx2.Client, provider: Provider, words: str) -> None:
    """Neither the control headers nor forged ones of the proxy's own are sent on."""
    sent = {
        "x-isartor-cache": "refresh",
        "x-isartor-ttl": "60",
        "x-isartor-ticket": "stolen",
        "cache-control": "no-cache",
    }
    CHAT.send(client, words, headers=sent)
    headers = provider.about(words)[0].headers
    assert [name for name, _ in headers if name.lower().startswith("x-isartor")] == []


def test_our_headers_never_reach_the_provider_on_other_paths(
    client: httpx2.Client, provider: Provider, words: str
) -> None:
    """The same on a path of a provider that is not ours to answer."""
    path = f"/v1/files/{words.replace(' ', '-')}"
    client.get(f"https://api.openai.com{path}", headers={"x-isartor-cache": "bypass", **CHAT.headers})
    assert [name for name, _ in provider.about(path)[0].headers if name.lower().startswith("x-isartor")] == []


def test_a_replay_repeats_no_limits_of_the_account(client: httpx2.Client, provider: Provider, words: str) -> None:
    """Bookkeeping of the provider's reply that a replay must not repeat (date, cookies, limits) is left out."""
    first, second = (MESSAGES.send(client, words) for _ in range(2))
    assert "anthropic-ratelimit-unified-status" in first.headers
    assert "anthropic-ratelimit-unified-status" not in second.headers
    assert second.headers["request-id"] == first.headers["request-id"]
    assert provider.generations(words) == 1


_OURS = {"x-isartor-cache": "refresh", "x-isartor-ttl": "60", "x-tenant": "one", "proxy-authorization": "Basic eDp5"}


def _leaked(call: Call) -> list[str]:
    return [name for name, _ in call.headers if name.lower() in _OURS]


@pytest.fixture
def small(launch: Callable[..., Proxy]) -> Proxy:
    """A proxy that reads no body of more than a MiB."""
    return launch(Setup(options={"isartor_body_limit_mb": "1", "isartor_tenant_header": "x-tenant"}))


def test_our_headers_never_reach_the_provider_with_a_body_that_is_too_large(
    small: Proxy, provider: Provider, words: str
) -> None:
    """A request that passes unread leaves what is said to us behind as well; at the door, too."""
    text = f"{words} {'x' * (2 << 20)}"
    with small.client() as client, small.direct() as door:
        CHAT.send(client, text, headers=_OURS)
        door.post("/v1/chat/completions", json=CHAT.body(text, False), headers={**CHAT.headers, **_OURS})
        refused = door.post("/nowhere/v1/chat/completions", json=CHAT.body(text, False), headers=_OURS)
    assert refused.status_code == 404
    assert [_leaked(call) for call in provider.about(words)] == [[], []]
    assert "Traceback" not in small.log


@pytest.mark.parametrize("path", ["/v1/files", "/v1/chat/completions"])
def test_our_headers_never_reach_the_provider_with_an_upgrade(
    small: Proxy, provider: Provider, path: str, words: str
) -> None:
    """An upgrade that is not ours to answer leaves them behind, as does what is not encrypted."""
    sent = {**CHAT.headers, **_OURS, "x-marker": words, "connection": "upgrade", "upgrade": "h2c"}
    known = len(provider.calls)
    with small.client() as client:
        for scheme in ("https", "http"):
            client.post(f"{scheme}://api.openai.com{path}", json=CHAT.body(words, False), headers=sent)
    calls = [call for call in provider.calls[known:] if call.header("x-marker") == words]
    assert [_leaked(call) for call in calls] == [[], []]
