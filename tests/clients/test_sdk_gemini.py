"""The official Google SDK reads the same answer from a recording and from what we render of it."""

from __future__ import annotations

from typing import Any

import pytest

from isartor_addon.core.prompt import Text, ToolCall
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire.base import CONTENT_TYPES, Mode
from isartor_addon.wire.gemini import WIRE
from tests.clients.loopback import provider
from tests.wire.transcripts import read, transcripts

genai = pytest.importorskip("google.genai")
pytestmark = pytest.mark.clients

RECORDED = [
    pytest.param(case, id=case.name)
    for case in transcripts()
    if case.wire is WIRE and "reply" in case.expect and case.mode in ("json", "sse")
]


def seen(responses: list[Any]) -> dict[str, Any]:
    """What a program sees of an answer, whole or in chunks."""
    parts: list[dict[str, Any]] = []
    told: dict[str, Any] = {}
    for response in responses:
        for candidate in response.candidates or ():
            for part in (candidate.content.parts if candidate.content else None) or ():
                _add(parts, part.model_dump(exclude_none=True))
            told |= {"finish": candidate.finish_reason} if candidate.finish_reason else {}
        told |= {"usage": response.usage_metadata.model_dump()} if response.usage_metadata else {}
        told |= {"model": response.model_version, "id": response.response_id}
        told |= {"blocked": response.prompt_feedback.block_reason} if response.prompt_feedback else {}
    return {**told, "parts": parts}


def _add(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """Texts of a kind that follow each other are one text, as `response.text` has them."""
    before = parts[-1] if parts else {}
    if "text" in part and "text" in before and part.get("thought") == before.get("thought"):
        parts[-1] = {**before, **part, "text": before["text"] + part["text"]}
    elif part != {"text": ""}:
        parts.append(part)


def ask(pieces: tuple[bytes, ...], mode: Mode, *, status: int = 200) -> dict[str, Any]:
    """Let the SDK ask a provider that answers with `pieces`."""
    with provider(pieces, CONTENT_TYPES[mode], status) as url:
        client = genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=url))
        try:
            if mode == "json":
                return seen([client.models.generate_content(model="m", contents="hi")])
            return seen(list(client.models.generate_content_stream(model="m", contents="hi")))
        finally:
            client.close()


@pytest.mark.parametrize("case", RECORDED)
def test_the_sdk_reads_what_we_render_as_it_reads_the_recording(case: Any) -> None:
    """Text, thoughts, function calls, finish reason and usage come out the same from JSON and from SSE."""
    reply = read(case.wire, case.mode, case.pieces)
    expected = ask(case.pieces, case.mode)
    assert expected == ask(WIRE.write("json", reply), "json")
    assert expected == ask(WIRE.encode(reply, "sse"), "sse")


@pytest.mark.parametrize("mode", ["json", "sse"])
def test_the_sdk_reads_another_providers_reply(mode: Mode) -> None:
    """A reply that no Gemini model gave is an answer like any other."""
    reply = Reply(
        "chatcmpl-1",
        "gpt",
        (Text("I look."), ToolCall("call_1", "ls", '{"dir": "."}')),
        Stop("tool", "tool_calls"),
        Usage(input=3, output=4, extra={"prompt_tokens": 3}),
    )
    answer = ask(WIRE.write(mode, reply), mode)
    parts = [{"text": "I look."}, {"function_call": {"id": "call_1", "name": "ls", "args": {"dir": "."}}}]
    assert parts == answer["parts"]
    assert (genai.types.FinishReason.STOP, 7) == (answer["finish"], answer["usage"]["total_token_count"])


@pytest.mark.parametrize(
    ("status", "error"), [(400, "ClientError"), (404, "ClientError"), (500, "ServerError"), (501, "ServerError")]
)
@pytest.mark.parametrize("mode", ["json", "sse"])
def test_the_sdk_raises_our_errors_as_the_providers(status: int, error: str, mode: Mode) -> None:
    """Class, code, status word and message arrive."""
    words = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 500: "INTERNAL", 501: "UNIMPLEMENTED"}
    with pytest.raises(getattr(genai.errors, error), match="not recorded") as raised:
        ask((WIRE.error(status, "isartor_x", "not recorded"),), mode, status=status)
    assert (status, words[status]) == (raised.value.code, raised.value.status)


def test_the_sdk_raises_an_error_in_a_stream() -> None:
    """A stream that has begun ends with the provider's own kind of error."""
    with pytest.raises(genai.errors.APIError, match="cut off"):
        ask((WIRE.error_event("isartor_x", "cut off"),), "sse")
