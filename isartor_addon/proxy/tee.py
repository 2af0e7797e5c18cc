"""Learns a reply while it goes by: every byte is handed on at once, unchanged, and a copy is kept.

A stream is learned at the wire's terminal event, not at its end: Codex hangs up right after it. Whatever goes wrong
here only means that nothing is learned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, cast

from isartor_addon.core.ambiguous import ambiguous
from isartor_addon.core.errors import BadReply
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.identity import fingerprint
from isartor_addon.core.recording import Recording
from isartor_addon.core.replay import named
from isartor_addon.pipeline import Pipeline, describe_fault
from isartor_addon.proxy.coding import BodyTooLarge, ContentDecoder, Undecodable
from isartor_addon.wire.base import Mode

logger = logging.getLogger(__name__)

QUICK = 64 * 1024
"""Replies and requests up to this size, in bytes, are checked at once; larger ones in a thread."""
LONGEST_MARK = 64
"""More than the length of what tells a terminal event, in bytes."""
ATTEMPTS = 3
"""A terminal event may seem to have come before its last line has; a text that speaks of one is read no more often."""
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r", b"}\n")


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
    ) -> None:
        self.exchange = exchange
        self.chunks: list[bytes] = []
        """What has come by, content encoding removed."""
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
        """Whether a thread is reading what has come by."""
        self._due = False
        """Whether to read again after that."""
        self._kept = 0
        """Number of chunks in the recording that has been learned."""
        self._ended = False
        try:
            self._decoder = ContentDecoder(encodings, limit=limit)
        except Undecodable as error:
            self._lose(str(error))
        else:
            pipeline.began(exchange, headers)

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

    def cut(self, reason: str) -> None:
        """The connection is gone; what was not learned by now is not."""
        if not self._ended and not self._kept and not self._checking:
            self._lose(reason)
        self._ended = True

    def _take(self, data: bytes) -> None:
        chunk = self._decoder.feed(data)
        if not chunk:
            return
        self.chunks.append(chunk)
        self._came.append(monotonic())
        self._pipeline.grew(self.exchange, chunk)
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

    def _learn(self) -> None:
        if self._checking:
            self._due = True
            return
        chunks = tuple(self.chunks)
        size = sum(map(len, chunks)) + len(self.exchange.raw)
        if size <= QUICK:
            self._keep(self._record(chunks))
        else:
            self._checking = True
            self._background(self._learn_in_thread(chunks))

    async def _learn_in_thread(self, chunks: tuple[bytes, ...]) -> None:
        try:
            recorded = await asyncio.to_thread(self._record, chunks)
        except Exception as error:
            logger.warning("learning a reply failed with %s", describe_fault(error))
            recorded = type(error).__name__
        self._checking = False
        self._keep(recorded)

    def _record(self, chunks: tuple[bytes, ...]) -> Recording | str:
        """The recording, or why the reply is not worth keeping."""
        exchange, content = self.exchange, b"".join(chunks)
        wire, mode = exchange.route.wire, cast("Mode", self._mode)
        try:
            reason = wire.verify(exchange.route.operation, mode, content) or ambiguous(exchange.raw)
        except BadReply as error:
            return str(error)
        if reason:
            return reason
        exchange.fingerprint = fingerprint(exchange.identity.canonical)
        return Recording(
            wire=wire.name,
            operation=exchange.route.operation,
            mode=self._mode,
            chunks=chunks,
            offsets_ms=_offsets(self._came[: len(chunks)]),
            headers=self._headers,
            run_ids=named(content, exchange.identity.run_ids, read=lambda body: wire.read(mode, body)),
        )

    def _keep(self, recorded: Recording | str) -> None:
        if isinstance(recorded, Recording):
            self._kept = len(recorded.chunks)
            self._pipeline.learn(self.exchange, recorded)
        due, self._due = self._due, False
        if due and self._kept < len(self.chunks):
            self._learn()
        elif isinstance(recorded, str) and self._ended and not self._kept:
            # Before the end a reason only means that the terminal event has not come whole.
            self._lose(recorded)

    def _lose(self, reason: str) -> None:
        self._ended = True
        self.chunks.clear()
        self._pipeline.lost(self.exchange, reason)


def _offsets(times: list[float]) -> tuple[int, ...]:
    """Milliseconds since the first, for what came in more pieces than one."""
    return tuple(int((each - times[0]) * 1000) for each in times) if len(times) > 1 else ()
