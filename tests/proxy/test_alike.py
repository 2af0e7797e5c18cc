"""Fear: a body that asks something else is taken for one that was read before."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from isartor_addon import wire
from isartor_addon.config.schema import Config
from isartor_addon.core.exchange import Exchange, Request
from isartor_addon.intake import Intake, Sender, read_body
from isartor_addon.proxy.alike import MOST_PLACES, Alike
from isartor_addon.proxy.memo import Memo

HEAD = b"h" * 32
INTAKE = Intake(Config(), b"s" * 32)
IDS = (
    "7f3a9c1e5b2d4860",
    "0b8e6d2c4a19f753",
    "c4d1e0f7a2b39586",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
    "9c5b94b1-35ad-49bb-b118-8e8fc24abf80",
)
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


def read(raw: bytes, *, path: str = "/v1/chat/completions", agent: str = "") -> Exchange:
    request = Request("POST", "https", "api.openai.com", 443, path, {}, {"user-agent": agent} if agent else {})
    body, route = read_body(wire.find("POST", request.host, path, {}), raw)
    exchange = INTAKE.read(request, route, body, id="1", started=0.0, sender=Sender(trusted=True))
    exchange.raw = raw
    return exchange


def said(exchange: Exchange) -> tuple[object, ...]:
    """All that a request means."""
    identity = exchange.identity
    asked = (identity.key, identity.content, dict(identity.run_ids), identity.session, identity.uncacheable)
    return *asked, exchange.mode, exchange.model, exchange.caller, exchange.client.name, exchange.control


def alike() -> Alike:
    return Alike(Memo())


def body(**fields: object) -> bytes:
    return json.dumps({**CHAT, **fields}).encode()


def test_the_third_is_not_read() -> None:
    """Two that were read show that the place says nothing; from then on any id may stand there."""
    known = alike()
    for number in range(2):
        raw = body(trace_id=IDS[number])
        assert known.get(HEAD, raw) is None
        known.put(HEAD, raw, read(raw))
    third = body(trace_id=IDS[2])
    found = known.get(HEAD, third)
    assert found is not None
    assert said(read(third)) == said(found)
    assert {} == found.body
    known.clear()
    assert known.get(HEAD, third) is None


@pytest.mark.parametrize(
    "other",
    [
        body(trace_id=IDS[2], messages=[{"role": "user", "content": "hallo"}]),
        body(trace_id="a-name-of-mine-9"),
        body(trace_id="0123456789abcd\n"),
        body(trace_id=IDS[2]).replace(b"trace_id", b"trace_ad"),
        body(trace_id=IDS[2]).replace(b'"gpt-4o"', b'"gpt-4p"'),
    ],
)
def test_another_question_is_read(other: bytes) -> None:
    """Other words, another model, another field, or a value that is no id: it is not one of those that were read."""
    known = alike()
    for number in range(2):
        raw = body(trace_id=IDS[number])
        known.put(HEAD, raw, read(raw))
    assert len(raw) == len(other)
    assert known.get(HEAD, other) is None
    assert known.get(b"o" * 32, body(trace_id=IDS[2])) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"conversation_id": 0, "thread": 0},  # points at what the provider holds
        {"metadata": {"note": 0}},
        {"trace_id": 0, "messages": [{"role": "user", "content": 0}]},  # said in words, too
        {"messages": [{"role": "user", "content": "hello", "trace_id": 0}]},
        {"tools": [{"trace_id": 0}]},
    ],
)
def test_ids_that_may_mean_something_are_read(fields: dict[str, Any]) -> None:
    """Only a field at the top of a body that means nothing, and whose value stands nowhere else, may be another."""
    known = alike()
    for each in IDS[:3]:
        raw = json.dumps({**CHAT, **fields}).replace(" 0", f' "{each}"').encode()
        assert known.get(HEAD, raw) is None
        known.put(HEAD, raw, read(raw))


def test_an_id_of_the_run_is_read() -> None:
    """A run's own id is sought in all texts, so each is read."""
    known = alike()
    for each in IDS[3:]:
        fields = {"client_metadata": {"session_id": each}, "prompt_cache_key": each, "session_id": each}
        raw = json.dumps({"model": "gpt-5", "input": "hello", **fields}).encode()
        found = read(raw, path="/v1/responses", agent="codex_cli_rs/0.1")
        assert known.get(HEAD, raw) is None
        known.put(HEAD, raw, found)


def test_the_same_id_twice_shows_nothing() -> None:
    """Whether the place says something only another id in it can show."""
    known = alike()
    for _ in range(3):
        raw = body(trace_id=IDS[0])
        known.put(HEAD, raw, read(raw))
    assert known.get(HEAD, body(trace_id=IDS[1])) is None


def test_an_id_that_stays_is_not_left_out() -> None:
    """What two bodies have in common is part of what a third must have, until another shows that it says nothing."""
    known = alike()
    for each in IDS[:2]:
        raw = body(trace_id=each, request_id=IDS[3])
        known.put(HEAD, raw, read(raw))
    assert known.get(HEAD, body(trace_id=IDS[2], request_id=IDS[3])) is not None
    raw = body(trace_id=IDS[2], request_id=IDS[4])
    assert known.get(HEAD, raw) is None
    known.put(HEAD, raw, read(raw))
    assert known.get(HEAD, body(trace_id=IDS[0], request_id=IDS[5])) is not None


def test_what_is_known_is_bounded() -> None:
    """Bodies of many sizes do not make it grow."""
    known = alike()
    for length in range(MOST_PLACES + 10):
        for each in IDS[:2]:
            raw = body(trace_id=each, user="u" * length)
            known.put(HEAD, raw, read(raw))
    assert MOST_PLACES == len(known._places)
    assert MOST_PLACES >= len(known._once)


_IDS = st.sampled_from([f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" for number in range(1, 13)])
_OTHERS = st.one_of(_IDS.map(lambda each: f"see {each}"), st.sampled_from(["a-name-1", "", "0123456789012", 7]))
_VALUES = st.one_of(_IDS, _IDS, _IDS, _OTHERS)
_NAMES = ("trace_id", "request_id", "session_id", "conversation_id", "nonce", "user", "timestamp")


@st.composite
def shapes(draw: st.DrawFn) -> tuple[str, list[list[object]]]:
    """A body with open places, and what stands in them, one list a body."""
    fields: dict[str, Any] = dict(CHAT)
    places = 0

    def place() -> str:
        nonlocal places
        places += 1
        return f"<{places - 1}>"

    for name in draw(st.lists(st.sampled_from(_NAMES), unique=True, max_size=4)):
        fields[name] = place()
    if draw(st.booleans()):
        fields["messages"] = [{"role": "user", "content": place(), "id": place()}]
    if draw(st.booleans()):
        fields["metadata"] = {"trace_id": place(), "user_id": place()}
    if draw(st.booleans()):
        fields["tools"] = [{"type": "function", "function": {"name": "f", "parameters": {"default": place()}}}]
    bodies = [draw(st.lists(_VALUES, min_size=places, max_size=places))]
    changes = [draw(st.booleans()) for _ in range(places)]
    for _ in range(draw(st.integers(2, 6))):  # most are as the one before, with other ids in some places
        values = _IDS if draw(st.integers(0, 4)) else _VALUES
        bodies.append([draw(values) if change else old for change, old in zip(changes, bodies[-1], strict=True)])
    return json.dumps(fields), bodies


@given(shapes(), st.sampled_from(["", "codex_cli_rs/0.1", "claude-cli/1.0"]))
@example((json.dumps({**CHAT, "trace_id": "<0>"}), [[each] for each in IDS[:3]]), "")
def test_what_is_found_is_what_reading_gives(shape: tuple[str, list[list[object]]], agent: str) -> None:
    """Whatever ids come again, wherever they stand: a body that is found means what it means when it is read."""
    text, bodies = shape
    known = alike()
    for values in bodies:
        raw = text.encode()
        for number, value in enumerate(values):
            raw = raw.replace(b'"<%d>"' % number, orjson.dumps(value))
        whole, found = read(raw, agent=agent), known.get(HEAD, raw)
        assert found is None or said(found) == said(whole)
        known.put(HEAD, raw, whole)
