"""Single kinds of content and of tools, from one wire to another."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.wire import WIRES
from isartor_addon.wire.translate import offered, translate_request
from isartor_addon.wire.translation.ask import Own
from tests.wire.translation.carrying import BODIES, PDF, PNG, route_of, sent

TEXT = base64.b64encode("ünï".encode()).decode()


def shown(block: dict[str, Any], target: str) -> Any:
    """What becomes of one block of an Anthropic user."""
    told = sent("anthropic_messages", target, messages=[{"role": "user", "content": [block]}])
    if target == "gemini":
        return told["contents"][0]["parts"][-1]
    content = (told["messages"] if "messages" in told else told["input"])[0]["content"]
    return content if isinstance(content, str) else content[-1]


def document(media_type: str = "application/pdf", data: str = PDF, **more: Any) -> dict[str, Any]:
    return {"type": "document", "source": {"type": "base64", "media_type": media_type, "data": data}, **more}


@pytest.mark.parametrize(
    ("block", "target", "expected"),
    [
        (
            document(title="a.pdf"),
            "openai_chat",
            {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"}},
        ),
        (
            document(),
            "openai_responses",
            {"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}", "filename": "document.pdf"},
        ),
        (document(), "gemini", {"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
        (document("text/plain", TEXT, title="a.txt"), "openai_chat", "a.txt\n\nünï"),
        (
            {"type": "document", "source": {"type": "url", "url": "https://host.example/a.pdf"}},
            "gemini",
            {"fileData": {"mimeType": "application/pdf", "fileUri": "https://host.example/a.pdf"}},
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://host.example/a.png?x=1"}},
            "gemini",
            {"fileData": {"mimeType": "image/png", "fileUri": "https://host.example/a.png?x=1"}},
        ),
        (document(context="An old file."), "gemini", {"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
    ],
)
def test_documents_and_pictures_are_shown(block: dict[str, Any], target: str, expected: Any) -> None:
    """By value and by reference; text documents are text where only PDF is read."""
    assert expected == shown(block, target)


@pytest.mark.parametrize(
    ("block", "target"),
    [
        ({"type": "document", "source": {"type": "url", "url": "https://host.example/a.pdf"}}, "openai_chat"),
        ({"type": "image", "source": {"type": "url", "url": "https://host.example/a"}}, "gemini"),
        ({"type": "image", "source": {"type": "file", "file_id": "file_1"}}, "openai_chat"),
        (document("text/plain", "//4="), "openai_chat"),
        (document(citations={"enabled": True}), "openai_chat"),
        ({"type": "search_result", "source": "x", "title": "x", "content": []}, "openai_chat"),
    ],
)
def test_documents_that_cannot_be_shown_are_refused(block: dict[str, Any], target: str) -> None:
    """Those in a provider's store, of an unknown type, or to be quoted from."""
    with pytest.raises(Untranslatable):
        shown(block, target)


def test_a_file_in_googles_store_is_refused() -> None:
    """Nobody else can read it."""
    part = {
        "fileData": {"mimeType": "image/png", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a"}
    }
    with pytest.raises(Untranslatable):
        sent("gemini", "openai_chat", contents=[{"role": "user", "parts": [part]}])


def test_a_found_tool_is_told_in_words() -> None:
    """All tools are told from the start, so that one was found needs no more."""
    found = [{"type": "tool_reference", "tool_name": "Glob"}]
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "ToolSearch", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": found}]},
    ]
    told = sent("anthropic_messages", "openai_chat", messages=messages)["messages"]
    assert "The tool Glob can be called." == told[2]["content"]


def test_reasoning_of_earlier_turns_stays_behind() -> None:
    """Signed, hidden or plain: no other provider takes it."""
    thinking = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    hidden = {"type": "redacted_thinking", "data": "eA=="}
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [thinking, hidden, {"type": "text", "text": "b"}]},
    ]
    told = sent("anthropic_messages", "openai_chat", messages=messages)["messages"]
    assert [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}] == told
    plain = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "reasoning_content": "hm"}]
    assert [{"type": "text", "text": "b"}] == sent("openai_chat", "anthropic_messages", messages=plain)["messages"][1][
        "content"
    ]


def test_custom_tools_of_chat_are_functions() -> None:
    """Definition with its grammar, choice and earlier call."""
    form = {"type": "grammar", "grammar": {"syntax": "regex", "definition": ".+"}}
    fields = {
        "tools": [{"type": "custom", "custom": {"name": "run", "description": "Runs.", "format": form}}],
        "tool_choice": {"type": "custom", "custom": {"name": "run"}},
        "messages": [
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "run", "input": "ls -l"}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "a"},
        ],
    }
    told = sent("openai_chat", "anthropic_messages", **fields)
    assert "Runs.\n\nThe input must match this regex grammar:\n.+" == told["tools"][0]["description"]
    assert {"type": "tool", "name": "run"} == told["tool_choice"]
    assert {"input": "ls -l"} == told["messages"][1]["content"][0]["input"]
    body = {**BODIES["openai_chat"], **fields}
    assert {"run": Own("run", custom=True)} == offered(route_of("openai_chat"), body)


def test_allowed_tools_are_the_tools_that_are_told() -> None:
    """The other wires know no such choice."""
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("f", "g")]
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    told = sent("openai_chat", "anthropic_messages", tools=tools, tool_choice=choice)
    assert (["g"], {"type": "any"}) == ([tool["name"] for tool in told["tools"]], told["tool_choice"])


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("openai_chat", {"tool_choice": 7}),
        ("openai_chat", {"response_format": "json"}),
        ("anthropic_messages", {"tool_choice": {"type": "sometimes"}}),
        ("anthropic_messages", {"thinking": "yes"}),
        ("openai_responses", {"text": {"format": "json"}}),
    ],
)
def test_what_no_wire_allows_is_the_clients_mistake(source: str, fields: dict[str, Any]) -> None:
    """No provider is asked."""
    with pytest.raises(ClientMistake):
        sent(source, "gemini", **fields)


def test_reasoning_that_we_told_does_not_reach_openai() -> None:
    """It is known by its id."""
    ours = {"type": "reasoning", "id": "rs_isartor_msg_1_0", "summary": []}
    theirs = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    question = {"role": "user", "content": "hi"}
    body = {**BODIES["openai_responses"], "input": [question, ours, theirs]}
    told = translate_request(route_of("openai_responses"), body, WIRES["openai_responses"], model="m", stream=False)
    assert [question, theirs] == told["input"]


def test_ollamas_tools_and_reasoning() -> None:
    """Calls without ids get some, thinking off is an effort, a schema is a format."""
    call = {"function": {"name": "f", "arguments": {"n": 1}}}
    body = {
        "model": "qwen3",
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [call]},
            {"role": "tool", "tool_name": "f", "content": "one"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "F.", "parameters": {"type": "object"}}}
        ],
        "format": {"type": "object"},
        "think": False,
        "stream": False,
    }
    told = translate_request(route_of("ollama"), body, WIRES["openai_chat"], model="gpt-5", stream=False)
    (made,) = told["messages"][1]["tool_calls"]
    assert made["id"] == told["messages"][2]["tool_call_id"]
    assert ("none", "json_schema") == (told["reasoning_effort"], told["response_format"]["type"])


def test_a_picture_reaches_every_wire() -> None:
    """By value."""
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    assert {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}} == shown(picture, "openai_chat")
    assert {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"} == shown(picture, "openai_responses")
    assert {"inlineData": {"mimeType": "image/png", "data": PNG}} == shown(picture, "gemini")
