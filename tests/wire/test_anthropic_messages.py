"""Anthropic messages: requests, replies and streams. The golden transcripts are run by `test_transcripts.py`."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply, ClientMistake, Untranslatable
from isartor_addon.core.prompt import Document, Image, Opaque, Sampling, Text, Thinking, Tool, ToolCall, ToolResult
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire.anthropic_messages import WIRE
from tests.wire.drawn import anything, names, objects, scalars, shaped, texts

ROUTE = WIRE.route("POST", "api.anthropic.com", "/v1/messages", {})
assert ROUTE is not None
GOLDEN = Path(__file__).parent.parent / "transcripts" / "anthropic_messages"
STREAMS = sorted(GOLDEN.glob("*/response.sse"))

# ---------------------------------------------------------------- requests

cache = {"cache_control": st.none() | st.just({"type": "ephemeral"})}


def kind(word: str) -> st.SearchStrategy[str]:
    return st.just(word)


text_block = shaped({"type": kind("text"), "text": texts}, {**cache, "citations": st.none() | st.lists(objects)})
image_source = st.one_of(
    shaped({"type": kind("base64"), "media_type": kind("image/png"), "data": texts}, {"transformations": anything}),
    shaped({"type": kind("url"), "url": texts}),
    shaped({"type": kind("file"), "file_id": texts}),
)
image_block = shaped({"type": kind("image"), "source": image_source}, cache)
document_source = st.one_of(
    shaped({"type": kind("base64"), "media_type": kind("application/pdf"), "data": st.just("JVBERi0=")}),
    shaped({"type": kind("text"), "media_type": kind("text/plain"), "data": texts}),
    shaped({"type": kind("url"), "url": texts}),
    shaped({"type": kind("content"), "content": texts | st.lists(text_block, max_size=1)}),
    objects,
)
document_block = shaped(
    {"type": kind("document"), "source": document_source}, {**cache, "title": st.none() | texts, "citations": objects}
)
call_block = shaped(
    {"type": st.sampled_from(["tool_use", "server_tool_use", "mcp_tool_use"]), "id": texts, "name": names},
    {"input": objects | scalars, "caller": objects, **cache},
)
thinking_block = shaped({"type": kind("thinking"), "thinking": texts}, {"signature": st.none() | texts})
other_block = shaped({"type": names | anything, "data": anything}) | objects
inner_block = text_block | image_block | document_block | other_block
result_block = shaped(
    {"type": kind("tool_result"), "tool_use_id": texts},
    {"content": st.none() | texts | st.lists(inner_block, max_size=2), "is_error": st.none() | st.booleans(), **cache},
)
blocks = st.one_of(inner_block, call_block, thinking_block, result_block)
messages = shaped(
    {"role": st.sampled_from(["user", "assistant", "system"])},
    {"content": st.none() | texts | st.lists(blocks, max_size=3), "output_config": objects},
)
tool_definitions = shaped(
    {},
    {"type": names, "name": texts, "description": st.none() | texts, "input_schema": st.none() | objects, **cache},
)
bodies = shaped(
    {"messages": st.lists(messages, max_size=3)},
    {
        "model": texts,
        "system": st.none() | texts | st.lists(text_block, max_size=2),
        "tools": st.none() | st.lists(tool_definitions, max_size=3),
        "tool_choice": st.none() | objects,
        "max_tokens": st.integers(0, 9) | st.none() | st.booleans(),
        "temperature": scalars,
        "top_p": scalars,
        "top_k": scalars,
        "stop_sequences": st.none() | st.lists(texts, max_size=2) | anything,
        "stream": st.none() | st.booleans(),
        "output_config": st.none() | shaped({}, {"effort": texts, "format": st.none() | objects}),
        "output_format": st.none() | objects,
        "metadata": anything,
        "thinking": anything,
        "x_unknown": anything,
    },
)


def spelled(value: Any) -> str:
    """JSON with sorted keys: unlike `==` it tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


@given(body=bodies)
def test_reading_a_request_loses_nothing(body: dict[str, Any]) -> None:
    """What is read is written back with the same values and types."""
    before = spelled(body)
    assert before == spelled(WIRE.render(WIRE.parse(ROUTE, body)))
    assert before == spelled(body)


@given(body=st.dictionaries(st.sampled_from(["messages", "system", "tools", "model", "stream"]), anything))
def test_a_strange_request_is_a_mistake_or_understood(body: dict[str, Any]) -> None:
    """A body of any types gives a prompt or `ClientMistake`, nothing else."""
    with contextlib.suppress(ClientMistake):
        assert spelled(body) == spelled(WIRE.render(WIRE.parse(ROUTE, body)))


def test_the_neutral_view_of_a_request() -> None:
    """Every kind of content has its neutral part."""
    body = json.loads((GOLDEN / "tools_sse" / "request.json").read_bytes())["body"]
    prompt = WIRE.parse(ROUTE, body)
    assert ToolCall("toolu_01", "Bash", '{"command":"ls"}') == prompt.turns[1].parts[1]
    results = prompt.turns[2].parts
    assert ToolResult("toolu_01", (Text("README.md"),), extra={"content": ""}) == results[0]
    failed = ToolResult(
        "toolu_02", (Text("no such file"), Image(data="iVBORw0KGgo=", media_type="image/png")), is_error=True
    )
    assert failed == results[1]
    assert ["Bash", "Now", "web_search"] == [tool.name for tool in prompt.tools]
    assert {"type": "auto", "disable_parallel_tool_use": False} == prompt.tool_choice
    documents = json.loads((GOLDEN / "documents_json" / "request.json").read_bytes())["body"]
    read = WIRE.parse(ROUTE, documents).turns[0].parts
    assert (
        Document("VGhlIGdyYXNzIGlzIGdyZWVuLiDDiXTDqS4=", "text/plain", "", "Facts")
        == replace(read[0], extra={})
    )  # fmt: skip
    assert [Document, Document, Document, Opaque, Opaque, Image, Opaque, Opaque, Text] == [type(part) for part in read]


def test_a_changed_prompt_is_written() -> None:
    """What a layer changes is what is sent."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.5, "stream": True}
    prompt = WIRE.parse(ROUTE, body)
    changed = replace(
        prompt,
        model="n",
        system=(Text("Be brief."),),
        turns=(replace(prompt.turns[0], parts=(Text("hi"), Text("there"))),),
        tools=(Tool("t", "d", {"type": "object"}),),
        sampling=Sampling(max_tokens=5, stop=("x",)),
        stream=False,
    )
    expected = {
        "model": "n",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "there"}]}],
        "system": [{"type": "text", "text": "Be brief."}],
        "tools": [{"name": "t", "description": "d", "input_schema": {"type": "object"}}],
        "max_tokens": 5,
        "stop_sequences": ["x"],
    }
    assert expected == WIRE.render(changed)


def test_the_answer_format_is_told_with_the_field_it_stands_in() -> None:
    """Both spellings of structured outputs are seen, and effort is not taken for one."""
    wanted = {"type": "json_schema", "schema": {}}
    body: dict[str, Any] = {"messages": []}
    assert {"output_format": wanted} == WIRE.parse(ROUTE, {**body, "output_format": wanted}).response_format
    config = {"effort": "low", "format": wanted}
    assert {"output_config": {"format": wanted}} == WIRE.parse(ROUTE, {**body, "output_config": config}).response_format
    assert WIRE.parse(ROUTE, {**body, "output_config": {"effort": "low"}}).response_format is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": {}},
        {"messages": ["hi"]},
        {"messages": [{"role": "robot", "content": "hi"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": ["hi"]}]},
        {"messages": [], "system": 5},
        {"messages": [], "tools": {"a": 1}},
    ],
)
def test_wrong_types_are_the_clients_mistake(body: dict[str, Any]) -> None:
    """The skeleton of a request has to be right."""
    with pytest.raises(ClientMistake):
        WIRE.parse(ROUTE, body)


def test_another_wires_content_is_not_dropped() -> None:
    """Opaque content of another wire cannot be said here."""
    prompt = WIRE.parse(ROUTE, {"messages": [{"role": "user", "content": "hi"}]})
    foreign = replace(prompt, system=(Opaque("gemini", {"executableCode": {}}),))
    with pytest.raises(Untranslatable):
        WIRE.render(foreign)


# ---------------------------------------------------------------- the request line


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v1/messages", "generate"),
        ("POST", "/anthropic/v1/messages", "generate"),
        ("POST", "/messages", "generate"),
        ("POST", "/v1/messages/count_tokens", "count"),
        ("POST", "/anthropic/v1/messages/count_tokens", "count"),
        ("GET", "/v1/messages", None),
        ("POST", "/v1/messages/batches", None),
        ("GET", "/v1/messages/batches/b1/results", None),
        ("POST", "/v1/threads/t1/messages", None),
        ("POST", "/v1/complete", None),
        ("POST", "/backend-api/conversations/c1/messages", None),
    ],
)
def test_what_is_routed(method: str, path: str, operation: str | None) -> None:
    """Messages and their counting, below any prefix; not batches, and not what other APIs call messages."""
    route = WIRE.route(method, "api.anthropic.com", path, {})
    assert operation == (route.operation if route else None)


def test_the_beta_surface_is_another_target() -> None:
    """`?beta=true` counts in the key, other parameters do not."""
    beta = WIRE.route("POST", "h", "/v1/messages", {"beta": "true", "x": "1"})
    assert beta is not None
    assert ("/v1/messages", "/v1/messages?beta=true") == (ROUTE.target, beta.target)


@pytest.mark.parametrize(
    ("body", "cacheable"),
    [
        ({"container": "container_01"}, False),
        ({"container": {"id": "container_01", "skills": []}}, False),
        ({"container": {"skills": []}}, True),
        ({"container": None, "mcp_servers": []}, True),
        ({"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}, False),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, True),
        ({"mcp_servers": [{"type": "url", "url": "https://example.com"}]}, False),
        ({"thread": {"type": "continue", "previous_message_id": "msg_1"}}, False),
        ({"tools": 5}, True),
    ],
)
def test_what_depends_on_state_elsewhere_is_not_cached(body: dict[str, Any], cacheable: bool) -> None:
    """Containers, threads and MCP servers live outside the body."""
    assert cacheable == (WIRE.uncacheable(ROUTE, body) == "")


# ---------------------------------------------------------------- replies

words = st.text('ab "\\\n\u00e9\u2028\U0001f44b', max_size=600) | texts
reply_parts = st.lists(
    st.one_of(
        st.builds(
            Text, words, st.just({}) | st.just({"citations": [{"a": 1}, {"b": 2}]}) | st.just({"citations": None})
        ),
        st.builds(Thinking, words, texts),
        st.builds(
            ToolCall, texts, names, objects.map(lambda value: json.dumps(value)), st.just({}) | st.just({"c": 1})
        ),
        st.builds(
            lambda value: Opaque(
                "anthropic_messages", {"type": "server_tool_use", "id": "s", "name": "n", "input": value}
            ),
            objects,
        ),
        st.just(Opaque("anthropic_messages", {"type": "redacted_thinking", "data": "x"})),
    ),
    max_size=5,
).map(tuple)
counts = st.integers(0, 9)
usages = shaped(
    {"input_tokens": counts, "output_tokens": counts},
    {
        "cache_read_input_tokens": counts,
        "cache_creation_input_tokens": counts,
        "cache_creation": objects,
        "server_tool_use": shaped({"web_search_requests": counts}),
        "output_tokens_details": shaped({"thinking_tokens": counts}),
    },
)
stops = st.sampled_from(
    [
        ("end_turn", None),
        ("max_tokens", None),
        ("stop_sequence", "END"),
        ("tool_use", None),
        ("pause_turn", None),
        ("refusal", None),
        ("model_context_window_exceeded", None),
        ("brand_new", None),
    ]
)
extras = shaped(
    {},
    {
        "container": st.none() | objects,
        "stop_details": objects,
        "context_management": objects,
        "diagnostics": objects,
        "x_new": anything,
    },
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    stop, sequence = draw(stops)
    skeleton = {"content": [], "stop_reason": stop, "stop_sequence": sequence, "usage": draw(usages), **draw(extras)}
    return replace(WIRE.read_reply({"id": draw(texts), "model": "m", **skeleton}), parts=draw(reply_parts))


@given(reply=replies())
def test_a_reply_written_as_a_stream_is_the_same(reply: Reply) -> None:
    """Encoding and decoding give the very same reply."""
    assert reply == WIRE.read("sse", b"".join(WIRE.encode(reply, "sse")))


@given(reply=replies())
def test_a_reply_written_as_json_is_the_same(reply: Reply) -> None:
    """Writing and reading give the same reply; arguments come back compact."""
    parts = tuple(
        replace(part, arguments=orjson.dumps(json.loads(part.arguments)).decode())
        if isinstance(part, ToolCall)
        else part
        for part in reply.parts
    )
    assert replace(reply, parts=parts) == WIRE.read_reply(WIRE.write_reply(reply))


def test_empty_input_is_an_empty_object() -> None:
    """A tool without input has the arguments `{}`, however it came."""
    head = b'data: {"type":"message_start","message":{"id":"m"}}\n\n'
    tail = b'data: {"type":"message_delta","delta":{"stop_reason":"tool_use"}}\n\ndata: {"type":"message_stop"}\n\n'
    block = (
        b'data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n"%b}}\n\n'
    )
    for given_input, expected in ((b',"input":{}', "{}"), (b',"input":{"a":1}', '{"a":1}')):
        reply = WIRE.read("sse", head + block % given_input + tail)
        assert (ToolCall("t", "n", expected),) == reply.parts


def test_usage_is_cumulative_and_null_takes_nothing_back() -> None:
    """`message_delta` replaces what it says, and a null in it says nothing."""
    stream = (
        b'data: {"type":"message_start","message":{"id":"m","container":{"id":"c"},'
        b'"usage":{"input_tokens":5,"cache_read_input_tokens":3,"output_tokens":1}}}\n\n'
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","container":null},'
        b'"usage":{"input_tokens":6,"cache_read_input_tokens":null,"output_tokens":4}}\n\n'
        b'data: {"type":"message_delta","delta":{},"usage":{"output_tokens":7}}\n\n'
        b'data: {"type":"message_stop"}\n\n'
    )
    reply = WIRE.read("sse", stream)
    assert (6, 7, 3) == (reply.usage.input, reply.usage.output, reply.usage.cache_read)
    assert {"container": {"id": "c"}} == reply.extra


def test_a_reply_of_another_provider_is_written_in_this_wires_words() -> None:
    """Stop and usage are said as Anthropic says them; SDKs compute with the counts, so they are always there."""
    usage = Usage(output=3, cache_read=1, cache_write=2, reasoning=1, extra={"total_tokens": 3})
    written = WIRE.write_reply(Reply("r", "m", (Text("hi"),), Stop("filter", "content_filter"), usage))
    expected = {
        "input_tokens": 0,
        "output_tokens": 3,
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 1,
        "output_tokens_details": {"thinking_tokens": 1},
    }
    assert expected == written["usage"]
    assert "refusal" == written["stop_reason"]


@pytest.mark.parametrize("mode", ["json", "sse"])
@pytest.mark.parametrize("part", [ToolCall("t", "n", "free text"), ToolCall("t", "n", '{"a":'), Opaque("gemini", {})])
def test_what_cannot_be_said_is_not_said(part: ToolCall | Opaque, mode: Any) -> None:
    """Arguments that are no object, and other wires' content, are refused in every mode."""
    with pytest.raises(Untranslatable):
        WIRE.write(mode, Reply("r", "m", (part,), Stop("tool")))


# ---------------------------------------------------------------- bad input


@settings(max_examples=150)
@given(data=st.data())
def test_mutated_streams_raise_nothing_else(data: st.DataObject) -> None:
    """Whatever the bytes are: a reply, `BadReply` or `Untranslatable`; the same for `verify`."""
    content = bytearray(data.draw(st.sampled_from(STREAMS)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"null", b"0", b"[]", b"{}", b'"x"', b"\n\n", b'"index":7'])
        )
    with contextlib.suppress(BadReply, Untranslatable):
        WIRE.read("sse", bytes(content))
    with contextlib.suppress(BadReply):
        WIRE.examine("generate", "sse", bytes(content))


@given(content=st.binary(max_size=200))
def test_random_bytes_are_no_reply(content: bytes) -> None:
    """Noise is a bad reply in every mode."""
    for mode in ("json", "sse"):
        with pytest.raises(BadReply):
            WIRE.read(mode, content)


@given(
    body=anything | shaped({"content": st.lists(blocks), "stop_reason": scalars}, {"usage": anything, "id": anything})
)
def test_any_json_is_a_reply_or_none(body: Any) -> None:
    """A whole reply of any types gives a reply or `BadReply`."""
    with contextlib.suppress(BadReply):
        reply = WIRE.read_reply(body)
        assert body["stop_reason"] == reply.stop.raw


def test_deep_nesting_is_carried_untouched() -> None:
    """As deep as the JSON reader goes, nothing breaks and nothing is lost."""
    deep = orjson.loads(b'{"a":' * 900 + b"1" + b"}" * 900)
    nested: Any = {"type": "text", "text": "x"}
    for _ in range(400):
        nested = {"type": "tool_result", "tool_use_id": "t", "content": [nested]}
    call = {"type": "tool_use", "id": "t", "name": "n", "input": deep}
    body = {"messages": [{"role": "user", "content": [call, nested]}]}
    prompt = WIRE.parse(ROUTE, body)
    assert [ToolCall, Opaque] == [type(part) for part in prompt.turns[0].parts]
    assert body == WIRE.render(prompt)
    reply = WIRE.read_reply(
        {"content": [call], "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}}
    )
    assert reply == WIRE.read("sse", b"".join(WIRE.encode(reply, "sse")))
    with pytest.raises(Untranslatable):
        WIRE.write("json", reply)
    with pytest.raises(Untranslatable):
        WIRE.write("sse", replace(reply, parts=(Opaque("anthropic_messages", {"type": "new", "data": deep}),)))


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (529, "overloaded_error"),
    ],
)
def test_errors_have_the_types_of_their_status(status: int, expected: str) -> None:
    """Status and type go together as Anthropic documents them."""
    body = orjson.loads(WIRE.error(status, "isartor_x", "no"))
    assert {"type": "error", "error": {"type": expected, "message": "no"}, "request_id": None} == body


def test_an_error_in_a_stream_ends_it() -> None:
    """The error event is one that this wire itself reads as an error."""
    with pytest.raises(BadReply, match="api_error: no"):
        WIRE.decoder("sse").feed(WIRE.error_event("isartor_x", "no"))
