"""OpenAI Responses: requests, replies and streams. The golden transcripts are run by `test_transcripts.py`."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply, ClientMistake, Untranslatable
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
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire.openai_responses import WIRE, is_socket_path
from isartor_addon.wire.openai_responses_items import read_turn, write_turn
from isartor_addon.wire.openai_responses_stream import Objects

ROUTE = WIRE.route("POST", "api.openai.com", "/v1/responses", {})
assert ROUTE is not None
GOLDEN = Path(__file__).parent.parent / "transcripts" / "openai_responses"


def golden(name: str) -> bytes:
    return next((GOLDEN / name).glob("response.*")).read_bytes()


# ---------------------------------------------------------------- requests

texts = st.text(max_size=12)
names = st.text("abc_", min_size=1, max_size=6)
scalars = st.none() | st.booleans() | st.integers(-9, 9) | texts
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2))
ids = st.from_regex(r"[a-z]{2,4}_[0-9a-f]{4}", fullmatch=True)


def shaped(required: dict[str, Any], optional: dict[str, Any] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional or {})


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


# ---------------------------------------------------------------- replies and streams

CASES = [
    "text_json",
    "text_sse",
    "parallel_tools_sse",
    "reasoning_sse",
    "empty_output_in_terminal_sse",
    "web_search_json",
]


def read(name: str) -> Reply:
    return WIRE.read("json" if name.endswith("json") else "sse", golden(name))


@pytest.mark.parametrize("name", [*CASES, "incomplete_sse", "refusal_json"])
def test_every_mode_keeps_everything(name: str) -> None:
    """Ids, phases, annotations, log-probabilities, encrypted content and echoed settings survive every mode."""
    reply = read(name)
    for mode in ("json", "sse", "ws"):
        assert reply == WIRE.read(mode, b"".join(WIRE.write(mode, reply))), mode


@pytest.mark.parametrize("name", ["text_json", "web_search_json"])
def test_a_whole_reply_is_written_back_as_it_came(name: str) -> None:
    """Same-wire JSON is equal field by field."""
    assert orjson.loads(golden(name)) == WIRE.write_reply(read(name))


def test_the_streamed_events_are_the_recorded_ones() -> None:
    """What `encode` makes of a recorded answer has the recorded types, ids, indices and whole texts, in that order."""
    for name in ("tool_call_sse", "reasoning_sse", "parallel_tools_sse"):
        recorded, encoded = events(golden(name)), events(b"".join(WIRE.encode(read(name), "sse")))
        assert [digest(each) for each in recorded if "delta" not in each] == [
            digest(each) for each in encoded if "delta" not in each
        ], name
        assert list(range(len(encoded))) == [each["sequence_number"] for each in encoded]


def events(content: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line[6:]) for line in content.split(b"\n") if line.startswith(b"data: ")]


def digest(event: dict[str, Any]) -> tuple[Any, ...]:
    fields = ("type", "item_id", "output_index", "content_index", "summary_index", "text", "arguments")
    return tuple(event.get(field) for field in fields)


FOREIGN = Reply(
    id="msg_1",
    model="claude",
    parts=(Thinking("hm", "sig"), Text("one"), Text(" two"), ToolCall("c", "f", '{"a":1}'), Text("three")),
    stop=Stop("tool", "tool_use"),
    usage=Usage(input=3, output=4, cache_read=1, extra={"input_tokens": 2}),
    extra={"created": 7, "type": "message"},
)


@pytest.mark.parametrize("mode", ["json", "sse", "ws"])
def test_a_foreign_reply_is_told_in_this_wire(mode: Any) -> None:
    """Words that stand together are one message; ids are made from the reply's; counts are kept."""
    reply = WIRE.read(mode, b"".join(WIRE.write(mode, FOREIGN)))
    kinds = [(type(part).__name__, getattr(part, "text", "") or getattr(part, "arguments", "")) for part in reply.parts]
    assert [("Thinking", "hm"), ("Text", "one"), ("Text", " two"), ("ToolCall", '{"a":1}'), ("Text", "three")] == kinds
    assert ("msg_1", "claude", "tool", 3, 4, 1) == (
        reply.id,
        reply.model,
        reply.stop.reason,
        reply.usage.input,
        reply.usage.output,
        reply.usage.cache_read,
    )
    output = orjson.loads(orjson.dumps(WIRE.write_reply(FOREIGN)))["output"]
    assert ["reasoning", "message", "function_call", "message"] == [item["type"] for item in output]
    assert 4 == len({item["id"] for item in output})


@pytest.mark.parametrize(("reason", "raw"), [("length", "max_output_tokens"), ("filter", "content_filter")])
def test_a_foreign_cut_is_incomplete(reason: Any, raw: str) -> None:
    """A reply that another wire cut short is not told as completed."""
    foreign = Reply("r", "m", (Text("x"),), Stop(reason, "x"))
    for mode in ("json", "sse"):
        assert Stop(reason, raw) == WIRE.read(mode, b"".join(WIRE.write(mode, foreign))).stop


def test_what_no_reply_of_this_wire_says_is_untranslatable() -> None:
    """Another wire's opaque part, a picture or a nesting too deep to write is refused."""
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    for part in (Opaque("gemini", {}), Image(url="u"), Opaque("openai_responses", {"type": "x", "deep": deep})):
        with pytest.raises(Untranslatable):
            WIRE.encode(Reply("r", "m", (part,), Stop("end")), "sse")
    for mode in ("ndjson", "json"):
        with pytest.raises(Untranslatable):
            WIRE.decoder(mode)
        with pytest.raises(Untranslatable):
            WIRE.encode(FOREIGN, mode)


def test_unusual_output_is_told_too() -> None:
    """Parts nobody knows, open reasoning and empty arguments become events that come back to the same reply."""
    parts = (
        Opaque(
            "openai_responses", {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "new"}, 5]}
        ),
        Opaque("openai_responses", {"type": "reasoning", "id": "r"}),
        Thinking("aloud", extra={"id": "r2", "summary": [], "content": [{"type": "reasoning_text", "text": "aloud"}]}),
        ToolCall("c", "f", "", {"id": "fc"}),
    )
    reply = Reply("r", "m", parts, Stop("tool", "completed"), extra={"object": "response", "status": "completed"})
    for mode in ("json", "sse", "ws"):
        assert reply == WIRE.read(mode, b"".join(WIRE.write(mode, reply))), mode


def test_a_terminal_event_that_contradicts_the_stream_is_bad() -> None:
    """A stream that says one thing and ends with another is not a complete answer."""
    broken = golden("text_sse").replace(b'le Rhin \xf0\x9f\x8c\x8a\\n."}],"role', b'le Rhin."}],"role', 1)
    assert broken != golden("text_sse")
    with pytest.raises(BadReply):
        WIRE.read("sse", broken)


def test_the_fuller_telling_counts() -> None:
    """A terminal event that lacks a streamed item, and a stream without events of its items, are both complete."""
    whole = golden("parallel_tools_sse")
    reply = WIRE.read("sse", whole)
    *begun, last = whole.split(b"event: ")
    terminal = orjson.loads(last.partition(b"data: ")[2])
    del terminal["response"]["output"][0]
    fewer = b"event: ".join([*begun, b"response.completed\ndata: " + orjson.dumps(terminal) + b"\n\n"])
    assert reply == WIRE.read("sse", fewer)
    assert reply == WIRE.read("sse", b"event: " + last)


def test_nothing_counts_after_the_terminal_event() -> None:
    """Trailing events, `[DONE]` and the next response's messages do not change the reply."""
    for name, mode in (("text_sse", "sse"), ("text_ws", "ws")):
        whole = golden(name)
        more = b"data: [DONE]\n\n" if mode == "sse" else golden("error_ws")
        assert WIRE.read(mode, whole) == WIRE.read(mode, whole + more)


def test_a_last_event_without_its_blank_line_is_read() -> None:
    """Codex and others hang up at once; the last event may lack its end."""
    assert read("text_sse") == WIRE.read("sse", golden("text_sse").rstrip(b"\n"))


def test_messages_may_stand_without_separator() -> None:
    """A WebSocket recording is its messages joined; braces and quotes inside strings do not matter."""
    joined = b"".join(golden("text_ws").splitlines())
    assert WIRE.read("ws", golden("text_ws")) == WIRE.read("ws", joined)


@given(st.lists(st.dictionaries(texts, anything, max_size=3), max_size=4), st.lists(st.integers(0, 200), max_size=6))
def test_objects_are_split_alike_at_every_cut(values: list[dict[str, Any]], cuts: list[int]) -> None:
    """However the joined messages are cut, the same objects come out."""
    content = b"".join(orjson.dumps(value) for value in values)
    places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    objects = Objects()
    pieces = [content[start:end] for start, end in pairwise(places)]
    assert values == [found for piece in pieces for found in objects.feed(piece)]


@pytest.mark.parametrize("content", [b"[]{}", b"{}x{}", b'"a"{}', b"}{", b"{}}", b"{'a':1}", b'{"a":}', b"1 {}"])
def test_anything_but_objects_is_bad(content: bytes) -> None:
    """A WebSocket stream holds JSON objects and nothing else."""
    with pytest.raises(BadReply):
        Objects().feed(content)


def test_objects_are_bounded_and_linear() -> None:
    """A message that never ends is refused at the limit, and a large one in many pieces takes no time to speak of."""
    with pytest.raises(BadReply):
        Objects(limit=1000).feed(b'{"a":"' + b"x" * 1000)
    objects, started = Objects(), time.perf_counter()
    piece = b'{"a":[' + b'"\\"{",' * 20_000
    for _ in range(2):
        objects.feed(piece + b"0]}")
    assert time.perf_counter() - started < 2


READABLE = [*CASES, "text_ws", "tool_chain_1_ws", "failed_sse", "error_ws"]


@settings(max_examples=300)
@given(st.sampled_from(READABLE), st.data())
def test_damaged_replies_raise_nothing_else(name: str, data: st.DataObject) -> None:
    """Cut, overwritten and invented bytes give a Reply, BadReply or Untranslatable; never anything else."""
    content, mode = golden(name), name.rpartition("_")[2]
    at = data.draw(st.integers(0, len(content)))
    end = min(len(content), at + data.draw(st.integers(0, 40)))
    damage = data.draw(
        st.binary(max_size=8) | st.sampled_from([b"{}", b"[]", b"null", b'":1,"', b"1", b'""', b"{", b"\n\n"])
    )
    settle(mode, content[:at] + damage + content[end:])


@settings(max_examples=200)
@given(st.sampled_from(["json", "sse", "ws"]), st.dictionaries(names, anything), st.data())
def test_invented_responses_raise_nothing_else(mode: str, extra: dict[str, Any], data: st.DataObject) -> None:
    """JSON of the right outline and wrong inside is answered alike."""
    item = st.fixed_dictionaries(
        {"type": st.sampled_from(["message", "function_call", "custom_tool_call", "reasoning", "x"])},
        optional=dict.fromkeys(("content", "summary", "arguments", "name", "call_id", "encrypted_content"), anything),
    )
    fields = {"id": texts | scalars, "output": st.lists(item | anything, max_size=3) | scalars, "usage": anything}
    fields |= {"status": st.sampled_from(["completed", "incomplete", "failed", None]), "error": st.none() | anything}
    response = {**extra, **data.draw(st.fixed_dictionaries({}, optional=fields))}
    event = {"type": "response.completed", "response": response}
    line = orjson.dumps(response if mode == "json" else event)
    settle(mode, b"data: " + line + b"\n\n" if mode == "sse" else line)


def settle(mode: Any, content: bytes) -> None:
    try:
        reply = WIRE.read(mode, content)
    except (BadReply, Untranslatable):
        return
    for other in ("json", "sse", "ws"):
        again = WIRE.read(other, b"".join(WIRE.write(other, reply)))
        assert [essence(part) for part in reply.parts] == [essence(part) for part in again.parts]


def essence(part: Any) -> Any:
    """A part without its extra fields: ids that are missing are made up when it is written."""
    return part if isinstance(part, Opaque) else replace(part, extra={})


def test_errors_have_openais_shape() -> None:
    """Bodies and events of errors are what the SDK and the tools read."""
    error = orjson.loads(WIRE.error(400, "isartor_not_recorded", "no"))["error"]
    assert {"message": "no", "type": "invalid_request_error", "param": None, "code": "isartor_not_recorded"} == error
    name, data = WIRE.error_event("x", "gone").split(b"\n")[:2]
    assert (b"event: error", "gone") == (name, orjson.loads(data[6:])["message"])
