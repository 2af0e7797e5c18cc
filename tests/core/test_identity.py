from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.fingerprint import differences, fingerprint
from isartor_addon.core.identity import TOO_DEEP, digest
from tests.core.asking import ANTHROPIC, CHAT, GEMINI, RESPONSES, ask
from tests.core.test_canonical import BODIES

SESSION = "0b9e4009-7079-403b-aa15-8fd32aa02070"


def hello(**more: Any) -> dict[str, Any]:
    return {"model": "m-1", "messages": [{"role": "user", "content": "hello"}], **more}


def test_callers_share_content_but_no_key() -> None:
    """Two callers who ask the same have one content and two keys."""
    one, other = ask(CHAT, hello(), caller="a"), ask(CHAT, hello(), caller="b")
    assert one.content == other.content
    assert one.key != other.key
    assert one == ask(CHAT, hello(), caller="a")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com:8443/v1/chat/completions",
        "https://openrouter.ai/api/v1/chat/completions",
        "https://api.openai.com/v1/chat/completions?api-version=2026-01-01",
    ],
)
def test_providers_never_share(url: str) -> None:
    """Another host, port or query is another request."""
    assert ask(CHAT, hello()).key != ask(url, hello()).key


def test_models_in_the_path_never_share() -> None:
    """Where the path names the model, it counts."""
    body = BODIES[GEMINI]
    assert ask(GEMINI, body).key != ask(GEMINI.replace("2.5-flash", "2.5-pro"), body).key


def test_operations_never_share() -> None:
    """Counting the tokens of a prompt is not answering it."""
    assert ask(ANTHROPIC, hello()).key != ask(f"{ANTHROPIC}/count_tokens", hello()).key


@pytest.mark.parametrize(
    "query",
    [
        "key=AIza0123456789",
        "alt=sse",
        "$alt=json;enum-encoding=int",
        "access_token=ya29.a",
        "api_key=k-0123456789",
        "api-key=k-0123456789",
    ],
)
def test_query_parameters_that_ask_nothing_do_not_count(query: str) -> None:
    """Credentials and the way of delivery stand in Gemini's query; they are no part of what is asked."""
    assert ask(GEMINI, BODIES[GEMINI]).content == ask(f"{GEMINI}?{query}", BODIES[GEMINI]).content


def test_delivery_does_not_count() -> None:
    """A stream and a whole answer are one answer."""
    keys = {
        ask(CHAT, hello()).key,
        ask(CHAT, hello(stream=True, stream_options={"include_usage": True})).key,
        ask(CHAT, hello(stream=False)).key,
    }
    assert 1 == len(keys)


def test_only_headers_that_select_behaviour_count() -> None:
    """`anthropic-beta` and `anthropic-version` count; ids of the request and the tool's version do not."""
    plain = {"anthropic-beta": "a", "anthropic-version": "2023-06-01", "user-agent": "x/1", "x-request-id": "1"}
    key = ask(ANTHROPIC, hello(), plain).key
    assert key == ask(ANTHROPIC, hello(), plain | {"user-agent": "x/2", "x-request-id": "2", "x-new": "y"}).key
    assert key != ask(ANTHROPIC, hello(), plain | {"anthropic-beta": "b"}).key
    assert key != ask(ANTHROPIC, hello(), plain | {"anthropic-version": "2026-10-21"}).key


def picture(url: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}


def under(system: str) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": "hello"}]}


ISOLATED: list[dict[str, Any]] = [
    {"tools": [{"type": "function", "function": {"name": "a"}}]},
    {"tools": [{"type": "function", "function": {"name": "b"}}]},
    {"temperature": 0},
    {"temperature": 1},
    under("be kind"),
    under("be rude"),
    picture("data:,a"),
    picture("data:,b"),
    {"user": "person-1"},
    {"user": "person-2"},
    {"metadata": {"user_id": "person-1"}},
    {"metadata": {"user_id": "person-2"}},
]


def test_isolation() -> None:
    """Tool sets, temperatures, system prompts, images and end users never share: all these keys are different."""
    assert len(ISOLATED) == len({ask(CHAT, hello(**change)).key for change in ISOLATED})


def test_run_ids_come_with_the_identity() -> None:
    """What the request declares of its run, and its tool calls' ids, are kept for the replay."""
    found = ask(ANTHROPIC, BODIES[ANTHROPIC], {"x-session-id": SESSION})
    assert {"session": SESSION, "call0": "toolu_0000000001"} == dict(found.run_ids)


def test_a_body_nested_too_deeply_is_not_cached() -> None:
    """orjson reads 1024 levels and writes 254: what lies between has no key, and says so."""
    deep = orjson.loads(b"[" * 900 + b"]" * 900)
    found = ask(CHAT, hello(x=deep))
    assert TOO_DEEP == found.uncacheable
    assert 64 == len(found.key)


def test_what_the_wire_will_not_have_cached() -> None:
    """A reason of the wire's is the identity's."""
    found = ask(RESPONSES, {"model": "m", "input": "x", "background": True})
    assert "" != found.uncacheable


def test_digest_tells_where_parts_end() -> None:
    """The same bytes, cut elsewhere, hash to something else."""
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
    assert digest(b"abc") != digest(b"abc", b"")


def names(value: Any) -> set[str]:
    """The names of all fields in a value."""
    if isinstance(value, dict):
        return set(value).union(*map(names, value.values()))
    return set().union(*map(names, value)) if isinstance(value, list) else set()


FIELDS = st.sampled_from([*sorted(names(list(BODIES.values()))), "metadata", "user_id", "session_id", "cache_control"])
WORDS = st.sampled_from(
    ["user", "tool", "text", "tool_use", "x", SESSION, '{"session_id":"' + SESSION + '"}', "é\n\x00"]
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**60) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=25,
)
TOOLS = ["claude-cli/2", "codex_exec/0", "copilot/1", "geminicli/0", "qwencode/0", "other"]


@settings(max_examples=150)
@given(
    st.sampled_from([ANTHROPIC, CHAT, RESPONSES, GEMINI]),
    st.dictionaries(FIELDS, ODD, max_size=6),
    st.sampled_from(TOOLS),
    st.sampled_from([SESSION, "type0001", "n1234567", "12345678"]),
)
def test_any_body_has_an_identity(url: str, body: dict[str, Any], agent: str, session: str) -> None:
    """Wrong types anywhere raise nothing, change nothing, and give the same key again."""
    before = copy.deepcopy(body)
    headers = {"user-agent": agent, "x-session-id": session}
    found = ask(url, body, headers)
    assert before == body
    assert found == ask(url, orjson.loads(orjson.dumps(body)), headers)
    assert [] == differences(fingerprint(found.canonical), fingerprint(found.canonical))
