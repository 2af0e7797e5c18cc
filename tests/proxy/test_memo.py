"""Fear: what is remembered of one request is taken for another, or memory grows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.clients import CLIENTS
from isartor_addon.core.exchange import Control, Exchange, Request
from isartor_addon.core.identity import Identity
from isartor_addon.intake import Sender
from isartor_addon.proxy.memo import MOST_OPENINGS, Known, Memo, Opening, Openings
from isartor_addon.proxy.requests import Asked
from isartor_addon.wire import openai_chat
from isartor_addon.wire.base import Route


def request(**headers: str) -> Request:
    return Request("POST", "https", "h", 443, "/v1", {}, headers)


def known(canonical: bytes = b"", *, body: dict[str, str] | None = None) -> Known:
    exchange = Exchange(
        id="1",
        request=request(),
        route=Route(openai_chat.WIRE, "generate", "/v1"),
        body=body or {},
        mode="json",
        client=CLIENTS["generic"],
        caller="c",
        identity=Identity("k", "c", canonical),
        control=Control(),
        model="m",
        started=1.0,
        raw=b"raw",
    )
    return Known(exchange, 100, closes=False)


def opening(size: int) -> Opening:
    asked = Asked(request(host="h", **{"content-length": str(size)}), (), False, Sender(trusted=True))
    return Opening(asked, size, closes=False)


def head(size: object, more: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nhost: h\r\n%bcontent-length: %b\r\n\r\n" % (more, str(size).encode())


def test_bytes_are_bounded() -> None:
    """What was used longest ago makes room; what is too large is not kept."""
    memo = Memo(limit=40_000)
    for number in range(10):
        memo.put(b"%d" % number, known(b"x" * 3000))
        memo.get(b"0")
    assert len(memo) <= 4
    assert memo.get(b"0") is not None
    assert memo.get(b"1") is None
    memo.put(b"large", known(b"x" * 50_000))
    assert memo.get(b"large") is None
    memo.clear()
    assert 0 == len(memo)


def test_the_body_is_not_kept() -> None:
    """A remembered request holds no second copy of what was said."""
    memo = Memo()
    memo.put(b"1", known(body={"prompt": "words"}))
    found = memo.get(b"1")
    assert found is not None
    assert ({}, b"") == (found.exchange.body, found.exchange.raw)


@given(st.integers(1, 99_999_999), st.integers(1, 99_999_999))
def test_a_head_with_another_length_is_known(before: int, now: int) -> None:
    """Only the number differs: the rest is as it was read, the number is the new one."""
    openings = Openings()
    openings.put(b"place", head(before), opening(before))
    assert opening(now) == openings.get(b"place", head(now))
    assert openings.get(b"elsewhere", head(now)) is None
    assert openings.get(b"place", head(now, b"x: y\r\n")) is None


@given(st.sampled_from(["0", "00", "03", "+3", "-3", "3 ", "3,3", "0x3", "", "999999999", "3\r\ncontent-length: 4"]))
def test_a_length_that_is_no_plain_number_is_not_known(said: str) -> None:
    """What mitmproxy must judge itself is never taken from memory."""
    openings = Openings()
    openings.put(b"place", head(3), opening(3))
    assert openings.get(b"place", head(said)) is None


def test_heads_are_bounded() -> None:
    """Heads that are never the same do not add up."""
    openings = Openings()
    for number in range(MOST_OPENINGS + 2):
        openings.put(b"place", head(3, b"x: %d\r\n" % number), opening(3))
    assert openings.get(b"place", head(3, b"x: 0\r\n")) is None
    assert openings.get(b"place", head(3, b"x: 2\r\n")) is not None
    openings.clear()
    assert openings.get(b"place", head(3, b"x: 2\r\n")) is None
