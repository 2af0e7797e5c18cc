"""Gemini: requests, replies and streams. The golden transcripts are run by `test_transcripts.py`."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply, ClientMistake, Untranslatable
from isartor_addon.core.prompt import (
    Document,
    Image,
    Opaque,
    Part,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire.base import Mode
from isartor_addon.wire.gemini import INTERNAL, WIRE, Gemini

ROUTE = WIRE.route("POST", "generativelanguage.googleapis.com", "/v1beta/models/m:generateContent", {})
INNER = INTERNAL.route("POST", "cloudcode-pa.googleapis.com", "/v1internal:generateContent", {})
assert ROUTE is not None
assert INNER is not None
GOLDEN = Path(__file__).parent.parent / "transcripts"
RECORDED: list[tuple[Gemini, Mode, Path]] = [
    (wire, mode, path)
    for wire in (WIRE, INTERNAL)
    for mode in ("json", "sse", "array")
    for path in sorted((GOLDEN / wire.name).glob(f"*/response.{mode}"))
]

# ---------------------------------------------------------------- requests

texts = st.text(max_size=12)
names = st.text("abc_", min_size=1, max_size=6)
numbers = st.integers(-9, 9) | st.floats(-2, 2, width=32)
scalars = st.none() | st.booleans() | numbers | texts
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2))
objects = st.dictionaries(names, anything, max_size=2)


def shaped(required: dict[str, Any], optional: dict[str, Any] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional or {})


signature = {name: st.none() | texts for name in ("thoughtSignature", "thought_signature")}
mime = st.sampled_from(["image/png", "application/pdf", "audio/wav", "", "text/plain"]) | st.none()
file = shaped(
    {}, {"mimeType": mime, "mime_type": mime, "data": texts, "fileUri": texts, "file_uri": texts, "x": anything}
)
call = shaped({}, {"name": names, "args": st.none() | objects, "id": st.none() | texts, "willContinue": st.booleans()})
result = shaped(
    {},
    {
        "name": texts,
        "id": texts,
        "response": st.none() | objects | shaped({}, {"output": texts | objects, "error": texts}),
        "parts": anything,
    },
)
parts = st.one_of(
    shaped({"text": texts}, {"thought": st.none() | st.booleans(), **signature}),
    shaped({"inlineData": file}, {"videoMetadata": anything, "inline_data": file}),
    shaped({"inline_data": file}, signature),
    shaped({"fileData": file}) | shaped({"file_data": file | anything}),
    shaped({"functionCall": call}, signature) | shaped({"function_call": call}),
    shaped({"functionResponse": result}) | shaped({"function_response": result}),
    shaped({"executableCode": objects}) | objects,
)
contents = shaped(
    {},
    {
        "role": st.sampled_from(["user", "model", "function", "tool", "", "other", None]),
        "parts": st.none() | st.lists(parts, max_size=3) | parts,
        "x": anything,
    },
)
declarations = shaped(
    {},
    {
        "name": texts,
        "description": st.none() | texts,
        "parameters": st.none() | objects,
        "parametersJsonSchema": objects,
        "parameters_json_schema": st.none() | objects,
        "tools": anything,
    },
)
tool_lists = st.lists(
    shaped(
        {},
        {
            "functionDeclarations": st.none() | st.lists(declarations, max_size=2),
            "function_declarations": st.lists(declarations, max_size=2) | anything,
            "googleSearch": objects,
        },
    ),
    max_size=3,
)
configs = shaped(
    {},
    {
        "temperature": scalars,
        "topP": numbers,
        "top_p": scalars,
        "topK": scalars,
        "maxOutputTokens": scalars,
        "max_output_tokens": numbers,
        "stopSequences": st.lists(texts, max_size=2) | scalars,
        "seed": scalars,
        "responseMimeType": texts,
        "response_schema": objects,
        "thinkingConfig": objects,
    },
)
optional = st.none() | objects
bodies = shaped(
    {},
    {
        "contents": st.none() | st.lists(contents, max_size=3) | contents,
        "systemInstruction": st.none() | texts | contents,
        "system_instruction": st.none() | contents,
        "tools": st.none() | tool_lists | anything,
        "toolConfig": optional,
        "tool_config": optional,
        "generationConfig": st.none() | configs,
        "generation_config": st.none() | configs,
        "safetySettings": anything,
        "cachedContent": texts,
        "model": texts,
        "v_unknown": anything,
    },
)


def spelled(value: Any) -> str:
    """JSON with sorted keys: unlike `==` it tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


@settings(max_examples=100)
@example(body={"tools": [{"functionDeclarations": [{"tools": -2}]}]})
@given(body=bodies)
def test_reading_a_request_loses_nothing(body: dict[str, Any]) -> None:
    """What is read is written back with the same values, types and spellings."""
    before = spelled(body)
    assert before == spelled(WIRE.render(WIRE.parse(ROUTE, body)))
    assert before == spelled(body)


@settings(max_examples=25)
@given(inner=bodies, outer=shaped({}, {"model": texts | st.none(), "project": texts, "user_prompt_id": texts}))
def test_reading_an_envelope_loses_nothing(inner: dict[str, Any], outer: dict[str, Any]) -> None:
    """The same inside `v1internal`."""
    body = {**outer, "request": inner}
    assert spelled(body) == spelled(INTERNAL.render(INTERNAL.parse(INNER, body)))


fields = ["contents", "systemInstruction", "tools", "toolConfig", "generationConfig"]


@settings(max_examples=40)
@given(
    body=st.dictionaries(st.sampled_from(fields), anything | st.lists(shaped({"parts": anything, "role": anything})))
)
def test_a_strange_request_is_a_mistake_or_understood(body: dict[str, Any]) -> None:
    """A body of any types gives a prompt or `ClientMistake`, nothing else."""
    for wire, route, whole in ((WIRE, ROUTE, body), (INTERNAL, INNER, {"request": body}), (INTERNAL, INNER, body)):
        with contextlib.suppress(ClientMistake):
            assert spelled(whole) == spelled(wire.render(wire.parse(route, whole)))


def test_the_neutral_view_of_a_request() -> None:
    """Every kind of content has its neutral part."""
    body = json.loads((GOLDEN / "gemini" / "tool_sse" / "request.json").read_bytes())["body"]
    prompt = WIRE.parse(ROUTE, body)
    asked, model, results, other, _ = (turn.parts for turn in prompt.turns)
    assert Image(data="iVBORw0KGgo=", media_type="image/png") == asked[1]
    assert [Text, Image, Document, Opaque, Image] == [type(part) for part in asked]
    assert "https://e.org/i.png" == asked[4].url if isinstance(asked[4], Image) else False
    assert Thinking("I look.", "U0lH") == model[0]
    assert ToolCall("ls_1", "ls", '{"dir":"."}', {"thoughtSignature": "Q0FMTA=="}) == model[1]
    expected = [
        ("ls_1", "ls", False, "README.md"),
        ("", "now", True, "no clock"),
        ("", "bare", False, '{"a":1,"b":[1.5,null]}'),
    ]
    assert expected == [_told(part) for part in results]
    assert [("", "x", False, '{"output":{"k":1}}')] == [_told(part) for part in other]
    assert ["ls", "now", "bare", "late"] == [tool.name for tool in prompt.tools]
    assert {"type": "object", "properties": {"dir": {"type": "string"}}} == prompt.tools[0].schema


def _told(part: Part) -> tuple[str, str, bool, str]:
    assert isinstance(part, ToolResult)
    (text,) = part.parts
    assert isinstance(text, Text)
    return part.call_id, part.name, part.is_error, text.text


def test_the_neutral_view_of_settings() -> None:
    """Sampling and the answer's format are found in both spellings."""
    body = json.loads((GOLDEN / "gemini" / "text_json" / "request.json").read_bytes())["body"]
    prompt = WIRE.parse(ROUTE, body)
    assert Sampling(temperature=0.5, top_p=0.9, max_tokens=100, stop=("END",)) == prompt.sampling
    assert {"response_mime_type": "application/json"} == prompt.response_format
    assert (Text("Be brief."),) == prompt.system
    assert {"function_calling_config": {"mode": "NONE"}} == prompt.tool_choice


def test_a_system_instruction_may_be_a_string() -> None:
    """It is read as one text and stays a string."""
    body = {"systemInstruction": "Be brief."}
    prompt = WIRE.parse(ROUTE, body)
    assert (Text("Be brief."),) == prompt.system
    assert body == WIRE.render(prompt)


def test_a_changed_prompt_is_written() -> None:
    """What a layer changes is what is sent, in the spelling that came."""
    body = {
        "contents": {"parts": [{"text": "hi"}]},
        "generation_config": {"top_p": 0.5, "temperature": 1, "thinking_config": {"x": 1}, "response_mime_type": "a/b"},
        "tools": [{"googleSearch": {}}, {"function_declarations": [{"name": "a"}, {"name": "b"}]}],
    }
    prompt = WIRE.parse(ROUTE, body)
    changed = replace(
        prompt,
        turns=(
            *prompt.turns,
            Turn("assistant", (Text("hello"),)),
            Turn("tool", (ToolResult("i", (Text("{}x"),), "n"),)),
        ),
        system=(Text("Be brief."),),
        tools=(prompt.tools[1], Tool("c", "d", {"type": "object"})),
        sampling=Sampling(top_p=0.25, max_tokens=5, stop=("x",)),
        response_format=None,
    )
    expected = {
        "contents": [
            {"parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"text": "hello"}]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"id": "i", "name": "n", "response": {"output": "{}x"}}}],
            },
        ],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generation_config": {
            "top_p": 0.25,
            "maxOutputTokens": 5,
            "stopSequences": ["x"],
            "thinking_config": {"x": 1},
        },
        "tools": [
            {"googleSearch": {}},
            {
                "function_declarations": [
                    {"name": "b"},
                    {"name": "c", "description": "d", "parameters": {"type": "object"}},
                ]
            },
        ],
    }
    assert expected == WIRE.render(changed)


@pytest.mark.parametrize(
    "body",
    [
        {"contents": "hi"},
        {"contents": ["hi"]},
        {"contents": [{"parts": "hi"}]},
        {"contents": [{"parts": ["hi"]}]},
        {"contents": [{"role": 5}]},
        {"systemInstruction": 5},
        {"generationConfig": []},
    ],
)
def test_wrong_types_are_the_clients_mistake(body: dict[str, Any]) -> None:
    """The skeleton of a request has to be right."""
    with pytest.raises(ClientMistake):
        WIRE.parse(ROUTE, body)


@pytest.mark.parametrize(
    "part", [Opaque("anthropic_messages", {}), ToolCall("", "n", "free"), ToolResult("", (Image(url="u"),))]
)
def test_what_cannot_be_said_is_not_dropped(part: Part) -> None:
    """Other wires' opaque content, free-text arguments, pictures in results."""
    prompt = WIRE.parse(ROUTE, {"contents": [{"parts": [{"text": "hi"}]}]})
    with pytest.raises(Untranslatable):
        WIRE.render(replace(prompt, turns=(Turn("user", (part,)),)))


# ---------------------------------------------------------------- the request line

VERTEX = "/v1/projects/p/locations/l/publishers/google/models/m"


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/v1beta/models/m:generateContent", {}, ("generate", "m", "json", "/v1beta/models/m:generateContent")),
        ("/v1/models/m:generateContent", {"key": "k"}, ("generate", "m", "json", "/v1/models/m:generateContent")),
        (
            "/v1alpha/models/m:streamGenerateContent",
            {"alt": "sse"},
            ("generate", "m", "sse", "/v1alpha/models/m:generateContent"),
        ),
        (f"{VERTEX}:streamGenerateContent", {}, ("generate", "m", "array", f"{VERTEX}:generateContent")),
        ("/v1beta1/models/m:countTokens", {}, ("count", "m", "json", "/v1beta1/models/m:countTokens")),
        ("/v1beta/models/m:embedContent", {}, ("embed", "m", "json", "/v1beta/models/m:embedContent")),
        ("/g/v1/models/m:batchEmbedContents", {}, ("embed", "m", "json", "/g/v1/models/m:batchEmbedContents")),
        ("/v1/tunedModels/t:generateContent", {}, ("generate", "t", "json", "/v1/tunedModels/t:generateContent")),
        ("/v1internal:generateContent", {}, ("generate", "", "json", "/v1internal:generateContent")),
        ("/v1internal:streamGenerateContent", {"alt": "sse"}, ("generate", "", "sse", "/v1internal:generateContent")),
        ("/v1internal:countTokens", {}, ("count", "", "json", "/v1internal:countTokens")),
        ("/v1internal:loadCodeAssist", {}, None),
        ("/v1internal:onboardUser", {}, None),
        ("/v1beta/models/m:predict", {}, None),
        ("/v1beta/models/m", {}, None),
        ("/v1beta/models", {}, None),
        ("/v1beta/cachedContents", {}, None),
        ("/models/m:generateContent", {}, None),
        ("/v1beta/models/:generateContent", {}, None),
        (":generateContent", {}, None),
        ("", {}, None),
    ],
)  # fmt: skip
def test_what_is_routed(path: str, query: dict[str, str], expected: tuple[str, ...] | None) -> None:
    """Versions, Vertex and the envelope; the target does not tell streams from whole replies."""
    routes = [route for wire in (WIRE, INTERNAL) if (route := wire.route("POST", "h", path, query))]
    found = [(route.operation, route.model, route.wire.mode(route, {}), route.target) for route in routes]
    assert ([expected] if expected else []) == found
    assert all(wire.route("GET", "h", path, query) is None for wire in (WIRE, INTERNAL))


def test_mcp_servers_are_not_cached() -> None:
    """What the provider's own tools do to the world is not in the body."""
    body = {"tools": [{"mcpServers": [{"name": "s"}]}]}
    assert WIRE.uncacheable(ROUTE, body) and INTERNAL.uncacheable(INNER, {"request": body})
    plain = {"tools": [{"googleSearch": {}}], "cachedContent": "cachedContents/1"}
    assert "" == WIRE.uncacheable(ROUTE, plain) == INTERNAL.uncacheable(INNER, {"request": plain})


# ---------------------------------------------------------------- replies

words = st.text('ab "\\\n[]{},\u00e9\u2028\U0001f44b', min_size=1, max_size=600)
signed = st.just({}) | st.just({"thoughtSignature": "S"})


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    kinds = st.one_of(
        st.builds(Text, words, signed),
        st.builds(Thinking, words, st.just("") | st.just("S")),
        st.builds(ToolCall, st.just("") | names, names, objects.map(lambda args: orjson.dumps(args).decode()), signed),
        st.just(Opaque("gemini", {"executableCode": {"language": "PYTHON", "code": "1"}})),
    )
    drawn: list[Part] = []
    for part in draw(st.lists(kinds, max_size=5)):
        # A text after an unsigned text is more of it: no stream can tell the two apart.
        unsigned = drawn and isinstance(drawn[-1], Text | Thinking) and not drawn[-1].extra and drawn[-1] != part
        if unsigned and type(drawn[-1]) is type(part) and not getattr(drawn[-1], "signature", ""):
            continue
        if drawn and drawn[-1] == part:
            continue
        drawn.append(part)
    usage = draw(
        shaped({"promptTokenCount": st.integers(0, 9)}, {"thoughtsTokenCount": st.integers(0, 9), "x": anything})
    )
    fields = {"finishReason": draw(st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY", "OTHER", "BRAND_NEW"]))}
    fields |= draw(shaped({}, {"index": st.just(0), "groundingMetadata": objects, "citationMetadata": objects}))
    body = {
        "candidates": [fields],
        "usageMetadata": usage,
        **draw(shaped({}, {"responseId": names, "createTime": texts})),
    }
    reply = WIRE.read_reply(body)
    calls = any(isinstance(part, ToolCall) for part in drawn)
    stop = replace(reply.stop, reason="tool") if calls and reply.stop.reason == "end" else reply.stop
    return replace(reply, parts=tuple(drawn), stop=stop)


@given(reply=replies(), beside=st.just({}) | st.just({"traceId": "t"}))
def test_a_reply_written_in_any_mode_is_the_same(reply: Reply, beside: dict[str, Any]) -> None:
    """Writing and reading give the very same reply: whole, as events, as an array, and inside the envelope."""
    enveloped = replace(reply, extra={**reply.extra, "response": beside}) if beside else reply
    for mode in ("json", "sse", "array"):
        assert reply == WIRE.read(mode, b"".join(WIRE.write(mode, reply)))
        assert enveloped == INTERNAL.read(mode, b"".join(INTERNAL.write(mode, enveloped)))


@pytest.mark.parametrize("part", [Text("ab \u00e9" * 300, {"thoughtSignature": "S"}), Thinking("ab \u00e9" * 300, "S")])
def test_long_texts_are_split_and_signed_at_their_end(part: Text | Thinking) -> None:
    """A text comes in several chunks, and what belongs to the whole of it in the last."""
    reply = Reply("r", "m", (part,), Stop("end", "STOP"))
    chunks = [orjson.loads(event[6:])["candidates"][0] for event in WIRE.encode(reply, "sse")]
    pieces = [chunk["content"]["parts"][0] for chunk in chunks]
    assert part.text == "".join(piece["text"] for piece in pieces)
    assert [False] * (len(pieces) - 1) + [True] == ["thoughtSignature" in piece for piece in pieces]
    assert [False] * (len(pieces) - 1) + [True] == ["finishReason" in chunk for chunk in chunks]
    assert len(pieces) > 1
    assert reply.parts == WIRE.read("sse", b"".join(WIRE.encode(reply, "sse"))).parts


def test_a_call_without_arguments_has_an_empty_object() -> None:
    """Arguments of a reply are always JSON."""
    reply = WIRE.read_reply(
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "now"}}]}, "finishReason": "STOP"}]}
    )
    assert (ToolCall("", "now", "{}"),) == reply.parts


def test_a_function_call_in_pieces_is_kept_verbatim_only() -> None:
    """Arguments that grow over chunks (Vertex) are not translated, and the finished stream is worth keeping."""
    pieces = [{"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}]}}]
    chunk = {"candidates": [{"content": {"parts": pieces}}]}
    end = {"candidates": [{"finishReason": "STOP"}]}
    content = b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in (chunk, end))
    with pytest.raises(Untranslatable):
        WIRE.read("sse", content)
    assert "" == WIRE.examine("generate", "sse", content).reason
    with pytest.raises(BadReply):
        WIRE.examine("generate", "sse", b"data: " + orjson.dumps(chunk) + b"\n\n")


def test_a_reply_of_another_provider_is_written_in_this_wires_words() -> None:
    """Stop and usage are said as Gemini says them."""
    foreign = Reply(
        "r", "m", (ToolCall("i", "n", ""),), Stop("tool", "tool_calls"), Usage(input=1, output=2, extra={"x": 1})
    )
    expected = {
        "candidates": [
            {
                "content": {"parts": [{"functionCall": {"id": "i", "name": "n"}}], "role": "model"},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
        "modelVersion": "m",
        "responseId": "r",
    }
    assert expected == WIRE.write_reply(foreign)


# ---------------------------------------------------------------- bad input


@settings(max_examples=200)
@given(data=st.data())
def test_mutated_replies_raise_nothing_else(data: st.DataObject) -> None:
    """Whatever the bytes are: a reply, `BadReply` or `Untranslatable`; the same for `verify`."""
    wire, mode, path = data.draw(st.sampled_from(RECORDED))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"null", b"0", b"[]", b"{}", b'"x"', b"\n\n", b"]", b"}", b'"'])
        )
    with contextlib.suppress(BadReply, Untranslatable):
        wire.read(mode, bytes(content))
    with contextlib.suppress(BadReply):
        wire.examine("generate", mode, bytes(content))


@given(content=st.binary(max_size=200))
def test_random_bytes_are_no_reply(content: bytes) -> None:
    """Noise is a bad reply in every mode."""
    for mode in ("json", "sse", "array"):
        with pytest.raises(BadReply):
            WIRE.read(mode, content)


candidates = shaped(
    {"content": shaped({"parts": st.lists(parts) | anything}) | anything, "finishReason": scalars}, {"index": scalars}
)


@given(body=anything | shaped({"candidates": st.lists(candidates, max_size=2) | anything}, {"usageMetadata": anything}))
def test_any_json_is_a_reply_or_none(body: Any) -> None:
    """A whole reply of any types gives a reply, `BadReply` or `Untranslatable`."""
    for wire in (WIRE, INTERNAL):
        with contextlib.suppress(BadReply, Untranslatable):
            reply = wire.read_reply({"response": body} if wire is INTERNAL else body)
            assert reply.stop.raw


def test_deep_nesting_is_carried_untouched() -> None:
    """As deep as the JSON reader goes, nothing breaks and nothing is lost."""
    deep = orjson.loads(b'{"a":' * 900 + b"1" + b"}" * 900)
    body = {"contents": [{"parts": [{"functionCall": {"name": "f", "args": deep}}, {"x": deep}]}]}
    assert body == WIRE.render(WIRE.parse(ROUTE, body))
    reply = WIRE.read_reply(
        {"candidates": [{**body["contents"][0], "content": body["contents"][0], "finishReason": "STOP"}]}
    )
    for mode in ("json", "sse", "array"):
        with pytest.raises(Untranslatable):
            WIRE.write(mode, reply)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (413, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_errors_have_the_words_of_their_status(status: int, expected: str) -> None:
    """Code, word and reason as Google writes them."""
    error = orjson.loads(WIRE.error(status, "isartor_x", "no"))["error"]
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ISARTOR_X", "domain": "isartor"}
    assert {"code": status, "message": "no", "status": expected, "details": [reason]} == error


def test_an_error_in_a_stream_ends_it() -> None:
    """The error event is one that this wire itself reads as an error."""
    with pytest.raises(BadReply, match="no"):
        WIRE.decoder("sse").feed(WIRE.error_event("isartor_x", "no"))
