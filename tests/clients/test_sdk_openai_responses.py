"""The official OpenAI SDK reads what the Responses wire writes: the same Response from JSON and from events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from isartor_addon.core.prompt import Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire.openai_responses import WIRE

openai = pytest.importorskip("openai")
httpx = pytest.importorskip("httpx")  # which it is built on
pytestmark = pytest.mark.clients

GOLDEN = Path(__file__).parent.parent / "transcripts" / "openai_responses"
CASES = ["text_json", "web_search_json", "text_sse", "tool_call_sse", "parallel_tools_sse", "reasoning_sse"]
CASES += ["empty_output_in_terminal_sse", "incomplete_sse"]
FOREIGN = Reply(
    id="msg_1",
    model="claude",
    parts=(Thinking("hm", "sig"), Text("one"), Text(" two"), ToolCall("call_1", "f", '{"a":1}')),
    stop=Stop("tool", "tool_use"),
    usage=Usage(input=3, output=4),
)


def golden(name: str) -> tuple[str, bytes]:
    path = next((GOLDEN / name).glob("response.*"))
    return path.suffix[1:], path.read_bytes()


def replies() -> list[Any]:
    read = [pytest.param(WIRE.read(*golden(name)), id=name) for name in CASES]  # type: ignore[arg-type]
    return [*read, pytest.param(FOREIGN, id="foreign")]


def client(reply: Reply) -> Any:
    """An SDK client whose provider gives `reply` as it is asked to."""

    def serve(request: httpx.Request) -> httpx.Response:
        mode: Any = WIRE.mode(ROUTE, orjson.loads(request.content))
        body = b"".join(WIRE.write(mode, reply))
        return httpx.Response(200, headers={"content-type": WIRE.content_type(mode)}, content=body)

    http = httpx.Client(transport=httpx.MockTransport(serve))
    return openai.OpenAI(api_key="none", base_url="https://provider.invalid/v1", http_client=http, max_retries=0)


ROUTE = WIRE.route("POST", "provider.invalid", "/v1/responses", {})
assert ROUTE is not None


def plain(response: Any) -> dict[str, Any]:
    """A response without what only `responses.stream()` adds."""
    value: dict[str, Any] = response.to_dict()
    for item in value["output"]:
        item.pop("parsed_arguments", None)
        for part in item.get("content") or []:
            part.pop("parsed", None)
    return value


@pytest.mark.parametrize("reply", replies())
def test_json_is_read_as_it_was_written(reply: Reply) -> None:
    """`responses.create` gives every field, in the SDK's own types."""
    response = client(reply).responses.create(model="m", input="hi")
    assert WIRE.write_reply(reply) == response.to_dict()
    assert {"Response"} == {type(response).__name__}
    assert all(type(item).__module__.startswith("openai.") for item in response.output)
    assert "".join(part.text for part in reply.parts if isinstance(part, Text)) == response.output_text


@pytest.mark.parametrize("reply", replies())
def test_events_end_in_the_same_response(reply: Reply) -> None:
    """`responses.create(stream=True)`: typed events, numbered from 0, the last of which holds the JSON's response."""
    with client(reply) as sdk:
        whole = sdk.responses.create(model="m", input="hi")
        events = list(sdk.responses.create(model="m", input="hi", stream=True))
    assert list(range(len(events))) == [event.sequence_number for event in events]
    assert whole.to_dict() == events[-1].response.to_dict()
    assert ["response.created", "response.in_progress"] == [event.type for event in events[:2]]
    assert whole.output_text == "".join(event.delta for event in events if event.type == "response.output_text.delta")
    added = [event.item.type for event in events if event.type == "response.output_item.added"]
    assert [item.type for item in whole.output] == added


@pytest.mark.parametrize("reply", [each for each in replies() if each.values[0].stop.reason != "length"])
def test_the_streaming_helper_accepts_the_events(reply: Reply) -> None:
    """`responses.stream()` rebuilds the response from the events and comes to the same. It takes no incomplete one."""
    with client(reply) as sdk:
        whole = sdk.responses.create(model="m", input="hi")
        with sdk.responses.stream(model="m", input="hi") as stream:
            snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
            final = stream.get_final_response()
    assert plain(whole) == plain(final)
    texts = [part.text for item in whole.output if item.type == "message" for part in item.content]
    assert [text for text in texts if text] == snapshots


def test_an_error_is_raised_as_the_sdks_own() -> None:
    """A refusal arrives as BadRequestError with our code."""
    body = WIRE.error(400, "isartor_not_recorded", "nothing is recorded for this")
    transport = httpx.MockTransport(lambda request: httpx.Response(400, content=body))
    sdk = openai.OpenAI(api_key="none", base_url="https://x.invalid/v1", http_client=httpx.Client(transport=transport))
    with pytest.raises(openai.BadRequestError) as raised:
        sdk.responses.create(model="m", input="hi")
    assert "isartor_not_recorded" == raised.value.code


def test_an_error_event_ends_the_stream() -> None:
    """An error after the stream has begun reaches the caller as the SDK's error event."""
    content = WIRE.encode(FOREIGN, "sse")[0] + WIRE.error_event("isartor_cut", "the provider hung up")
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, headers={"content-type": "text/event-stream"}, content=content)
    )
    sdk = openai.OpenAI(api_key="none", base_url="https://x.invalid/v1", http_client=httpx.Client(transport=transport))
    events = list(sdk.responses.create(model="m", input="hi", stream=True))
    assert ("error", "the provider hung up") == (events[-1].type, events[-1].message)
