"""The official OpenAI SDK reads the same message from JSON, from a stream, and from what we render of the other."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from isartor_addon.core.errors import BadReply
from isartor_addon.core.prompt import Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire.base import CONTENT_TYPES, Mode
from isartor_addon.wire.openai_chat import WIRE
from isartor_addon.wire.openai_completions import WIRE as COMPLETIONS
from isartor_addon.wire.openai_embeddings import WIRE as EMBEDDINGS
from tests.wire.transcripts import read, transcripts

openai = pytest.importorskip("openai")
httpx = pytest.importorskip("httpx")  # which it is built on
pytestmark = pytest.mark.clients

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
KEPT = [case for case in transcripts() if case.wire is WIRE and "reply" in case.expect]
REPLIES = [pytest.param(read(case.wire, case.mode, case.pieces), id=case.name) for case in KEPT]
REPLIES.append(
    pytest.param(
        Reply(
            id="msg_1",
            model="claude",
            parts=(
                Thinking("Hm."),
                Text("One. "),
                Text("Two."),
                ToolCall("t1", "f", '{"a":1}'),
                ToolCall("t2", "g", "{}"),
            ),
            stop=Stop("tool", raw="tool_use"),
            usage=Usage(input=10, output=5, cache_read=4, reasoning=2),
        ),
        id="of another wire",
    )
)


def client(pieces: tuple[bytes, ...], mode: Mode, status: int = 200) -> Any:
    """An SDK whose provider gives `pieces`, one at a time."""

    def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"content-type": CONTENT_TYPES[mode]}, content=iter(pieces))

    http = httpx.Client(transport=httpx.MockTransport(serve))
    return openai.OpenAI(api_key="none", base_url="https://provider.invalid/v1", http_client=http, max_retries=0)


def whole_message(reply: Reply) -> dict[str, Any]:
    """What the SDK makes of the JSON."""
    with client(WIRE.write("json", reply), "json") as sdk:
        answer = sdk.chat.completions.create(**ASK)
    return seen(answer)


def streamed_message(reply: Reply, mode: Mode) -> dict[str, Any]:
    """What the SDK's own accumulation makes of the stream."""
    with (
        client(WIRE.encode(reply, mode), mode) as sdk,
        sdk.chat.completions.stream(**ASK, stream_options={"include_usage": True}) as events,
    ):
        for _ in events:
            pass
        return seen(events.current_completion_snapshot)  # the final one refuses what stopped at its length


def seen(answer: Any) -> dict[str, Any]:
    """What a program that uses the SDK sees of an answer, as far as both ways of delivery carry it."""
    choice = answer.choices[0]
    message = choice.message.to_dict()
    calls = [
        {name: call.get(name) for name in ("id", "type", "function", "custom")}
        for call in message.get("tool_calls") or ()
    ]
    for call in calls:
        if call["function"]:
            call["function"] = {name: call["function"][name] for name in ("name", "arguments")}
    return {
        "id": answer.id,
        "model": answer.model,
        "role": message["role"],
        "content": message.get("content") or None,
        "refusal": message.get("refusal"),
        "reasoning": message.get("reasoning_content") or message.get("reasoning"),
        "annotations": message.get("annotations") or None,
        "function_call": message.get("function_call"),
        "tool_calls": calls,
        "finish_reason": choice.finish_reason,
        "usage": answer.usage.to_dict() if answer.usage else None,
    }


@pytest.mark.parametrize("reply", REPLIES)
def test_json_and_stream_are_the_same_message(reply: Reply) -> None:
    """Text, reasoning, calls, stop reason and usage are the same, however the answer is delivered."""
    assert whole_message(reply) == streamed_message(reply, "sse+usage")


@pytest.mark.parametrize("reply", REPLIES)
def test_the_message_is_the_reply(reply: Reply) -> None:
    """The SDK sees what the reply says."""
    message = whole_message(reply)
    texts = [part.text for part in reply.parts if isinstance(part, Text) and "field" not in part.extra]
    calls = [part for part in reply.parts if isinstance(part, ToolCall) and "field" not in part.extra]
    assert ("".join(texts) or None, [call.id for call in calls]) == (
        message["content"],
        [call["id"] for call in message["tool_calls"]],
    )
    assert (reply.usage.prompt, reply.usage.output) == (
        (message["usage"]["prompt_tokens"], message["usage"]["completion_tokens"]) if message["usage"] else (None, None)
    )


@pytest.mark.parametrize("reply", REPLIES)
def test_chunks_are_typed_as_the_sdk_types_them(reply: Reply) -> None:
    """Every chunk validates strictly against the SDK's own model."""
    chunk_type = openai.types.chat.ChatCompletionChunk
    for piece in WIRE.encode(reply, "sse")[:-1]:
        loaded = orjson.loads(piece.removeprefix(b"data: "))
        for choice in loaded["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                if call.get("type") == "custom":  # newer than the SDK's type of a chunk
                    call["type"] = "function"
        chunk_type.model_validate(loaded)


def test_an_error_body_is_an_api_error() -> None:
    """The SDK shows our message and code."""
    with (
        client((WIRE.error(400, "isartor_not_recorded", "nothing is stored"),), "json", 400) as sdk,
        pytest.raises(openai.BadRequestError, match="nothing is stored") as caught,
    ):
        sdk.chat.completions.create(**ASK)
    assert "isartor_not_recorded" == caught.value.code


def test_an_error_event_is_an_api_error() -> None:
    """An error inside a stream ends it with an exception."""
    pieces = (
        *WIRE.encode(Reply("c", "m", (Text("Hi"),), Stop("end")), "sse")[:2],
        WIRE.error_event("cut", "the rest is lost"),
    )
    with client(pieces, "sse") as sdk, pytest.raises(openai.APIError, match="the rest is lost"):
        list(sdk.chat.completions.create(**ASK, stream=True))
    with pytest.raises(BadReply):
        WIRE.read("sse", b"".join(pieces))


@pytest.mark.parametrize("mode", ["sse", "sse+usage"])
def test_legacy_completions_are_the_same_text(mode: Mode) -> None:
    """The SDK reads one text from JSON and from the stream."""
    reply = Reply("cmpl-1", "m", (Text("return "), Text("1")), Stop("length"), Usage(input=1, output=2))
    with client(COMPLETIONS.write("json", reply), "json") as sdk:
        whole = sdk.completions.create(model="m", prompt="x")
    with client(COMPLETIONS.encode(reply, mode), mode) as sdk:
        chunks = list(sdk.completions.create(model="m", prompt="x", stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert ("return 1", "length") == (whole.choices[0].text, whole.choices[0].finish_reason)
    assert ("return 1", "length") == ("".join(choice.text for choice in choices), choices[-1].finish_reason)
    usages = [chunk.usage.to_dict() for chunk in chunks if chunk.usage]
    assert ([whole.usage.to_dict()] if mode == "sse+usage" else []) == usages


def test_an_embeddings_error_is_an_api_error() -> None:
    """Embeddings say errors as chat does."""
    with (
        client((EMBEDDINGS.error(400, "c", "no"),), "json", 400) as sdk,
        pytest.raises(openai.BadRequestError, match="no"),
    ):
        sdk.embeddings.create(model="m", input="x")
