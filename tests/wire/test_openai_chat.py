"""OpenAI chat completions: what the transcripts do not say."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from isartor_addon.core.errors import BadReply, ClientMistake, Untranslatable
from isartor_addon.core.prompt import (
    Document,
    Image,
    Opaque,
    Part,
    Prompt,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from isartor_addon.core.reply import Reply, Stop, Usage, join
from isartor_addon.wire.openai_chat import WIRE
from isartor_addon.wire.sse import event
from tests.wire.chat_bodies import bodies

PATH = "/v1/chat/completions"
ROUTE = WIRE.route("POST", "api.openai.com", PATH, {})


def parsed(body: dict[str, Any]) -> Prompt:
    assert ROUTE is not None
    return WIRE.parse(ROUTE, body)


def streamed(*chunks: dict[str, Any], done: bool = True) -> Reply:
    decoder = WIRE.decoder("sse")
    deltas = decoder.feed(
        b"".join(event(orjson.dumps(chunk)) for chunk in chunks) + (b"data: [DONE]\n\n" if done else b"")
    )
    return join(deltas + decoder.close())


def chunk(delta: dict[str, Any], finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **fields}


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (PATH, ""),
        ("/chat/completions", ""),
        ("/api/v1/chat/completions", ""),
        ("/openai/deployments/gpt-4o-prod/chat/completions", "gpt-4o-prod"),
    ],
)
def test_every_prefix_is_routed(path: str, model: str) -> None:
    """OpenAI, Copilot, OpenRouter and Azure put different things before `/chat/completions`."""
    route = WIRE.route("POST", "h", path, {})
    assert route is not None
    assert (path, model, "generate") == (route.target, route.model, route.operation)


def test_the_version_of_azures_interface_is_addressed_too() -> None:
    """`api-version` chooses behaviour, so it is part of the target."""
    path = "/openai/deployments/m/chat/completions"
    routes = [WIRE.route("POST", "h", path, {"api-version": version}) for version in ("2024-10-21", "2025-04-01")]
    assert [f"{path}?api-version=2024-10-21", f"{path}?api-version=2025-04-01"] == [r.target for r in routes if r]


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", PATH + "/c1"), ("POST", "/v1/completions")])
def test_other_requests_are_not_ours(method: str, path: str) -> None:
    """Stored completions, and the legacy format, are not chat."""
    assert WIRE.route(method, "h", path, {}) is None


@pytest.mark.parametrize(
    ("fields", "mode"),
    [
        ({}, "json"),
        ({"stream": False, "stream_options": {"include_usage": True}}, "json"),
        ({"stream": True}, "sse"),
        ({"stream": True, "stream_options": None}, "sse"),
        ({"stream": True, "stream_options": {"include_usage": True}}, "sse+usage"),
    ],
)
def test_the_mode_is_what_the_body_asks(fields: dict[str, Any], mode: str) -> None:
    """`stream_options` counts in a stream only."""
    assert ROUTE is not None
    assert mode == WIRE.mode(ROUTE, fields)


@given(bodies)
@settings(max_examples=150)
def test_every_body_is_written_back_as_it_was(body: dict[str, Any]) -> None:
    """Reading loses nothing: nulls, spellings, unknown fields of body, turn, part and tool."""
    assert body == WIRE.render(parsed(body))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": {}},
        {"messages": ["hi"]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": ["hi"]}]},
        {"messages": [{"role": "poet", "content": "hi"}]},
        {"messages": [], "stream": "yes"},
        {"messages": [], "temperature": "hot"},
        {"messages": [], "seed": True},
        {"messages": [], "stop": [1]},
        {"messages": [], "tools": {"a": 1}},
        {"messages": [{"role": "assistant", "tool_calls": [1]}]},
    ],
)
def test_wrong_types_are_the_clients_mistake(body: dict[str, Any]) -> None:
    """What the wire does not allow is refused with a sentence."""
    with pytest.raises(ClientMistake):
        parsed(body)


def test_a_request_is_understood() -> None:
    """Roles, parts, tools and sampling come out as the neutral words."""
    prompt = parsed(
        {
            "model": "m",
            "max_tokens": 9,
            "stop": "x",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "see", "cache_control": {"type": "ephemeral"}}]},
                {"role": "assistant", "reasoning": "hm", "content": None, "tool_calls": [_call("c1", "f", "{}")]},
                {"role": "tool", "tool_call_id": "c1", "content": "done"},
            ],
            "tools": [
                {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}
            ],
        }
    )
    assert (
        Turn("user", (Text("see", {"cache_control": {"type": "ephemeral"}}),)),
        Turn("assistant", (Thinking("hm", extra={"field": "reasoning"}), ToolCall("c1", "f", "{}")), {"content": None}),
        Turn("tool", (ToolResult("c1", (Text("done"),)),)),
    ) == prompt.turns
    assert (Tool("f", schema={"type": "object"}, extra={"strict": True}),) == prompt.tools
    assert Sampling(max_tokens=9, stop=("x",)) == prompt.sampling


def test_parts_by_value_and_by_reference() -> None:
    """Images and files are read; what only this wire knows stays opaque."""
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    content = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
        audio,
    ]
    (turn,) = parsed({"messages": [{"role": "user", "content": content}]}).turns
    assert (
        Image(data="AAAA", media_type="image/png", extra={"image_url": {"detail": "low"}}),
        Image(url="https://example.org/a.png"),
        Document(data="AAAA", media_type="application/pdf", name="a.pdf"),
        Opaque("openai_chat", audio),
    ) == turn.parts


def _call(id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_turns_of_other_wires_become_messages() -> None:
    """System apart from the turns, results and words in one turn: chat has a message for each."""
    prompt = Prompt(
        model="m",
        system=(Text("Be brief."),),
        turns=(
            Turn("assistant", (Thinking("hm"), Text("Let me see."), ToolCall("c1", "f", '{"a":1}'))),
            Turn("user", (ToolResult("c1", (Text("one"),)), ToolResult("c2", (Text("two"),)), Text("Go on."))),
        ),
        sampling=Sampling(max_tokens=5),
        stream=True,
    )
    assert {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "assistant",
                "reasoning_content": "hm",
                "content": "Let me see.",
                "tool_calls": [_call("c1", "f", '{"a":1}')],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": "two"},
            {"role": "user", "content": "Go on."},
        ],
        "max_completion_tokens": 5,
        "stream": True,
    } == WIRE.render(prompt)


@pytest.mark.parametrize(
    "part",
    [Opaque("gemini", {}), Thinking("hm", signature="sig"), Document(url="https://example.org/a.pdf")],
)
def test_what_chat_cannot_say_is_refused(part: Part) -> None:
    """Nothing is dropped silently."""
    with pytest.raises(Untranslatable):
        WIRE.render(Prompt("m", (Turn("assistant", (part,)),)))


def test_a_tool_of_another_wire_is_refused() -> None:
    """A provider-run tool of another provider cannot be offered here."""
    with pytest.raises(Untranslatable, match="web_search_20250305"):
        WIRE.render(Prompt("m", (), tools=(Tool("web_search", extra={"type": "web_search_20250305"}),)))


def test_tool_calls_without_index_and_with_a_late_name() -> None:
    """Compatible providers leave the index out, or send the arguments before the name."""
    reply = streamed(
        chunk({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{"}}]}),
        chunk({"tool_calls": [{"function": {"arguments": "}"}}]}),
        chunk({"tool_calls": [{"id": "b", "function": {"arguments": "[]"}}]}),
        chunk({"tool_calls": [{"id": "b", "function": {"name": "g"}}]}, "tool_calls"),
    )
    assert (ToolCall("a", "f", "{}"), ToolCall("b", "g", "[]")) == reply.parts


@pytest.mark.parametrize(
    "pieces",
    [
        [{"index": 0, "id": "a", "function": {"name": "f"}}, {"index": 0, "id": "b", "function": {"name": "g"}}],
        [{"index": 0, "id": "a", "function": {"name": "f"}}, {"index": 0, "function": {"name": "g"}}],
    ],
)
def test_calls_that_contradict_themselves_are_kept_verbatim_only(pieces: list[dict[str, Any]]) -> None:
    """Two ids or names under one index cannot be said; the bytes may still be served."""
    chunks = [chunk({"tool_calls": [piece]}) for piece in pieces] + [chunk({}, "tool_calls")]
    with pytest.raises(Untranslatable):
        streamed(*chunks)
    content = b"".join(event(orjson.dumps(each)) for each in chunks) + b"data: [DONE]\n\n"
    assert "" == WIRE.examine("generate", "sse", content).reason


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [chunk({"content": "a"})],
        [chunk({"content": "a"}, "error")],
        [chunk({"content": "a"}, "insufficient_system_resource")],
        [chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, "tool_calls")],
        [chunk({"content": "a"}), {"error": {"message": "no"}}],
        [chunk({"content": ["a"]}), {"choices": [{"index": [], "delta": {}}]}],
    ],
)
@pytest.mark.parametrize("done", [True, False])
def test_incomplete_and_failed_streams_are_no_reply(chunks: list[dict[str, Any]], done: bool) -> None:
    """Without a finish reason, with a fault for one, or with an error inside: never stored."""
    with pytest.raises(BadReply):
        streamed(*chunks, done=done)


def whole(message: Any, **choice: Any) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}]}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"choices": []},
        {"choices": None},
        {"error": {"message": "no"}},
        whole(None),
        whole({"content": "a"}, finish_reason=None),
        whole({"content": "a"}, finish_reason=["stop"]),
        whole({"content": "a"}, error={"code": 502}),
        whole({"content": "a", "tool_calls": {}, "annotations": 5}),
        whole({"content": "a", "function_call": {"name": "f"}}),
    ],
)
def test_incomplete_and_failed_replies_are_no_reply(body: Any) -> None:
    """Errors in any place, and what is not finished."""
    with pytest.raises(BadReply):
        WIRE.read_reply(body)


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "audio": {"id": "a", "data": "AAAA"}},
        {"content": [{"type": "text", "text": "a"}]},
        {"content": None, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": {}}}]},
    ],
)
def test_what_a_reply_cannot_say_is_kept_verbatim(message: dict[str, Any]) -> None:
    """Audio, content in parts, arguments that are no text: complete, but only the bytes can say them."""
    with pytest.raises(Untranslatable):
        WIRE.read_reply(whole(message))
    assert "" == WIRE.examine("generate", "json", orjson.dumps(whole(message))).reason


def test_reasoning_details_that_are_no_pieces_stay_apart() -> None:
    """Only pieces of one index and type are one detail."""
    first, second = (
        {"type": "reasoning.summary", "index": 0, "summary": "a"},
        {"type": "reasoning.encrypted", "index": 1},
    )
    reply = streamed(
        *(chunk({"content": "x", "reasoning_details": [each]}) for each in (first, second, 5)), chunk({}, "stop")
    )
    assert {"reasoning_details": [first, second, 5]} == reply.extra["message"]


def test_a_text_in_pieces_in_an_unknown_field_is_kept_verbatim_only() -> None:
    """Whether it grows or is said anew cannot be known."""
    with pytest.raises(Untranslatable, match="mood"):
        streamed(chunk({"mood": "gl"}), chunk({"mood": "ad"}), chunk({}, "stop"))
    assert {"mood": "glad"} == streamed(*[chunk({"mood": "glad"})] * 2, chunk({}, "stop")).extra["message"]


def test_done_is_noticed_in_a_stream_that_no_reply_can_say() -> None:
    """Several choices: the decoder goes on to the end, and only `close` says that it cannot."""
    two = {
        "id": "c",
        "model": "m",
        "choices": [{"index": i, "delta": {"content": "a"}, "finish_reason": "stop"} for i in (0, 1)],
    }
    decoder = WIRE.decoder("sse")
    decoder.feed(event(orjson.dumps(two)))
    assert not decoder.done
    decoder.feed(b"data: [DONE]\n\n")
    assert decoder.done
    with pytest.raises(Untranslatable, match="several choices"):
        decoder.close()


def test_a_reply_of_another_wire_is_written_whole() -> None:
    """Reasoning, text, calls, stop and counts of another provider's reply have their fields here."""
    reply = Reply(
        id="msg_1",
        model="claude",
        parts=(Thinking("hm"), Text("One. "), Text("Two."), ToolCall("t1", "f", "{}")),
        stop=Stop("tool", raw="tool_use"),
        usage=Usage(input=3, output=4, cache_read=2, extra={"input_tokens": 3}),
    )
    written = WIRE.write_reply(reply)
    message = written["choices"][0]["message"]
    assert ("hm", "One. Two.", [_call("t1", "f", "{}")]) == (
        message["reasoning_content"],
        message["content"],
        message["tool_calls"],
    )
    assert "tool_calls" == written["choices"][0]["finish_reason"]
    assert {
        "prompt_tokens": 5,
        "completion_tokens": 4,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 2},
    } == written["usage"]


def test_errors_have_openais_shape() -> None:
    """The SDK reads message, type, param and code; in a stream it looks for `error` in an event."""
    expected = {"message": "no", "type": "invalid_request_error", "param": None, "code": "isartor_bad_request"}
    assert {"error": expected} == orjson.loads(WIRE.error(400, "isartor_bad_request", "no"))
    assert {"error": expected | {"type": "server_error"}} == orjson.loads(
        WIRE.error_event("isartor_bad_request", "no").removeprefix(b"data: ")
    )


def test_modes_of_other_wires_are_refused() -> None:
    """Chat knows no newline-delimited JSON."""
    with pytest.raises(Untranslatable):
        WIRE.decoder("ndjson")
    with pytest.raises(Untranslatable):
        WIRE.encode(Reply("", "", (), Stop("end")), "array")
