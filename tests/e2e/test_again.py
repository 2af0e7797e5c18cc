"""Fear: a person who presses retry, or an agent in a loop, gets the same words for ever."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx2

from tests.e2e.harness import Proxy, Setup
from tests.e2e.wires import CHAT, MESSAGES
from tests.fake import Provider

SESSION = "aaaaaaaa-1111-4222-8333-444444444444"


def _ask(client: httpx2.Client, words: str, session: str) -> httpx2.Response:
    body = MESSAGES.body(words, True)
    body["metadata"] = {"user_id": json.dumps({"device_id": "d", "account_uuid": "", "session_id": session})}
    headers = {"user-agent": "claude-cli/2.1.330 (external, cli)", "x-claude-code-session-id": session}
    return MESSAGES.post(client, body, stream=True, headers=headers)


def _layers(replies: list[httpx2.Response]) -> list[str]:
    return [reply.headers["x-isartor-layer"] for reply in replies]


def test_the_third_time_in_one_session_is_fresh(client: httpx2.Client, provider: Provider, words: str) -> None:
    """The third identical request of a session goes to the provider, and its answer replaces the stored one."""
    replies = [_ask(client, words, SESSION) for _ in range(4)]
    assert _layers(replies) == ["l3", "l1a", "l3", "l1a"]
    assert replies[0].content == replies[1].content != replies[2].content == replies[3].content
    assert provider.generations(words) == 2


def test_other_sessions_do_not_count(client: httpx2.Client, provider: Provider, words: str) -> None:
    """The same question of many sessions is answered from here each time."""
    sessions = [f"{number}{SESSION[1:]}" for number in range(5)]
    assert _layers([_ask(client, words, session) for session in sessions]) == ["l3"] + ["l1a"] * 4
    assert provider.generations(words) == 1


def test_a_client_without_a_session_does_not_count(client: httpx2.Client, provider: Provider, words: str) -> None:
    """Scripts that declare no session are answered from here as often as they ask."""
    assert _layers([CHAT.send(client, words) for _ in range(5)]) == ["l3"] + ["l1a"] * 4
    assert provider.generations(words) == 1


def test_it_can_be_switched_off(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """`again = "serve"` answers every repeat from here."""
    with launch(Setup(options={"isartor_cache_again": "serve"})).client() as client:
        assert _layers([_ask(client, words, SESSION) for _ in range(5)]) == ["l3"] + ["l1a"] * 4
    assert provider.generations(words) == 1


def test_the_number_can_be_chosen(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """`again = 2` makes every second request fresh."""
    with launch(Setup(options={"isartor_cache_again": "2"})).client() as client:
        assert _layers([_ask(client, words, SESSION) for _ in range(3)])[:2] == ["l3", "l3"]
    assert provider.generations(words) >= 2
