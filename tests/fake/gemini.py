"""Gemini: generate, stream (events, or one growing array), count, embed; also in Code Assist's envelope."""

from __future__ import annotations

import json
import re

from tests.fake.model import Json, Model, Question, Turn, tokens, words
from tests.fake.plan import Asked, Said, sse, stream, whole

_PATH = re.compile(r"/(?:models/([^/:]+)|(v1internal)):(\w+)$")


def error(status: int, message: str) -> bytes:
    """An error body."""
    names = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
    return json.dumps(
        {"error": {"code": status, "message": message, "status": names.get(status, "UNAVAILABLE")}}
    ).encode()


def gemini(asked: Asked, model: Model) -> Said | None:
    """`POST .../models/{model}:{operation}` and `POST /v1internal:{operation}`."""
    found = _PATH.search(asked.path)
    if not found:
        return None
    named, internal, operation = found.groups()
    match operation:
        case "generateContent" | "streamGenerateContent":
            return _generate(asked, model, named or asked.body.get("model", "fake"), bool(internal))
        case "countTokens":
            return whole({"totalTokens": tokens(asked.body)}, generated=True)
        case "embedContent":
            return whole({"embedding": {"values": [0.1] * 16}}, generated=True)
        case "batchEmbedContents":
            return whole({"embeddings": [{"values": [0.1] * 16} for _ in asked.body["requests"]]}, generated=True)
        case "loadCodeAssist":
            tier = {"id": "free-tier", "name": "Free"}
            return whole({"currentTier": tier, "cloudaicompanionProject": "fake-project", "allowedTiers": []})
        case "onboardUser":
            return whole({"done": True, "response": {"cloudaicompanionProject": {"id": "fake-project"}}})
    return whole({})


def _generate(asked: Asked, model: Model, name: str, internal: bool) -> Said:
    body = asked.body["request"] if internal else asked.body
    turn = model.answer(_question(body))
    given = tokens(body.get("contents") or [])
    usage = {"promptTokenCount": given, "candidatesTokenCount": turn.tokens, "totalTokenCount": given + turn.tokens}

    def chunk(parts: list[Json], finish: str = "") -> Json:
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        reply = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": name}
        reply["responseId"] = f"fake{turn.n:06d}"
        return {"response": reply} if internal else reply

    if ":stream" not in asked.path:
        return whole(chunk(_parts(turn), "STOP"), generated=True)
    chunks = [chunk([part]) for part in (_parts(turn) if turn.tool else _grown(turn))]
    chunks.append(chunk([{"text": ""}], "STOP"))
    broken = json.loads(error(503, "the stream broke"))
    if asked.query.get("alt") == "sse":
        return stream([sse(each) for each in chunks], error_event=sse(broken))
    texts = [json.dumps(each, ensure_ascii=False).encode() for each in chunks]
    pieces = [(b"[" if number == 0 else b",\r\n") + text for number, text in enumerate(texts)]
    return Said((*pieces, b"]"), "application/json; charset=UTF-8", generated=True)


def _grown(turn: Turn) -> list[Json]:
    thought = [{"text": turn.thought, "thought": True}] if turn.thought else []
    return [*thought, *({"text": piece} for piece in turn.pieces)]


def _parts(turn: Turn) -> list[Json]:
    if turn.tool:
        return [{"functionCall": {"name": turn.tool, "args": turn.arguments}}]
    thought = [{"text": turn.thought, "thought": True}] if turn.thought else []
    return [*thought, {"text": turn.text}]


def _question(body: Json) -> Question:
    given = body.get("contents") or []
    turns = given if isinstance(given, list) else [given]
    tools = {}
    for group in body.get("tools") or []:
        for function in group.get("functionDeclarations") or group.get("function_declarations") or []:
            tools[function["name"]] = function.get("parametersJsonSchema") or function.get("parameters") or {}
    wanted = body.get("generationConfig") or {}
    schema = wanted.get("responseJsonSchema") or wanted.get("responseSchema")
    if wanted.get("responseMimeType") == "application/json" and not schema:
        schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    said = [words(turn.get("parts")) for turn in turns if turn.get("role", "user") == "user"]
    return Question(
        text=next(filter(None, reversed(said)), ""),
        tools=tools,
        answered=int(bool(turns) and any("functionResponse" in part for part in turns[-1].get("parts") or [])),
        schema=schema,
    )
