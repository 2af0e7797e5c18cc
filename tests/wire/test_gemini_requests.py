"""Gemini: what is asked, and where. The golden transcripts are run by `test_transcripts.py`."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import ClientMistake, Untranslatable
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
from isartor_addon.wire.gemini import INTERNAL, WIRE
from tests.wire.drawn import anything, shaped, texts
from tests.wire.gemini_bodies import INNER, ROUTE, bodies

GOLDEN = Path(__file__).parent.parent / "transcripts"


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
