"""Tells a reply live as chunks of Gemini, as server-sent events or as an array that grows."""

from __future__ import annotations

from isartor_addon.core.prompt import Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Reply, Started, Stop, later_usage
from isartor_addon.wire.base import Mode
from isartor_addon.wire.gemini_replies import chunk


class GeminiTeller:
    """Words are told as they come. A call is told when it is whole, at the end: this wire has no pieces of one."""

    def __init__(self, mode: Mode, envelope: str) -> None:
        """
        Begin.

        Args:
            mode: `sse` or `array`.
            envelope: the field in which each chunk stands, empty for none.
        """
        self._mode = mode
        self._envelope = envelope
        self._started = Started("", "")
        self._parts: dict[int, Part] = {}
        self._calls: dict[int, ToolCall] = {}
        self._first = True

    def tell(self, delta: Delta) -> list[bytes]:
        """See `Teller`."""
        match delta:
            case Started():
                self._started = delta
                return []
            case PartStarted(index, ToolCall() as call):
                self._calls[index] = call
                return []
            case PartStarted(index, part):
                self._parts[index] = part
                return self._more(part, part.text if isinstance(part, Text | Thinking) else "")
            case PartGrew(index, text) if index in self._calls:
                call = self._calls[index]
                self._calls[index] = ToolCall(call.id, call.name, call.arguments + text)
                return []
            case PartGrew(index, text):
                return self._more(self._parts[index], text)
            case Finished():
                return self._finish(delta)

    def _reply(self, parts: tuple[Part, ...], finished: Finished) -> Reply:
        usage = later_usage(self._started.usage, finished.usage)
        return Reply(self._started.id, self._started.model, parts, finished.stop, usage)

    def _more(self, part: Part, text: str) -> list[bytes]:
        if not text:
            return []
        said = Thinking(text) if isinstance(part, Thinking) else Text(text)
        return [self._framed(chunk(self._reply((said,), Finished(Stop("end"))), self._envelope, last=False))]

    def _finish(self, finished: Finished) -> list[bytes]:
        calls = tuple(call for _, call in sorted(self._calls.items()))
        pieces = [self._framed(chunk(self._reply(calls, finished), self._envelope, last=True))]
        return [*pieces, b"]"] if self._mode == "array" else pieces

    def _framed(self, data: bytes) -> bytes:
        if self._mode == "sse":
            return b"data: " + data + b"\r\n\r\n"
        head, self._first = (b"[" if self._first else b",\r\n"), False
        return head + data
