from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply
from isartor_addon.core.prompt import Opaque, Text, Thinking, ToolCall
from isartor_addon.core.replay import changed_ids, named, substitute, substitute_reply
from isartor_addon.core.reply import Reply, Stop
from isartor_addon.wire import WIRES

OLD = "fc4d8b0d-0290-4268-b62a-d00ea00f08f2"
NEW = "6981dd09-f17e-417c-ac83-823875df407f"
FOLDER = "/home/a/.copilot/session-state/"


def event(value: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (value["type"].encode(), orjson.dumps(value))


def answer(*pieces: str) -> tuple[bytes, ...]:
    """A recorded Anthropic stream that calls a tool; its arguments come in `pieces`."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}}
    block = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return tuple(
        event(each)
        for each in (
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        )
    )


def read(content: bytes) -> Reply:
    return WIRES["anthropic_messages"].read("sse", content)


def arguments(chunks: tuple[bytes, ...]) -> str:
    (call,) = read(b"".join(chunks)).parts
    assert isinstance(call, ToolCall)
    return call.arguments


def asked(session: str) -> str:
    return orjson.dumps({"file_path": f"{FOLDER}{session}/plan.md"}).decode()


IDS = {"session": OLD}, {"session": NEW}


def test_an_id_in_one_piece_is_swapped_in_place() -> None:
    """The tool call names the new run's folder; the stream keeps its pieces, all others verbatim."""
    chunks = answer(asked(OLD)[:20], asked(OLD)[20:])
    swapped = substitute(chunks, *IDS, read=read)
    assert swapped is not None
    assert asked(NEW) == arguments(swapped)
    assert len(chunks) == len(swapped)
    assert 1 == sum(one != other for one, other in zip(chunks, swapped, strict=True))


@settings(max_examples=60)
@given(st.integers(1, 7))
def test_an_id_in_several_deltas_is_seen(size: int) -> None:
    """Bytes cannot show an id that was streamed in pieces: the reply is written anew, and names the folder."""
    text = asked(OLD)
    chunks = answer(*(text[start : start + size] for start in range(0, len(text), size)))
    assert OLD.encode() not in b"".join(chunks)
    assert substitute(chunks, *IDS, read=read) is None
    anew = WIRES["anthropic_messages"].write("sse", substitute_reply(read(b"".join(chunks)), *IDS))
    assert asked(NEW) == arguments(anew)
    assert IDS[0] == named(b"".join(chunks), {**IDS[0], "thread": NEW}, read(b"".join(chunks)))


def test_one_place_in_pieces_is_enough() -> None:
    """An id that stands in one piece here and in several there is not swapped here only."""
    text = orjson.dumps({"a": OLD, "b": OLD}).decode()
    chunks = answer(text[:60], text[60:])
    assert substitute(chunks, *IDS, read=read) is None


def test_an_answer_without_ids_is_the_same_tuple() -> None:
    """Nothing to do costs nothing."""
    chunks = answer("{}")
    assert chunks is substitute(chunks, *IDS, read=read)
    assert chunks is substitute(chunks, {}, {}, read=read)
    assert chunks is substitute(chunks, {"session": OLD}, {"session": OLD}, read=read)
    assert {} == named(b"".join(chunks), IDS[0], read(b"".join(chunks)))


@settings(max_examples=60)
@given(st.lists(st.integers(0, 600), max_size=6))
def test_pieces_of_the_network_do_not_matter(cuts: list[int]) -> None:
    """Where the recorded pieces end inside an id, it is swapped all the same, and their number stays."""
    whole = b"".join(answer(asked(OLD)))
    ends = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    chunks = tuple(whole[start:end] for start, end in pairwise(ends))
    swapped = substitute(chunks, *IDS, read=read)
    assert swapped is not None
    assert len(chunks) == len(swapped)
    assert whole.replace(OLD.encode(), NEW.encode()) == b"".join(swapped)


def test_ids_change_places_at_once() -> None:
    """An id that is another's new value is not swapped twice."""
    ids = {"a": OLD, "b": NEW}, {"a": NEW, "b": OLD}
    swapped = substitute(answer(orjson.dumps([OLD, NEW]).decode()), *ids, read=read)
    assert swapped is not None
    assert [NEW, OLD] == orjson.loads(arguments(swapped))


def test_an_id_that_goes_on_is_another() -> None:
    """`call_00000001` does not stand in `call_000000012`; a longer id is taken before one that begins it."""
    ids = {"a": "call_00000001", "b": "call_00000001-x"}, {"a": "call_A", "b": "call_B"}
    reply = Reply("", "", (Text("call_00000001 call_000000012 call_00000001-x call_00000001/"),), Stop("end"))
    assert (Text("call_A call_000000012 call_B call_A/"),) == substitute_reply(reply, *ids).parts


def test_an_id_after_a_line_s_end_is_swapped() -> None:
    r"""In JSON text a line's end is the letters `\n`, right before the id."""
    chunks = answer(orjson.dumps({"x": f"\n{OLD}"}).decode())
    swapped = substitute(chunks, *IDS, read=read)
    assert swapped is not None
    assert {"x": f"\n{NEW}"} == orjson.loads(arguments(swapped))


def test_all_of_a_reply_is_swapped_but_signed_thinking() -> None:
    """Words, arguments, opaque content and extra fields; a signature holds for the words it was given for."""
    extra = {"annotations": [{"path": OLD}]}
    before = (
        Text(OLD, extra=extra),
        Thinking(OLD),
        Thinking(OLD, signature="c2ln"),
        ToolCall("toolu_1", "Read", asked(OLD)),
        Opaque("x", {"deep": [OLD, 1, None]}),
    )
    after = (
        Text(NEW, extra={"annotations": [{"path": NEW}]}),
        Thinking(NEW),
        Thinking(OLD, signature="c2ln"),
        ToolCall("toolu_1", "Read", asked(NEW)),
        Opaque("x", {"deep": [NEW, 1, None]}),
    )
    assert after == substitute_reply(Reply("", "", before, Stop("end")), *IDS).parts


def test_what_cannot_be_decoded_is_swapped_where_it_shows() -> None:
    """A body that no Reply can say (several choices, a count of tokens) is swapped byte by byte."""

    def unreadable(content: bytes) -> Reply:
        raise BadReply("no reply")

    assert (b"<" + NEW.encode(), b">") == substitute((b"<" + OLD.encode(), b">"), *IDS, read=unreadable)
    assert IDS[0] == named(b"<" + OLD.encode(), IDS[0], None)


@pytest.mark.parametrize(
    ("recorded", "present", "expected"),
    [
        ({"a": "1", "b": "2"}, {"a": "3", "b": "2"}, ({"a": "1"}, {"a": "3"})),
        ({"a": "1"}, {"b": "2"}, ({}, {})),
        ({"a": ""}, {"a": "2"}, ({}, {})),
    ],
)
def test_only_ids_that_both_runs_have_change(recorded: Any, present: Any, expected: Any) -> None:
    """An id that one run does not declare stays; one that is the same in both needs nothing."""
    assert expected == changed_ids(recorded, present)
