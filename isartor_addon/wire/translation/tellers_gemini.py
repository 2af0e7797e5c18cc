"""Tells a reply live as chunks of Gemini, as server-sent events or as an array that grows."""

from __future__ import annotations

from isartor_addon.core.prompt import Part, Text, Thinking
from isartor_addon.core.reply import Finished, Reply, Stop, later_usage
from isartor_addon.wire.base import Mode
from isartor_addon.wire.gemini_stream import chunk
from isartor_addon.wire.translation.tellers_late import LateCalls


class GeminiTeller(LateCalls):
    """Words are told as they come. A call is told when it is whole, at the end: this wire has no pieces of one."""

    def __init__(self, mode: Mode, envelope: str) -> None:
        """
        Begin.

        Args:
            mode: `sse` or `array`.
            envelope: the field in which each chunk stands, empty for none.
        """
        super().__init__()
        self._mode = mode
        self._envelope = envelope
        self._first = True

    def _reply(self, parts: tuple[Part, ...], finished: Finished) -> Reply:
        usage = later_usage(self._started.usage, finished.usage)
        return Reply(self._started.id, self._started.model, parts, finished.stop, usage)

    def _more(self, part: Part, text: str) -> list[bytes]:
        if not text:
            return []
        said = Thinking(text) if isinstance(part, Thinking) else Text(text)
        return [self._framed(chunk(self._reply((said,), Finished(Stop("end"))), self._envelope, last=False))]

    def _finish(self, finished: Finished) -> list[bytes]:
        pieces = [self._framed(chunk(self._reply(self._calls, finished), self._envelope, last=True))]
        return [*pieces, b"]"] if self._mode == "array" else pieces

    def _framed(self, data: bytes) -> bytes:
        if self._mode == "sse":
            return b"data: " + data + b"\r\n\r\n"
        head, self._first = (b"[" if self._first else b",\r\n"), False
        return head + data
