"""Fear: what is remembered of one request is taken for another, or memory grows."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.clients import CLIENTS
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import BadControl
from isartor_addon.core.exchange import Control, Exchange, Request
from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.core.identity import Identity
from isartor_addon.intake import Intake, Sender
from isartor_addon.proxy.memo import MOST_COUNTED, MOST_OPENINGS, Memo, Noted, Opening, Openings
from isartor_addon.proxy.requests import Asked
from isartor_addon.wire import openai_chat
from isartor_addon.wire.base import Route

ROUTE = Route(openai_chat.WIRE, "generate", "/v1")
NOTED = Noted({})


def request(**headers: str) -> Request:
    return Request("POST", "https", "h", 443, "/v1", {}, headers)


def asked(**headers: str) -> Asked:
    return Asked(request(**headers), (ROUTE,), False, Sender(trusted=True))


def exchange(canonical: bytes = b"", *, body: dict[str, str] | None = None) -> Exchange:
    return Exchange(
        id="1",
        request=request(),
        route=ROUTE,
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


def found(memo: Memo, head: Asked, digest: bytes) -> Exchange | None:
    return memo.get(memo.key(head) + digest)


def head(size: object, more: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nhost: h\r\n%bcontent-length: %b\r\n\r\n" % (more, str(size).encode())


def opening(memo: Memo, size: int, **headers: str) -> Opening:
    said = asked(host="h", **{name.replace("_", "-"): value for name, value in headers.items()})
    said.request.headers["content-length"] = str(size)  # type: ignore[index]
    return Opening(said, size, closes=False, key=memo.key(said))


def test_bytes_are_bounded() -> None:
    """What was used longest ago makes room; what is too large is not kept."""
    memo, who = Memo(limit=40_000), asked()
    for number in range(10):
        memo.put(who, b"%d" % number, exchange(b"x" * 3000), NOTED)
        found(memo, who, b"0")
    assert len(memo) <= 4
    assert found(memo, who, b"0") is not None
    assert found(memo, who, b"1") is None
    memo.put(who, b"large", exchange(b"x" * 50_000), NOTED)
    assert found(memo, who, b"large") is None
    memo.clear()
    assert 0 == len(memo)


def test_the_body_is_not_kept() -> None:
    """A remembered request holds no second copy of what was said; the one that was read keeps its own."""
    memo, given_ = Memo(), exchange(body={"prompt": "words"})
    memo.put(asked(), b"1", given_, NOTED)
    kept = found(memo, asked(), b"1")
    assert kept is not None
    assert ({}, b"") == (kept.body, kept.raw)
    assert {"prompt": "words"} == given_.body


def test_what_is_digested_already_is_not_kept() -> None:
    """The canonical bytes serve digests; where the stored answer has these, the bytes go."""
    memo = Memo()
    for digest, prints in ((b"1", None), (b"2", Fingerprint(taken={"path": "print"}))):
        read = exchange(b"canonical")
        read.fingerprint = prints
        memo.put(asked(), digest, read, NOTED)
        kept = found(memo, asked(), digest)
        assert kept is not None
        assert (b"" if prints else b"canonical") == kept.identity.canonical
        assert b"canonical" == read.identity.canonical


def test_a_header_that_nobody_asks_for_may_be_another() -> None:
    """From the moment a reading asks for it, its value counts; that it is there always does."""
    memo, noted = Memo(), Noted({"b": "1"})
    assert "1" == noted.get("b")
    assert "b" in noted
    assert noted.get("c") is None
    assert memo.put(asked(a="1", b="1"), b"d", exchange(), noted)
    assert found(memo, asked(a="2", b="1"), b"d") is not None
    assert found(memo, asked(a="1", b="2"), b"d") is None
    assert found(memo, asked(b="1"), b"d") is None
    assert found(memo, asked(a="1", b="1", c="1"), b"d") is None
    assert found(memo, replace(asked(a="1", b="1"), by_door=True), b"d") is None
    assert not memo.put(asked(a="1", b="2"), b"d", exchange(), noted)
    looked = Noted({"a": "1"})
    assert [("a", "1")] == list(looked.items())
    before = memo.key(asked(a="1", b="1"))
    assert memo.put(asked(a="1", b="1"), b"d", exchange(), looked)
    assert before != memo.key(asked(a="1", b="1"))
    assert found(memo, asked(a="1", b="1"), b"d") is not None
    assert found(memo, asked(a="2", b="1"), b"d") is None


def test_names_that_count_are_bounded() -> None:
    """A client that has many names asked for makes us forget, not grow."""
    memo, looked = Memo(), Noted({})
    for number in range(MOST_COUNTED + 1):
        looked = Noted({})
        looked.get(f"x-{number}-token")
        memo.put(asked(), b"d", exchange(), looked)
    assert not memo.counts("x-0-token")
    assert looked.asked == {name for name in looked.asked if memo.counts(name)}


_NAMES = (
    *(
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "cookie",
        "my-token",
        "user-agent",
        "x-isartor-cache",
        "x-project",
    ),
    *(
        "cache-control",
        "x-isartor-ttl",
        "x-stainless-lang",
        "session_id",
        "x-session-id",
        "x-request-id",
        "tenant",
        "openai-beta",
    ),
    *("anthropic-beta", "x-title", "content-encoding", "openai-organization", "chatgpt-account-id", "x-interaction-id"),
)
_VALUES = (
    "",
    "a",
    "Bearer sk-1",
    "only",
    "no-cache",
    "60",
    "claude-cli/2.0 (external)",
    "codex_cli_rs/0.4",
    "0f3a9c1e7b2d4a56",
)
_BODIES = (
    {"model": "m", "messages": [{"role": "user", "content": "hello 0f3a9c1e7b2d4a56"}]},
    {"model": "m", "messages": [], "metadata": {"user_id": "u", "session_id": "0f3a9c1e7b2d4a56"}},
)


@pytest.fixture(scope="module")
def intake() -> Intake:
    return Intake(Config(tenant_header="tenant", project_header="x-project"), b"secret")


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(_VALUES), max_size=5), st.sampled_from(_BODIES)
        ),
        min_size=2,
        max_size=8,
    )
)
def test_what_is_remembered_is_what_would_be_read(
    intake: Intake, sent: list[tuple[dict[str, str], dict[str, Any]]]
) -> None:
    """Whatever headers requests have: what is found for one is what reading it gives, but for the headers as such."""
    memo = Memo()
    for headers, body in sent:
        head_, digest = asked(**headers), sha256(orjson.dumps(body)).digest()
        noted = Noted(headers)
        try:
            read = intake.read(
                replace(head_.request, headers=noted), ROUTE, body, id="", started=0.0, sender=head_.sender
            )
        except BadControl:
            assert found(memo, head_, digest) is None
            continue
        read.request = head_.request
        known = found(memo, head_, digest)
        if known is not None:
            known.body, known.request = read.body, read.request
            assert read == known
        memo.put(head_, digest, read, noted)
        assert found(memo, head_, digest) is not None


@given(
    st.integers(1, 99_999_999), st.integers(1, 99_999_999), st.text("0aZ._-", min_size=1), st.text("0aZ._-", min_size=1)
)
def test_a_head_with_other_values_is_known(before: int, now: int, one: str, other: str) -> None:
    """Only the length and an id differ: the rest is as it was read, these are the new ones."""
    memo = Memo()
    openings = Openings(memo)
    line = b"X-Request-Id: %b\r\n"
    openings.put(b"place", head(before, line % one.encode()), opening(memo, before, x_request_id=one))
    new = head(now, line % other.encode())
    assert opening(memo, now, x_request_id=other) == openings.get(b"place", new) == openings.get(b"place", new)
    assert openings.get(b"elsewhere", new) is None
    assert openings.get(b"place", head(now, line % other.encode() + b"x: y\r\n")) is None


@pytest.mark.parametrize(
    "line",
    [b"x-isartor-cache: %b\r\n", b"accept: %b\r\n", b"x-a: 1\r\nx-a: %b\r\n", b"x-a: %b\r\n b\r\n", b"x-a: a %b\r\n"],
)
def test_a_head_whose_reading_may_differ_is_not_known(line: bytes) -> None:
    """Headers that are said to us or to HTTP, that are there twice or go on in another line, are read."""
    memo = Memo()
    openings = Openings(memo)
    openings.put(b"place", head(3, line % b"one"), opening(memo, 3, x_a="as it was read"))
    assert openings.get(b"place", head(3, line % b"one")) is not None
    assert openings.get(b"place", head(3, line % b"two")) is None


def test_an_id_that_counts_gives_another_key() -> None:
    """The key of a head that is known but for its values is the one that it would have been given."""
    memo = Memo()
    noted = Noted({})
    noted.get("x-request-id")
    memo.put(asked(), b"d", exchange(), noted)
    openings = Openings(memo)
    openings.put(b"place", head(3, b"x-request-id: 1\r\n"), opening(memo, 3, x_request_id="1"))
    new = openings.get(b"place", head(3, b"x-request-id: 2\r\n"))
    assert new is not None
    assert memo.key(new.asked) == new.key != opening(memo, 3, x_request_id="1").key


@given(st.sampled_from(["0", "00", "03", "+3", "-3", "3 ", "3,3", "0x3", "", "999999999", "3\r\ncontent-length: 4"]))
def test_a_length_that_is_no_plain_number_is_not_known(said: str) -> None:
    """What mitmproxy must judge itself is never taken from memory."""
    memo = Memo()
    openings = Openings(memo)
    openings.put(b"place", head(3), opening(memo, 3))
    assert openings.get(b"place", head(said)) is None


def test_heads_are_bounded() -> None:
    """Heads that are never the same do not add up."""
    memo = Memo()
    openings = Openings(memo)
    for number in range(MOST_OPENINGS + 2):
        openings.put(b"place", head(3, b"a: %d\r\n" % number), opening(memo, 3))
    assert openings.get(b"place", head(3, b"a: 0\r\n")) is None
    assert openings.get(b"place", head(3, b"a: 2\r\n")) is not None
    openings.clear()
    assert openings.get(b"place", head(3, b"a: 2\r\n")) is None
