"""OpenAI Responses: what is asked. The golden transcripts are run by `test_transcripts.py`."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.core.prompt import (
    Document,
    Image,
    Opaque,
    Prompt,
    Sampling,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from isartor_addon.wire.openai_responses import WIRE, is_socket_path
from isartor_addon.wire.openai_responses_items import read_turn, write_turn
from tests.wire.drawn import anything, names, scalars, shaped, texts

ROUTE = WIRE.route("POST", "api.openai.com", "/v1/responses", {})
assert ROUTE is not None
ids = st.from_regex(r"[a-z]{2,4}_[0-9a-f]{4}", fullmatch=True)

input_content = st.one_of(
    shaped({"type": st.sampled_from(["input_text", "text"]), "text": texts}),
    shaped({"type": st.just("input_image"), "image_url": st.just("https://e.org/a.png")}, {"detail": texts}),
    shaped({"type": st.just("input_image"), "image_url": st.just("data:image/png;base64,AAAA"), "file_id": st.none()}),
    shaped({"type": st.just("input_image"), "file_id": ids}, {"detail": texts, "image_url": st.none()}),
    shaped({"type": st.just("input_file"), "file_data": st.just("data:text/plain;base64,QQ==")}, {"filename": texts}),
    shaped({"type": st.just("input_file"), "file_url": texts}, {"filename": texts, "file_data": st.none() | texts}),
    shaped({"type": st.just("input_file"), "file_id": ids}),
    shaped({"type": st.just("input_audio"), "input_audio": anything}),
)
output_content = shaped(
    {"type": st.just("output_text"), "text": texts}, {"annotations": st.lists(anything), "logprobs": st.none()}
) | shaped({"type": st.just("refusal"), "refusal": texts})
items = st.one_of(
    shaped(
        {
            "role": st.sampled_from(["user", "system", "developer", "assistant", "critic"]),
            "content": texts | st.lists(input_content | output_content, max_size=3),
        },
        {"type": st.just("message"), "id": ids, "status": texts, "phase": st.none() | texts},
    ),
    shaped(
        {"type": st.just("function_call"), "call_id": ids, "name": names, "arguments": texts},
        {"id": ids, "status": texts, "namespace": texts},
    ),
    shaped({"type": st.just("custom_tool_call"), "call_id": ids, "name": names, "input": texts}, {"id": ids}),
    shaped(
        {
            "type": st.sampled_from(["function_call_output", "custom_tool_call_output"]),
            "call_id": ids,
            "output": texts | st.lists(input_content, max_size=3),
        },
        {"id": ids, "status": texts},
    ),
    shaped(
        {
            "type": st.just("reasoning"),
            "summary": st.lists(shaped({"type": st.just("summary_text"), "text": texts}), max_size=3),
        },
        {
            "id": ids,
            "encrypted_content": st.none() | texts,
            "content": st.none() | st.lists(shaped({"type": st.just("reasoning_text"), "text": texts}), max_size=2),
        },
    ),
    shaped({"type": st.just("reasoning"), "encrypted_content": texts}),
    shaped({"type": st.just("item_reference"), "id": ids}),
    shaped({"type": st.sampled_from(["computer_call", "web_search_call", "computer_call_output"]), "more": anything}),
    shaped(
        {"type": st.just("additional_tools"), "role": st.just("developer"), "tools": st.lists(anything, max_size=2)}
    ),
)
tools = shaped(
    {"type": st.just("function"), "name": names},
    {"description": st.none() | texts, "parameters": st.none() | anything, "strict": st.none() | st.booleans()},
) | shaped({"type": st.sampled_from(["web_search", "custom", "mcp", "namespace"])}, {"name": names, "format": anything})
bodies = shaped(
    {"model": names},
    {
        "input": st.lists(items, min_size=1, max_size=3) | st.lists(items, max_size=3) | texts | st.none(),
        "instructions": st.none() | texts,
        "tools": st.none() | st.lists(tools, max_size=3),
        "tool_choice": st.none() | texts | st.dictionaries(names, scalars, max_size=2),
        "temperature": st.none() | st.integers(0, 2) | st.floats(0, 2),
        "top_p": st.none() | st.floats(0, 1),
        "max_output_tokens": st.none() | st.integers(1, 99),
        "text": st.none() | st.fixed_dictionaries({}, optional={"format": st.none() | anything, "verbosity": texts}),
        "stream": st.none() | st.booleans(),
        "reasoning": anything,
        "include": st.lists(texts, max_size=2),
        "previous_response_id": st.none() | ids,
        "unknown": anything,
    },
)


@settings(max_examples=400)
@given(items)
def test_every_item_is_written_back(item: dict[str, Any]) -> None:
    """One item is one turn, and comes out as it went in."""
    assert [item] == write_turn(read_turn(item))


@pytest.mark.parametrize(
    "item",
    [
        {"role": "critic", "content": "x"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": [{"type": "hologram"}]},
        {"role": "user", "content": [{"type": ["input_text"], "text": "x"}]},
        {"role": "user", "content": [{"type": "input_text", "text": 5}]},
        {"role": "user", "content": []},
        {"type": "function_call_output", "call_id": "c", "output": {"no": "text"}},
        {"type": "function_call_output", "call_id": "c", "output": []},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "aloud"}]},
        {"type": "reasoning", "id": "rs", "encrypted_content": "x"},
    ],
)
def test_unusual_items_are_kept_whole(item: dict[str, Any]) -> None:
    """What the neutral types cannot say goes through untouched."""
    assert [item] == write_turn(read_turn(item))


@settings(max_examples=200)
@given(bodies)
def test_parse_then_render_gives_the_body_back(body: dict[str, Any]) -> None:
    """Nothing of a request is lost or spelled another way."""
    before = orjson.dumps(body)
    assert body == WIRE.render(WIRE.parse(ROUTE, body))
    assert before == orjson.dumps(body), "parse changed what it was given"


@pytest.mark.parametrize(
    "body",
    [
        {"model": 5},
        {"input": 5},
        {"input": ["hi"]},
        {"input": [{"type": ["x"]}]},
        {"input": [{"role": 5, "content": "x"}]},
        {"input": [{"type": "function_call", "call_id": "c", "name": "n", "arguments": {}}]},
        {"input": [{"type": "custom_tool_call", "call_id": "c", "name": "n"}]},
        {"input": [{"type": "function_call_output", "output": "x"}]},
        {"instructions": ["x"]},
        {"tools": {"type": "function"}},
        {"tools": [{"type": "function"}]},
        {"tools": [{"name": "x"}]},
        {"temperature": "hot"},
        {"temperature": True},
        {"max_output_tokens": 1.5},
        {"text": "json"},
    ],
)
def test_wrong_types_are_the_clients_mistake(body: dict[str, Any]) -> None:
    """A field of a type the wire does not allow is refused by name, not by a traceback."""
    with pytest.raises(ClientMistake):
        WIRE.parse(ROUTE, body)


@settings(max_examples=200)
@given(bodies, st.data())
def test_damaged_requests_raise_nothing_else(body: dict[str, Any], data: st.DataObject) -> None:
    """Whatever stands in place of a field: parse succeeds or says ClientMistake; uncacheable and mode never raise."""
    name = data.draw(st.sampled_from([*body, "background", "conversation", "prompt"]))
    body = {**body, name: data.draw(anything | st.lists(anything, max_size=2))}
    WIRE.uncacheable(ROUTE, body)
    WIRE.mode(ROUTE, body)
    with contextlib.suppress(ClientMistake):
        WIRE.parse(ROUTE, body)


def test_a_foreign_prompt_is_written_as_items() -> None:
    """Turns as other wires have them (several kinds of parts in one) become items in order, words together."""
    prompt = Prompt(
        model="m",
        system=(Text("a"), Text("b")),
        turns=(
            Turn("user", (Text("look"), Image(data="AA==", media_type="image/png"), Document(url="u", name="n"))),
            Turn("assistant", (Thinking("hm", "sig"), Text("I call"), ToolCall("c1", "f", "{}"), Text("and wait"))),
            Turn("user", (ToolResult("c1", (Text("ok"), Image(url="v"))), Text("go on"))),
            Turn("tool", (ToolResult("c2", ()),)),
            Turn("assistant", ()),
        ),
    )
    expected = [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
                {"type": "input_file", "file_url": "u", "filename": "n"},
            ],
        },
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "sig"},
        {"role": "assistant", "content": "I call"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"role": "assistant", "content": "and wait"},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [{"type": "input_text", "text": "ok"}, {"type": "input_image", "image_url": "v"}],
        },
        {"role": "user", "content": "go on"},
        {"type": "function_call_output", "call_id": "c2", "output": []},
        {"role": "assistant", "content": []},
    ]
    assert {"model": "m", "instructions": "a\n\nb", "input": expected} == WIRE.render(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt("m", (Turn("user", (Opaque("gemini", {}),)),)),
        Prompt("m", (Turn("user", (ToolResult("c", (ToolCall("d", "f", "{}"),)),)),)),
        Prompt("m", (Turn("tool", (Text("x"),)),)),
        Prompt("m", (), system=(Image(url="u"),)),
        Prompt("m", (), sampling=Sampling(stop=("x",))),
        Prompt("m", (), sampling=Sampling(top_k=1)),
        Prompt("m", (), sampling=Sampling(seed=1)),
    ],
)
def test_what_this_wire_cannot_say_is_untranslatable(prompt: Prompt) -> None:
    """Nothing is dropped silently."""
    with pytest.raises(Untranslatable):
        WIRE.render(prompt)


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v1/responses", "generate"),
        ("POST", "/responses", "generate"),
        ("POST", "/backend-api/codex/responses", "generate"),
        ("POST", "/v1/responses/input_tokens", "count"),
        ("GET", "/v1/responses", None),
        ("POST", "/v1/responses/compact", None),
        ("POST", "/v1/responses/resp_1/cancel", None),
        ("GET", "/v1/responses/resp_1", None),
        ("POST", "/v1/chat/completions", None),
    ],
)
def test_routes(method: str, path: str, operation: str | None) -> None:
    """POSTs that create or count are this wire's; the upgrade is known by its path alone."""
    route = WIRE.route(method, "h", path, {})
    assert operation == (route.operation if route else None)
    assert path.endswith("/responses") == is_socket_path(path)


def test_mode_follows_stream() -> None:
    """Only `stream: true` asks for events, and counting never does."""
    count = WIRE.route("POST", "h", "/v1/responses/input_tokens", {})
    assert count is not None
    modes = [WIRE.mode(ROUTE, {"stream": value}) for value in (True, False, None, "yes")]
    assert (["sse", "json", "json", "json"], "json") == (modes, WIRE.mode(count, {"stream": True}))


@pytest.mark.parametrize(
    ("body", "cacheable"),
    [
        ({}, True),
        ({"background": False, "conversation": None, "prompt": None, "store": True}, True),
        ({"previous_response_id": "resp_1"}, True),
        ({"tools": [{"type": "web_search"}, {"type": "code_interpreter", "container": {"type": "auto"}}]}, True),
        ({"prompt": {"id": "pmpt_1", "version": "2"}}, True),
        ({"background": True}, False),
        ({"conversation": "conv_1"}, False),
        ({"input": [{"type": "additional_tools", "tools": [{"type": "mcp"}]}]}, False),
        ({"conversation": {"id": "conv_1"}}, False),
        ({"prompt": {"id": "pmpt_1"}}, False),
        ({"tools": [{"type": "mcp", "server_url": "https://e.org"}]}, False),
        ({"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}, False),
    ],
)
def test_state_outside_the_body_is_not_cached(body: dict[str, Any], cacheable: bool) -> None:
    """What depends on something the provider keeps and changes has a reason; what names a finished thing has none."""
    assert cacheable == (WIRE.uncacheable(ROUTE, body) == "")
