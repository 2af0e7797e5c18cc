"""What is asked and answered: OpenAI chat requests of two sizes, and one constant reply to all of them."""

from __future__ import annotations

import json
from typing import Any

NONCE = "0" * 20
"""Stands in every request; a request that is to be new gets another text of this length there."""
TRACE = "1" * 20
"""Stands in requests that name a trace, which does not count: another number may stand there."""
PATH = "/v1/chat/completions"
FAIL = b"x-bench-fail"
"""A header; the provider answers with the status that it names."""
SMALL = 1024
LARGE = 200 * 1024

_TOOLS = ("Read", "Write", "Edit", "Bash", "Grep", "Glob", "WebFetch", "TodoWrite", "Task", "NotebookEdit")
_STEPS = 43
"""Tool calls in the history of a large request, each with its result: 88 messages with the first and the last."""
_LINE = '    result = dispatch(request, attempt={n}, key="k{n}")  # see the "notes" on retries\n'
_EVENTS = 20
_USAGE = {"prompt_tokens": 100, "completion_tokens": 60, "total_tokens": 160}
HEAD = {"id": "chatcmpl-bench", "created": 1700000000, "model": "gpt-4o-mini"}


def request_body(size: int, *, stream: bool = False, thinking: bool = False, traced: bool = False) -> bytes:
    """
    A chat request of about `size` bytes; over 8 KB it is a coding agent's, with tools and a history of their calls.

    Args:
        size: bytes.
        stream: whether the answer is to be streamed.
        thinking: whether the provider is to take its time; see `upstream`.
        traced: whether the client names a trace.
    """
    body: dict[str, Any] = {"model": "gpt-4o-mini", "max_tokens": 512, "temperature": 0}
    if stream:
        body["stream"] = True
    if traced:
        body["trace_id"] = TRACE
    if thinking:
        body["reasoning_effort"] = "low"
    question = {"role": "user", "content": f"Request {NONCE}: what does dispatch return when it fails three times?"}
    if size <= 8192:
        body["messages"] = [{"role": "system", "content": ""}, question]
        missing = size - len(json.dumps(body))
        body["messages"][0]["content"] = ("Answer briefly, and keep to the facts given. " * (missing // 40 + 1))[
            :missing
        ]
        return json.dumps(body).encode()
    body["tools"] = [_tool(name) for name in _TOOLS]
    system = "You are an interactive tool that helps with software engineering tasks. " * 60
    body["messages"] = [{"role": "system", "content": system}, question]
    room = (size - len(json.dumps(body))) // _STEPS
    body["messages"][1:1] = [message for step in range(_STEPS) for message in _step(step, room)]
    return json.dumps(body).encode()


def _tool(name: str) -> dict[str, Any]:
    properties = {
        "path": {"type": "string", "description": "The absolute path of the file. " * 4},
        "limit": {"type": "integer", "description": "How many lines are read at most. " * 4},
    }
    function = {
        "name": name,
        "description": f"{name}: use it when the task needs it, and prefer small steps. " * 12,
        "parameters": {"type": "object", "properties": properties, "required": ["path"]},
    }
    return {"type": "function", "function": function}


def _step(step: int, room: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """One call of a tool and its result, together about `room` bytes of JSON."""
    call_id = f"call_{step:06d}abcdef"
    function = {"name": "Read", "arguments": json.dumps({"path": f"src/module_{step}.py"})}
    call = {
        "role": "assistant",
        "content": "I will read the next file.",
        "tool_calls": [{"id": call_id, "type": "function", "function": function}],
    }
    result = {"role": "tool", "tool_call_id": call_id, "content": ""}
    line = _LINE.format(n=step)
    lines = round((room - len(json.dumps([call, result]))) / (len(json.dumps(line)) - len('""')))
    result["content"] = line * lines
    return call, result


def reply() -> bytes:
    """The whole JSON reply, about 1 KB."""
    message = {"role": "assistant", "content": "It returns nothing and raises. " * 24}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({**HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()


def events() -> list[bytes]:
    """The same as a stream, one piece an event."""
    deltas = [{"role": "assistant", "content": ""}, *({"content": f"word{n} "} for n in range(_EVENTS))]
    chunks: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    written = [json.dumps({**HEAD, "object": "chat.completion.chunk", "choices": [chunk]}).encode() for chunk in chunks]
    return [b"data: %b\n\n" % each for each in (*written, b"[DONE]")]
