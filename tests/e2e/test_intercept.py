"""Fear: a repeat goes to the provider after all, or is answered with something else than the first time."""

from __future__ import annotations

import json

import httpx2
import pytest

from tests.e2e.harness import ANTHROPIC, OPENAI
from tests.e2e.wires import CHAT, MESSAGES, RESPONSES, WIRES, Ask
from tests.fake import Plan, Provider

every_wire = pytest.mark.parametrize("ask", WIRES, ids=lambda ask: ask.name)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])


@both_ways
@every_wire
def test_the_second_time_the_provider_is_not_called(
    client: httpx2.Client, provider: Provider, ask: Ask, stream: bool, words: str
) -> None:
    """The same request again: no call upstream, the same bytes, the same status and content type."""
    first = ask.send(client, words, stream=stream)
    second = ask.send(client, words, stream=stream)
    assert first.status_code == second.status_code == 200
    assert words in ask.read(first)
    assert first.content == second.content
    assert first.headers["content-type"] == second.headers["content-type"]
    assert provider.generations(words) == 1


@both_ways
@every_wire
def test_each_reply_says_where_it_came_from(
    client: httpx2.Client, ask: Ask, stream: bool, words: str, provider: Provider
) -> None:
    """The provider's answer is marked l3, the stored one l1a; both name one key, the stored one its age."""
    first = ask.send(client, words, stream=stream)
    second = ask.send(client, words, stream=stream)
    assert first.headers["x-isartor-layer"] == "l3"
    assert first.headers["x-isartor-deflected"] == "false"
    assert second.headers["x-isartor-layer"] == "l1a"
    assert second.headers["x-isartor-deflected"] == "true"
    assert second.headers["x-isartor-provider"] == first.headers["x-isartor-provider"]
    assert second.headers["x-isartor-key"] == first.headers["x-isartor-key"]
    assert int(second.headers["x-isartor-age"]) <= 60


@every_wire
def test_json_is_given_where_a_stream_was_recorded(
    client: httpx2.Client, provider: Provider, ask: Ask, words: str
) -> None:
    """A stored stream answers a request for JSON with the same words."""
    streamed = ask.send(client, words, stream=True)
    whole = ask.send(client, words)
    assert whole.headers["x-isartor-layer"] == "l1a"
    assert ask.read(streamed) == ask.read(whole)
    assert whole.headers["content-type"].startswith("application/json")
    assert provider.generations(words) == 1


@every_wire
def test_a_stream_is_given_where_json_was_recorded(
    client: httpx2.Client, provider: Provider, ask: Ask, words: str
) -> None:
    """Stored JSON answers a request for a stream with the same words, as that wire streams."""
    whole = ask.send(client, words)
    streamed = ask.send(client, words, stream=True)
    assert streamed.headers["x-isartor-layer"] == "l1a"
    assert ask.read(whole) == ask.read(streamed)
    assert provider.generations(words) == 1


@both_ways
def test_what_reaches_the_provider_is_what_the_client_sent(
    client: httpx2.Client, provider: Provider, stream: bool, words: str
) -> None:
    """The body goes on byte by byte, odd spacing and all; no header of ours does, and none of the client's is lost."""
    raw = json.dumps(CHAT.body(words, stream), indent=3).encode() + b"\n \n"
    headers = {**CHAT.headers, "content-type": "application/json", "x-custom": "kept"}
    client.post(CHAT.whole, content=raw, headers=headers)
    call = provider.about(words)[0]
    assert bytes(call.received) == raw
    assert call.header("x-custom") == "kept"
    assert call.header("authorization") == headers["authorization"]
    assert call.header("host") == "api.openai.com"
    assert not [name for name, _ in call.headers if name.lower().startswith("x-isartor")]


def test_a_tool_call_is_replayed(client: httpx2.Client, provider: Provider, words: str) -> None:
    """An answer that calls a tool is stored and given again like any other."""
    tool = {"name": "Bash", "description": "run", "input_schema": {"type": "object", "properties": {}}}
    body = MESSAGES.body(f'{words} [[tool:Bash {{"command": "echo hi"}}]]', True) | {"tools": [tool]}
    replies = [MESSAGES.post(client, body, stream=True) for _ in range(2)]
    assert b"toolu_fake" in replies[0].content
    assert replies[0].content == replies[1].content
    assert provider.generations(words) == 1


def test_a_replayed_tool_call_names_the_new_runs_folder(client: httpx2.Client, provider: Provider, words: str) -> None:
    """Where the answer names the session the client declares, the next session's name stands in the replay."""
    old, new = "1a2b3c4d-2222-4333-8444-5e5f6a7b8c9d", "9f8e7d6c-8888-4777-8666-1b2c3d4e5f6a"
    tool = {"name": "Write", "description": "write", "input_schema": {"type": "object", "properties": {}}}

    def run(session: str) -> httpx2.Response:
        prompt = f'{words} in /s/{session} [[tool:Write {{"path": "/s/{session}/note.txt"}}]]'
        body = MESSAGES.body(prompt, True) | {"tools": [tool]}
        body["metadata"] = {"user_id": json.dumps({"device_id": "d", "session_id": session})}
        headers = {"user-agent": "claude-cli/2.1.330 (external, cli)", "x-claude-code-session-id": session}
        return MESSAGES.post(client, body, stream=True, headers=headers)

    first, second = run(old), run(new)
    assert provider.generations(words) == 1
    assert _tool_input(first) == {"path": f"/s/{old}/note.txt"}
    assert _tool_input(second) == {"path": f"/s/{new}/note.txt"}
    assert old not in second.text


def _tool_input(response: httpx2.Response) -> dict[str, str]:
    events = [json.loads(line[5:]) for line in response.text.splitlines() if line.startswith("data:")]
    found = "".join(event["delta"].get("partial_json", "") for event in events if "delta" in event)
    value: dict[str, str] = json.loads(found)
    return value


def test_thinking_is_rendered_as_json(client: httpx2.Client, words: str) -> None:
    """A recorded stream with a thinking block gives the block and its signature in JSON."""
    prompt = f"[[think]] {words}"
    MESSAGES.send(client, prompt, stream=True)
    content = MESSAGES.send(client, prompt).json()["content"]
    assert [block["type"] for block in content] == ["thinking", "text"]
    assert content[0]["signature"].startswith("c2ln")
    assert content[0]["thinking"].startswith("Thought ")


def test_token_counts_and_embeddings_are_repeated(client: httpx2.Client, provider: Provider, words: str) -> None:
    """The exact cache also answers `count_tokens` and embeddings."""
    count = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": words}]}
    embed = {"model": "text-embedding-3-small", "input": words}
    for url, body, headers in (
        (f"{ANTHROPIC}/v1/messages/count_tokens", count, MESSAGES.headers),
        (f"{OPENAI}/v1/embeddings", embed, CHAT.headers),
    ):
        replies = [client.post(url, json=body, headers=dict(headers)) for _ in range(2)]
        assert replies[0].content == replies[1].content
        assert replies[1].headers["x-isartor-layer"] == "l1a"
    assert provider.generations(words) == 2


@pytest.mark.parametrize(
    ("host", "ask"),
    [
        ("https://openrouter.ai/api/v1/chat/completions", CHAT),
        ("https://api.groq.com/openai/v1/chat/completions", CHAT),
        ("https://my.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", CHAT),
        ("https://api.individual.githubcopilot.com/chat/completions", CHAT),
        ("https://api.individual.githubcopilot.com/responses", RESPONSES),
        ("https://api.individual.githubcopilot.com/v1/messages", MESSAGES),
        ("https://chatgpt.com/backend-api/codex/responses", RESPONSES),
    ],
)
def test_other_hosts_of_a_wire_are_served(
    client: httpx2.Client, provider: Provider, host: str, ask: Ask, words: str
) -> None:
    """Providers that speak a known wire elsewhere hit like the first ones."""
    replies = [client.post(host, json=ask.body(words, True), headers=dict(ask.headers)) for _ in range(2)]
    assert replies[0].content == replies[1].content
    assert provider.generations(words) == 1


def test_two_providers_never_share(client: httpx2.Client, provider: Provider, words: str) -> None:
    """The same body for another provider is another question."""
    body = CHAT.body(words, False)
    for url in (CHAT.whole, "https://openrouter.ai/api/v1/chat/completions"):
        client.post(url, json=body, headers=dict(CHAT.headers))
    assert provider.generations(words) == 2


def test_a_reply_cut_into_single_bytes_is_learned(client: httpx2.Client, provider: Provider, words: str) -> None:
    """However the provider's bytes are split on their way, the stream is learned and given again."""
    provider.plan(Plan(words, slice_bytes=7))
    replies = [MESSAGES.send(client, words, stream=True) for _ in range(2)]
    assert replies[0].content == replies[1].content
    assert provider.generations(words) == 1
