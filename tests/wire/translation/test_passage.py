"""Replies on their way from a provider of one wire to a client of another."""

from __future__ import annotations

import json

import pytest

from isartor_addon.core.errors import BadReply
from isartor_addon.core.prompt import Opaque, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply
from isartor_addon.wire import WIRES
from isartor_addon.wire.base import Mode, Wire
from isartor_addon.wire.translate import SOURCES, TARGETS, Passage
from tests.wire.test_transcripts import WITHOUT_USAGE, modes_of
from tests.wire.transcripts import Transcript, read, transcripts

ONLY_THEIRS = (
    *("compaction_sse", "pause_json", "web_search_sse", "web_search_json", "custom_tool_sse"),
    *("tool_chain_1_ws", "empty_output_in_terminal_sse", "malformed_call_json"),
)
"""What no other wire can say."""
RECORDED = [
    case
    for case in transcripts()
    if "reply" in case.expect and case.wire.name in TARGETS and not case.name.endswith(ONLY_THEIRS)
]


def carried(
    source: Wire, source_mode: Mode, target: Wire, target_mode: Mode, pieces: tuple[bytes, ...]
) -> tuple[bytes, ...]:
    """What the client gets."""
    passage = Passage(source, source_mode, target, target_mode)
    told = [piece for each in pieces for piece in passage.feed(each)]
    return (*told, *passage.close())


def words(parts: tuple[Part, ...]) -> str:
    """All the text, the words of a refusal among it."""
    return "".join(
        _refusal(part) if isinstance(part, Opaque) else part.text for part in parts if isinstance(part, Text | Opaque)
    )


def _refusal(part: Opaque) -> str:
    """What a message of Responses says that holds a refusal."""
    return "".join(each.get("refusal", "") for each in part.value.get("content", ()))


def essence(reply: Reply) -> tuple[object, ...]:
    """What every wire can say of a reply: how it splits its words into parts is its own."""
    calls = [(part.name, json.loads(part.arguments or "{}")) for part in reply.parts if isinstance(part, ToolCall)]
    thinking = "".join(part.text for part in reply.parts if isinstance(part, Thinking))
    return thinking, words(reply.parts), calls, reply.model


def counts(reply: Reply) -> tuple[int, int, int, int]:
    """What it cost. Wires differ in whether they say a zero."""
    usage = reply.usage
    return usage.prompt or 0, usage.output or 0, usage.cache_read or 0, usage.reasoning or 0


def pairs() -> list[tuple[Transcript, Wire]]:
    clients = [WIRES[name] for name in SOURCES]
    return [(case, client) for case in RECORDED for client in clients if client is not case.wire]


PAIRS = [pytest.param(case, client, id=f"{case.name}-{client.name}") for case, client in pairs()]


@pytest.mark.parametrize(("case", "client"), PAIRS)
def test_a_client_reads_what_the_provider_said(case: Transcript, client: Wire) -> None:
    """In every mode of the client's wire the words, the calls, the model and the cost are the provider's."""
    said = read(case.wire, case.mode, case.pieces)
    for mode in modes_of(client):
        told = read(client, mode, carried(case.wire, case.mode, client, mode, case.pieces))
        assert essence(said) == essence(told), mode
        if (client.name, mode) not in WITHOUT_USAGE:
            assert counts(said) == counts(told), mode


@pytest.mark.parametrize("case", [case for case in RECORDED if case.mode != "json"], ids=lambda case: case.name)
def test_the_same_wire_and_mode_is_carried_verbatim(case: Transcript) -> None:
    """Not a byte is changed, and the cost is known all the same."""
    passage = Passage(case.wire, case.mode, case.wire, case.mode)
    told = [piece for each in case.pieces for piece in passage.feed(each)]
    assert case.content == b"".join([*told, *passage.close()])
    assert passage.done
    assert read(case.wire, case.mode, case.pieces).usage == passage.usage


def test_an_error_in_a_stream_is_a_bad_reply() -> None:
    """The chain is told, whatever the client's wire."""
    case = next(case for case in transcripts() if case.name == "openai_chat/error_in_stream_sse")
    with pytest.raises(BadReply):
        carried(case.wire, case.mode, WIRES["anthropic_messages"], "sse", case.pieces)
