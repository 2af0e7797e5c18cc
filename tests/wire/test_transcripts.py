"""Every golden transcript of every wire, read in every way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core import errors
from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Text
from isartor_addon.core.reply import Reply, Usage
from isartor_addon.wire.base import Mode, Wire
from tests.wire.transcripts import MODES, Transcript, as_json, named_of, read, transcripts

ALL = transcripts()
REPLIES = [case for case in ALL if "reply" in case.expect]
STREAMS = [case for case in ALL if case.mode != "json" and case.route.operation == "generate"]
WITHOUT_USAGE = {("openai_chat", "sse"), ("openai_completions", "sse")}
"""Where a wire's mode has no place for the usage."""
EDGE, STEP = 300, 7
"""So many bytes at either end are cut at each, what lies between at every seventh; the next test cuts everywhere."""


def each(cases: list[Transcript] | tuple[Transcript, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def modes_of(wire: Wire) -> list[Mode]:
    """The modes that a wire reads."""

    def reads(mode: Mode) -> bool:
        try:
            wire.decoder(mode)
        except Untranslatable:
            return False
        return True

    return ["json", *(mode for mode in MODES if mode != "json" and reads(mode))]


def outcome(case: Transcript, pieces: tuple[bytes, ...]) -> Reply | str:
    """What reading gives: a reply, or the name of the error."""
    try:
        return read(case.wire, case.mode, pieces)
    except (BadReply, Untranslatable) as error:
        return type(error).__name__


def without_usage(reply: Reply) -> Reply:
    return replace(reply, usage=Usage())


def essence(reply: Reply, *, usage: bool) -> dict[str, Any]:
    """What every delivery of one answer has in common. Of tool arguments that is their value, not their spelling."""
    whole = as_json(reply if usage else without_usage(reply))
    del whole["extra"], whole["usage"]["extra"]
    for part in whole["parts"]:
        if part["type"] == "tool_call":
            part["arguments"] = _value(part["arguments"])
    return whole


def _value(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except json.JSONDecodeError:
        return arguments


@each(ALL)
def test_the_mode_is_found(case: Transcript) -> None:
    """The request says how its answer is delivered."""
    assert case.expect["mode"] == case.mode


@each(ALL)
def test_a_request_is_written_back_as_it_was(case: Transcript) -> None:
    """Reading a request loses nothing."""
    assert case.body == case.wire.render(case.wire.parse(case.route, case.body))


@each([case for case in ALL if "prompt" in case.expect])
def test_a_request_is_understood(case: Transcript) -> None:
    """Model, roles and the user's last text are found."""
    prompt = case.wire.parse(case.route, case.body)
    last = next((turn for turn in reversed(prompt.turns) if turn.role == "user"), None)
    texts = [part.text for part in last.parts if isinstance(part, Text)] if last else []
    understood = {
        "model": prompt.model,
        "turns": [turn.role for turn in prompt.turns],
        "text": texts[-1] if texts else None,
    }
    assert case.expect["prompt"] == named_of(understood, case.expect["prompt"])


@each(REPLIES)
def test_a_reply_is_read(case: Transcript) -> None:
    """The whole body gives the reply that is expected."""
    expected = case.expect["reply"]
    assert expected == named_of(as_json(read(case.wire, case.mode, case.pieces)), expected)


@each([case for case in ALL if "raises" in case.expect])
def test_what_is_no_reply_is_refused(case: Transcript) -> None:
    """Errors, cut streams and what a Reply cannot say never become one."""
    with pytest.raises(getattr(errors, case.expect["raises"])):
        read(case.wire, case.mode, case.pieces)


@each([case for case in ALL if "verify" in case.expect or "reply" in case.expect])
def test_a_body_is_worth_keeping_or_not(case: Transcript) -> None:
    """`verify` says which answers are stored."""
    expected = case.expect.get("verify", "")
    try:
        found = case.wire.examine(case.route.operation, case.mode, case.content).reason
    except BadReply:
        found = "BadReply"
    assert expected == found


@each(STREAMS)
def test_a_split_in_two_reads_the_same(case: Transcript) -> None:
    """Where the bytes are cut does not matter."""
    content, size = case.content, len(case.content)
    cuts = [cut for cut in range(size + 1) if cut <= EDGE or cut >= size - EDGE or cut % STEP == 0]
    if case.mode == "ws":  # messages are not cut
        cuts = [sum(map(len, case.pieces[:number])) for number in range(len(case.pieces) + 1)]
    expected = outcome(case, case.pieces)
    for cut in cuts:
        assert expected == outcome(case, (content[:cut], content[cut:])), f"cut at {cut}"


@each([case for case in STREAMS if case.mode != "ws"])
def test_every_byte_by_itself_reads_the_same(case: Transcript) -> None:
    """A stream cut at every byte is the same stream."""
    content = case.content
    assert outcome(case, case.pieces) == outcome(case, tuple(content[i : i + 1] for i in range(len(content))))


@each([case for case in STREAMS if case.mode != "ws"])
@settings(max_examples=10)
@given(data=st.data())
def test_drawn_splits_read_the_same(case: Transcript, data: st.DataObject) -> None:
    """Many cuts at once, anywhere."""
    size = len(case.content)
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, size), max_size=12))), size]
    pieces = tuple(case.content[cuts[i] : cuts[i + 1]] for i in range(len(cuts) - 1))
    assert outcome(case, case.pieces) == outcome(case, pieces)


@each([case for case in STREAMS if "reply" in case.expect])
def test_the_terminal_event_is_marked_and_noticed(case: Transcript) -> None:
    """`done` comes true with the last event, not before, and the cheap marker stands in the bytes."""
    decoder = case.wire.decoder(case.mode)
    seen = [(decoder.feed(piece), decoder.done)[1] for piece in case.pieces]
    markers = case.wire.terminal.get(case.mode, ())
    if decoder.done:
        assert any(marker in case.pieces[-1] for marker in markers)
    assert all(not done for done in seen[:-1])


@each(REPLIES)
def test_what_is_written_is_read_again(case: Transcript) -> None:
    """A reply written in the mode it came in is read as the very same reply."""
    reply = read(case.wire, case.mode, case.pieces)
    again = read(case.wire, case.mode, case.wire.write(case.mode, reply))
    if (case.wire.name, case.mode) in WITHOUT_USAGE:  # some providers send it unasked
        reply, again = without_usage(reply), without_usage(again)
    assert reply == again


@each(REPLIES)
def test_every_other_delivery_says_the_same(case: Transcript) -> None:
    """One answer, delivered in every mode of its wire: the same parts, stop and usage."""
    reply = read(case.wire, case.mode, case.pieces)
    for mode in modes_of(case.wire):
        usage = (case.wire.name, mode) not in WITHOUT_USAGE
        again = read(case.wire, mode, case.wire.write(mode, reply))
        assert essence(reply, usage=usage) == essence(again, usage=usage), mode
