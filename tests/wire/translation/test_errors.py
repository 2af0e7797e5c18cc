"""A provider's error in the client's wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from isartor_addon.wire import WIRES
from isartor_addon.wire.translate import translate_error
from tests.wire.translation.carrying import FOUR

BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "error": {"message": "Too fast.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    },
    "openai_responses": {
        "error": {"message": "Too fast.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    },
    "anthropic_messages": {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "Too fast."},
        "request_id": "r",
    },
    "gemini": {"error": {"code": 429, "message": "Too fast.", "status": "RESOURCE_EXHAUSTED"}},
}
CODES = {
    "openai_chat": "rate_limit_exceeded",
    "openai_responses": "rate_limit_exceeded",
    "anthropic_messages": "rate_limit_error",
    "gemini": "RESOURCE_EXHAUSTED",
}


def told(source: str | None, body: bytes, target: str, status: int = 429) -> dict[str, Any]:
    """What the client hears."""
    said = translate_error(WIRES[source] if source else None, status, body, WIRES[target])
    loaded: dict[str, Any] = json.loads(said)
    return loaded


@pytest.mark.parametrize("source", FOUR)
@pytest.mark.parametrize("target", FOUR)
def test_message_and_code_arrive(source: str, target: str) -> None:
    """In the shape of the client's wire, with the type that belongs to the status; the same wire's stay as they are."""
    body = json.dumps(BODIES[source]).encode()
    heard = told(source, body, target)
    if source == target:
        assert BODIES[source] == heard
        return
    error, code = heard["error"], CODES[source]
    if target == "anthropic_messages":
        assert {"type": "rate_limit_error", "message": f"Too fast. ({code})"} == error
    elif target == "gemini":
        assert (429, "Too fast.", "RESOURCE_EXHAUSTED") == (error["code"], error["message"], error["status"])
        assert code.upper() == error["details"][0]["reason"]
    else:
        assert ("Too fast.", "rate_limit_error", code) == (error["message"], error["type"], error["code"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        (b"", "the provider answered with status 502 and said no more"),
        (b'{"error": "model not found"}', "model not found"),
        (b'{"detail": "not allowed"}', "not allowed"),
        (b'{"message": "bad key"}', "bad key"),
        (b'[{"error": {"message": "in an array"}}]', "in an array"),
        (b'{"error": "isartor_x", "message": "native"}', "native (isartor_x)"),
        (b"[]", "[]"),
        (b'{"error": {"nothing": 1}}', '{"nothing":1}'),
        (b"\xff\xfe", "��"),
    ],
)
def test_whatever_was_said_is_told(body: bytes, message: str) -> None:
    """Compatible servers and gateways have shapes of their own."""
    assert message == told(None, body, "anthropic_messages", status=502)["error"]["message"]
