"""OpenAI chat completions, completions, embeddings."""

from __future__ import annotations

import base64
import json
import struct
import zlib

from tests.fake.model import EPOCH, Json, Model, Question, Turn, own_words, tokens, words
from tests.fake.plan import Asked, Said, sse, stream, whole


def error(status: int, message: str) -> bytes:
    """An error body."""
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": None}}).encode()


def chat(asked: Asked, model: Model) -> Said:
    """`POST /chat/completions`."""
    turn = model.answer(_question(asked.body))
    usage = _usage(asked.body["messages"], turn)
    headers = {"x-request-id": f"req_fake{turn.n:06d}", "openai-processing-ms": "5"}
    if asked.body.get("stream"):
        return stream(
            _chunks(asked.body, turn, usage),
            headers=headers,
            error_event=sse(json.loads(error(500, "the stream broke"))),
        )
    call = _call(turn)
    message: Json = {"role": "assistant", "content": None if call else turn.text, "refusal": None}
    if call:
        message["tool_calls"] = [call]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if call else "stop"}
    reply = {**_head(asked.body, turn, "chat.completion"), "choices": [choice], "usage": usage}
    return whole(reply, headers=headers, generated=True)


def _said(message: Json) -> str:
    return own_words(message.get("content")) if message.get("role") == "user" else ""


def _question(body: Json) -> Question:
    messages = body.get("messages") or []
    functions = [tool.get("function") or tool for tool in body.get("tools") or []]
    wanted = body.get("response_format") or {}
    schema = (wanted.get("json_schema") or {}).get("schema")
    if wanted.get("type") == "json_object":
        schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    choice = body.get("tool_choice")
    asked = next((at for at, message in reversed(list(enumerate(messages))) if _said(message)), 0)
    return Question(
        text=_said(messages[asked]) if messages else "",
        tools={function["name"]: function.get("parameters") or {} for function in functions if function.get("name")},
        answered=sum(message.get("role") == "tool" for message in messages[asked:]),
        schema=schema,
        forced=(choice.get("function") or {}).get("name", "") if isinstance(choice, dict) else "",
    )


def _head(body: Json, turn: Turn, kind: str) -> dict[str, Json]:
    return {
        "id": f"chatcmpl-fake{turn.n:06d}",
        "object": kind,
        "created": EPOCH + turn.n,
        "model": body.get("model", "fake"),
        "service_tier": "default",
        "system_fingerprint": "fp_fake",
    }


def _usage(prompt: Json, turn: Turn) -> dict[str, Json]:
    return {
        "prompt_tokens": tokens(prompt),
        "completion_tokens": turn.tokens,
        "total_tokens": tokens(prompt) + turn.tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _call(turn: Turn) -> dict[str, Json] | None:
    if not turn.tool:
        return None
    return {
        "id": f"call_fake{turn.n:06d}",
        "type": "function",
        "function": {"name": turn.tool, "arguments": turn.call},
    }


def _chunks(body: Json, turn: Turn, usage: Json) -> list[bytes]:
    head = _head(body, turn, "chat.completion.chunk")
    counted = (body.get("stream_options") or {}).get("include_usage")
    tail = {"usage": None} if counted else {}

    def chunk(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse({**head, "choices": [choice], **tail})

    call = _call(turn)
    pieces = [chunk({"role": "assistant", "content": None if call else "", "refusal": None})]
    if call:
        pieces.append(chunk({"tool_calls": [{"index": 0, **call, "function": {"name": turn.tool, "arguments": ""}}]}))
        for start in range(0, len(turn.call), 12):
            function = {"arguments": turn.call[start : start + 12]}
            pieces.append(chunk({"tool_calls": [{"index": 0, "function": function}]}))
    pieces += [chunk({"content": piece}) for piece in turn.pieces]
    pieces.append(chunk({}, "tool_calls" if call else "stop"))
    if counted:
        pieces.append(sse({**head, "choices": [], "usage": usage}))
    return [*pieces, sse("[DONE]")]


def completions(asked: Asked, model: Model) -> Said:
    """`POST /completions`."""
    turn = model.answer(Question(words(asked.body.get("prompt"))))
    head = {"id": f"cmpl-fake{turn.n:06d}", "object": "text_completion", "created": EPOCH + turn.n}
    head["model"] = asked.body.get("model", "fake")

    def choice(text: str, finish: str | None) -> Json:
        return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}

    if not asked.body.get("stream"):
        usage = {"prompt_tokens": 5, "completion_tokens": turn.tokens, "total_tokens": 5 + turn.tokens}
        return whole({**head, "choices": [choice(turn.text, "stop")], "usage": usage}, generated=True)
    pieces = [sse({**head, "choices": [choice(piece, None)]}) for piece in turn.pieces]
    pieces += [sse({**head, "choices": [choice("", "stop")]}), sse("[DONE]")]
    return stream(pieces, error_event=sse(json.loads(error(500, "the stream broke"))))


def embeddings(asked: Asked, model: Model) -> Said:
    """`POST /embeddings`. The first number is the answer's count, so that a replay shows."""
    given = asked.body.get("input")
    texts = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
    size = int(asked.body.get("dimensions") or 16)
    n = model.answer(Question("")).n
    data = []
    for index, text in enumerate(texts):
        seed = zlib.crc32(json.dumps(text).encode())
        vector: Json = [n / 1024, *(((seed >> (j % 24)) & 255) / 255 - 0.5 for j in range(1, size))]
        if asked.body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    reply = {"object": "list", "data": data, "model": asked.body.get("model"), "usage": usage}
    return whole(reply, generated=True)
