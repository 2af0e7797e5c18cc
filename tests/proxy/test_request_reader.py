"""Fear: the lane waits for bytes that will never come, or lets go of some that are not its own."""

from __future__ import annotations

import itertools
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.proxy.request_reader import LONGEST_HEAD, Head, RequestReader, may_begin

HEAD = b"POST /v1 HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\n"


def reader(*, body_size: int | None = 4) -> RequestReader[bytes]:
    """One whose heads all announce so much; None: heads that are not for the lane."""

    def read_head(head: bytes) -> Head[bytes] | None:
        return None if body_size is None or not may_begin(head) else Head(len(head), body_size, head)

    return RequestReader(read_head)


@given(st.lists(st.integers(0, 3 * len(HEAD)), max_size=8), st.integers(1, 3))
def test_requests_come_out_as_they_went_in(cuts: list[int], count: int) -> None:
    """However the bytes are cut, the same requests come out, one after the other, and nothing is left."""
    data = b"".join(HEAD + b"%04d" % n for n in range(count))
    found, one = [], reader()
    for begin, end in itertools.pairwise([0, *sorted(cut % len(data) for cut in cuts), len(data)]):
        assert one.take(data[begin:end])
        while one.whole:
            assert one.head is not None
            assert HEAD == one.head.meaning
            found.append(one.request())
            assert found[-1].removeprefix(HEAD) == one.body()
            assert sha256(one.body()).digest() == one.body_digest()
            assert one.next()
    assert [HEAD + b"%04d" % n for n in range(count)] == found
    assert not one


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\n\r\n",
        b"POST / HTTP/1.1\r\na: b\n\r\n\r\n",
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"\r\n",
        b"post / HTTP/1.1",
        b"POST\t/",
        b"POST / HTTP/1.1\n\n",
        b"POST / HTTP/1.1\r\na: b\n\r\n",
    ],
)
def test_other_bytes_are_given_back_at_once(data: bytes) -> None:
    """What cannot become a request for the lane is not waited for, and comes back byte by byte."""
    one = reader()
    assert not one.take(data)
    assert data == one.all()
    assert not one


def test_a_head_that_is_not_for_the_lane() -> None:
    """The reader of heads says no: so does the reader of requests."""
    one = reader(body_size=None)
    assert one.take(HEAD[:-1])
    assert not one.take(HEAD[-1:])
    assert HEAD == one.all()


def test_an_endless_head_is_given_back() -> None:
    """A head beyond the bound is mitmproxy's to deal with."""
    one = reader()
    assert one.take(b"POST / HTTP/1.1\r\nx: ")
    assert not one.take(b"a" * LONGEST_HEAD)


def test_what_follows_is_judged_too() -> None:
    """After a request for the lane something else may come on the same connection."""
    one = reader()
    assert one.take(HEAD + b"bodyGET / HTTP/1.1\r\n\r\n")
    assert HEAD + b"body" == one.request()
    assert not one.next()
    assert b"GET / HTTP/1.1\r\n\r\n" == one.all()
