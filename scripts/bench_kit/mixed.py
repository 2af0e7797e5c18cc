"""Requests of every kind, by number: hits and misses, whole and streamed, errors, clients that leave."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bench_kit import traffic
from bench_kit.load import PATIENCE_S, Plan, connect

type Kind = Literal["raw", "key", "stream", "miss", "stream miss", "words", "other", "429", "500", "left"]
"""Repeats with the same bytes, with another header, streamed; what is new, whole, streamed, and of words that are
compared with others; what is no LLM call; errors of the provider; a stream whose client leaves after its first event.
"""
KINDS: tuple[Kind, ...] = (
    *("raw", "raw", "raw", "key", "miss", "raw", "stream", "other"),
    *("raw", "raw", "key", "miss", "stream miss", "raw", "stream", "429"),
    *("raw", "raw", "key", "words", "raw", "raw", "stream", "500"),
    *("raw", "raw", "key", "words", "stream miss", "miss", "stream", "left"),
)
"""In turn, for ever."""
HITS: frozenset[Kind] = frozenset({"raw", "key", "stream"})
PROMPTS = 100
"""Different requests that are repeated, whole and streamed."""
RENEW = 500
"""So many requests share a connection."""
STREAMED: frozenset[Kind] = frozenset({"stream", "stream miss", "left"})
_BODIES = {streamed: traffic.request_body(traffic.SMALL, stream=streamed) for streamed in (False, True)}
_TOOL = {"name": "Read", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}}
_TOOLS = json.dumps([{"type": "function", "function": _TOOL}]).encode()
"""What the semantic layer leaves alone, which would take most of the time with its model."""
_NONCE = traffic.NONCE.encode()


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    kind: Kind
    raw: bytes
    status: int
    """What the answer must have."""


def request(number: int) -> Request:
    """The request of that number; the repeated prompts come round in a few thousand."""
    kind = KINDS[number % len(KINDS)]
    if kind == "other":
        return Request(kind, b"GET /v1/models/%d HTTP/1.1\r\n%b\r\n" % (number, _HEAD), 200)
    which = number // len(KINDS) % PROMPTS if kind in HITS else number + PROMPTS
    body = _BODIES[kind in STREAMED].replace(_NONCE, _question(number) if kind == "words" else b"%020d" % which)
    if kind != "words":
        body = b'%b, "tools": %b}' % (body[:-1], _TOOLS)
    more = b"x-request-id: %d\r\n" % number if kind == "key" else b""
    status = int(kind) if kind in ("429", "500") else 200
    if status != 200:
        more += b"%b: %d\r\n" % (traffic.FAIL, status)
    head = b"POST %b HTTP/1.1\r\n%bcontent-type: application/json\r\n" % (traffic.PATH.encode(), _HEAD)
    return Request(kind, b"%b%bcontent-length: %d\r\n\r\n%b" % (head, more, len(body), body), status)


class Line:
    """One client, that asks one thing after another, and comes anew from time to time."""

    def __init__(self, plan: Plan, context: ssl.SSLContext) -> None:
        self._plan = plan
        self._context = context
        self._socket: ssl.SSLSocket | None = None
        self._asked = 0

    def ask(self, asked: Request) -> bytes:
        """
        Ask; the answer's head, in lower case. Of a request that is to be left no more is read than has come.

        Raises:
            OSError: there is no answer, or none in time.
        """
        if self._socket is None:
            self._socket = connect(self._plan, self._context)
            self._socket.settimeout(6 * PATIENCE_S)
        self._socket.sendall(asked.raw)
        head, rest = self._until(b"", lambda data: b"\r\n\r\n" in data).split(b"\r\n\r\n", 1)
        head = head.lower()
        if asked.kind != "left":
            self._until(rest, _has_ended(head))
        self._asked += 1
        if asked.kind == "left" or self._asked % RENEW == 0:
            self.close()
        return head

    def _until(self, received: bytes, enough: Callable[[bytes], bool]) -> bytes:
        assert self._socket is not None
        while not enough(received):
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError(f"closed after {received!r}")
            received += data
        return received

    def close(self) -> None:
        """Hang up; the next question opens a new connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _has_ended(head: bytes) -> Callable[[bytes], bool]:
    """Whether a body is whole."""
    _, found, after = head.partition(b"\r\ncontent-length:")
    if not found:
        return lambda body: body.endswith(b"0\r\n\r\n")
    length = int(after.partition(b"\r\n")[0])
    return lambda body: len(body) >= length


def _question(number: int) -> bytes:
    """Words that nobody has asked before, and that have been asked before in other sentences."""
    chosen = []
    for words in _WORDS:
        number, at = divmod(number, len(words))
        chosen.append(words[at])
    return f"{' '.join(chosen)} case {number}".encode()


_WORDS = (
    "red green blue old new small large quick slow plain bright empty broken heavy quiet warm cold".split(),
    "river garden engine letter window market planet bridge forest island camera violin kitchen mirror".split(),
    "opens breaks moves sleeps burns floats turns grows leaks bends shines melts sinks".split(),
    "monday tuesday wednesday thursday friday saturday sunday".split(),
)
_HEAD = b"host: localhost\r\naccept: */*\r\nuser-agent: bench/1\r\nauthorization: Bearer sk-bench\r\n"
