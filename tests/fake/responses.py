"""OpenAI Responses: JSON, server-sent events, and the events as WebSocket messages."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.fake.model import EPOCH, Json, Model, Question, Turn, tokens, words
from tests.fake.plan import Asked, Said, sse, stream, whole

ERROR_EVENT = {"type": "error", "code": "server_error", "message": "the stream broke", "param": None}


def responses(asked: Asked, model: Model) -> Said:
    """`POST /responses`."""
    turn, events = _answer(asked.body, model)
    headers = {"x-request-id": f"req_fake{turn.n:06d}", "openai-version": "2020-10-01"}
    if not asked.body.get("stream"):
        return whole(events[-1]["response"], headers=headers, generated=True)
    pieces = [sse(event, event["type"]) for event in events]
    return stream(pieces, headers=headers, error_event=sse(ERROR_EVENT, "error"))


def count(asked: Asked) -> Said:
    """`POST /responses/input_tokens`."""
    return whole({"object": "response.input_tokens", "input_tokens": tokens(asked.body)}, generated=True)


def messages(body: Json, model: Model) -> Said:
    """The answer to one `response.create` message, as WebSocket messages."""
    if body.get("generate") is False:
        events = _warm(body, model)
    else:
        _, events = _answer(body, model)
    pieces = tuple(json.dumps(event, ensure_ascii=False).encode() for event in events)
    return Said(pieces, error_event=json.dumps({**ERROR_EVENT, "status": 500}).encode(), generated=True)


def _warm(body: Json, model: Model) -> list[Json]:
    head = _head(body, model.answer(Question("")))
    return [
        {"type": "response.created", "sequence_number": 0, "response": head},
        {
            "type": "response.completed",
            "sequence_number": 1,
            "response": {**head, "status": "completed", "usage": _usage(1, 0)},
        },
    ]


def _answer(body: Json, model: Model) -> tuple[Turn, list[Json]]:
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given or []
    tools = _Tools(body, items)
    wanted = (body.get("text") or {}).get("format") or {}
    turn = model.answer(
        Question(
            text=next((words(i.get("content")) for i in reversed(items) if i.get("role") == "user"), ""),
            tools=tools.schemas,
            answered=int(bool(items) and str(items[-1].get("type", "")).endswith("_output")),
            schema=wanted.get("schema") if wanted.get("type") == "json_schema" else None,
        )
    )
    head = _head(body, turn)
    item, growth = _item(turn, tools)
    events: list[Json] = [
        {"type": "response.created", "response": head},
        {"type": "response.in_progress", "response": head},
        *growth,
        {"type": "response.output_item.done", "output_index": 0, "item": item},
    ]
    usage = _usage(tokens(items), turn.tokens)
    done = {**head, "status": "completed", "output": [item], "usage": usage, "completed_at": EPOCH + turn.n + 1}
    events.append({"type": "response.completed", "response": done})
    return turn, [
        {"type": event.pop("type"), "sequence_number": number, **event} for number, event in enumerate(events)
    ]


class _Tools:
    """The tools of a request, wherever it keeps them (Codex puts some into an input item, some into namespaces)."""

    def __init__(self, body: Json, items: list[Json]) -> None:
        self.schemas: dict[str, Json] = {}
        self.custom: set[str] = set()
        self.namespace: dict[str, str] = {}
        offered = list(body.get("tools") or [])
        for item in items:
            offered += item.get("tools") or [] if item.get("type") == "additional_tools" else []
        for tool in offered:
            for inner in tool.get("tools") or [] if tool.get("type") == "namespace" else [tool]:
                name = inner.get("name") or inner.get("type")
                self.schemas[name] = inner.get("parameters") or {}
                if inner.get("type") == "custom":
                    self.custom.add(name)
                if inner is not tool:
                    self.namespace[name] = tool["name"]


def _item(turn: Turn, tools: _Tools) -> tuple[Json, list[Json]]:
    """The finished output item, and the events in which it grew."""
    if not turn.tool:
        return _message(turn)
    custom = turn.tool in tools.custom
    text = turn.arguments.get("input", turn.call) if custom else turn.call
    kind, field = ("custom_tool_call", "input") if custom else ("function_call", "arguments")
    event = "response.custom_tool_call_input" if custom else "response.function_call_arguments"
    item = {
        "id": f"{'ctc' if custom else 'fc'}_fake{turn.n:06d}",
        "type": kind,
        "call_id": f"call_fake{turn.n:06d}",
        "name": turn.tool,
        **({"namespace": tools.namespace[turn.tool]} if turn.tool in tools.namespace else {}),
    }
    where = {"item_id": item["id"], "output_index": 0}
    begun = {**item, "status": "in_progress", field: ""}
    growth = [{"type": "response.output_item.added", "output_index": 0, "item": begun}]
    growth += [{"type": event + ".delta", **where, "delta": text[at : at + 12]} for at in range(0, len(text), 12)]
    growth.append({"type": event + ".done", **where, field: text})
    return {**item, "status": "completed", field: text}, growth


def _message(turn: Turn) -> tuple[Json, list[Json]]:
    item = {"id": f"msg_fake{turn.n:06d}", "type": "message", "role": "assistant"}
    where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    whole_part = {**part, "text": turn.text}

    def growth() -> Iterator[Json]:
        begun = {**item, "status": "in_progress", "content": []}
        yield {"type": "response.output_item.added", "output_index": 0, "item": begun}
        yield {"type": "response.content_part.added", **where, "part": part}
        for piece in turn.pieces:
            yield {"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []}
        yield {"type": "response.output_text.done", **where, "text": turn.text, "logprobs": []}
        yield {"type": "response.content_part.done", **where, "part": whole_part}

    return {**item, "status": "completed", "content": [whole_part]}, list(growth())


def _usage(given: int, made: int) -> Json:
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": given + made,
    }


def _head(body: Json, turn: Turn) -> dict[str, Json]:
    return {
        "id": f"resp_fake{turn.n:06d}",
        "object": "response",
        "created_at": EPOCH + turn.n,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": None,
        "model": body.get("model", "fake"),
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "store": body.get("store", True),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": body.get("metadata") or {},
    }
