"""What real coding tools send, and to which other wires it can go."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from isartor_addon.core.errors import Untranslatable
from isartor_addon.wire import WIRES, find
from isartor_addon.wire.base import Route
from isartor_addon.wire.translate import offered, translate_request
from isartor_addon.wire.translation.ask import Own
from tests.clients_tables.recorded import MODES, Sent, claude, codex
from tests.wire.translation.carrying import FOUR

ELSEWHERE = ("py/anthropic-count",)
"""Requests that no model answers."""
REFUSED = ("unknown",)
"""A made-up tool, which sends fields that nobody knows."""


def route_of(sent: Sent) -> Route:
    url = urlsplit(sent.url)
    return find("POST", url.netloc, url.path, dict(parse_qsl(url.query)))[0]


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode not in ELSEWHERE])
@pytest.mark.parametrize("target", FOUR)
def test_a_tools_requests_go_to_other_wires(mode: str, target: str) -> None:
    """All of them; what is sent is JSON, and the same every time."""
    for sent in MODES[mode][1](0):
        route = route_of(sent)
        if route.wire.name == target or (route.wire.name == "gemini_internal" and target == "gemini"):
            continue
        if mode in REFUSED:
            with pytest.raises(Untranslatable, match="no counterpart"):
                translate_request(route, sent.body, WIRES[target], model="m", stream=True)
            continue
        bodies = [translate_request(route, sent.body, WIRES[target], model="m", stream=True) for _ in range(2)]
        assert orjson.dumps(bodies[0]) == orjson.dumps(bodies[1])


def test_claude_codes_turns_reach_a_chat_provider() -> None:
    """Instructions before and after the question, the call, its result; bookkeeping stays behind."""
    sent = claude(0, tool=True)[1]
    told = translate_request(route_of(sent), sent.body, WIRES["openai_chat"], model="gpt-4o", stream=True)
    assert ["system", "user", "system", "assistant", "tool"] == [message["role"] for message in told["messages"]]
    (call,) = told["messages"][3]["tool_calls"]
    assert {"name": "Bash", "arguments": '{"command":"echo hi"}'} == call["function"]
    assert {"role": "tool", "content": "hi", "tool_call_id": call["id"]} == told["messages"][4]
    assert {"model", "messages", "max_tokens", "stream", "stream_options"} == set(told)
    assert (16384, {"include_usage": True}) == (told["max_tokens"], told["stream_options"])


def test_codexs_tools_reach_an_anthropic_provider() -> None:
    """Tools that stand in an item, in namespaces, some with free text by a grammar, are functions."""
    sent = codex(0, tool=True)[1]
    form = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    tools = [
        {"type": "custom", "name": "exec", "description": "Runs code.", "format": form},
        {
            "type": "function",
            "name": "wait",
            "description": "Waits.",
            "strict": False,
            "parameters": {"type": "object"},
        },
    ]
    clock = [{"type": "function", "name": "wait", "description": "Sleeps.", "parameters": {"type": "object"}}]
    namespaces = [
        {"type": "namespace", "name": "functions", "description": "", "tools": tools},
        {"type": "namespace", "name": "clock", "description": "Time.", "tools": clock},
    ]
    items = [{**sent.body["input"][0], "tools": namespaces}, *sent.body["input"][1:]]
    items[2] = {**items[2], "namespace": "functions"}
    body = {**sent.body, "input": items, "tool_choice": "auto", "parallel_tool_calls": False}
    told = translate_request(route_of(sent), body, WIRES["anthropic_messages"], model="claude-sonnet-4-6", stream=True)
    assert ["exec", "wait", "clock__wait"] == [tool["name"] for tool in told["tools"]]
    assert "must match this lark grammar:\nstart: /.+/" in told["tools"][0]["description"]
    assert {"type": "auto", "disable_parallel_tool_use": True} == told["tool_choice"]
    assert ["user", "assistant", "user"] == [message["role"] for message in told["messages"]]
    (call,) = told["messages"][1]["content"]
    assert ("exec", {"input": "text(1)"}) == (call["name"], call["input"])
    (result,) = told["messages"][2]["content"]
    assert (call["id"], "tool_result") == (result["tool_use_id"], result["type"])
    assert {
        "exec": Own("exec", "functions", custom=True),
        "wait": Own("wait", "functions"),
        "clock__wait": Own("wait", "clock"),
    } == offered(route_of(sent), body)
