from __future__ import annotations

import copy
import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.bookkeeping import is_bookkeeping
from isartor_addon.core.canonical import Shape, canonical, written
from isartor_addon.core.client import TextRule, Volatile
from tests.core.asking import ANTHROPIC, CHAT, GEMINI, RESPONSES, ask
from tests.json_paths import at, changed, leaves

QUICK = settings(max_examples=60)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}

BODIES: dict[str, dict[str, Any]] = {
    ANTHROPIC: {
        "model": "claude-opus-5-5",
        "max_tokens": 512,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "output_config": {"effort": "medium"},
        "safeguards": [{"type": "permissions", "allow": ["Bash"], "tool_results_dir": "/home/a"}],
        "system": [{"type": "text", "text": "You are terse."}, {"type": "text", "text": "Today's date is 2026-11-23."}],
        "tools": [{"name": "Read", "description": "Reads a file.", "input_schema": SCHEMA}],
        "tool_choice": {"type": "auto"},
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is in it?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "A file.", "signature": "c2ln"},
                    {"type": "tool_use", "id": "toolu_0000000001", "name": "Read", "input": {"path": "a.txt"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_0000000001", "content": "words", "is_error": False}
                ],
            },
        ],
    },
    CHAT: {
        "model": "gpt-5.5",
        "temperature": 0.5,
        "max_completion_tokens": 512,
        "seed": 7,
        "user": "person-1",
        "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
        "tools": [{"type": "function", "function": {"name": "Read", "description": "Reads.", "parameters": SCHEMA}}],
        "tool_choice": "auto",
        "messages": [
            {"role": "system", "content": "You are terse."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is in it?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "call_00000001", "type": "function", "function": {"name": "Read", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "call_00000001", "content": "words"},
        ],
    },
    RESPONSES: {
        "model": "gpt-6.1-sol",
        "instructions": "You are terse.",
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "x", "schema": SCHEMA}},
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "tools": [{"type": "function", "name": "Read", "description": "Reads.", "parameters": SCHEMA, "strict": True}],
        "tool_choice": "auto",
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be kind."}]},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is in it?"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
                ],
            },
            {"type": "function_call", "call_id": "call_00000001", "name": "Read", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_00000001", "output": "words"},
            {"type": "item_reference", "id": "msg_0123456789abcdef"},
        ],
    },
    GEMINI: {
        "systemInstruction": {"parts": [{"text": "You are terse."}], "role": "user"},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "What is in it?"}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}],
            },
            {
                "role": "model",
                "parts": [{"functionCall": {"name": "Read", "args": {"path": "a.txt"}, "id": "read_0001"}}],
            },
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": "Read", "response": {"output": "words"}, "id": "read_0001"}}],
            },
        ],
        "tools": [{"functionDeclarations": [{"name": "Read", "description": "Reads.", "parameters": SCHEMA}]}],
        "safetySettings": [{"category": "HARM", "threshold": "BLOCK_NONE"}],
        "generationConfig": {"temperature": 1, "topK": 64, "thinkingConfig": {"thinkingLevel": "HIGH"}},
    },
}
CALL_IDS = frozenset({"toolu_0000000001", "call_00000001", "read_0001"})


def holder(body: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        body = body[step]
    return body


LEAVES = [(url, leaf) for url, body in BODIES.items() for leaf in leaves(body) if at(body, leaf) not in CALL_IDS]
"""All values of all bodies that hold no other, tool-call ids left out."""
OTHER = st.one_of(st.text(min_size=1, max_size=30), st.integers(-(2**31), 2**31), st.booleans(), st.none())


@QUICK
@given(st.sampled_from(LEAVES), OTHER)
def test_every_value_counts(place: tuple[str, tuple[Any, ...]], other: Any) -> None:
    """A change of any one value anywhere in a request gives another key."""
    url, path = place
    before = at(BODIES[url], path)
    if type(before) is type(other) and before == other:
        return
    assert ask(url, changed(BODIES[url], path, other)).key != ask(url, BODIES[url]).key


@QUICK
@given(st.sampled_from(LEAVES))
def test_every_field_counts(place: tuple[str, tuple[Any, ...]]) -> None:
    """A request without one of its values has another key."""
    url, path = place
    body = copy.deepcopy(BODIES[url])
    del holder(body, path)[path[-1]]
    assert ask(url, body).key != ask(url, BODIES[url]).key


@QUICK
@pytest.mark.parametrize(("url", "turns"), [(ANTHROPIC, "messages"), (CHAT, "messages"), (RESPONSES, "input")])
@given(data=st.data())
def test_the_order_of_turns_counts(url: str, turns: str, data: st.DataObject) -> None:
    """The same turns in another order have another key."""
    body = copy.deepcopy(BODIES[url])
    order = data.draw(st.permutations(range(len(body[turns]))))
    body[turns] = [body[turns][number] for number in order]
    assert (list(order) == sorted(order)) == (ask(url, body).key == ask(url, BODIES[url]).key)


@QUICK
@given(st.sampled_from(list(BODIES)), st.randoms(use_true_random=False))
def test_the_order_of_fields_does_not_count(url: str, random: Any) -> None:
    """JSON objects have no order."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            names = list(value)
            random.shuffle(names)
            return {name: shuffled(value[name]) for name in names}
        return [shuffled(inner) for inner in value] if isinstance(value, list) else value

    assert ask(url, shuffled(BODIES[url])).key == ask(url, BODIES[url]).key


@QUICK
@given(st.sampled_from(list(BODIES)), st.uuids())
def test_call_ids_are_renamed_in_order(url: str, other: Any) -> None:
    """Another id of a tool call, everywhere it stands, is the same request; in one place only it is not."""
    text = orjson.dumps(BODIES[url]).decode()
    (call_id,) = [each for each in CALL_IDS if each in text]
    everywhere = orjson.loads(text.replace(call_id, f"call_{other}"))
    once = orjson.loads(text.replace(call_id, f"call_{other}", 1))
    assert ask(url, everywhere).key == ask(url, BODIES[url]).key
    assert ask(url, once).key != ask(url, BODIES[url]).key


def test_the_body_is_not_changed() -> None:
    """The body stays as it was received."""
    for url, body in BODIES.items():
        before = copy.deepcopy(body)
        ask(url, body, {"user-agent": "copilot/1.0"})
        assert before == body


SHAPE = Shape("messages", system="system")


def kept(body: dict[str, Any], volatile: Volatile = Volatile()) -> dict[str, Any]:  # noqa: B008
    return canonical(body, SHAPE, volatile).body


def test_one_text_part_is_its_words() -> None:
    """`content: "x"` and `content: [{type: text, text: x}]` are the same, in turns, system and tool results."""
    part = [{"type": "text", "text": "x"}]
    for content in ("x", part, [{**part[0], "cache_control": {"type": "ephemeral"}}]):
        result = {"type": "tool_result", "tool_use_id": "t", "content": content}
        body = {
            "system": content,
            "messages": [{"role": "user", "content": content}, {"role": "user", "content": [result]}],
        }
        assert {
            "system": "x",
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call0", "content": "x"}]},
            ],
        } == kept(body, Volatile(part=frozenset({"cache_control"})))


def test_a_text_with_more_to_say_stays_a_part() -> None:
    """A text part with citations, and two texts, are not the same as the words alone."""
    for content in (
        [{"type": "text", "text": "x", "citations": []}],
        [{"type": "text", "text": "x"}, {"type": "text", "text": ""}],
        ["x"],
    ):
        body = {"messages": [{"role": "user", "content": content}]}
        assert body == kept(body)


def test_names_are_not_sought_below_the_skeleton() -> None:
    """Tool arguments, tool results' data and schemas keep fields that are named like volatile ones."""
    data = {
        "cache_control": {"a": 1},
        "session_id": "0123456789abcdef",
        "id": "x",
        "metadata": {"trace_id": "a" * 11 + "1"},
    }
    body = {
        "messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "n", "input": data}]},
            {"role": "tool", "content": orjson.dumps(data).decode()},
        ],
        "tools": [{"name": "n", "input_schema": {"properties": data}}],
    }
    volatile = Volatile(
        body=frozenset({"session_id"}), turn=frozenset({"cache_control", "id"}), part=frozenset({"cache_control"})
    )
    found = kept(body, volatile)
    assert data == found["messages"][0]["content"][0]["input"]
    assert body["messages"][1] == found["messages"][1]
    assert body["tools"] == found["tools"]


@pytest.mark.parametrize(
    ("item", "same"),
    [
        ({"type": "message", "role": "user", "content": "x"}, True),
        ({"type": "reasoning", "summary": [], "encrypted_content": "abc"}, True),
        ({"type": "reasoning", "summary": [], "encrypted_content": None}, False),
        ({"type": "item_reference"}, False),
        ({"type": "image_generation_call", "status": "completed"}, False),
        ({}, False),
    ],
)
def test_an_item_that_says_nothing_itself_is_its_id(item: dict[str, Any], same: bool) -> None:
    """The id of an item that carries its content is only a name; of one that points at the provider's it is meaning."""
    one, other = ({"model": "m", "input": [{**item, "id": each}]} for each in ("rs_000000000001", "rs_000000000002"))
    assert same == (ask(RESPONSES, one).key == ask(RESPONSES, other).key)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("session_id", "0b9e4009-7079-403b-aa15-8fd32aa02070", True),
        ("sessionId", "ses_df9bb0e28ffesqrgMC0K05ggTG", True),
        ("request_id", "req_011CSHoEeqs5C35K2UUqR7Fy", True),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736", True),
        ("parent_message_id", "msg_0123456789abcdef", True),
        ("timestamp", 1795401484132, True),
        ("timestamp", "2026-11-23T02:39:03.447Z", True),
        ("created_at", 1795401484.15, True),
        ("nonce", "8f14e45fceea167a", True),
        ("run_id", "run-8f3a2b1c", True),
        ("run_id", "20261123_033439", True),
        ("sent_at", "2026-11-23 02:39:03+00:00", True),
        ("message_id", 1795401484132, True),
        ("nonce", 1795401484, True),
        ("task_id", 1795401484, False),
        ("session_id", "main", False),
        ("session_id", "customer-onboarding-2", False),
        ("task_id", "translate-fr-v1", False),
        ("task_id", "django__django-11099", False),
        ("created_at", "release-2026-q4", False),
        ("session_id", {"id": "0b9e4009-7079-403b-aa15-8fd32aa02070"}, False),
        ("previous_response_id", "resp_0123456789abcdef", False),
        ("approval_request_id", "mcpr_0123456789abcdef", False),
        ("file_id", "file_0123456789abcdef", False),
        ("model_id", "gpt-5-2026-01-01", False),
        ("user_id", "user_0123456789abcdef", False),
        ("created_at", "2026-11-23", False),
        ("timestamp", True, False),
        ("seed", 1795401484132, False),
        ("", "0b9e4009-7079-403b-aa15-8fd32aa02070", False),
    ],
)
def test_bookkeeping_needs_name_and_value(name: str, value: Any, expected: bool) -> None:
    """A field is bookkeeping when both its name and its value say so."""
    assert expected == is_bookkeeping(name, value)


def test_a_rule_holds_at_its_place_only() -> None:
    """A text rule for the user's words changes neither instructions, nor replies, nor tool results."""
    rule = TextRule("user", "start", "at ", re.compile(r"at \d+"), "at")
    body = {"system": "at 1", "messages": [{"role": role, "content": "at 1"} for role in ("user", "assistant", "tool")]}
    found = kept(body, Volatile(text=(rule,)))
    assert ["at", "at 1", "at 1"] == [turn["content"] for turn in found["messages"]]
    assert "at 1" == found["system"]
    assert (
        "so at 1"
        == kept({"messages": [{"role": "user", "content": "so at 1"}]}, Volatile(text=(rule,)))["messages"][0][
            "content"
        ]
    )


def test_run_ids_are_named() -> None:
    """An id of the run is replaced by its name wherever it stands; longer ids first."""
    ids = {"session": "abcd-1234", "window": "abcd-1234:0"}
    assert b'["\x00session\x00/x","\x00window\x00"]' == written(["abcd-1234/x", "abcd-1234:0"], ids)


@pytest.mark.parametrize("run_id", ["12345678", "-1234567e8", "1795401484132"])
def test_a_run_id_that_could_be_a_number_is_not_sought(run_id: str) -> None:
    """Numbers stand in JSON without quotes: what replaced them would be no JSON."""
    assert orjson.dumps([run_id, 1]) == written([run_id, 1], {"session": run_id})


def test_a_run_id_is_not_sought_in_escapes() -> None:
    r"""The `n` of `\n` is no part of an id."""
    assert b'["\\n1234567"]' == written(["\n1234567"], {"session": "n1234567"})


def test_a_text_cannot_pretend_to_be_a_name() -> None:
    """What stands for an id cannot be written by a person."""
    assert written(["\x00session\x00"], {}) != written(["abcd-1234"], {"session": "abcd-1234"})
