"""One attempt: ask one target, and hold back what it says until its answer has really begun.

Until the first content delta, or a whole and valid JSON reply, an attempt can fail and somebody else be asked: nothing
of it has been shown. Afterwards a fault is an error in the middle of the client's answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import orjson

from isartor_addon.core.errors import BadReply, ClientMistake, KeyUnknown, KeyWithheld, Lost, Untranslatable
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.redact import REMOVED
from isartor_addon.core.reply import Usage
from isartor_addon.layers.cloud.chain import Attempt
from isartor_addon.layers.cloud.client import Client, Received
from isartor_addon.layers.cloud.failures import Failure, failure_of
from isartor_addon.layers.cloud.meter import Account, Meter
from isartor_addon.layers.cloud.outgoing import Outgoing, outgoing
from isartor_addon.layers.cloud.plan import Target
from isartor_addon.layers.cloud.tokens import Tokens
from isartor_addon.wire.translate import LIMIT, Passage, translate_error
from isartor_addon.wire.usage import said_something, usage_so_far

if TYPE_CHECKING:
    from isartor_addon.wire.base import Mode

logger = logging.getLogger(__name__)

ERROR_S: Final = 5.0
"""How long the body of an error is waited for."""
LONGEST_ERROR: Final = 1024 * 1024
"""Bytes of an error body that are read."""
LONGEST_PRELUDE: Final = 16 * 1024 * 1024
"""Bytes that a stream may say before its first content: Responses repeats all instructions and tools there."""
_SHORTEST_SECRET: Final = 8
"""Characters; what is shorter stands in texts by chance."""
_TOLD: Final = ("retry-after", "retry-after-ms")
_NOT_TOLD: Final = frozenset(
    "connection keep-alive proxy-connection te trailer transfer-encoding upgrade content-length content-encoding "
    "alt-svc".split()
)
"""Response headers of the connection to the provider, not of its answer."""


@dataclass(frozen=True, slots=True)
class Said:
    """A target's last word, where it is an error: what the client hears when nobody does better."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    """In the client's wire."""


@dataclass(slots=True, eq=False)
class Answering:
    """An answer that has begun."""

    headers: tuple[tuple[str, str], ...]
    chunks: AsyncGenerator[bytes]
    """In the client's wire; raises `BadReply` when it is cut."""
    stack: AsyncExitStack
    """Closes the connection to the provider."""
    usage: Callable[[], Usage | None]
    """What the provider has counted so far."""
    meter: Meter = field(default_factory=Meter)
    """To be told when the client gets it."""


class Asker:
    """Makes attempts."""

    def __init__(
        self,
        client: Client,
        tokens: Tokens,
        *,
        private: frozenset[str],
        unix_time: Callable[[], float],
        account: Account,
        limit: int = LIMIT,
    ) -> None:
        """
        Args:
            client: asks providers.
            tokens: fills in keys that commands print.
            private: request headers that are said to us alone, lower case.
            unix_time: now, in seconds.
            account: enters attempts whose answer nobody gets.
            limit: bytes of a reply that are held, where it must be whole before any of it can be told.
        """
        self._client = client
        self._tokens = tokens
        self._account = account
        self._private = private
        self._unix_time = unix_time
        self._limit = limit

    async def ask(self, exchange: Exchange, attempt: Attempt) -> tuple[Answering | Failure, Said | None]:
        """Ask; what came of it, and what the target said where that was an error."""
        try:
            return await self._ask_with_its_key(exchange, attempt)
        except Exception as error:  # a fault of ours, which another wire or another reply may not meet
            logger.warning("asking %s failed with %s", attempt.target.name, type(error).__name__)
            return Failure(0, "fault", detail=type(error).__name__), None

    async def _ask_with_its_key(self, exchange: Exchange, attempt: Attempt) -> tuple[Answering | Failure, Said | None]:
        """Ask; once more where the key was refused and its command may print another one."""
        key = attempt.key
        if key is None or not key.command:
            return await self._ask(exchange, attempt)
        loop = asyncio.get_running_loop()
        until = loop.time() + attempt.timeout_s
        while True:
            try:
                async with asyncio.timeout_at(until):
                    filled = await self._tokens.filled(key)
            except (KeyUnknown, TimeoutError) as error:
                return Failure(0, "keyless", detail=str(error) or "its command takes too long"), None
            came, said = await self._ask(exchange, replace(attempt, key=filled, timeout_s=until - loop.time()))
            refused = isinstance(came, Failure) and came.kind == "status" and came.status == 401
            if not refused or not self._tokens.renewable(filled):
                return came, said

    async def _ask(self, exchange: Exchange, attempt: Attempt) -> tuple[Answering | Failure, Said | None]:
        try:
            sent = outgoing(exchange, attempt.target, attempt.key, private=self._private)
        except (Untranslatable, ClientMistake) as error:
            return Failure(0, "untranslatable", detail=str(error)), None
        except KeyWithheld as error:
            return Failure(0, "withheld", detail=str(error)), None
        own, secret = attempt.target.provider is None, attempt.key.secret if attempt.key else ""
        meter = Meter(reached=True)
        async with AsyncExitStack() as stack:
            stack.callback(self._settle, exchange, attempt.target, meter)
            try:
                async with asyncio.timeout(attempt.timeout_s):
                    received = await stack.enter_async_context(
                        self._client.ask(sent.url, sent.headers, sent.body, way_out=exchange.way_out)
                    )
                    meter.status = received.status
                    if received.status != 200:
                        return await self._refused(exchange, sent, received, meter, own=own, secret=secret)
                    reading = _Reading(exchange, sent, received, own=own, limit=self._limit)
                    meter.usage, meter.partial = reading.usage, reading.in_pieces
                    stack.push_async_callback(reading.chunks.aclose)
                    held = await reading.begin()
            except TimeoutError:
                return Failure(0, "timeout", detail=f"nothing within {attempt.timeout_s:.0f} s"), None
            except Lost as error:
                kind = error.kind if error.kind in ("connect", "timeout", "cut", "garbled") else "withheld"
                meter.reached = kind not in ("connect", "withheld")
                return Failure(0, kind, detail=str(error)), None
            except Untranslatable as error:
                return Failure(0, "untranslatable", detail=str(error)), None
            except BadReply as error:
                return self._broken(exchange, sent, _without(secret, bytes(reading.seen)), str(error))
            return Answering(reading.headers(), reading.rest(held), stack.pop_all(), reading.usage, meter), None

    def _settle(self, exchange: Exchange, target: Target, meter: Meter) -> None:
        if meter.reached and not meter.given:
            self._account(exchange, target, meter.status, meter.usage(), meter.partial)

    async def _refused(
        self, exchange: Exchange, sent: Outgoing, received: Received, meter: Meter, *, own: bool, secret: str
    ) -> tuple[Failure, Said]:
        whole = await _read(received)
        meter.usage, meter.partial = partial(usage_so_far, sent.wire, "json", whole or b""), False
        body = _without(secret, whole or b"")
        failure = failure_of(received.status, received.headers, body, unix_time=self._unix_time())
        status = received.status if received.status >= 400 else 502  # a redirect leads nowhere that we would go
        meter.status = status
        kept = _own_headers(received.fields) if own else _picked(received.headers, _TOLD)
        if not own or "content-type" not in received.headers:
            kept = (*kept, ("content-type", "application/json"))
        said = translate_error(None if whole is None else sent.wire, status, body, exchange.route.wire)
        return failure, Said(status, kept, said)

    def _broken(self, exchange: Exchange, sent: Outgoing, seen: bytes, why: str) -> tuple[Failure, Said | None]:
        """A reply of status 200 that is none: an error event, or something that cannot be read."""
        event = _error_in(seen)
        if event is None:
            return Failure(0, "garbled", detail=why), None
        failure = failure_of(200, {}, event, unix_time=self._unix_time())
        said = translate_error(sent.wire, failure.status, event, exchange.route.wire)
        return failure, Said(failure.status, (("content-type", "application/json"),), said)


class _Reading:
    """Reads one reply."""

    def __init__(self, exchange: Exchange, sent: Outgoing, received: Received, *, own: bool, limit: int) -> None:
        self._exchange = exchange
        self._limit = limit
        self._received = received
        self._own = own
        self._sent = sent
        self._mode = _mode_of(received.headers.get("content-type", ""), sent.mode)
        self.chunks = received.chunks()
        self._passage: Passage | None = None
        self.seen = bytearray()
        """What came before the answer began, as much of it as an error may be."""

    async def begin(self) -> list[bytes]:
        """
        Read until the answer has begun; give what the client is to have of it.

        Raises:
            Lost, BadReply, Untranslatable: it does not begin.
        """
        wire, mode = self._exchange.route.wire, cast("Mode", self._exchange.mode)
        self._passage = passage = Passage(
            self._sent.wire, self._mode, wire, mode, offered=self._sent.offered, limit=self._limit
        )
        held: list[bytes] = []
        longest = LONGEST_ERROR if self._mode == "json" else LONGEST_PRELUDE
        async for data in self.chunks:
            if len(self.seen) <= longest:
                self.seen += data
            elif self._mode != "json":
                raise BadReply(f"more than {LONGEST_PRELUDE} bytes, and no answer among them")
            held += passage.feed(data)
            if passage.started or passage.done:
                break
        else:
            held += passage.close()
        self.seen.clear()
        return held

    async def rest(self, held: list[bytes]) -> AsyncGenerator[bytes]:
        """
        Give all of the answer.

        Raises:
            BadReply: it is cut.
        """
        assert self._passage is not None
        try:
            for piece in _emptying(held):
                yield piece
            async for data in self.chunks:
                for piece in self._passage.feed(data):
                    yield piece
            for piece in self._passage.close():
                yield piece
        except (Lost, Untranslatable) as error:
            raise BadReply(f"the answer was cut: {error}") from error
        except BadReply:
            raise
        except Exception as error:  # a fault of ours; the client is to hear of it as of any other
            logger.warning("an answer was cut by %s", type(error).__name__)
            raise BadReply(f"the answer was cut: {type(error).__name__}") from error

    @property
    def in_pieces(self) -> bool:
        """Whether it says what it takes bit by bit; a whole reply says it once."""
        return self._mode != "json"

    def usage(self) -> Usage | None:
        """What the provider has counted so far, also of an answer that has not begun or is none."""
        told = said_something(self._passage.usage) if self._passage is not None else None
        return told or usage_so_far(self._sent.wire, self._mode, bytes(self.seen))

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What the client is told of the reply."""
        wire, same_wire = self._exchange.route.wire, self._sent.wire.name == self._exchange.route.wire.name
        verbatim = same_wire and self._mode == self._exchange.mode
        content_type = self._received.headers.get("content-type", "") if verbatim else ""
        head = (("content-type", content_type or wire.content_type(self._exchange.mode)),)
        if self._own:
            return (*head, *(field for field in _own_headers(self._received.fields) if field[0] != "content-type"))
        return (*head, *(_picked(self._received.headers, wire.request_id_headers) if same_wire else ()))


def _emptying(pieces: list[bytes]) -> Iterator[bytes]:
    """Each of them; what has been handed on is not kept."""
    pieces.reverse()
    while pieces:
        yield pieces.pop()


async def _read(received: Received) -> bytes | None:
    """An error's body; None where it does not come whole, or is too long: the status says enough."""
    body = bytearray()
    with suppress(Lost, TimeoutError):
        async with asyncio.timeout(ERROR_S), aclosing(received.chunks()) as chunks:
            async for piece in chunks:
                body += piece
                if len(body) > LONGEST_ERROR:
                    return None
            return bytes(body)
    return None


def _without(secret: str, body: bytes) -> bytes:
    """What a provider says, without the key of ours that it may quote: its text goes to the client."""
    return body.replace(secret.encode(), REMOVED.encode()) if len(secret) >= _SHORTEST_SECRET else body


def _own_headers(fields: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The client's own provider may tell it everything: limits, request ids."""
    return tuple(field for field in fields if field[0] not in _NOT_TOLD and not field[0].startswith(":"))


def _picked(headers: Mapping[str, str], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, headers[name]) for name in names if name in headers)


def _mode_of(content_type: str, asked: Mode) -> Mode:
    """How a reply is delivered: providers do not always do as asked."""
    content_type = content_type.lower()
    if asked == "json" or not content_type.startswith("application/json"):
        return asked
    return asked if asked == "array" else "json"


def _error_in(seen: bytes) -> bytes | None:
    """The error that stands last in a stream, or is the whole of a JSON body."""
    for line in (seen, *reversed(seen.splitlines())):
        data = line.removeprefix(b"data:").strip()
        if not data.startswith((b"{", b"[")):
            continue
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict) and _names_error(value):
            return data
    return None


def _names_error(value: Mapping[str, object]) -> bool:
    response = value.get("response")
    failed = isinstance(response, dict) and bool(response.get("error"))
    return bool(value.get("error")) or value.get("type") == "error" or failed
