"""Anthropic messages and count_tokens."""

from __future__ import annotations

import json

from tests.fake.model import Json, Model, Question, Turn, own_words, tokens
from tests.fake.plan import Asked, Said, sse, stream, whole


def error(status: int, message: str) -> bytes:
    """An error body."""
    kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
    kinds |= {429: "rate_limit_error", 529: "overloaded_error"}
    detail = {"type": kinds.get(status, "api_error"), "message": message}
    return json.dumps({"type": "error", "error": detail, "request_id": "req_fake"}).encode()


def messages(asked: Asked, model: Model) -> Said:
    """`POST /v1/messages`."""
    turn = model.answer(_question(asked.body))
    headers = {"request-id": f"req_fake{turn.n:06d}", "anthropic-ratelimit-unified-status": "allowed"}
    usage = {
        "input_tokens": tokens(asked.body.get("messages") or []),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 1,
        "service_tier": "standard",
    }
    head = {
        "id": f"msg_fake{turn.n:06d}",
        "type": "message",
        "role": "assistant",
        "model": asked.body.get("model", "fake"),
    }
    stop = {"stop_reason": "tool_use" if turn.tool else "end_turn", "stop_sequence": None}
    if asked.body.get("stream"):
        broken = sse(json.loads(error(529, "the stream broke")), "error")
        return stream(_events(turn, head, usage, stop), headers=headers, error_event=broken)
    reply = {**head, "content": _blocks(turn), **stop, "usage": {**usage, "output_tokens": turn.tokens}}
    return whole(reply, headers=headers, generated=True)


def count(asked: Asked) -> Said:
    """`POST /v1/messages/count_tokens`."""
    return whole({"input_tokens": tokens(asked.body)}, generated=True)


def _question(body: Json) -> Question:
    turns = body.get("messages") or []
    choice = body.get("tool_choice") or {}
    wanted = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    last: Json = next((turn for turn in reversed(turns) if turn.get("role") in ("user", "assistant")), {})
    parts = last["content"] if isinstance(last.get("content"), list) else []
    return Question(
        text=next(filter(None, map(_said, reversed(turns))), ""),
        tools={tool["name"]: tool.get("input_schema") or {} for tool in body.get("tools") or []},
        answered=_results(turns) if any(part.get("type") == "tool_result" for part in parts) else 0,
        schema=wanted.get("schema") if wanted.get("type") == "json_schema" else None,
        forced=choice.get("name", "") if choice.get("type") == "tool" else "",
    )


def _results(turns: list[Json]) -> int:
    """How many results of tools stand after the user's last words."""
    last = next((at for at, turn in reversed(list(enumerate(turns))) if _said(turn)), 0)
    parts = [part for turn in turns[last:] if isinstance(turn.get("content"), list) for part in turn["content"]]
    return sum(part.get("type") == "tool_result" for part in parts)


def _said(turn: Json) -> str:
    return own_words(turn.get("content")) if turn.get("role") == "user" else ""


def _blocks(turn: Turn) -> list[Json]:
    if turn.tool:
        return [{"type": "tool_use", "id": f"toolu_fake{turn.n:06d}", "name": turn.tool, "input": turn.arguments}]
    thought = {"type": "thinking", "thinking": turn.thought, "signature": f"c2ln{turn.n:06d}"}
    return [*([thought] if turn.thought else []), {"type": "text", "text": turn.text}]


def _events(turn: Turn, head: Json, usage: Json, stop: Json) -> list[bytes]:
    def event(name: str, **fields: Json) -> bytes:
        return sse({"type": name, **fields}, name)

    begun = {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    events = [event("message_start", message=begun)]
    for index, block in enumerate(_blocks(turn)):
        empty, deltas = _growth(turn, block)
        events.append(event("content_block_start", index=index, content_block=empty))
        if index == 0:
            events.append(event("ping"))
        events += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
        events.append(event("content_block_stop", index=index))
    counted = {name: usage[name] for name in usage if name.endswith("input_tokens")}
    events.append(event("message_delta", delta=stop, usage={**counted, "output_tokens": turn.tokens}))
    events.append(event("message_stop"))
    return events


def _growth(turn: Turn, block: Json) -> tuple[Json, list[Json]]:
    match block["type"]:
        case "tool_use":
            steps = [turn.call[at : at + 12] for at in range(0, len(turn.call), 12)]
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": step} for step in steps]
        case "thinking":
            return {**block, "thinking": "", "signature": ""}, [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
    return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in turn.pieces]
