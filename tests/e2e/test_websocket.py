"""Fear: Codex and Copilot, which speak WebSocket, are not served, or are answered with another conversation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.e2e.harness import Proxy, Setup, wait_for
from tests.e2e.test_semantic import ONE, OTHER, SERVES, rows
from tests.e2e.wires import RESPONSES
from tests.fake import Plan, Provider

type Json = Any

URL = "wss://api.openai.com/v1/responses"
HEADERS = {"authorization": "Bearer sk-test-000000000000", "openai-beta": "responses_websockets=2026-02-06"}


@contextmanager
def _socket(proxy: Proxy, url: str = URL, headers: dict[str, str] | None = None) -> Iterator[ClientConnection]:
    with connect(
        url,
        proxy=proxy.url,
        ssl=proxy.context(),
        additional_headers=headers or HEADERS,
        open_timeout=20,
        user_agent_header="codex_exec/0.169.0",
    ) as socket:
        yield socket


def _create(text: str, **more: Json) -> Json:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return {"type": "response.create", "model": "gpt-5.5", "instructions": "Be terse.", "input": [item], **more}


def _ask(socket: ClientConnection, message: Json) -> list[Json]:
    """Send, and read until the response has ended."""
    socket.send(json.dumps(message))
    return list(_events(socket))


def _events(socket: ClientConnection) -> Iterator[Json]:
    while True:
        event = json.loads(socket.recv(timeout=20))
        yield event
        if event["type"] in ("response.completed", "response.failed", "error"):
            return


def _text(events: list[Json]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


@pytest.mark.parametrize("url", [URL, "wss://chatgpt.com/backend-api/codex/responses"])
def test_a_repeat_is_answered_inside_the_socket(proxy: Proxy, provider: Provider, url: str, words: str) -> None:
    """The same message on another socket: the same events, and the provider has heard nothing of it."""
    answers = []
    for _ in range(2):
        with _socket(proxy, url) as socket:
            answers.append(_ask(socket, _create(words)))
    assert words in _text(answers[0])
    assert answers[0] == answers[1]
    assert provider.generations(words) == 1


def test_events_arrive_as_they_come(proxy: Proxy, provider: Provider, words: str) -> None:
    """On a miss every event is at the client before the next is sent."""
    plan = provider.plan(Plan(words, hold=frozenset({1, 4})))
    with _socket(proxy) as socket:
        socket.send(json.dumps(_create(words)))
        events = _events(socket)
        assert next(events)["type"] == "response.created"
        provider.until(lambda: plan.held == 1, "the second event to be held")
        provider.open(plan)
        assert [next(events)["sequence_number"] for _ in range(3)] == [1, 2, 3]
        provider.until(lambda: plan.held == 2, "the fifth event to be held")
        provider.open(plan)
        assert [event["type"] for event in events][-1] == "response.completed"


def test_a_client_that_hangs_up_after_the_last_event_has_taught_us(
    proxy: Proxy, provider: Provider, words: str
) -> None:
    """Codex closes the socket right after `response.completed`."""
    with _socket(proxy) as socket:
        _ask(socket, _create(words))
        socket.socket.shutdown(2)
    with _socket(proxy) as socket:
        assert words in _text(_ask(socket, _create(words)))
    assert provider.generations(words) == 1


def test_a_conversation_is_one_question(proxy: Proxy, provider: Provider, words: str) -> None:
    """A second message that goes on from the first is answered for that conversation only."""

    def talk(first: str) -> list[str]:
        with _socket(proxy) as socket:
            answer = _ask(socket, _create(f"{words} {first}"))
            previous = answer[-1]["response"]["id"]
            follow = _ask(socket, _create(f"{words} and then?", previous_response_id=previous))
        return [_text(answer), _text(follow)]

    one, again, other = talk("one"), talk("one"), talk("other")
    assert one == again
    assert one[1] != other[1]
    assert provider.generations(words) == 4


def test_a_conversation_that_began_here_goes_on_at_the_provider(proxy: Proxy, provider: Provider, words: str) -> None:
    """What the provider never heard (the answer came from here) is told to it with the next message."""
    with _socket(proxy) as socket:
        _ask(socket, _create(f"{words} first"))
    with _socket(proxy) as socket:
        answer = _ask(socket, _create(f"{words} first"))
        follow = _create(f"{words} second", previous_response_id=answer[-1]["response"]["id"])
        assert f"{words} second" in _text(_ask(socket, follow))
    sent = provider.about(f"{words} second")[0].text
    assert f"{words} first" in sent


def test_the_warm_up_is_passed_or_answered(proxy: Proxy, words: str) -> None:
    """`generate: false` ends with `response.completed`, the first time and the second."""
    for _ in range(2):
        with _socket(proxy) as socket:
            assert _ask(socket, _create(words, generate=False))[-1]["type"] == "response.completed"


def test_socket_and_http_share(proxy: Proxy, provider: Provider, words: str) -> None:
    """What was learned inside a socket answers the same question by HTTP."""
    message = _create(words)
    with _socket(proxy) as socket:
        text = _text(_ask(socket, message))
    body = {name: value for name, value in message.items() if name != "type"} | {"stream": True}
    headers = {name: value for name, value in HEADERS.items() if name != "openai-beta"}
    with proxy.client() as client:
        reply = RESPONSES.post(client, body, stream=True, headers=headers)
    assert RESPONSES.read(reply) == text
    assert provider.generations(words) == 1


def test_callers_do_not_share(proxy: Proxy, provider: Provider, words: str) -> None:
    """Two keys on two sockets are two questions."""
    for key in ("sk-one-0000000000000", "sk-two-0000000000000"):
        with _socket(proxy, headers={**HEADERS, "authorization": f"Bearer {key}"}) as socket:
            _ask(socket, _create(words))
    assert provider.generations(words) == 2


def test_a_failure_is_never_stored(proxy: Proxy, provider: Provider, words: str) -> None:
    """An error event, and a socket that breaks off, are asked anew."""
    provider.plan(Plan(f"error {words}", error_event=3, times=1))
    provider.plan(Plan(f"cut {words}", cut=3, times=1))
    with _socket(proxy) as socket:
        assert _ask(socket, _create(f"error {words}"))[-1]["type"] == "error"
    with _socket(proxy) as socket, pytest.raises(ConnectionClosed):
        _ask(socket, _create(f"cut {words}"))
    for kind in ("error", "cut"):
        with _socket(proxy) as socket:
            assert _ask(socket, _create(f"{kind} {words}"))[-1]["type"] == "response.completed"
        assert provider.generations(f"{kind} {words}") == 2


@pytest.mark.parametrize("message", ["{", "[]", '{"type": "session.update"}', '{"type": "response.create"}', "\x00"])
def test_messages_that_are_not_ours_pass(proxy: Proxy, provider: Provider, message: str, words: str) -> None:
    """Anything else reaches the provider as it was sent, and the socket lives on."""
    known = len(provider.calls)
    before = proxy.log.count("Traceback")
    with _socket(proxy) as socket:
        socket.send(message)
        provider.until(lambda: any(call.text == message for call in provider.calls[known:]), "the message")
    assert proxy.log.count("Traceback") == before


def test_fallback_sends_to_http(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """`websocket = "fallback"` answers the upgrade with 426, without asking the provider."""
    own = launch(Setup(options={"isartor_websocket": "fallback"}))
    known = len(provider.calls)
    with pytest.raises(InvalidStatus) as refused, _socket(own):
        pass
    assert refused.value.response.status_code == 426
    assert len(provider.calls) == known


def test_sockets_that_are_not_ours_pass(proxy: Proxy, provider: Provider, words: str) -> None:
    """The provider's refusal of an upgrade reaches the client."""
    with pytest.raises(InvalidStatus) as refused, _socket(proxy, "wss://api.openai.com/v1/realtime"):
        pass
    assert refused.value.response.status_code == 404


def test_other_words_are_answered_inside_the_socket(
    launch: Callable[..., Proxy], provider: Provider, words: str
) -> None:
    """The same question in other words on another socket: the same events, and the provider is not asked."""
    own = launch(Setup(options=SERVES))
    answers = []
    for asked in (ONE, OTHER):
        with _socket(own) as socket:
            answers.append(_ask(socket, _create(asked, instructions=words)))
        wait_for(lambda: rows(own.home / "isartor") == 1, "the question to be filed")
    assert ONE in _text(answers[0])
    assert answers[0] == answers[1]
    assert provider.generations(words) == 1


REWRITING = """
class Rewriting:
    # Somebody's own addon.
    def websocket_message(self, flow):
        message = flow.websocket.messages[-1]
        if message.from_client and b"rewrite me" in message.content:
            message.content = message.content.replace(b"rewrite me", b"something else")


addons = [Rewriting()]
"""


def test_an_answer_to_a_message_that_another_addon_has_rewritten_is_not_learned(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """What the provider says to it is no answer to what the client asked; other messages are learned."""
    script = tmp_path / "rewriting.py"
    script.write_text(REWRITING)
    own = launch(Setup(after=(script,)))
    for text in (f"rewrite me {words}", f"leave me {words}"):
        for _ in range(2):
            with _socket(own) as socket:
                _ask(socket, _create(text))
    assert provider.generations(f"something else {words}") == 2
    assert provider.generations(f"leave me {words}") == 1


@pytest.mark.parametrize(
    ("patterns", "opens"), [(["host:api.anthropic.com", "client:aider"], True), (["client:codex"], False)]
)
def test_only_where_a_chain_may_be_for_it_a_socket_is_led_to_http(
    launch: Callable[..., Proxy], provider: Provider, words: str, patterns: list[str], *, opens: bool
) -> None:
    """A chain for another host and another tool takes nothing from Codex."""
    proxy = launch(Setup(options={"isartor_chain": json.dumps([{"for": patterns, "try": "client"}])}))
    if opens:
        with _socket(proxy) as socket:
            assert words in _text(_ask(socket, _create(words)))
        return
    with pytest.raises(InvalidStatus) as refused, _socket(proxy):
        pass
    assert refused.value.response.status_code == 426
    assert not provider.about(words)
