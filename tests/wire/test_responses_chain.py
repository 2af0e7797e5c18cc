"""What is remembered inside a WebSocket of OpenAI Responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.canonical import canonical
from isartor_addon.core.client import Volatile
from isartor_addon.wire.openai_responses import WIRE
from isartor_addon.wire.responses_chain import Chain, Create, error_message, fate, in_lane, read_create

GOLDEN = Path(__file__).parent.parent / "transcripts" / "openai_responses"


def user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def said(text: str, name: str) -> dict[str, Any]:
    content = [{"type": "output_text", "annotations": [], "text": text}]
    return {"type": "message", "id": name, "role": "assistant", "status": "completed", "content": content}


def create(previous: str | None = None, *items: Any, **fields: Any) -> tuple[Create, bytes]:
    named = {"previous_response_id": previous} if previous is not None else {}
    message = orjson.dumps(
        {"type": "response.create", "model": "m", "store": False, **named, "input": list(items), **fields}
    )
    read = read_create(message)
    assert read is not None
    return read, message


def answer(name: str, *output: Any, status: str = "completed") -> list[bytes]:
    begun = {"id": name, "object": "response", "status": "in_progress", "output": []}
    ended = {**begun, "status": status, "output": list(output)}
    return [
        orjson.dumps({"type": "response.created", "response": begun}),
        orjson.dumps({"type": f"response.{status}", "response": ended}),
    ]


def asked(chain: Chain, create: Create) -> dict[str, Any]:
    """The body whose key counts, without the settings that `create` gives every message."""
    return {name: value for name, value in chain.body(create).items() if name not in ("model", "store")}


def test_a_hit_after_a_hit_is_the_whole_conversation() -> None:
    """Prewarm, turn, tool result, all answered here: each body is the HTTP request that asks the same."""
    chain = Chain()
    warm, _ = create(generate=False)
    assert {"input": [], "generate": False} == asked(chain, warm)
    chain.learn(warm, answer("resp_w"), local=True)

    first, _ = create("resp_w", user("hi"))
    assert {"input": [user("hi")]} == asked(chain, first)
    call = {"type": "custom_tool_call", "id": "ctc", "call_id": "call_1", "name": "exec", "input": "ls"}
    chain.learn(first, answer("resp_1", call), local=True)

    result = {"type": "custom_tool_call_output", "call_id": "call_1", "output": "x"}
    second, _ = create("resp_1", result)
    assert {"input": [user("hi"), call, result]} == asked(chain, second)


def test_a_socket_asks_what_http_asks() -> None:
    """A tool round over the socket means what the same round means over HTTP, ids of calls and items apart."""
    chain = Chain()
    volatile = Volatile(turn=frozenset({"id"}))
    first, _ = create(None, user("hi"), stream=True)
    call = {"type": "function_call", "call_id": "call_socket_1", "name": "f", "arguments": "{}"}
    chain.learn(first, answer("resp_1", {**call, "id": "fc_1"}), local=False)
    result = {"type": "function_call_output", "call_id": "call_socket_1", "output": "x"}
    second, _ = create("resp_1", result)
    over_http = {
        "model": "m",
        "store": False,
        "stream": True,
        "input": [user("hi"), {**call, "call_id": "call_http_1", "id": "fc_9"}, {**result, "call_id": "call_http_1"}],
    }
    meanings = [canonical(body, WIRE.shape, volatile).body for body in (chain.body(second), over_http)]
    assert meanings[0] == meanings[1]


def test_what_the_model_said_before_counts() -> None:
    """Two conversations that differ only in an earlier answer never share a body."""
    bodies = []
    for text in ("yes", "no"):
        chain = Chain()
        first, _ = create(None, user("hi"))
        chain.learn(first, answer("resp_1", said(text, "msg")), local=False)
        bodies.append(asked(chain, create("resp_1", user("go on"))[0]))
    assert bodies[0] != bodies[1]


def test_a_miss_goes_out_as_it_came_where_the_provider_knows() -> None:
    """After real answers alone the message itself is sent, byte for byte."""
    chain = Chain()
    first, message = create(None, user("hi"))
    assert message == chain.outgoing(first, message)
    chain.learn(first, answer("resp_1", said("yes", "msg")), local=False)
    second, message = create("resp_1", user("go on"))
    assert message == chain.outgoing(second, message)


def test_a_miss_after_hits_is_sent_whole() -> None:
    """The provider's socket does not know what was answered here: it gets all items and no previous id."""
    chain = Chain()
    warm, _ = create(generate=False)
    chain.learn(warm, answer("resp_w"), local=True)
    first, _ = create("resp_w", user("hi"), tools=[{"type": "custom", "name": "x"}])
    chain.learn(first, answer("resp_1", said("yes", "msg")), local=True)
    second, message = create("resp_1", user("go on"), instructions="be brief")
    expected = {
        "type": "response.create",
        "model": "m",
        "store": False,
        "input": [user("hi"), said("yes", "msg"), user("go on")],
        "instructions": "be brief",
    }
    assert expected == orjson.loads(chain.outgoing(second, message))
    chain.learn(second, answer("resp_2", said("so", "msg2")), local=False)
    third, message = create("resp_2", user("more"))
    assert message == chain.outgoing(third, message), "now the provider knows the conversation"


def test_an_unknown_previous_id_stays_as_it_is() -> None:
    """A response of another connection is named, not guessed; what follows it keeps the name at its root."""
    chain = Chain()
    first, message = create("resp_elsewhere", user("hi"))
    assert {"previous_response_id": "resp_elsewhere", "input": [user("hi")]} == asked(chain, first)
    assert message == chain.outgoing(first, message)
    chain.learn(first, answer("resp_1", said("yes", "msg")), local=True)
    second, message = create("resp_1", user("go on"))
    whole = {"previous_response_id": "resp_elsewhere", "input": [user("hi"), said("yes", "msg"), user("go on")]}
    assert whole == asked(chain, second)
    assert whole.items() <= orjson.loads(chain.outgoing(second, message)).items()


def test_what_cannot_be_written_goes_out_as_it_came() -> None:
    """JSON may be read deeper than it can be written; then the provider says that it does not know the response."""
    message = b'{"type":"response.create","input":[' + b"[" * 300 + b"]" * 300 + b"]}"
    first = read_create(message)
    assert first is not None
    chain = Chain()
    chain.learn(first, answer("resp_1", said("yes", "msg")), local=True)
    second, message = create("resp_1", user("go on"))
    assert message == chain.outgoing(second, message)


def test_connections_are_independent() -> None:
    """What one connection has seen, another has not."""
    one, other = Chain(), Chain()
    first, _ = create(None, user("hi"))
    one.learn(first, answer("resp_1", said("yes", "msg")), local=True)
    second, message = create("resp_1", user("go on"))
    assert "previous_response_id" not in asked(one, second)
    assert "resp_1" == asked(other, second)["previous_response_id"]
    assert message == other.outgoing(second, message)


def test_a_conversation_may_fork() -> None:
    """Two messages that go on from the same response each get the same past."""
    chain = Chain()
    chain.learn(create(None, user("hi"))[0], answer("resp_1", said("yes", "msg")), local=True)
    for text in ("left", "right"):
        body = asked(chain, create("resp_1", user(text))[0])
        assert [user("hi"), said("yes", "msg"), user(text)] == body["input"]


def test_plain_text_input_is_carried_on_as_a_message() -> None:
    """`input` may be a string or missing."""
    chain = Chain()
    message = orjson.dumps({"type": "response.create", "input": "hi"})
    first = read_create(message)
    assert first is not None
    chain.learn(first, answer("resp_1", said("yes", "msg")), local=True)
    second = read_create(orjson.dumps({"type": "response.create", "previous_response_id": "resp_1"}))
    assert second is not None
    past = [{"type": "message", "role": "user", "content": "hi"}, said("yes", "msg")]
    assert {"input": past} == chain.body(second)


@pytest.mark.parametrize(
    ("store", "encrypted", "expected"),
    [
        (False, None, [{"type": "function_call", "call_id": "c"}]),
        (False, "gAAA", ["reasoning", {"type": "function_call", "id": "fc", "call_id": "c"}]),
        (True, None, ["reasoning", {"type": "function_call", "id": "fc", "call_id": "c"}]),
    ],
)
def test_reasoning_nobody_kept_is_left_out(store: bool, encrypted: str | None, expected: list[Any]) -> None:
    """Reasoning with neither `encrypted_content` nor a stored original would be refused; it still counts in the key."""
    chain = Chain()
    reasoning = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": encrypted}
    call = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"}
    first, _ = create(None, store=store)
    chain.learn(first, answer("resp_1", reasoning, call), local=True)
    second, message = create("resp_1", store=store)
    sent = orjson.loads(chain.outgoing(second, message))["input"]
    wanted = [reasoning if item == "reasoning" else {**item, "name": "f", "arguments": "{}"} for item in expected]
    assert wanted == sent
    assert [reasoning, call] == asked(chain, second)["input"]


def test_bounds_drop_the_oldest() -> None:
    """Both bounds hold; what was dropped is like never seen, what is new is kept."""
    for chain in (Chain(most=2), Chain(most_bytes=1200)):
        for number in range(9):
            chain.learn(create(None, user("x" * 100))[0], answer(f"resp_{number}", said("y", "msg")), local=True)
        known = [
            number
            for number in range(9)
            if "previous_response_id" not in chain.body(create(f"resp_{number}", user("z"))[0])
        ]
        assert [7, 8] == known, known


def test_a_response_told_twice_is_held_once() -> None:
    """Replaying one recording again and again does not push others out."""
    chain = Chain(most_bytes=2500)
    chain.learn(create(None, user("first"))[0], answer("resp_0", said("y", "msg")), local=True)
    for _ in range(50):
        chain.learn(create(None, user("again"))[0], answer("resp_1", said("y", "msg")), local=True)
    assert "previous_response_id" not in chain.body(create("resp_0")[0])


@pytest.mark.parametrize(
    "messages",
    [
        [],
        answer("resp_1")[:1],
        answer("resp_1", status="failed"),
        [b'{"type":"error","error":{"message":"no"}}'],
        [b"no json"],
    ],
)
def test_what_is_not_complete_is_not_remembered(messages: list[bytes]) -> None:
    """Failed, cut and broken answers cannot be gone on from."""
    chain = Chain()
    chain.learn(create(None, user("hi"))[0], messages, local=False)
    assert "resp_1" == asked(chain, create("resp_1")[0])["previous_response_id"]


def test_a_conversation_the_provider_keeps_is_not_remembered() -> None:
    """With `conversation` the past is not in the messages."""
    chain = Chain()
    chain.learn(create(None, user("hi"), conversation="conv_1")[0], answer("resp_1", said("y", "m")), local=False)
    assert "resp_1" == asked(chain, create("resp_1")[0])["previous_response_id"]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        b"[]",
        b'"response.create"',
        b'{"type":"response.steer","input":[]}',
        b'{"type":["response.create"]}',
        b'{"model":"m","input":[]}',
        b'{"type":"response.create","input":5}',
        b'{"type":"response.create","input":[],"stream_id":"main"}',
    ],
)
def test_other_messages_pass(message: bytes) -> None:
    """What is no `response.create`, what runs in a lane of its own, and what is malformed goes on untouched."""
    assert read_create(message) is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b'{"type":"response.completed","response":{}}', "complete"),
        (b'{"type": "response.incomplete"}', "complete"),
        (b'{"type":"response.failed"}', "failed"),
        (b'{"type":"error","status":400,"error":{}}', "failed"),
        (b'{"type":"response.output_text.delta","delta":"response.completed"}', ""),
        (b'{"type":"response.created","response":{"error":null}}', ""),
        (b'{"type":"response.completed","stream_id":"main","response":{}}', ""),
        (b'{"type":["error"]}', ""),
        (b'"error"', ""),
        (b'{"type":"error"', ""),
        (b"response.completed", ""),
    ],
)
def test_fate(message: bytes, expected: str) -> None:
    """Only a terminal event's own type ends a response, not a text that speaks of it."""
    assert expected == fate(message)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b'{"type":"response.completed","stream_id":"main","response":{}}', True),
        (b'{"type":"response.output_text.delta","delta":"\\"stream_id\\""}', False),
        (b'{"type":"response.created","response":{"metadata":{"stream_id":"x"}}}', False),
        (b'["stream_id"]', False),
        (b'"stream_id"x', False),
    ],
)
def test_in_lane(message: bytes, expected: bool) -> None:
    """Only the event's own field says so."""
    assert expected == in_lane(message)


def test_the_recorded_tool_chain() -> None:
    """The golden transcripts of one conversation: the last body holds the first request, the call and its result."""
    chain = Chain()
    bodies = []
    for case in ("prewarm_ws", "tool_chain_1_ws", "tool_chain_2_ws"):
        body = orjson.loads((GOLDEN / case / "request.json").read_bytes())["body"]
        read = read_create(orjson.dumps({"type": "response.create", **body}))
        assert read is not None
        bodies.append(chain.body(read))
        messages = (GOLDEN / case / "response.ws").read_bytes().splitlines()
        assert ["complete"] == [fate(message) for message in messages if fate(message)]
        chain.learn(read, messages, local=True)
    kinds = [item.get("type", item.get("role")) for item in bodies[2]["input"]]
    assert ["user", "custom_tool_call", "custom_tool_call_output"] == kinds
    assert "previous_response_id" not in bodies[2]


def test_an_error_message_is_an_error_to_the_decoder() -> None:
    """What we refuse with over the socket has OpenAI's shape."""
    message = error_message(400, "isartor_not_recorded", "nothing is recorded for this")
    value = orjson.loads(message)
    assert ("error", 400, "isartor_not_recorded") == (value["type"], value["status"], value["error"]["code"])
    assert "failed" == fate(message)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.text("ab", max_size=2)), max_size=8))
def test_bodies_are_those_of_the_full_conversation(turns: list[tuple[bool, int, str]]) -> None:
    """Whoever answers each turn, and whichever response it goes on from, the body is the conversation told in full, and
    the provider is only ever named responses that it gave itself."""
    chain = Chain()
    pasts: list[tuple[list[Any], bool]] = []
    for number, (local, pick, text) in enumerate(turns):
        before = pick % len(pasts) if pasts and pick else None
        past, given_here = pasts[before] if before is not None else ([], False)
        this, message = create(None if before is None else f"resp_{before}", user(text))
        whole = [*past, user(text)]
        assert {"input": whole} == asked(chain, this)
        sent = orjson.loads(chain.outgoing(this, message))
        assert (whole if given_here else [user(text)]) == sent["input"]
        assert (before is not None and not given_here) == ("previous_response_id" in sent)
        output = said(text, f"msg_{number}")
        chain.learn(this, answer(f"resp_{number}", output), local=local)
        pasts.append(([*whole, output], local))


def test_replayed_messages_of_the_wire_are_understood() -> None:
    """What `encode` writes for a socket can be gone on from."""
    chain = Chain()
    reply = WIRE.read("ws", (GOLDEN / "text_ws" / "response.ws").read_bytes())
    first, _ = create(None, user("hi"))
    chain.learn(first, WIRE.encode(reply, "ws"), local=True)
    second, _ = create("resp_k11", user("go on"))
    assert ["user", "assistant", "user"] == [item["role"] for item in chain.body(second)["input"]]
