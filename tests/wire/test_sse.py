"""The readers of lines and of server-sent events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply
from isartor_addon.wire.lines import Lines
from isartor_addon.wire.sse import Event, Reader, event
from tests.effort import takes_at_most

STREAM = (
    b"\xef\xbb\xbf: hello\r\nevent: a\r\ndata: one\r\ndata:two\r\n\r\n"
    b"data: \xc3\xbcber\rid: 7\r\r"
    b"retry: 5\ndata\n\nevent: lost\n\nnonsense: x\ndata:  two blanks \n\n"
)
EVENTS = [
    Event("a", b"one\ntwo"),
    Event("", "über".encode()),
    Event("", b""),
    Event("", b" two blanks "),
]


def read(*pieces: bytes) -> list[Event]:
    reader = Reader()
    return [each for piece in pieces for each in reader.feed(piece)]


def test_reads_every_line_end_comment_name_and_the_bom() -> None:
    """CR, LF, CRLF, comments, BOM, several data lines, bare names and unknown fields are read as the spec says."""
    assert EVENTS == read(STREAM)


def test_every_split_in_two_reads_the_same() -> None:
    """No cut matters: inside CRLF, inside UTF-8, inside the BOM."""
    for cut in range(len(STREAM) + 1):
        assert EVENTS == read(STREAM[:cut], STREAM[cut:])


def test_byte_by_byte_reads_the_same() -> None:
    """A stream that comes one byte at a time is the same stream."""
    assert EVENTS == read(*(STREAM[i : i + 1] for i in range(len(STREAM))))


@given(st.lists(st.tuples(st.from_regex(r"[a-z.]{0,9}", fullmatch=True), st.binary().filter(lambda b: b"\r" not in b))))
def test_what_is_written_is_read(events: list[tuple[str, bytes]]) -> None:
    """`event` and `Reader` are inverse, for data without CR."""
    written = b"".join(event(data, name) for name, data in events)
    assert [Event(name, data) for name, data in events] == read(written)


@given(st.binary(), st.integers(0, 64))
def test_any_bytes_at_any_cut_read_the_same(data: bytes, cut: int) -> None:
    """Random bytes never fail, and never depend on the cut."""
    assert read(data) == read(data[:cut], data[cut:])


def test_pending_tells_an_unfinished_event() -> None:
    """Pending from the first byte of an event to its blank line."""
    reader = Reader()
    seen = [(reader.feed(piece) != [], reader.pending) for piece in (b"da", b"ta: x\n", b"\n", b"event: e\n", b"\n")]
    assert [(False, True), (False, True), (True, False), (False, True), (False, False)] == seen


def test_finish_gives_the_event_without_a_blank_line() -> None:
    """A server that ends without the last blank line has still said something."""
    reader = Reader()
    assert [] == reader.feed(b"data: [DONE]")
    assert [Event("", b"[DONE]")] == reader.finish()
    assert [] == reader.finish()


@pytest.mark.parametrize("pieces", [[b"data: " + b"x" * 200], [b"data: " + b"x" * 60 + b"\n"] * 2])
def test_an_event_over_the_limit_is_refused(pieces: list[bytes]) -> None:
    """Neither one long line nor many short ones pass the limit."""
    reader = Reader(limit=100)
    with pytest.raises(BadReply, match="more than 100 bytes"):
        for piece in pieces:
            reader.feed(piece)


def test_work_is_linear_in_the_bytes() -> None:
    """One event that comes in 200,000 pieces is joined once, not once a piece."""
    reader = Reader()
    with takes_at_most(cpu_s=3):
        for _ in range(200_000):
            reader.feed(b"0123456789")
    reader.feed(b"\n\n")
    assert not reader.pending


def test_lines_keep_blank_ones_and_give_the_last_at_the_end() -> None:
    """Lines are what stands between line ends; the last may lack its own."""
    lines = Lines()
    assert [b'{"a":1}', b"", b'{"b":2}'] == lines.feed(b'{"a":1}\r\n\n{"b":2}\n{"c"')
    assert lines.pending
    assert [b'{"c":3}'] == lines.feed(b":3}") + lines.finish()
    assert [] == lines.finish()
