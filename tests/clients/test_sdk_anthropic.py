"""The official Anthropic SDK reads the same message from a recording and from what we render of it."""

from __future__ import annotations

from typing import Any

import pytest

from isartor_addon.core.prompt import Text, ToolCall
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire.anthropic_messages import WIRE
from isartor_addon.wire.base import CONTENT_TYPES, Mode
from tests.clients.loopback import provider
from tests.wire.transcripts import read, transcripts

anthropic = pytest.importorskip("anthropic")
pytestmark = pytest.mark.clients

ASK: dict[str, Any] = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
RECORDED = [pytest.param(case, id=case.name) for case in transcripts() if case.wire is WIRE and "reply" in case.expect]


def seen(message: Any) -> dict[str, Any]:
    """What a program sees of a message."""
    whole = message.to_dict()
    for block in whole["content"]:
        block.pop("parsed_output", None)
    # What a stream does not say again at its end, and says as null or not at all.
    return {name: value for name, value in whole.items() if value is not None}


def ask(pieces: tuple[bytes, ...], mode: Mode, *, status: int = 200) -> dict[str, Any]:
    """Let the SDK ask a provider that answers with `pieces`."""
    with provider(pieces, CONTENT_TYPES[mode], status) as url:
        client = anthropic.Anthropic(api_key="k", base_url=url, max_retries=0)
        if mode == "json":
            return seen(client.beta.messages.create(**ASK))
        with client.beta.messages.stream(**ASK) as stream:
            return seen(stream.get_final_message())


@pytest.mark.parametrize("case", RECORDED)
def test_the_sdk_reads_what_we_render_as_it_reads_the_recording(case: Any) -> None:
    """Text, tool calls, thinking, citations, stop reason and usage come out the same from JSON and from SSE."""
    reply = read(case.wire, case.mode, case.pieces)
    expected = ask(case.pieces, case.mode)
    assert expected == ask(WIRE.write("json", reply), "json")
    assert expected == ask(WIRE.encode(reply, "sse"), "sse")


@pytest.mark.parametrize("mode", ["json", "sse"])
def test_the_sdk_reads_another_providers_reply(mode: Mode) -> None:
    """A reply that no Anthropic model gave is a message like any other."""
    reply = Reply(
        "chatcmpl-1",
        "gpt",
        (Text("I look."), ToolCall("call_1", "Bash", '{"command": "ls"}')),
        Stop("tool", "tool_calls"),
        Usage(input=3, output=4, extra={"prompt_tokens": 3}),
    )
    message = ask(WIRE.write(mode, reply), mode)
    content = [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "call_1", "name": "Bash", "input": {"command": "ls"}},
    ]
    assert content == message["content"]
    assert ("tool_use", 3, 4) == (
        message["stop_reason"],
        message["usage"]["input_tokens"],
        message["usage"]["output_tokens"],
    )


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (404, "NotFoundError"),
        (429, "RateLimitError"),
        (529, "OverloadedError"),
    ],
)
def test_the_sdk_raises_our_errors_as_the_providers(status: int, error: str) -> None:
    """Class and message arrive."""
    with pytest.raises(getattr(anthropic, error), match="not recorded"):
        ask((WIRE.error(status, "isartor_x", "not recorded"),), "json", status=status)


def test_the_sdk_raises_an_error_in_a_stream() -> None:
    """A stream that has begun ends with the provider's own kind of error."""
    begun = read(WIRE, "json", (b'{"id":"m","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn"}',))
    pieces = (*WIRE.encode(begun, "sse")[:3], WIRE.error_event("isartor_x", "cut off"))
    with pytest.raises(anthropic.APIStatusError, match="cut off"):
        ask(pieces, "sse")
