"""Ollama: what the transcripts do not say."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.core.prompt import (
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
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire.base import Route
from isartor_addon.wire.ollama import WIRE
from tests.wire.chat_bodies import base64, shaped, tokens, values, words

CHAT = Route(WIRE, "generate", "/api/chat")
GENERATE = Route(WIRE, "generate", "/api/generate")

images = st.none() | st.lists(base64, max_size=2)
calls = shaped(
    {
        "function": st.fixed_dictionaries(
            {"name": tokens, "arguments": st.dictionaries(words, values, max_size=3) | words},
            optional={"index": st.integers(0, 9)},
        )
    },
    {"id": words, "type": st.just("function")},
)
messages = (
    shaped({"role": st.sampled_from(["system", "user"]), "content": words}, {"images": images})
    | shaped(
        {"role": st.just("assistant")},
        {
            "content": words | st.none(),
            "thinking": words | st.none(),
            "tool_calls": st.lists(calls, max_size=2) | st.none(),
        },
    )
    | shaped({"role": st.just("tool"), "content": words}, {"tool_name": words, "tool_call_id": words})
)
tools = shaped(
    {
        "type": st.just("function"),
        "function": st.fixed_dictionaries(
            {"name": words}, optional={"description": words | st.none(), "parameters": values}
        ),
    }
)
options = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.none() | st.floats(0, 2),
        "top_p": st.integers(0, 1),
        "top_k": st.integers(0, 99),
        "num_predict": st.integers(-2, 99),
        "seed": st.integers(0, 9),
        "stop": words | st.lists(words, max_size=2),
        "num_ctx": values,
    },
)
also = {
    "options": options,
    "stream": st.none() | st.booleans(),
    "format": values,
    "keep_alive": st.sampled_from(["5m", 0, -1]),
    "think": st.sampled_from([True, "low"]),
}
chats = shaped(
    {"model": tokens},
    also | {"messages": st.none() | st.lists(messages, max_size=4), "tools": st.lists(tools, max_size=2)},
)
prompts = shaped(
    {"model": tokens, "prompt": words},
    also
    | {
        "system": words,
        "images": images,
        "suffix": words,
        "context": st.lists(st.integers(0, 9)),
        "raw": st.booleans(),
    },
)


@given(chats | prompts)
@settings(max_examples=150)
def test_every_body_is_written_back_as_it_was(body: dict[str, Any]) -> None:
    """Reading loses nothing, of a chat or of a bare prompt."""
    assert body == WIRE.render(WIRE.parse(CHAT, body))


@pytest.mark.parametrize(
    ("path", "ours"), [("/api/chat", True), ("/api/generate", True), ("/api/embed", False), ("/v1/api/chat", False)]
)
def test_the_two_paths_are_routed(path: str, ours: bool) -> None:
    """Only what generates."""
    assert ours == (WIRE.route("POST", "localhost", path, {}) is not None)
    assert WIRE.route("GET", "localhost", path, {}) is None


@pytest.mark.parametrize(
    ("fields", "mode"),
    [({}, "ndjson"), ({"stream": True}, "ndjson"), ({"stream": None}, "ndjson"), ({"stream": False}, "json")],
)
def test_streaming_is_the_default(fields: dict[str, Any], mode: str) -> None:
    """Only an explicit false asks for one object."""
    assert mode == WIRE.mode(CHAT, fields)
    assert (mode == "ndjson") == WIRE.parse(CHAT, fields).stream


@pytest.mark.parametrize(
    "body", [{"model": "m"}, {"model": "m", "messages": []}, {"model": "m", "prompt": "", "keep_alive": 0}]
)
def test_loading_a_model_is_never_stored(body: dict[str, Any]) -> None:
    """A request without words is a command to the server."""
    assert "it only loads or unloads a model" == WIRE.uncacheable(CHAT, body)
    assert "" == WIRE.uncacheable(CHAT, {**body, "prompt": "Hi"})


def test_how_long_the_model_stays_is_no_part_of_the_key() -> None:
    """`keep_alive` and `stream` choose delivery and memory, not the answer."""
    assert {"stream", "keep_alive"} == WIRE.shape.mode


def test_a_request_is_understood() -> None:
    """Images, thinking, calls, results and options come out as the neutral words."""
    prompt = WIRE.parse(
        CHAT,
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "see", "images": ["AAAA"]},
                {
                    "role": "assistant",
                    "content": "",
                    "thinking": "hm",
                    "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
                },
                {"role": "tool", "content": "1", "tool_name": "f"},
            ],
            "options": {"num_predict": 5, "stop": "x"},
        },
    )
    assert (
        Turn("user", (Text("see"), Image(data="AAAA"))),
        Turn("assistant", (Thinking("hm"), Text(""), ToolCall("", "f", '{"a":1}'))),
        Turn("tool", (ToolResult("", (Text("1"),), "f"),)),
    ) == prompt.turns
    assert Sampling(max_tokens=5, stop=("x",)) == prompt.sampling


def test_turns_of_other_wires_become_messages() -> None:
    """System apart from the turns, results and words in one turn, a limit: Ollama has its own places for them."""
    prompt = Prompt(
        model="m",
        system=(Text("Be brief."),),
        turns=(
            Turn("developer", (Text("Yes."),)),
            Turn("user", (ToolResult("c1", (Text("one"),)), Text("Go on."), Text("Now."))),
        ),
        tools=(Tool("f", "does f", {"type": "object"}),),
        sampling=Sampling(max_tokens=5),
    )
    assert {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "system", "content": "Yes."},
            {"role": "tool", "content": "one", "tool_call_id": "c1"},
            {"role": "user", "content": "Go on.\n\nNow."},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "does f", "parameters": {"type": "object"}}}
        ],
        "options": {"num_predict": 5},
        "stream": False,
    } == WIRE.render(prompt)


@pytest.mark.parametrize(
    "part",
    [
        Opaque("gemini", {}),
        Thinking("hm", signature="sig"),
        Image(url="https://example.org/a.png"),
        ToolCall("c", "f", "free text", {"type": "custom"}),
        ToolCall("c", "f", "no json"),
    ],
)
def test_what_ollama_cannot_say_is_refused(part: Part) -> None:
    """Nothing is dropped silently."""
    with pytest.raises(Untranslatable):
        WIRE.render(Prompt("m", (Turn("assistant", (part,)),)))


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt("m", (), tool_choice={"type": "function"}),
        Prompt("m", (), tools=(Tool("x", extra={"type": "custom"}),)),
        Prompt("m", (Turn("user", (Text("a"),)),) * 2, extra={"prompt": ""}),
    ],
)
def test_prompts_ollama_cannot_say_are_refused(prompt: Prompt) -> None:
    """No forced tools, no tools but functions, one turn in a bare prompt."""
    with pytest.raises(Untranslatable):
        WIRE.render(prompt)


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": 5},
        {"prompt": "a", "messages": []},
        {"messages": [{"role": "developer", "content": "a"}]},
        {"messages": [{"role": "user", "content": [1]}]},
        {"prompt": "a", "images": [5]},
        {"prompt": "a", "options": []},
        {"prompt": "a", "options": {"seed": "x"}},
    ],
)
def test_wrong_types_are_the_clients_mistake(body: dict[str, Any]) -> None:
    """What the wire does not allow is refused with a sentence."""
    with pytest.raises(ClientMistake):
        WIRE.parse(GENERATE, body)


def test_a_reply_of_another_wire_is_written_whole() -> None:
    """Reasoning, text, calls, stop and counts of another provider's reply, in lines and in one object."""
    parts = (Thinking("hm"), Text("One."), ToolCall("t1", "f", '{"a": 1}'))
    reply = Reply("msg_1", "claude", parts, Stop("tool", raw="tool_use"), Usage(input=3, output=4))
    whole = WIRE.write_reply(reply)
    assert {
        "role": "assistant",
        "content": "One.",
        "thinking": "hm",
        "tool_calls": [{"id": "t1", "function": {"name": "f", "arguments": {"a": 1}}}],
    } == whole["message"]
    assert (True, "stop", 3, 4) == tuple(
        whole[name] for name in ("done", "done_reason", "prompt_eval_count", "eval_count")
    )
    lines = [orjson.loads(line) for line in WIRE.encode(reply, "ndjson")]
    assert [False, False, False, True] == [line["done"] for line in lines]


def test_a_generate_reply_has_no_tool_calls() -> None:
    """`/api/generate` has no place for them."""
    with pytest.raises(Untranslatable):
        WIRE.write_reply(Reply("", "m", (ToolCall("", "f", "{}"),), Stop("tool"), extra={"response": ""}))


@pytest.mark.parametrize(
    "more", [{"logprobs": [{"token": "a"}]}, {"message": {"role": "assistant", "content": "a", "images": ["AAAA"]}}]
)
def test_what_a_reply_cannot_say_is_told_at_the_end(more: dict[str, Any]) -> None:
    """The decoder comes to `done` all the same."""
    line = {"model": "m", "message": {"role": "assistant", "content": "a"}, "done": True, "done_reason": "stop", **more}
    decoder = WIRE.decoder("ndjson")
    decoder.feed(orjson.dumps(line) + b"\n")
    assert decoder.done
    with pytest.raises(Untranslatable):
        decoder.close()


def test_errors_have_ollamas_shape() -> None:
    """One field, in a body or on a line of its own."""
    assert b'{"error":"no"}' == WIRE.error(400, "c", "no")
    assert b'{"error":"no"}\n' == WIRE.error_event("c", "no")
