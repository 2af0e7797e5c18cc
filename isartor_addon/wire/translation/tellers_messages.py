"""Tells a reply live as events of Anthropic messages."""

from __future__ import annotations

from collections import deque
from typing import Final

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Json, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Started, Usage, later_usage
from isartor_addon.wire.anthropic_reply import write_stop, write_usage
from isartor_addon.wire.anthropic_stream import write_event
from isartor_addon.wire.translation.replies import FOREIGN

_PING: Final = write_event("ping", {})


class MessagesTeller:
    """
    Blocks of this wire stand one after the other, so one is open at a time.

    The words of a model close what came before them. A tool call is told as it grows; what begins meanwhile waits
    until the end, because another wire may mingle the arguments of several calls. A ping goes out whenever something
    waits.
    """

    def __init__(self) -> None:
        self._usage = Usage()
        self._parts: dict[int, Part] = {}
        self._open: int | None = None
        self._next = 0
        self._waiting: dict[int, deque[str]] = {}

    def tell(self, delta: Delta) -> list[bytes]:
        """See `Teller`."""
        match delta:
            case Started():
                return [self._start(delta)]
            case PartStarted(index, part):
                if not isinstance(part, Text | Thinking | ToolCall):
                    raise Untranslatable(f"Anthropic cannot say a {type(part).__name__} in a reply")
                self._parts[index] = part
                return self._grow(index, part.arguments if isinstance(part, ToolCall) else part.text)
            case PartGrew(index, text):
                return self._grow(index, text)
            case Finished():
                return self._finish(delta)

    def _start(self, started: Started) -> bytes:
        self._usage = started.usage
        message: dict[str, Json] = {
            "id": started.id or FOREIGN,
            "type": "message",
            "role": "assistant",
            "model": started.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(started.usage),
        }
        return write_event("message_start", {"message": message})

    def _grow(self, index: int, text: str) -> list[bytes]:
        part = self._parts[index]
        if index != self._open and self._must_wait(index):
            self._waiting.setdefault(index, deque()).append(text)
            return [_PING]
        if index == self._open:
            return self._more(part, text)
        if not text and not isinstance(part, ToolCall):
            return []  # Anthropic has no empty text
        return [*self._shut(), *self._begin(index, part), *self._more(part, text)]

    def _must_wait(self, index: int) -> bool:
        """Whether a call is open that may still grow, or others wait already."""
        held = self._parts.get(self._open) if self._open is not None else None
        return bool(self._waiting) or isinstance(held, ToolCall)

    def _begin(self, index: int, part: Part) -> list[bytes]:
        self._open = index
        match part:
            case ToolCall(call_id, name):
                block: dict[str, Json] = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
            case Thinking():
                block = {"type": "thinking", "thinking": "", "signature": ""}
            case _:
                block = {"type": "text", "text": ""}
        return [write_event("content_block_start", {"index": self._next, "content_block": block})]

    def _more(self, part: Part, text: str) -> list[bytes]:
        if not text:
            return []
        match part:
            case ToolCall():
                return [self._delta({"type": "input_json_delta", "partial_json": text})]
            case Thinking():
                return [self._delta({"type": "thinking_delta", "thinking": text})]
            case _:
                return [self._delta({"type": "text_delta", "text": text})]

    def _delta(self, delta: dict[str, Json]) -> bytes:
        return write_event("content_block_delta", {"index": self._next, "delta": delta})

    def _shut(self) -> list[bytes]:
        if self._open is None:
            return []
        signed = isinstance(self._parts[self._open], Thinking)
        pieces = [self._delta({"type": "signature_delta", "signature": FOREIGN})] if signed else []
        pieces.append(write_event("content_block_stop", {"index": self._next}))
        self._open = None
        self._next += 1
        return pieces

    def _finish(self, finished: Finished) -> list[bytes]:
        pieces: list[bytes] = []
        for index, texts in sorted(self._waiting.items()):
            part, text = self._parts[index], "".join(texts)
            if text or isinstance(part, ToolCall):
                pieces += [*self._shut(), *self._begin(index, part), *self._more(part, text)]
        pieces += self._shut()
        usage = write_usage(later_usage(self._usage, finished.usage))
        pieces.append(write_event("message_delta", {"delta": write_stop(finished.stop), "usage": usage}))
        return [*pieces, write_event("message_stop", {})]
