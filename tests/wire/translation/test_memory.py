"""Fear: a long answer that goes by is held until its end, so that a few of them fill the memory."""

from __future__ import annotations

import tracemalloc

import pytest

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Text
from isartor_addon.core.reply import Reply, Stop
from isartor_addon.wire import WIRES
from isartor_addon.wire.base import Mode
from isartor_addon.wire.translation.passage import Passage
from isartor_addon.wire.translation.replies import as_told

STREAMS: tuple[tuple[str, Mode], ...] = (
    ("openai_chat", "sse"),
    ("openai_responses", "sse"),
    ("anthropic_messages", "sse"),
    ("gemini", "sse"),
    ("ollama", "ndjson"),
)
MANY = 4000
LITTLE = 64 * 1024
"""Bytes by which a stream may grow what is held, though it goes on and on."""


def beginning(name: str, mode: Mode) -> tuple[list[bytes], bytes]:
    """The events before an answer's first words, and one of words that may come again and again."""
    wire = WIRES[name]
    reply = Reply("id-1", "m", (Text("So"),), Stop("end"))
    pieces = wire.write(mode, as_told(reply, name) if name != "ollama" else reply)
    words = next(number for number, piece in enumerate(pieces) if b"So" in piece)
    return list(pieces[:words]), pieces[words]


@pytest.mark.parametrize(("name", "mode"), STREAMS, ids=[name for name, _ in STREAMS])
def test_a_stream_that_goes_on_is_not_kept(name: str, mode: Mode) -> None:
    """What is held after thousands of events is what was held after some."""
    before, words = beginning(name, mode)
    wire = WIRES[name]
    passage = Passage(wire, mode, wire, mode)
    for piece in before:
        passage.feed(piece)
    tracemalloc.start()
    try:
        for _ in range(MANY // 4):
            assert passage.feed(words) == [words]
        held, _ = tracemalloc.get_traced_memory()
        for _ in range(MANY):
            assert passage.feed(words) == [words]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert passage.started
    assert after - held < LITTLE
    assert MANY * len(words) > 4 * LITTLE


def test_json_that_is_too_long_to_be_held_goes_on_as_it_comes() -> None:
    """For a client of the same wire: what was held by then at once, all else piece by piece, and not a byte is lost."""
    wire = WIRES["openai_chat"]
    passage = Passage(wire, "json", wire, "json", limit=1000)
    pieces = [b'{"choices": [{"message": {"content": "', *[b"words " * 20] * 20, b'"}}]}']
    told: list[bytes] = []
    for number, piece in enumerate(pieces):
        told += passage.feed(piece)
        assert passage.started is (sum(map(len, pieces[: number + 1])) > 1000)
    told += passage.close()
    assert b"".join(told) == b"".join(pieces)
    assert passage.done


@pytest.mark.parametrize("target", ["anthropic_messages", "openai_responses"])
def test_json_that_is_too_long_to_be_told_anew_is_no_reply(target: str) -> None:
    """Another wire's client would have to be told all of it, so somebody else is asked."""
    passage = Passage(WIRES["openai_chat"], "json", WIRES[target], "json", limit=1000)
    with pytest.raises(Untranslatable, match="1000 bytes"):
        passage.feed(b"{" + b" " * 1000)


def test_a_stream_that_is_too_long_to_be_told_whole_is_no_reply() -> None:
    """A client that wants JSON of a provider that streams."""
    before, words = beginning("openai_chat", "sse")
    passage = Passage(WIRES["openai_chat"], "sse", WIRES["openai_chat"], "json", limit=10 * len(words))
    with pytest.raises(BadReply, match="too long"):
        for piece in [*before, *[words] * 11]:
            passage.feed(piece)
