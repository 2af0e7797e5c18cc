"""Conversations of one wire, said on another: who said what in which order, calls and their results."""

from __future__ import annotations

import re

import pytest

from isartor_addon.core.prompt import ToolCall
from isartor_addon.core.reply import Reply, Stop
from isartor_addon.wire import WIRES
from isartor_addon.wire.base import Mode
from isartor_addon.wire.translate import offered, translate_request
from tests.wire.transcripts import read
from tests.wire.translation.carrying import BODIES, PNG, carried, route_of, sent


def test_instructions_keep_their_place() -> None:
    """Those before everything are the system prompt; a later one stands where it stood."""
    messages = [
        {"role": "system", "content": "A"},
        {"role": "developer", "content": "B"},
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "C"},
    ]
    told = sent("openai_chat", "anthropic_messages", messages=messages)
    assert ["A", "B"] == [block["text"] for block in told["system"]]
    (message,) = told["messages"]
    assert ["hi", "<system-reminder>\nC\n</system-reminder>"] == [block["text"] for block in message["content"]]
    over = sent("openai_chat", "openai_responses", messages=messages)
    assert "A\n\nB" == over["instructions"]
    assert ["user", "developer"] == [item["role"] for item in over["input"]]


def test_results_of_parallel_calls_stand_together() -> None:
    """Chat's messages of one result each are one message of Anthropic's, before the words that follow."""
    calls = [{"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in (1, 2)]
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "user", "content": "and?"},
    ]
    told = sent("openai_chat", "anthropic_messages", messages=messages)
    assert ["user", "assistant", "user"] == [message["role"] for message in told["messages"]]
    assert ["tool_result", "tool_result", "text"] == [block["type"] for block in told["messages"][2]["content"]]


def test_tools_that_were_called_earlier_are_told_to_anthropic() -> None:
    """It refuses a conversation with calls of tools that it does not know; none of them may be called again."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
    ]
    told = sent("openai_chat", "anthropic_messages", messages=messages)
    assert [{"name": "f", "input_schema": {"type": "object", "properties": {}}}] == told["tools"]
    assert {"type": "none"} == told["tool_choice"]


def test_a_picture_in_a_tools_result_is_shown_by_the_user() -> None:
    """Chat's tool messages are words only; a failure is said in them."""
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    messages = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "shot", "input": {}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [{"type": "text", "text": "no"}, picture],
                    "is_error": True,
                }
            ],
        },
    ]
    told = sent("anthropic_messages", "openai_chat", messages=messages)["messages"]
    assert {"role": "tool", "content": "Error: no", "tool_call_id": "t1"} == told[2]
    assert [
        {"type": "text", "text": "The tool call t1 gave this:"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ] == told[3]["content"]


def test_calls_of_gemini_get_ids_and_their_results_find_them() -> None:
    """The same ids every time the conversation is sent; two calls of one tool are kept apart by their order."""
    calls = [{"functionCall": {"name": "f", "args": {"n": n}}} for n in (1, 2)]
    results = [{"functionResponse": {"name": "f", "response": {"output": text}}} for text in ("one", "two")]
    contents = [
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": calls},
        {"role": "user", "parts": results},
    ]
    told, again = (sent("gemini", "openai_chat", contents=contents)["messages"] for _ in range(2))
    assert told == again
    ids = [call["id"] for call in told[1]["tool_calls"]]
    assert [(ids[0], "one"), (ids[1], "two")] == [(each["tool_call_id"], each["content"]) for each in told[2:]]
    assert ids[0] != ids[1]


def test_calls_that_others_made_are_signed_for_gemini() -> None:
    """Newer models refuse unsigned calls; Google documents the word for calls of other models."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
    ]
    new, old = (
        sent("openai_chat", "gemini", model=model, messages=messages)["contents"][1]["parts"][0]
        for model in ("gemini-3-pro", "gemini-2.5-pro")
    )
    assert {
        "functionCall": {"id": "c1", "name": "f", "args": {}},
        "thoughtSignature": "skip_thought_signature_validator",
    } == new
    assert {"functionCall": {"id": "c1", "name": "f", "args": {}}} == old


def test_an_id_that_does_not_fit_is_replaced_in_the_call_and_in_its_result() -> None:
    """Anthropic takes letters, digits, - and _ only."""
    call = {"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": "one"},
    ]
    told = sent("openai_chat", "anthropic_messages", messages=messages)["messages"]
    made = told[1]["content"][0]["id"]
    assert made.startswith("call_")
    assert made == told[2]["content"][0]["tool_use_id"]


def test_mistrals_own_api_gets_what_it_takes() -> None:
    """Ids of nine characters in call and result, and no `stream_options`, which it refuses; elsewhere its models get
    both."""
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}]},
    ]
    body = {**BODIES["anthropic_messages"], "messages": messages}
    route, chat = route_of("anthropic_messages"), WIRES["openai_chat"]
    own = translate_request(route, body, chat, model="mistral-large-latest", stream=True)
    call_id = own["messages"][1]["tool_calls"][0]["id"]
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", call_id)
    assert call_id == own["messages"][2]["tool_call_id"]
    assert "stream_options" not in own
    elsewhere = translate_request(route, body, chat, model="mistralai/mistral-large", stream=True)
    assert {"include_usage": True} == elsewhere["stream_options"]


@pytest.mark.parametrize("name", ["mcp__" + "server" * 12 + "__tool", "files.read"])
def test_a_tools_name_that_does_not_fit_is_replaced_and_comes_back(name: str) -> None:
    """In the definition, the choice and earlier calls; the client is called by its own."""
    fields = {
        "tools": [{"name": name, "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": name},
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": name, "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "done"}]},
        ],
    }
    told = sent("anthropic_messages", "openai_chat", **fields)
    made = told["tools"][0]["function"]["name"]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", made)
    assert made == told["tool_choice"]["function"]["name"] == told["messages"][1]["tool_calls"][0]["function"]["name"]
    source, client = WIRES["openai_chat"], WIRES["anthropic_messages"]
    reply = Reply("id", "gpt", (ToolCall("c1", made, "{}"),), Stop("tool"))
    own = offered(route_of("anthropic_messages"), {**BODIES["anthropic_messages"], **fields})
    modes: tuple[Mode, ...] = ("json", "sse")
    for mode in modes:
        got = read(client, mode, carried(source, "json", client, mode, source.write("json", reply), own))
        assert [name] == [part.name for part in got.parts if isinstance(part, ToolCall)]


def test_foreign_reasoning_does_not_reach_anthropic() -> None:
    """What another provider thought was told to the client under our mark; Anthropic would refuse it."""
    foreign = {"type": "thinking", "thinking": "hm", "signature": "isartor"}
    own = {"type": "thinking", "thinking": "so", "signature": "c2ln"}
    words = {"type": "text", "text": "yes"}
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [foreign, words]},
        {"role": "assistant", "content": [foreign]},
        {"role": "assistant", "content": [own, words]},
    ]
    told = sent("anthropic_messages", "anthropic_messages", messages=messages)["messages"]
    assert [messages[0], {"role": "assistant", "content": [words]}, messages[3]] == told
