"""One request of every wire, and how to read its answer, whichever way it is delivered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.e2e.harness import ANTHROPIC, GEMINI, OPENAI

type Json = Any


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """How one wire is spoken."""

    name: str
    whole: str
    """Address for a JSON answer."""
    streamed: str
    """Address for a stream."""
    headers: Mapping[str, str]
    body: Callable[[str, bool], dict[str, Json]]
    """(prompt, whether to stream) to a request body."""
    text: Callable[[Json], str]
    """The words in one JSON reply, or in one event of a stream."""
    error: Callable[[Json], str]
    """The message of an error; raises where it has not the wire's shape."""

    def url(self, *, stream: bool) -> str:
        """Where to ask."""
        return self.streamed if stream else self.whole

    def send(
        self, client: httpx2.Client, prompt: str, *, stream: bool = False, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Ask."""
        return self.post(client, self.body(prompt, stream), stream=stream, headers=headers)

    def post(
        self, client: httpx2.Client, body: Json, *, stream: bool = False, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Ask with a body of one's own."""
        return client.post(self.url(stream=stream), json=body, headers={**self.headers, **(headers or {})})

    def read(self, response: httpx2.Response) -> str:
        """The words of a reply."""
        return self.read_text(response.text, response.headers["content-type"])

    def read_text(self, text: str, content_type: str) -> str:
        """The words of a reply's body."""
        if "event-stream" in content_type:
            lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
            return "".join(self.text(json.loads(line)) for line in lines if line != "[DONE]")
        if "ndjson" in content_type:
            return "".join(self.text(json.loads(line)) for line in text.splitlines())
        reply = json.loads(text)
        return "".join(map(self.text, reply)) if isinstance(reply, list) else self.text(reply)


def _chat_body(prompt: str, stream: bool) -> dict[str, Json]:
    messages = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": prompt}]
    return {"model": "gpt-4o", "messages": messages, **({"stream": True} if stream else {})}


def _chat_text(reply: Json) -> str:
    return "".join((c.get("delta") or c.get("message") or {}).get("content") or "" for c in reply["choices"])


def _responses_body(prompt: str, stream: bool) -> dict[str, Json]:
    return {"model": "gpt-5", "instructions": "Be terse.", "input": prompt, **({"stream": True} if stream else {})}


def _responses_text(reply: Json) -> str:
    if "type" in reply:
        return reply["delta"] if reply["type"] == "response.output_text.delta" else ""
    return "".join(part["text"] for item in reply["output"] for part in item["content"])


def _anthropic_body(prompt: str, stream: bool) -> dict[str, Json]:
    messages = [{"role": "user", "content": prompt}]
    body = {"model": "claude-sonnet-4-5", "max_tokens": 200, "system": "Be terse.", "messages": messages}
    return {**body, **({"stream": True} if stream else {})}


def _anthropic_text(reply: Json) -> str:
    if "content" in reply:
        return "".join(block.get("text", "") for block in reply["content"])
    return str(reply.get("delta", {}).get("text", ""))


def _gemini_body(prompt: str, stream: bool) -> dict[str, Json]:
    return {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}


def _gemini_text(reply: Json) -> str:
    parts = reply["candidates"][0].get("content", {}).get("parts", [])
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


def _internal_body(prompt: str, stream: bool) -> dict[str, Json]:
    return {"model": "gemini-2.5-pro", "project": "p", "request": _gemini_body(prompt, stream)}


def _ollama_body(prompt: str, stream: bool) -> dict[str, Json]:
    return {"model": "llama3", "messages": [{"role": "user", "content": prompt}], "stream": stream}


def _nested(reply: Json) -> str:
    message = reply["error"]["message"]
    assert isinstance(message, str)
    return message


def _anthropic_error(reply: Json) -> str:
    assert reply["type"] == "error"
    assert isinstance(reply["error"]["type"], str)
    return _nested(reply)


def _gemini_error(reply: Json) -> str:
    assert isinstance(reply["error"]["code"], int)
    assert isinstance(reply["error"]["status"], str)
    return _nested(reply)


_MODEL = f"{GEMINI}/v1beta/models/gemini-2.5-flash"
_INTERNAL = "https://cloudcode-pa.googleapis.com/v1internal"
_KEY = {"authorization": "Bearer sk-test-000000000000"}
_GOOGLE_KEY = {"x-goog-api-key": "test-key-000000000000"}
_ANTHROPIC_KEY = {"x-api-key": "sk-ant-test-000000000000", "anthropic-version": "2023-06-01"}
_CHAT, _MESSAGES, _RESPONSES = f"{OPENAI}/v1/chat/completions", f"{ANTHROPIC}/v1/messages", f"{OPENAI}/v1/responses"
OLLAMA = "http://ollama.test:11434/api/chat"

CHAT = Ask("openai-chat", _CHAT, _CHAT, _KEY, _chat_body, _chat_text, _nested)
RESPONSES = Ask("openai-responses", _RESPONSES, _RESPONSES, _KEY, _responses_body, _responses_text, _nested)
MESSAGES = Ask("anthropic", _MESSAGES, _MESSAGES, _ANTHROPIC_KEY, _anthropic_body, _anthropic_text, _anthropic_error)
GENERATE = Ask(
    "gemini",
    f"{_MODEL}:generateContent",
    f"{_MODEL}:streamGenerateContent?alt=sse",
    _GOOGLE_KEY,
    _gemini_body,
    _gemini_text,
    _gemini_error,
)
ARRAY = Ask(
    "gemini-array",
    f"{_MODEL}:generateContent",
    f"{_MODEL}:streamGenerateContent",
    _GOOGLE_KEY,
    _gemini_body,
    _gemini_text,
    _gemini_error,
)
INTERNAL = Ask(
    "gemini-internal",
    f"{_INTERNAL}:generateContent",
    f"{_INTERNAL}:streamGenerateContent?alt=sse",
    {"authorization": "Bearer ya29.test-000000000000"},
    _internal_body,
    lambda reply: _gemini_text(reply["response"]),
    _gemini_error,
)
OLLAMA_CHAT = Ask(
    "ollama",
    OLLAMA,
    OLLAMA,
    {},
    _ollama_body,
    lambda reply: reply["message"]["content"],
    lambda reply: reply["error"],
)

WIRES = (CHAT, RESPONSES, MESSAGES, GENERATE, ARRAY, INTERNAL, OLLAMA_CHAT)
CLOUD = WIRES[:-1]
"""Those whose hosts are known without any setting."""
