"""Fear: the fast lane answers otherwise than mitmproxy's hooks would, or loses a byte of what it hands over."""

from __future__ import annotations

import itertools
import json
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e.harness import PATIENCE_S, Proxy, Setup
from tests.fake import Call, Plan, Provider
from tests.fake.plan import sse

HOST = "api.openai.com"
HITS = ("lane hit one", "lane hit two", "lane hit stream")
REPLY = json.dumps(
    {
        "id": "chatcmpl-fixed",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "fixed"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()
CHUNK = {"id": "chatcmpl-fixed", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
DELTAS = ({"delta": {"role": "assistant", "content": "fixed"}}, {"delta": {}, "finish_reason": "stop"})
EVENTS = (*(sse({**CHUNK, "choices": [{"index": 0, **delta}]}) for delta in DELTAS), sse("[DONE]"))
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of what a client sends."""

    data: bytes
    wait: bool = False
    """Whether the client waits for all answers that are due before it goes on."""


def body(prompt: str, *, stream: bool = False) -> bytes:
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}]}
    return json.dumps({**asked, "stream": True} if stream else asked).encode()


def post(
    data: bytes,
    *,
    headers: bytes = b"",
    version: bytes = b"1.1",
    path: bytes = b"/v1/chat/completions",
    length: bool = True,
    method: bytes = b"POST",
) -> bytes:
    size = b"content-length: %d\r\n" % len(data) if length else b""
    head = b"%b %b HTTP/%b\r\nhost: api.openai.com\r\nauthorization: Bearer sk-lane\r\n" % (method, path, version)
    return head + headers + size + b"\r\n" + data


def chunked(data: bytes, at: int) -> bytes:
    pieces = [piece for piece in (data[:at], data[at:]) if piece]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return post(coded, headers=b"transfer-encoding: chunked\r\n", length=False)


HIT = body(HITS[0])
ODD_HEADERS = (
    b"x-request-id: 17\r\n",
    b"expect: 100-continue\r\n",
    b"upgrade: something\r\nconnection: upgrade\r\n",
    b"x-session-id: lane-session-0001\r\n",
    b"connection: keep-alive\r\n",
    b"x-isartor-ttl: 60\r\n",
    b"x-isartor-ttl: soon\r\n",
    b"x-isartor-cache: bypass\r\n",
    b"x-isartor-cache: only\r\n",
    b"cache-control: no-store\r\n",
    b"content-encoding: gzip\r\n",
    b"X-Twice: a\r\nx-twice: b\r\n",
    b"x-folded: a\r\n b\r\n",
    b"x-bare: a\n",
    b"x-empty:\r\n",
    b"x-odd: \xff\x01\r\n",
    b"content-type: application/json\r\n" * 400,
    b"x-long: " + b"a" * 70_000 + b"\r\n",
)
ENDING = (
    post(HIT, headers=b"connection: close\r\n"),
    post(HIT, headers=b"Connection: Keep-Alive, close\r\n"),
    post(HIT, version=b"1.0"),
    post(HIT, version=b"9"),
    post(HIT, headers=b"no colon\r\n"),
    post(HIT, headers=b": no name\r\n"),
    post(HIT, headers=b"content-length: 3\r\n"),
    post(HIT, headers=b"content-length : 3\r\n"),
    post(HIT, headers=b"content-length: -1\r\n", length=False),
    post(HIT, headers=b"content-length: 0x10\r\n", length=False),
    post(HIT, headers=b"content-length: 03\r\n", length=False),
    post(HIT, headers=b"transfer-encoding: chunked\r\n"),
    post(HIT, headers=b"transfer-encoding: rot13\r\n", length=False),
    post(b"ZZ\r\n", headers=b"transfer-encoding: chunked\r\n", length=False),
    b"\x00\x01\x02 garbage\r\n\r\n",
    b"POST\r\n\r\n",
    b"POST /v1/chat/completions\r\n\r\n",
    b"POSTER /v1/chat/completions HTTP/1.1\n\n",
    post(HIT, path=b"https://:x/"),
)


def miss() -> bytes:
    return body(f"lane miss {next(_numbers)}")


whole_requests = st.one_of(
    st.sampled_from([post(HIT), post(HIT), post(body(HITS[1])), post(body(HITS[2], stream=True))]),
    st.builds(lambda headers: post(HIT, headers=headers), st.sampled_from(ODD_HEADERS)),
    st.builds(lambda at: chunked(HIT, at), st.integers(0, len(HIT))),
    st.builds(lambda: post(miss())),
    st.builds(lambda: chunked(miss(), 9)),
    st.sampled_from(
        [
            post(HIT, path=b"https://api.openai.com/v1/chat/completions"),
            post(HIT, path=b"/v1/chat/completions?x=1"),
            post(HIT, path=b"/v1/files"),
            post(HIT, method=b"post"),
            post(b"", method=b"GET", path=b"/v1/models", length=False),
            post(b"", method=b"OPTIONS", length=False),
            post(b""),
            post(b"not json"),
            post(b"[]"),
        ]
    ),
)
parts = st.builds(Part, whole_requests, st.booleans())
POST = post(HIT)
LAST = post(b"", method=b"GET", path=b"/v1/models", headers=b"connection: close\r\n", length=False)
endings = st.one_of(
    st.just(LAST),
    st.sampled_from(ENDING),
    st.integers(1, len(POST) - 1).map(lambda cut: POST[:cut]),
)
EXAMPLES = 60


@dataclass
class Seen:
    """What came back: answers in order, then whether the proxy hung up, and what was no answer."""

    answers: list[tuple[bytes, list[bytes], bytes]] = field(default_factory=list)
    rest: bytes = b""


class Wire:
    """A client of raw bytes."""

    def __init__(self, proxy: Proxy) -> None:
        raw = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nhost: {HOST}:443\r\n\r\n".encode())
        opened = b""
        while not opened.endswith(b"\r\n\r\n"):
            opened += raw.recv(1024)
        self._socket = proxy.context().wrap_socket(raw, server_hostname=HOST)
        self._received = b""
        self._open = True
        self.seen = Seen()

    def send(self, data: bytes, cuts: Sequence[int]) -> None:
        """Send in pieces. A proxy that has hung up is told nothing."""
        places = [0, *sorted({cut % len(data) for cut in cuts} - {0}), len(data)]
        with suppress(OSError):
            for begin, end in itertools.pairwise(places):
                self._socket.sendall(data[begin:end])

    def read(self, until: int | None) -> None:
        """Read until there are so many answers, or to the end."""
        while self._open and (until is None or len(self.seen.answers) < until):
            try:
                data = self._socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                data = b""
            self._open = bool(data)
            self._received += data
            while (answer := _answer(self._received)) is not None:
                head, content, end = answer
                self._received = self._received[end:]
                lines = [_steady(line) for line in head.split(b"\r\n")]
                if not lines[0].startswith(b"HTTP/1.1 100"):
                    self.seen.answers.append((lines[0], [line for line in lines[1:] if line], content))

    def close(self) -> Seen:
        self.seen.rest = self._received
        self._socket.close()
        return self.seen


def _steady(line: bytes) -> bytes:
    """A line of a head, without what differs from one moment or one installation to another."""
    return re.sub(rb"^(date|x-request-id|x-isartor-age|x-isartor-key): .*", rb"\1", line, flags=re.I)


def _answer(data: bytes) -> tuple[bytes, bytes, int] | None:
    """The first answer in `data`, and where it ends."""
    end = data.find(b"\r\n\r\n") + 4
    if end < 4:
        return None
    head = data[: end - 2]
    low = head.lower()
    if b"\r\ntransfer-encoding: chunked\r\n" in low:
        content = b""
        while (line_end := data.find(b"\r\n", end)) >= 0:
            size = int(data[end:line_end], 16)
            if len(data) < line_end + 4 + size:
                return None
            content += data[line_end + 2 : line_end + 2 + size]
            end = line_end + 4 + size
            if not size:
                return head, content, end
        return None
    length = re.search(rb"\r\ncontent-length: (\d+)\r\n", low)
    size = int(length[1]) if length else 0
    return (head, data[end : end + size], end + size) if len(data) >= end + size else None


def talk(proxy: Proxy, sent: Sequence[Part], ending: bytes, cuts: Sequence[int]) -> Seen:
    """Send it all, read it all, until the proxy hangs up; or hang up in the middle of a request."""
    wire, held = Wire(proxy), b""
    for due, part in enumerate(sent, 1):
        held += part.data
        if part.wait:
            wire.send(held, cuts)
            wire.read(due)
            held = b""
    cut_off = POST.startswith(ending)
    if cut_off and held:
        wire.send(held, cuts)
        wire.read(len(sent))
        held = b""
    wire.send(held + ending, cuts)
    if not cut_off:
        wire.read(None)
    return wire.close()


@pytest.fixture(scope="module")
def both(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, Proxy]]:
    """A proxy with the lane and one without, which have learned the same."""
    provider.plan(Plan("lane ", pieces=(REPLY,)))
    provider.plan(Plan(HITS[2], pieces=EVENTS))
    learned = [Part(post(body(words, stream=words == HITS[2])), wait=True) for words in HITS]
    with ExitStack() as stack:
        proxies = [
            stack.enter_context(
                Proxy(tmp_path_factory.mktemp(name), provider, Setup(options={"isartor_lane_enabled": enabled}))
            )
            for name, enabled in (("with", "true"), ("without", "false"))
        ]
        for proxy in proxies:
            assert 4 == len(talk(proxy, learned, LAST, ()).answers)
        yield proxies[0], proxies[1]


@settings(max_examples=EXAMPLES)
@given(st.lists(parts, max_size=6), endings, st.lists(st.integers(0, 1 << 20), max_size=4))
def test_the_lane_changes_no_byte(
    both: tuple[Proxy, Proxy], provider: Provider, sent: list[Part], ending: bytes, cuts: list[int]
) -> None:
    """Whatever a client sends, in whatever pieces: it gets the same answers with the lane and without, and the provider
    is asked the same.
    """
    seen, asked = [], []
    for proxy in both:
        before = len(provider.calls)
        seen.append(talk(proxy, sent, ending, cuts))
        asked.append([_steady_call(call) for call in provider.calls[before:]])
    assert seen[0] == seen[1]
    assert asked[0] == asked[1]


def _steady_call(call: Call) -> tuple[object, ...]:
    return call.method, call.host, call.path, call.query, call.headers, bytes(call.received)
