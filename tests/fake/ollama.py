"""Ollama chat and generate, one JSON object a line."""

from __future__ import annotations

import json

from tests.fake.model import Json, Model, Question, words
from tests.fake.plan import Asked, Said, whole


def error(status: int, message: str) -> bytes:
    """An error body."""
    return json.dumps({"error": f"{message} ({status})"}).encode()


def ollama(asked: Asked, model: Model) -> Said:
    """`POST /api/chat` and `POST /api/generate`."""
    chat = asked.path.endswith("/chat")
    turns = asked.body.get("messages") or []
    functions = [tool["function"] for tool in asked.body.get("tools") or []]
    turn = model.answer(
        Question(
            text=words(turns[-1].get("content")) if chat and turns else words(asked.body.get("prompt")),
            tools={function["name"]: function.get("parameters") or {} for function in functions},
            answered=int(bool(turns) and turns[-1].get("role") == "tool"),
        )
    )
    head = {"model": asked.body.get("model", "fake"), "created_at": f"2025-06-15T15:06:{turn.n % 60:02d}.000000Z"}
    calls = [{"function": {"name": turn.tool, "arguments": turn.arguments}}] if turn.tool else []

    def line(text: str, *, calls: list[Json], done: bool) -> Json:
        message: Json = {"role": "assistant", "content": text}
        if calls:
            message["tool_calls"] = calls
        said = {"message": message} if chat else {"response": text}
        counts = {"total_duration": 5000000, "prompt_eval_count": 9, "eval_count": turn.tokens}
        return {**head, **said, "done": done, **({"done_reason": "stop", **counts} if done else {})}

    if asked.body.get("stream") is False:
        return whole(line(turn.text, calls=calls, done=True), generated=True)
    lines = [line(piece, calls=[], done=False) for piece in turn.pieces]
    if calls:
        lines.append(line("", calls=calls, done=False))
    lines.append(line("", calls=[], done=True))
    pieces = tuple(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in lines)
    return Said(pieces, "application/x-ndjson", error_event=error(500, "the stream broke") + b"\n", generated=True)
