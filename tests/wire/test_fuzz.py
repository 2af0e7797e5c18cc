"""Rubbish for every wire: only the package's own errors may come out."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply, ClientMistake, Untranslatable
from isartor_addon.wire import WIRES
from isartor_addon.wire.base import Mode
from tests.json_paths import changed, places
from tests.wire.chat_bodies import values
from tests.wire.transcripts import Transcript, transcripts

NAMES = sorted(WIRES)
FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
JUNK = [
    None,
    True,
    -1,
    0.5,
    "",
    "x",
    [],
    {},
    [[]],
    [{}],
    {"type": "text"},
    [{"type": None}],
    {"a": {"b": [1]}},
    2**53,
    "[DONE]",
]


def cases(name: str) -> list[Transcript]:
    return [case for case in transcripts() if case.wire.name == name]


def mutated(data: st.DataObject, value: Any) -> Any:
    """`value` with one to three places spoilt."""
    for _ in range(data.draw(st.integers(1, 3))):
        value = changed(value, data.draw(st.sampled_from(places(value))), data.draw(st.sampled_from(JUNK) | values))
    return value


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(data=st.data())
def test_spoilt_requests_are_the_clients_mistake_or_read(name: str, data: st.DataObject) -> None:
    """`parse` raises nothing but ClientMistake, and what it reads the other methods bear."""
    case = data.draw(st.sampled_from(cases(name)))
    body = mutated(data, case.body)
    if not isinstance(body, dict):
        return
    case.wire.claims(body)
    case.wire.mode(case.route, body)
    case.wire.model(case.route, body)
    case.wire.uncacheable(case.route, body)
    with suppress(ClientMistake):
        prompt = case.wire.parse(case.route, body)
        with suppress(Untranslatable):
            orjson.dumps(case.wire.render(prompt))


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(data=st.data())
def test_spoilt_replies_are_bad_or_read(name: str, data: st.DataObject) -> None:
    """`read_reply` raises nothing but BadReply and Untranslatable, and what it reads can be written in every mode."""
    wire = WIRES[name]
    whole = [orjson.loads(case.content) for case in cases(name) if case.mode == "json"] or [{}]
    reply = mutated(data, data.draw(st.sampled_from(whole)))
    with suppress(BadReply, Untranslatable):
        wire.examine("generate", "json", orjson.dumps(reply))
    with suppress(BadReply, Untranslatable):
        read = wire.read_reply(reply)
        orjson.dumps(wire.write_reply(read))


def streams(name: str) -> list[Transcript]:
    return [case for case in cases(name) if case.mode != "json"]


@pytest.mark.parametrize("name", [name for name in NAMES if streams(name)])
@FEW
@given(data=st.data())
def test_spoilt_streams_are_bad_or_read(name: str, data: st.DataObject) -> None:
    """A stream with one event spoilt, bytes changed, or pieces dropped, never makes a decoder raise anything else."""
    case = data.draw(st.sampled_from(streams(name)))
    content = case.content
    way = data.draw(st.sampled_from(["bytes", "cut", "json"]))
    if way == "json":
        content = _spoil_event(data, content)
    else:
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 40))
        content = (
            content[:start] + (data.draw(st.binary(max_size=8)) if way == "bytes" else b"") + content[start + length :]
        )
    _feed(case, case.mode, content)


def _spoil_event(data: st.DataObject, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    starts = [i for i, line in enumerate(lines) if b"{" in line]
    number = data.draw(st.sampled_from(starts))
    head, brace, rest = lines[number].partition(b"{")
    with suppress(orjson.JSONDecodeError):
        lines[number] = head + orjson.dumps(mutated(data, orjson.loads((brace + rest).rstrip(b"\r\n,]")))) + b"\n"
    return b"".join(lines)


def _feed(case: Transcript, mode: Mode, content: bytes) -> None:
    decoder = case.wire.decoder(mode)
    middle = len(content) // 2
    with suppress(BadReply, Untranslatable):
        decoder.feed(content[:middle])
        decoder.feed(content[middle:])
        decoder.close()
    with suppress(BadReply, Untranslatable):
        case.wire.examine("generate", mode, content)


@pytest.mark.parametrize("name", [name for name in NAMES if streams(name)])
@FEW
@given(content=st.binary(max_size=200))
def test_random_bytes_are_bad_or_read(name: str, content: bytes) -> None:
    """Bytes of no format at all."""
    for case in streams(name)[:1]:
        _feed(case, case.mode, content)
        _feed(case, case.mode, b'data: {"choices":' + content + b"\n\n")
