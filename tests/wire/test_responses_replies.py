"""OpenAI Responses: replies and streams. The golden transcripts are run by `test_transcripts.py`."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Image, Opaque, Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire.openai_responses import WIRE
from isartor_addon.wire.openai_responses_stream import Objects
from tests.effort import takes_at_most
from tests.wire.drawn import anything, names, scalars, texts

GOLDEN = Path(__file__).parent.parent / "transcripts" / "openai_responses"


def golden(name: str) -> bytes:
    return next((GOLDEN / name).glob("response.*")).read_bytes()


CASES = [
    "text_json",
    "text_sse",
    "parallel_tools_sse",
    "reasoning_sse",
    "empty_output_in_terminal_sse",
    "web_search_json",
]


def read(name: str) -> Reply:
    return WIRE.read("json" if name.endswith("json") else "sse", golden(name))


@pytest.mark.parametrize("name", [*CASES, "incomplete_sse", "refusal_json"])
def test_every_mode_keeps_everything(name: str) -> None:
    """Ids, phases, annotations, log-probabilities, encrypted content and echoed settings survive every mode."""
    reply = read(name)
    for mode in ("json", "sse", "ws"):
        assert reply == WIRE.read(mode, b"".join(WIRE.write(mode, reply))), mode


@pytest.mark.parametrize("name", ["text_json", "web_search_json"])
def test_a_whole_reply_is_written_back_as_it_came(name: str) -> None:
    """Same-wire JSON is equal field by field."""
    assert orjson.loads(golden(name)) == WIRE.write_reply(read(name))


def test_the_streamed_events_are_the_recorded_ones() -> None:
    """What `encode` makes of a recorded answer has the recorded types, ids, indices and whole texts, in that order."""
    for name in ("tool_call_sse", "reasoning_sse", "parallel_tools_sse"):
        recorded, encoded = events(golden(name)), events(b"".join(WIRE.encode(read(name), "sse")))
        assert [digest(each) for each in recorded if "delta" not in each] == [
            digest(each) for each in encoded if "delta" not in each
        ], name
        assert list(range(len(encoded))) == [each["sequence_number"] for each in encoded]


def events(content: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line[6:]) for line in content.split(b"\n") if line.startswith(b"data: ")]


def digest(event: dict[str, Any]) -> tuple[Any, ...]:
    fields = ("type", "item_id", "output_index", "content_index", "summary_index", "text", "arguments")
    return tuple(event.get(field) for field in fields)


FOREIGN = Reply(
    id="msg_1",
    model="claude",
    parts=(Thinking("hm", "sig"), Text("one"), Text(" two"), ToolCall("c", "f", '{"a":1}'), Text("three")),
    stop=Stop("tool", "tool_use"),
    usage=Usage(input=3, output=4, cache_read=1, extra={"input_tokens": 2}),
    extra={"created": 7, "type": "message"},
)


@pytest.mark.parametrize("mode", ["json", "sse", "ws"])
def test_a_foreign_reply_is_told_in_this_wire(mode: Any) -> None:
    """Words that stand together are one message; ids are made from the reply's; counts are kept."""
    reply = WIRE.read(mode, b"".join(WIRE.write(mode, FOREIGN)))
    kinds = [(type(part).__name__, getattr(part, "text", "") or getattr(part, "arguments", "")) for part in reply.parts]
    assert [("Thinking", "hm"), ("Text", "one"), ("Text", " two"), ("ToolCall", '{"a":1}'), ("Text", "three")] == kinds
    assert ("msg_1", "claude", "tool", 3, 4, 1) == (
        reply.id,
        reply.model,
        reply.stop.reason,
        reply.usage.input,
        reply.usage.output,
        reply.usage.cache_read,
    )
    output = orjson.loads(orjson.dumps(WIRE.write_reply(FOREIGN)))["output"]
    assert ["reasoning", "message", "function_call", "message"] == [item["type"] for item in output]
    assert 4 == len({item["id"] for item in output})


@pytest.mark.parametrize(("reason", "raw"), [("length", "max_output_tokens"), ("filter", "content_filter")])
def test_a_foreign_cut_is_incomplete(reason: Any, raw: str) -> None:
    """A reply that another wire cut short is not told as completed."""
    foreign = Reply("r", "m", (Text("x"),), Stop(reason, "x"))
    for mode in ("json", "sse"):
        assert Stop(reason, raw) == WIRE.read(mode, b"".join(WIRE.write(mode, foreign))).stop


def test_what_no_reply_of_this_wire_says_is_untranslatable() -> None:
    """Another wire's opaque part, a picture or a nesting too deep to write is refused."""
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    for part in (Opaque("gemini", {}), Image(url="u"), Opaque("openai_responses", {"type": "x", "deep": deep})):
        with pytest.raises(Untranslatable):
            WIRE.encode(Reply("r", "m", (part,), Stop("end")), "sse")
    for mode in ("ndjson", "json"):
        with pytest.raises(Untranslatable):
            WIRE.decoder(mode)
        with pytest.raises(Untranslatable):
            WIRE.encode(FOREIGN, mode)


def test_unusual_output_is_told_too() -> None:
    """Parts nobody knows, open reasoning and empty arguments become events that come back to the same reply."""
    parts = (
        Opaque(
            "openai_responses", {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "new"}, 5]}
        ),
        Opaque("openai_responses", {"type": "reasoning", "id": "r"}),
        Thinking("aloud", extra={"id": "r2", "summary": [], "content": [{"type": "reasoning_text", "text": "aloud"}]}),
        ToolCall("c", "f", "", {"id": "fc"}),
    )
    reply = Reply("r", "m", parts, Stop("tool", "completed"), extra={"object": "response", "status": "completed"})
    for mode in ("json", "sse", "ws"):
        assert reply == WIRE.read(mode, b"".join(WIRE.write(mode, reply))), mode


def test_a_terminal_event_that_contradicts_the_stream_is_bad() -> None:
    """A stream that says one thing and ends with another is not a complete answer."""
    broken = golden("text_sse").replace(b'le Rhin \xf0\x9f\x8c\x8a\\n."}],"role', b'le Rhin."}],"role', 1)
    assert broken != golden("text_sse")
    with pytest.raises(BadReply):
        WIRE.read("sse", broken)


def test_the_fuller_telling_counts() -> None:
    """A terminal event that lacks a streamed item, and a stream without events of its items, are both complete."""
    whole = golden("parallel_tools_sse")
    reply = WIRE.read("sse", whole)
    *begun, last = whole.split(b"event: ")
    terminal = orjson.loads(last.partition(b"data: ")[2])
    del terminal["response"]["output"][0]
    fewer = b"event: ".join([*begun, b"response.completed\ndata: " + orjson.dumps(terminal) + b"\n\n"])
    assert reply == WIRE.read("sse", fewer)
    assert reply == WIRE.read("sse", b"event: " + last)


def test_nothing_counts_after_the_terminal_event() -> None:
    """Trailing events, `[DONE]` and the next response's messages do not change the reply."""
    for name, mode in (("text_sse", "sse"), ("text_ws", "ws")):
        whole = golden(name)
        more = b"data: [DONE]\n\n" if mode == "sse" else golden("error_ws")
        assert WIRE.read(mode, whole) == WIRE.read(mode, whole + more)


def test_a_last_event_without_its_blank_line_is_read() -> None:
    """Codex and others hang up at once; the last event may lack its end."""
    assert read("text_sse") == WIRE.read("sse", golden("text_sse").rstrip(b"\n"))


def test_messages_may_stand_without_separator() -> None:
    """A WebSocket recording is its messages joined; braces and quotes inside strings do not matter."""
    joined = b"".join(golden("text_ws").splitlines())
    assert WIRE.read("ws", golden("text_ws")) == WIRE.read("ws", joined)


@given(st.lists(st.dictionaries(texts, anything, max_size=3), max_size=4), st.lists(st.integers(0, 200), max_size=6))
def test_objects_are_split_alike_at_every_cut(values: list[dict[str, Any]], cuts: list[int]) -> None:
    """However the joined messages are cut, the same objects come out."""
    content = b"".join(orjson.dumps(value) for value in values)
    places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    objects = Objects()
    pieces = [content[start:end] for start, end in pairwise(places)]
    assert values == [found for piece in pieces for found in objects.feed(piece)]


@pytest.mark.parametrize("content", [b"[]{}", b"{}x{}", b'"a"{}', b"}{", b"{}}", b"{'a':1}", b'{"a":}', b"1 {}"])
def test_anything_but_objects_is_bad(content: bytes) -> None:
    """A WebSocket stream holds JSON objects and nothing else."""
    with pytest.raises(BadReply):
        Objects().feed(content)


def test_an_object_that_never_ends_is_refused() -> None:
    """A message has a limit."""
    with pytest.raises(BadReply, match="more than 1000 bytes"):
        Objects(limit=1000).feed(b'{"a":"' + b"x" * 1000)


def test_no_object_is_read_twice() -> None:
    """A large message that comes in many pieces is gone through once, not once a piece."""
    objects, message = Objects(), b'{"a":[' + b'"\\"{",' * 40_000 + b"0]}"
    with takes_at_most(cpu_s=3):
        found = [each for at in range(0, len(message), 50) for each in objects.feed(message[at : at + 50])]
    assert [orjson.loads(message)] == found


READABLE = [*CASES, "text_ws", "tool_chain_1_ws", "failed_sse", "error_ws"]


@settings(max_examples=300)
@given(st.sampled_from(READABLE), st.data())
def test_damaged_replies_raise_nothing_else(name: str, data: st.DataObject) -> None:
    """Cut, overwritten and invented bytes give a Reply, BadReply or Untranslatable; never anything else."""
    content, mode = golden(name), name.rpartition("_")[2]
    at = data.draw(st.integers(0, len(content)))
    end = min(len(content), at + data.draw(st.integers(0, 40)))
    damage = data.draw(
        st.binary(max_size=8) | st.sampled_from([b"{}", b"[]", b"null", b'":1,"', b"1", b'""', b"{", b"\n\n"])
    )
    settle(mode, content[:at] + damage + content[end:])


@settings(max_examples=200)
@given(st.sampled_from(["json", "sse", "ws"]), st.dictionaries(names, anything), st.data())
def test_invented_responses_raise_nothing_else(mode: str, extra: dict[str, Any], data: st.DataObject) -> None:
    """JSON of the right outline and wrong inside is answered alike."""
    item = st.fixed_dictionaries(
        {"type": st.sampled_from(["message", "function_call", "custom_tool_call", "reasoning", "x"])},
        optional=dict.fromkeys(("content", "summary", "arguments", "name", "call_id", "encrypted_content"), anything),
    )
    fields = {"id": texts | scalars, "output": st.lists(item | anything, max_size=3) | scalars, "usage": anything}
    fields |= {"status": st.sampled_from(["completed", "incomplete", "failed", None]), "error": st.none() | anything}
    response = {**extra, **data.draw(st.fixed_dictionaries({}, optional=fields))}
    event = {"type": "response.completed", "response": response}
    line = orjson.dumps(response if mode == "json" else event)
    settle(mode, b"data: " + line + b"\n\n" if mode == "sse" else line)


def settle(mode: Any, content: bytes) -> None:
    try:
        reply = WIRE.read(mode, content)
    except (BadReply, Untranslatable):
        return
    for other in ("json", "sse", "ws"):
        again = WIRE.read(other, b"".join(WIRE.write(other, reply)))
        assert [essence(part) for part in reply.parts] == [essence(part) for part in again.parts]


def essence(part: Any) -> Any:
    """A part without its extra fields: ids that are missing are made up when it is written."""
    return part if isinstance(part, Opaque) else replace(part, extra={})


def test_errors_have_openais_shape() -> None:
    """Bodies and events of errors are what the SDK and the tools read."""
    error = orjson.loads(WIRE.error(400, "isartor_not_recorded", "no"))["error"]
    assert {"message": "no", "type": "invalid_request_error", "param": None, "code": "isartor_not_recorded"} == error
    name, data = WIRE.error_event("x", "gone").split(b"\n")[:2]
    assert (b"event: error", "gone") == (name, orjson.loads(data[6:])["message"])
