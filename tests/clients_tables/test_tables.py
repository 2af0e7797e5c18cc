from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon import clients
from isartor_addon.core.client import Client, Declared, Volatile, at, check_table
from tests.clients_tables.recorded import (
    CHAT,
    DEVICE,
    MESSAGES,
    MODES,
    PROMPTS,
    SESSIONS,
    THREADS,
    TURNS,
    Sent,
    claude,
    copilot,
    gemini_login,
)
from tests.core.asking import ask
from tests.json_paths import leaves

QUICK = settings(max_examples=60)


def key(sent: Sent) -> str:
    return ask(sent.url, sent.body, sent.headers).key


@pytest.mark.parametrize("mode", MODES)
def test_two_runs_ask_the_same(mode: str) -> None:
    """Each request of a run has the key of the same request of another run."""
    _, run = MODES[mode]
    assert [key(sent) for sent in run(0)] == [key(sent) for sent in run(1)]


@pytest.mark.parametrize("mode", MODES)
def test_the_requests_of_a_run_differ(mode: str) -> None:
    """What a run asks one after the other is not the same."""
    _, run = MODES[mode]
    assert len(run(0)) == len({key(sent) for sent in run(0)})


@pytest.mark.parametrize("mode", MODES)
def test_a_tool_is_recognised(mode: str) -> None:
    """By its user-agent or by a header of its own."""
    expected, run = MODES[mode]
    assert {expected} == {clients.recognise(sent.headers).name for sent in run(0)}


@pytest.mark.parametrize("mode", sorted(MODES.keys() - {"copilot_gpt_ws"}))
def test_the_general_rules_alone_suffice(mode: str) -> None:
    """A tool that nobody has described hits too, if its runs differ in what the described ones' differ in.

    Only Copilot's WebSocket messages, which hold the headers of a request, need a table of their own.
    """
    _, run = MODES[mode]
    own = {name for client in clients.CLIENTS.values() for name in client.headers}

    def disguised(sent: Sent) -> Sent:
        kept = {name: value for name, value in sent.headers.items() if name not in own}
        return sent._replace(headers=kept | {"user-agent": "novelty/1"})

    runs = [[disguised(sent) for sent in run(number)] for number in (0, 1)]
    assert {"generic"} == {clients.recognise(sent.headers).name for sent in runs[0]}
    assert [key(sent) for sent in runs[0]] == [key(sent) for sent in runs[1]]


LEFT_OUT = {
    *(
        "prompt_cache_key",
        "client_metadata",
        "cache_control",
        "diagnostics",
        "metadata",
        "user_prompt_id",
        "session_id",
    ),
    *(
        "internal_chat_message_metadata_passthrough",
        "agent_task_id",
        "headers",
        "timestamp",
        "message_id",
        "request_id",
    ),
    *("id", "call_id", "tool_use_id", "tool_call_id", "stream"),
}


def counts(body: dict[str, Any], leaf: tuple[Any, ...]) -> bool:
    words = at(body, (*leaf[:2], "text"))
    billing = isinstance(words, str) and words.startswith("x-anthropic-billing-header")
    return not billing and LEFT_OUT.isdisjoint(leaf)


PLACES = [
    (mode, number, leaf)
    for mode, (_, run) in MODES.items()
    for number, sent in enumerate(run(0))
    for leaf in leaves(sent.body)
    if counts(sent.body, leaf)
]


@settings(max_examples=150)
@given(st.sampled_from(PLACES), st.text(min_size=1, max_size=20))
def test_everything_else_counts(place: tuple[str, int, tuple[Any, ...]], other: str) -> None:
    """A change of any field that no table leaves out gives another key, for every tool."""
    mode, number, leaf = place
    sent = MODES[mode][1](0)[number]
    body = copy.deepcopy(sent.body)
    holder = at(body, leaf[:-1])
    holder[leaf[-1]] = other if not isinstance(holder[leaf[-1]], str) else holder[leaf[-1]] + other
    assert key(sent) != key(sent._replace(body=body))


@QUICK
@given(st.sampled_from(sorted(clients.CLIENTS)), st.text(), st.data())
def test_what_a_table_names_does_not_count(name: str, value: str, data: st.DataObject) -> None:
    """A field that a tool's table leaves out may hold anything, or be missing."""
    client = clients.CLIENTS[name]
    agent = client.agents[0] if client.agents else "novelty"
    recorded = orjson.dumps(claude(0, tool=True)[1].body).replace(SESSIONS[0].encode(), b"none")
    sent = Sent(MESSAGES, {"user-agent": agent}, orjson.loads(recorded))
    assert client is clients.recognise(sent.headers)
    volatile = client.volatile
    body = copy.deepcopy(sent.body)
    field = data.draw(st.sampled_from([("body", each) for each in sorted(volatile.body)] + _inner(volatile)))
    match field:
        case ("body", each):
            body[each] = value
        case ("turn", each):
            body["messages"][0][each] = value
        case ("part", each):
            body["messages"][2]["content"][0][each] = value
        case (outer, each):
            body[outer] = {**(body.get(outer) or {}), each: value}
    assert key(sent) == key(sent._replace(body=body))


def _inner(volatile: Volatile) -> list[tuple[str, str]]:
    return (
        [("turn", each) for each in sorted(volatile.turn)]
        + [("part", each) for each in sorted(volatile.part)]
        + [(outer, each) for outer, names in volatile.inside.items() for each in sorted(names)]
    )


def test_claude_code_moves_its_marks_and_shortens_old_turns() -> None:
    """In turn n+1 `cache_control` has moved and an old `content: [{text}]` is a text: the words are the same."""
    first, second = claude(0, tool=True)
    body = copy.deepcopy(second.body)
    body["messages"][0] = {"role": "user", "content": "hello"}
    assert key(second) == key(second._replace(body=body))
    assert key(first) != key(second)


@pytest.mark.parametrize("content", ["quota", [{"type": "text", "text": "quota"}]])
def test_the_quota_probe_is_not_cached(content: Any) -> None:
    """Claude Code asks for its limits by a request of one token: what matters stands in the response's headers."""
    body = {"model": "claude-haiku-5", "max_tokens": 1, "messages": [{"role": "user", "content": content}]}
    headers = claude(0)[0].headers
    assert "rate limits" in ask(MESSAGES, body, headers).uncacheable
    assert "" == ask(MESSAGES, {**body, "max_tokens": 2}, headers).uncacheable
    assert "" == ask(MESSAGES, body, {"user-agent": "Anthropic/Python 2.12.0"}).uncacheable


def test_days_count_and_times_do_not() -> None:
    """Copilot's clock counts down to the day."""
    (sent,) = copilot(0)
    moved = orjson.loads(orjson.dumps(sent.body).replace(b"2026-11-23T02", b"2026-11-24T02"))
    later = orjson.loads(orjson.dumps(sent.body).replace(b"2026-11-23T02", b"2026-11-23T22"))
    assert key(sent) == key(sent._replace(body=later))
    assert key(sent) != key(sent._replace(body=moved))


@pytest.mark.parametrize(
    "data",
    [
        ' {"chunk_id":"%s","wall_time_seconds":0.1,"exit_code":0}',
        "log:\nScript completed\nWall time 0.%s seconds\n",
        "\nProcess Group PGID: %s\nand more",
        "Process Group PGID: %s",
        "<current_datetime>2026-11-23T02:39:0%s.948+00:00</current_datetime>",
    ],
)
def test_rules_do_not_reach_into_a_tool_s_data(data: str) -> None:
    """What looks like a clock inside a tool's output is output."""

    def body(number: str) -> dict[str, Any]:
        call = {"id": "call_0001", "type": "function", "function": {"name": "cat", "arguments": "{}"}}
        return {
            "model": "m",
            "messages": [
                {"role": "assistant", "content": "", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call_0001", "content": data % number},
            ],
        }

    assert ask(CHAT, body("1")).key != ask(CHAT, body("2")).key


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("claude", {"session": SESSIONS[0], "prompt": PROMPTS[0]}),
        ("codex", {"session": THREADS[0], "thread": THREADS[0]}),
        ("copilot_gpt_ws", {"session": SESSIONS[0], "task": PROMPTS[0], "interaction": TURNS[0]}),
        ("opencode_openai", {"session": "ses_df9bb0e28ffesqrgMC0K05ggTG"}),
        ("gemini_login", {"session": SESSIONS[0]}),
        ("qwen", {"session": SESSIONS[0]}),
        ("openai_agents", {"session": f"run_{TURNS[0]}"}),
        ("unknown", {"session": SESSIONS[0]}),
        ("py/openai", {}),
    ],
)
def test_run_ids_are_read(mode: str, expected: dict[str, str]) -> None:
    """Each tool's ids of the run, from headers, the body, and JSON inside the body."""
    sent = MODES[mode][1](0)[0]
    assert expected == clients.run_ids(clients.recognise(sent.headers), sent.headers, sent.body)


def test_run_ids_over_a_websocket_come_from_the_message() -> None:
    """Where the upgrade's headers do not say them, the message does."""
    codex, copilot_ws = MODES["codex"][1](0)[0], MODES["copilot_gpt_ws"][1](0)[0]
    assert THREADS[0] == clients.run_ids(clients.CLIENTS["codex"], {}, codex.body)["session"]
    assert SESSIONS[0] == clients.run_ids(clients.CLIENTS["copilot"], {}, copilot_ws.body)["session"]


@pytest.mark.parametrize(
    "value", ["", "main", "1234567", "abcdefghijkl", "a b 12345678", "x" * 300 + "1", 'a"b12345678']
)
def test_what_is_no_id(value: str) -> None:
    """Short values, values without a digit, and values that no id looks like are not sought in texts."""
    assert {} == clients.run_ids(clients.CLIENTS["generic"], {"x-session-id": value}, {})


@pytest.mark.parametrize("client", clients.CLIENTS.values(), ids=lambda client: client.name)
def test_tables_are_well_formed(client: Client) -> None:
    """Sets are sets, names are lower case where they are compared so, places say exactly one thing."""
    check_table(client.volatile)
    assert client is clients.CLIENTS[client.name]
    assert all(agent == agent.lower() for agent in client.agents)
    assert all(header == header.lower() for header in client.headers)
    places: list[Declared] = [place for each in client.run_ids.values() for place in each] + list(client.account)
    assert all(bool(place.header) != bool(place.body) for place in places)
    assert "session" in client.run_ids
    assert clients.CLIENTS["generic"].volatile.body <= client.volatile.body


def test_a_string_is_no_table() -> None:
    """`"ab"` for a set of names would be two names."""
    with pytest.raises(TypeError):
        check_table(Volatile(body="ab"))  # type: ignore[arg-type]


def test_no_two_tools_share_a_header_or_an_agent() -> None:
    """What recognises one tool recognises no other."""
    known = [
        (kind, name)
        for client in clients.CLIENTS.values()
        for kind, names in (("h", client.headers), ("a", client.agents))
        for name in names
    ]
    assert len(known) == len(set(known))


def test_accounts_are_read() -> None:
    """Claude Code declares its account, Gemini CLI its project; others none."""
    (sent,) = claude(0, account="acc-1")
    assert "acc-1" == clients.account(clients.CLIENTS["claude_code"], sent.headers, sent.body)
    (sent,) = gemini_login(0)
    assert "p-1" == clients.account(clients.CLIENTS["gemini_cli"], sent.headers, sent.body)
    assert "" == clients.account(clients.CLIENTS["generic"], sent.headers, sent.body)
    assert "" == clients.account(clients.CLIENTS["claude_code"], {}, {"metadata": {"user_id": "{broken"}})


def test_a_person_s_id_counts() -> None:
    """A plain `user_id` tells one person from another; a coding tool's tells runs of one person apart."""
    persons = [{**claude(0)[0].body, "metadata": {"user_id": name}} for name in ("ann", "bob")]
    plain = {"user-agent": "Anthropic/Python 2.12.0"}
    assert 2 == len({ask(MESSAGES, body, plain).key for body in persons})
    assert 1 == len({ask(MESSAGES, body, claude(0)[0].headers).key for body in persons})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("a", 0, "b"), 1),
        (("a", -1, "b"), 1),
        (("a", 1), None),
        (("a", "b"), None),
        (("j", "k"), 2),
        (("t", "k"), None),
        (("none", "k"), None),
        ((), {"a": [{"b": 1}], "j": '{"k":2}', "t": "text"}),
    ],
)
def test_paths_lead_into_json_texts(path: tuple[Any, ...], expected: Any) -> None:
    """A step may lead into a text of JSON; what leads nowhere gives None."""
    assert expected == at({"a": [{"b": 1}], "j": '{"k":2}', "t": "text"}, path)


def test_the_device_is_left_out() -> None:
    """Claude Code on another machine asks the same."""
    sent = claude(0)[0]
    other = orjson.loads(orjson.dumps(sent.body).replace(DEVICE.encode(), b"f" * len(DEVICE)))
    assert key(sent) == key(sent._replace(body=other))
