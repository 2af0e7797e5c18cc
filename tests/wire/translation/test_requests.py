"""Requests of one wire, said on another."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.core.prompt import Document, Image, Part, Sampling, Text, ToolCall, ToolResult, Turn
from isartor_addon.wire import WIRES
from isartor_addon.wire.translate import SOURCES, TARGETS, translate_request
from isartor_addon.wire.translation.ask import Ask, Choice, Format, Function
from isartor_addon.wire.translation.turns import SEPARATOR
from tests.wire.chat_bodies import values
from tests.wire.test_fuzz import mutated
from tests.wire.transcripts import transcripts
from tests.wire.translation.carrying import BODIES, FOUR, MODELS, PDF, PNG, route_of, sent

# Drawn requests: what all four wires can say.

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda text: text.strip() != ""
)
NAMES = st.text("abcdefghij_", min_size=1, max_size=10)
SCHEMA = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(NAMES, st.just({"type": "string"}), max_size=2)}
)
PICTURES: tuple[Part, ...] = (
    Image(data=PNG, media_type="image/png"),
    Image(url="https://host.example/a.png"),
    Document(data=PDF, media_type="application/pdf", name="a.pdf"),
)


@st.composite
def turns(draw: st.DrawFn) -> tuple[Turn, ...]:
    """A conversation: instructions, then rounds of user and model, with calls and all their results."""
    found = [Turn("system", (Text(draw(WORDS)),))] if draw(st.booleans()) else []
    number = 0
    for _ in range(draw(st.integers(1, 3))):
        pictures = draw(st.lists(st.sampled_from(PICTURES), max_size=1))
        found.append(Turn("user", (Text(draw(WORDS)), *pictures)))
        words = [Text(draw(WORDS))] if draw(st.booleans()) else []
        calls: list[ToolCall] = []
        for _ in range(draw(st.integers(0 if words else 1, 2))):
            arguments = draw(st.dictionaries(NAMES, st.integers(-9, 9) | WORDS, max_size=2))
            calls.append(ToolCall(f"call_{number}", draw(NAMES), json.dumps(arguments)))
            number += 1
        found.append(Turn("assistant", (*words, *calls)))
        if calls:
            results = tuple(ToolResult(call.id, (Text(draw(WORDS)),)) for call in calls)
            found.append(Turn("tool", results))
    return tuple(found)


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    """A request."""
    tools = draw(
        st.lists(
            st.builds(Function, NAMES, WORDS, SCHEMA), min_size=1, max_size=3, unique_by=lambda tool: tool.name
        ).map(tuple)
    )
    modes = [None, Choice("auto"), Choice("none"), Choice("required")] + [Choice("named", tool.name) for tool in tools]
    sampling = Sampling(
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.sampled_from((0.25, 0.5))),
        max_tokens=draw(st.integers(1, 9999)),
    )
    return Ask(
        turns=draw(turns()),
        tools=tools,
        choice=draw(st.sampled_from(modes)) if tools else None,
        sampling=sampling,
        format=draw(st.none() | st.builds(Format, SCHEMA)),
    )


def meaning(ask: Ask) -> Ask:
    """The request without what two wires spell differently for the same."""
    found = [replace(turn, parts=tuple(_meaning(part) for part in turn.parts)) for turn in ask.turns]
    form = replace(ask.format, name="", strict=None) if ask.format else None
    return Ask(
        turns=tuple(found),
        tools=tuple(replace(tool, strict=tool.strict or None) for tool in ask.tools),
        choice=ask.choice or Choice("auto"),
        sampling=ask.sampling,
        format=form,
    )


def _meaning(part: Part) -> Part:
    match part:
        case ToolCall(call_id, name, arguments):
            return ToolCall(call_id, name, json.dumps(json.loads(arguments), sort_keys=True))
        case ToolResult(call_id, parts):
            text = SEPARATOR.join(each.text for each in parts if isinstance(each, Text))
            return ToolResult(call_id, (Text(text),))
        case Document():
            return replace(part, name="")  # Gemini has no place for it
        case Image() if part.url:
            return replace(part, media_type="")
    return part


@settings(max_examples=150)
@given(ask=asks(), data=st.data())
def test_there_and_back_is_the_same_request(ask: Ask, data: st.DataObject) -> None:
    """A request said on one wire, translated to another and read there, means the same."""
    one, other = data.draw(st.permutations(FOUR))[:2]
    body = json.loads(json.dumps(TARGETS[one](ask, model=MODELS[one], stream=False)))
    over = translate_request(route_of(one), body, WIRES[other], model=MODELS[other], stream=False)
    assert meaning(ask) == meaning(SOURCES[other](WIRES[other].parse(route_of(other), json.loads(json.dumps(over)))))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), target=st.sampled_from(FOUR))
def test_spoilt_requests_are_refused_or_said(data: st.DataObject, target: str) -> None:
    """Nothing but ClientMistake and Untranslatable comes out, and what is said is JSON."""
    case = data.draw(st.sampled_from([case for case in transcripts() if case.wire.name in SOURCES]))
    body = mutated(data, case.body)
    if not isinstance(body, dict):
        return
    with suppress(ClientMistake, Untranslatable):
        json.dumps(translate_request(case.route, body, WIRES[target], model="m", stream=data.draw(st.booleans())))


@settings(max_examples=60)
@given(value=values.filter(lambda value: value is not None), name=st.sampled_from(FOUR))
def test_an_unknown_field_is_refused(value: Any, name: str) -> None:
    """A field nobody has heard of may mean anything."""
    target = next(other for other in FOUR if other != name)
    body = {**BODIES[name], "sparkle": value}
    with pytest.raises(Untranslatable, match="sparkle"):
        translate_request(route_of(name), body, WIRES[target], model="m", stream=False)


@pytest.mark.parametrize(
    ("source", "target", "fields"),
    [
        ("openai_chat", "anthropic_messages", {"n": 2}),
        ("openai_chat", "anthropic_messages", {"logprobs": True}),
        ("openai_chat", "anthropic_messages", {"temperature": 1.5}),
        ("openai_chat", "anthropic_messages", {"seed": 7}),
        ("openai_chat", "anthropic_messages", {"response_format": {"type": "json_object"}}),
        ("openai_chat", "anthropic_messages", {"logit_bias": {"50256": -100}}),
        ("openai_chat", "openai_responses", {"stop": ["x"]}),
        ("openai_chat", "openai_responses", {"web_search_options": {}}),
        ("openai_chat", "gemini", {"frequency_penalty": 0.5}),
        ("openai_responses", "openai_chat", {"previous_response_id": "resp_1"}),
        ("openai_responses", "openai_chat", {"conversation": "conv_1"}),
        ("openai_responses", "openai_chat", {"background": True}),
        ("openai_responses", "anthropic_messages", {"tools": [{"type": "web_search"}]}),
        ("openai_responses", "anthropic_messages", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        ("anthropic_messages", "openai_chat", {"top_k": 40}),
        ("anthropic_messages", "openai_chat", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        ("anthropic_messages", "openai_chat", {"mcp_servers": [{"name": "a"}]}),
        ("gemini", "openai_chat", {"tools": [{"googleSearch": {}}]}),
        ("gemini", "openai_chat", {"tools": 5}),
        ("gemini", "openai_chat", {"cachedContent": "cachedContents/1"}),
        ("gemini", "anthropic_messages", {"generationConfig": {"candidateCount": 2}}),
        ("gemini", "anthropic_messages", {"generationConfig": {"responseMimeType": "text/x.enum"}}),
    ],
)
def test_what_cannot_be_said_is_refused(source: str, target: str, fields: dict[str, Any]) -> None:
    """The chain goes on to the next provider."""
    with pytest.raises(Untranslatable):
        sent(source, target, **fields)


def test_parallel_calls_off_is_said_or_refused() -> None:
    """Gemini has no such switch."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    told = sent("openai_chat", "anthropic_messages", tools=tools, parallel_tool_calls=False)
    assert {"type": "auto", "disable_parallel_tool_use": True} == told["tool_choice"]
    with pytest.raises(Untranslatable):
        sent("openai_chat", "gemini", tools=tools, parallel_tool_calls=False)


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("claude-3-opus-20240229", 4096),
        ("claude-3-5-haiku-latest", 8192),
        ("claude-opus-4-1", 32000),
        ("claude-x", 64000),
    ],
)
def test_anthropic_gets_a_limit(model: str, most: int) -> None:
    """It wants one; where none is said, it is what the model can write."""
    assert most == sent("openai_chat", "anthropic_messages", model=model)["max_tokens"]


@pytest.mark.parametrize(
    ("target", "model", "field", "value"),
    [
        ("openai_chat", "gpt-4o", "max_tokens", 16384),
        ("openai_chat", "gpt-5", "max_completion_tokens", 128000),
        ("openai_chat", "groq/some-llama", "max_tokens", 128000),
        ("openai_responses", "o3", "max_output_tokens", 100000),
        ("gemini", "gemini-2.5-pro", "generationConfig", {"maxOutputTokens": 65536}),
    ],
)
def test_a_limit_beyond_the_models_own_is_the_models_own(target: str, model: str, field: str, value: Any) -> None:
    """Asking for more would be an error; where the model's is not known, what was asked goes on."""
    assert value == sent("anthropic_messages", target, model=model, max_tokens=128000)[field]


@pytest.mark.parametrize(
    ("target", "model", "field", "value"),
    [
        ("openai_chat", "gpt-5", "reasoning_effort", "medium"),
        ("openai_chat", "gpt-4o", "reasoning_effort", None),
        ("openai_responses", "o4-mini", "reasoning", {"effort": "medium"}),
        (
            "gemini",
            "gemini-3-pro",
            "generationConfig",
            {"thinkingConfig": {"thinkingLevel": "medium", "includeThoughts": True}, "maxOutputTokens": 9},
        ),
        (
            "gemini",
            "gemini-2.5-flash",
            "generationConfig",
            {"thinkingConfig": {"thinkingBudget": 8192, "includeThoughts": True}, "maxOutputTokens": 9},
        ),
        ("gemini", "gemini-2.0-flash", "generationConfig", {"maxOutputTokens": 9}),
    ],
)
def test_a_thinking_budget_becomes_an_effort(target: str, model: str, field: str, value: Any) -> None:
    """By the table; models that take none are told none."""
    thinking = {"type": "enabled", "budget_tokens": 10000}
    assert value == sent("anthropic_messages", target, model=model, thinking=thinking).get(field)


@pytest.mark.parametrize(
    ("model", "effort", "fields"),
    [
        ("claude-opus-4-6", "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        ("claude-sonnet-5", "none", {"thinking": {"type": "disabled"}}),
        ("claude-sonnet-4-5", "high", {}),
    ],
)
def test_an_effort_reaches_the_claude_models_that_take_one(model: str, effort: str, fields: dict[str, Any]) -> None:
    """Older ones think as they do."""
    told = sent("openai_chat", "anthropic_messages", model=model, reasoning_effort=effort)
    assert fields == {name: told[name] for name in ("thinking", "output_config") if name in told}


def test_gemini_schemas_become_json_schema() -> None:
    """Types in lower case, `nullable` as a type, numbers as numbers."""
    schema = {
        "type": "OBJECT",
        "properties": {
            "a": {"type": "STRING", "nullable": True},
            "b": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1"},
        },
        "propertyOrdering": ["a", "b"],
    }
    told = sent("gemini", "openai_chat", tools=[{"functionDeclarations": [{"name": "f", "parameters": schema}]}])
    assert {
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"]},
            "b": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        },
    } == told["tools"][0]["function"]["parameters"]


def test_the_same_wire_keeps_the_body() -> None:
    """But for the model and the way of delivery."""
    body = {**BODIES["openai_chat"], "sparkle": 1, "stream": True, "stream_options": {"include_usage": True}}
    told = translate_request(route_of("openai_chat"), body, WIRES["openai_chat"], model="other", stream=False)
    assert {**BODIES["openai_chat"], "model": "other", "sparkle": 1, "stream": False} == told
    kept = translate_request(route_of("openai_chat"), body, WIRES["openai_chat"], model="m", stream=True)
    assert body == kept


@pytest.mark.parametrize("name", ["openai_embeddings", "openai_completions"])
def test_other_operations_are_not_translated(name: str) -> None:
    """Embeddings and bare completions have one wire."""
    case = next(case for case in transcripts() if case.wire.name == name)
    with pytest.raises(Untranslatable):
        translate_request(case.route, case.body, WIRES["anthropic_messages"], model="m", stream=False)


def test_a_native_prompt_is_one_user_turn() -> None:
    """To any wire."""
    told = translate_request(route_of("native"), {"prompt": "hi"}, WIRES["openai_chat"], model="gpt-4o", stream=False)
    assert {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]} == told


def test_an_ollama_chat_is_said_elsewhere() -> None:
    """Pictures get the type their first bytes show; settings of the machine stay behind, those of sampling do not."""
    body = {
        "model": "llava",
        "messages": [{"role": "user", "content": "what?", "images": [PNG]}],
        "options": {"temperature": 0.5, "num_ctx": 4096, "num_predict": -1},
    }
    told = translate_request(route_of("ollama"), body, WIRES["openai_chat"], model="gpt-4o", stream=False)
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    assert [{"type": "text", "text": "what?"}, picture] == told["messages"][0]["content"]
    assert 0.5 == told["temperature"]
    assert "max_tokens" not in told
