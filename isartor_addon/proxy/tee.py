"""Learns a reply while it goes by: every byte is handed on at once, unchanged, and a copy is kept.

A stream is learned at the wire's terminal event, not at its end: Codex hangs up right after it. Whatever goes wrong
here only means that nothing is learned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, cast

from isartor_addon.core.ambiguous import ambiguous
from isartor_addon.core.errors import BadReply
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.core.live_body import LiveBody
from isartor_addon.core.recording import Recording
from isartor_addon.core.replay import named
from isartor_addon.core.reply import Usage
from isartor_addon.pipeline import Pipeline, describe_fault
from isartor_addon.proxy.coding import BodyTooLarge, ContentDecoder, Undecodable
from isartor_addon.wire.base import Mode
from isartor_addon.wire.usage import said_something, usage_so_far

logger = logging.getLogger(__name__)

QUICK = 64 * 1024
"""Replies and requests up to this size, in bytes, are checked on the loop; larger ones in a thread."""
LONGEST_MARK = 64
"""More than the length of what tells a terminal event, in bytes."""
ATTEMPTS = 3
"""A terminal event may seem to have come before its last line has; a text that speaks of one is read no more often."""
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r", b"}\n")


@dataclass(frozen=True, slots=True)
class _Read:
    """What is made of what has come by."""

    recording: Recording | None = None
    reason: str = ""
    """Why there is none."""
    whole: bool = False
    """Whether it is a complete answer, kept or not."""
    usage: Usage | None = None


class Tee:
    """mitmproxy's `flow.response.stream` for one reply: called with each piece, and with `b""` at the end."""

    def __init__(
        self,
        exchange: Exchange,
        pipeline: Pipeline,
        *,
        mode: str,
        encodings: str,
        headers: tuple[tuple[str, str], ...],
        limit: int,
        background: Callable[[Coroutine[Any, Any, None]], object],
        account: Callable[[Usage | None, bool], None],
        later: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        """
        Args:
            exchange: what was asked.
            pipeline: learns the reply.
            mode: how it is delivered.
            encodings: the response's `content-encoding`.
            headers: those that are kept with it.
            limit: larger replies are not learned; bytes.
            background: starts what takes its time.
            account: called once, when nothing more comes, with what the reply says of usage, and whether it is cut.
            later: has something done when there is time for it; None: nothing is put off.
        """
        self.exchange = exchange
        self.told: Callable[[], Usage | None] = lambda: None
        """What is known of its usage besides what its body says; that counts more."""
        self._body = LiveBody()
        """What has come by."""
        self._came: list[float] = []
        """When; monotonic, seconds."""
        self._pipeline = pipeline
        self._mode = mode
        self._headers = headers
        self._background = background
        self._terminal = exchange.route.wire.terminal.get(mode, ())
        self._tail = b""
        self._attempts = 0
        """How many more events may be the terminal one."""
        self._checking = False
        """Whether what has come by is being read, or will be."""
        self._due = False
        """Whether to read again after that."""
        self._kept = 0
        """Number of chunks in the recording that has been learned."""
        self._ended = False
        self._account = account
        self._later = later
        self._then: Callable[[], None] | None = None
        self._usage: Usage | None = None
        self._whole = False
        self._settled = False
        try:
            self._decoder = ContentDecoder(encodings, limit=limit)
        except Undecodable as error:
            self._lose(str(error))
        else:
            pipeline.began(exchange, headers, self._body)

    @property
    def chunks(self) -> Sequence[bytes]:
        """What has come by, content encoding removed."""
        return self._body.chunks

    def __call__(self, data: bytes) -> bytes:
        """Look at `data` and hand it on."""
        if not self._ended:
            try:
                if data:
                    self._take(data)
                else:
                    self._decoder.close()
                    self._finish()
            except (Undecodable, BodyTooLarge) as error:
                self._lose(f"{type(error).__name__}: {error}")
            except Exception as error:
                logger.warning("learning a reply failed with %s", describe_fault(error))
                self._lose(type(error).__name__)
        return data

    def cut(self, reason: str, *, account: bool = True) -> None:
        """
        The connection is gone; what was not learned by now is not.

        Args:
            reason: for the trail.
            account: whether to say what was used; False: somebody else does.
        """
        self._settled = self._settled or not account
        if not self._ended and not self._kept and not self._checking:
            self._lose(reason)
        self._ended = True
        self._settle()

    def then(self, work: Callable[[], None]) -> None:
        """Do `work` when it is known whether the reply is learned: now, unless it is being read."""
        if self._checking:
            self._then = work
        else:
            work()

    def _take(self, data: bytes) -> None:
        chunk = self._decoder.feed(data)
        if not chunk:
            return
        self._came.append(monotonic())
        self._body.add(chunk)
        if self._terminal and self._is_terminal(chunk):
            self._learn()

    def _is_terminal(self, chunk: bytes) -> bool:
        """Whether the terminal event has come, down to the empty line that ends it."""
        if self._tail:  # an event may lie across chunks
            chunk = self._tail + chunk
        ended = chunk.endswith(_EVENT_ENDS)
        for mark in self._terminal:
            if mark in chunk:
                self._attempts = ATTEMPTS
        self._tail = b"" if chunk.endswith(b"\n\n") else chunk[-LONGEST_MARK:]
        if not ended or not self._attempts:
            return False
        self._attempts -= 1
        return True

    def _finish(self) -> None:
        self._ended = True
        if self._kept < len(self.chunks) or not self._kept:
            self._pipeline.ended(self.exchange)
            self._learn()
        self._settle()

    def _learn(self) -> None:
        if self._checking:
            self._due = True
            return
        chunks = tuple(self.chunks)
        size = sum(map(len, chunks)) + len(self.exchange.raw)
        if size > QUICK:
            self._checking = True
            self._background(self._learn_in_thread(chunks))
        elif self._later is not None and not self._pipeline.awaited(self.exchange):
            self._checking = True
            self._later(partial(self._learn_later, chunks))
        else:
            self._keep(self._record(chunks))

    async def _learn_in_thread(self, chunks: tuple[bytes, ...]) -> None:
        read = await asyncio.to_thread(self._try_to_record, chunks)
        self._checking = False
        self._keep(read)

    def _learn_later(self, chunks: tuple[bytes, ...]) -> None:
        read = self._try_to_record(chunks)
        self._checking = False
        self._keep(read)

    def _try_to_record(self, chunks: tuple[bytes, ...]) -> _Read:
        try:
            return self._record(chunks)
        except Exception as error:
            logger.warning("learning a reply failed with %s", describe_fault(error))
            return _Read(reason=type(error).__name__)

    def _record(self, chunks: tuple[bytes, ...]) -> _Read:
        """The recording, or why the reply is not worth keeping."""
        exchange, content = self.exchange, b"".join(chunks)
        wire, mode = exchange.route.wire, cast("Mode", self._mode)
        try:
            examined = wire.examine(exchange.route.operation, mode, content)
        except BadReply as error:
            return _Read(reason=str(error))
        reply = examined.reply
        usage = said_something(reply.billed) if reply is not None else usage_so_far(wire, mode, content)
        usage = self.told() or usage
        if reason := examined.reason or ambiguous(exchange.raw):
            return _Read(reason=reason, whole=True, usage=usage)
        exchange.fingerprint = Fingerprint(exchange.identity.canonical)
        recording = Recording(
            wire=wire.name,
            operation=exchange.route.operation,
            mode=self._mode,
            chunks=chunks,
            offsets_ms=_offsets(self._came[: len(chunks)]),
            headers=self._headers,
            run_ids=named(content, exchange.identity.run_ids, reply),
            usage=usage.counts if usage is not None else None,
        )
        return _Read(recording, whole=True, usage=usage)

    def _keep(self, read: _Read) -> None:
        if read.whole:
            self._whole, self._usage = True, read.usage
        if read.recording is not None:
            self._kept = len(read.recording.chunks)
            self._pipeline.learn(self.exchange, read.recording)
        due, self._due = self._due, False
        if due and self._kept < len(self.chunks):
            self._learn()
        elif read.recording is None and self._ended and not self._kept:
            # Before the end a reason only means that the terminal event has not come whole.
            self._lose(read.reason)
        else:
            self._settle()
        if not self._checking and self._then is not None:
            work, self._then = self._then, None
            work()

    def _lose(self, reason: str) -> None:
        self._ended = True
        came, self._body = tuple(self.chunks), LiveBody()
        self._pipeline.lost(self.exchange, reason)
        self._settle(came)

    def _settle(self, came: tuple[bytes, ...] = ()) -> None:
        """Say what was used, once nothing more comes; of a reply that is cut what it had said (`came`)."""
        if self._settled or self._checking or not self._ended:
            return
        self._settled = True
        if self._whole or not came:
            self._account(self._usage or self.told(), not self._whole)
        elif sum(map(len, came)) <= QUICK:
            self._account(self._so_far(came), True)
        else:
            self._background(self._settle_in_thread(came))

    async def _settle_in_thread(self, came: tuple[bytes, ...]) -> None:
        self._account(await asyncio.to_thread(self._so_far, came), True)

    def _so_far(self, came: tuple[bytes, ...]) -> Usage | None:
        return self.told() or usage_so_far(self.exchange.route.wire, cast("Mode", self._mode), b"".join(came))


def _offsets(times: list[float]) -> tuple[int, ...]:
    """Milliseconds since the first, for what came in more pieces than one."""
    return tuple(int((each - times[0]) * 1000) for each in times) if len(times) > 1 else ()
