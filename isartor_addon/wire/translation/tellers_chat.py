"""Tells a reply live as chunks of OpenAI chat."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Json, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Started, Usage, later_usage
from isartor_addon.wire.openai_chat_messages import REASONING
from isartor_addon.wire.openai_chat_reply import word_for, write_usage
from isartor_addon.wire.openai_chat_stream import DONE
from isartor_addon.wire.sse import event
from isartor_addon.wire.translation.replies import FOREIGN, REFUSAL


class ChatTeller:
    """Tool calls keep numbers of their own, so parts may grow in any order."""

    def __init__(self, *, usage_chunk: bool) -> None:
        """
        Begin.

        Args:
            usage_chunk: whether the client asked for the closing chunk with the usage.
        """
        self._usage_chunk = usage_chunk
        self._head: dict[str, Json] = {}
        self._usage = Usage()
        self._parts: dict[int, Part] = {}
        self._calls: dict[int, int] = {}

    def tell(self, delta: Delta) -> list[bytes]:
        """See `Teller`."""
        match delta:
            case Started(id, model, usage, extra):
                self._usage = usage
                self._head = {"id": id or FOREIGN, "object": "chat.completion.chunk", "created": 0, **extra}
                self._head["model"] = model
                return [self._chunk({"role": "assistant", "content": "", "refusal": None})]
            case PartStarted(index, part):
                return self._begin(index, part)
            case PartGrew(index, text):
                return [self._chunk(self._more(index, text))] if text else []
            case Finished():
                return self._finish(delta)

    def _begin(self, index: int, part: Part) -> list[bytes]:
        self._parts[index] = part
        match part:
            case ToolCall(call_id, name, arguments, extra):
                self._calls[index] = len(self._calls)
                kind, field = ("custom", "input") if extra.get("type") == "custom" else ("function", "arguments")
                inner = {"name": name, field: arguments}
                return [self._call(index, {"id": call_id, "type": kind, kind: inner})]
            case Text(text) | Thinking(text):
                return [self._chunk(self._more(index, text))] if text else []
            case _:
                raise Untranslatable(f"OpenAI chat cannot say a {type(part).__name__} in a reply")

    def _more(self, index: int, text: str) -> dict[str, Json]:
        part = self._parts[index]
        if isinstance(part, Thinking):
            return {REASONING[0]: text}
        if isinstance(part, ToolCall):
            kind, field = ("custom", "input") if part.extra.get("type") == "custom" else ("function", "arguments")
            return {"tool_calls": [{"index": self._calls[index], kind: {field: text}}]}
        return {"refusal" if isinstance(part, Text) and part.extra == REFUSAL else "content": text}

    def _call(self, index: int, call: Mapping[str, Json]) -> bytes:
        return self._chunk({"tool_calls": [{"index": self._calls[index], **call}]})

    def _finish(self, finished: Finished) -> list[bytes]:
        pieces = [self._chunk({}, word_for(finished.stop))]
        usage = write_usage(later_usage(self._usage, finished.usage)) if self._usage_chunk else None
        if usage is not None:
            pieces.append(event(orjson.dumps({**self._head, "choices": [], "usage": usage})))
        return [*pieces, event(DONE)]

    def _chunk(self, delta: Mapping[str, Json], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        tail = {"usage": None} if self._usage_chunk else {}
        return event(orjson.dumps({**self._head, "choices": [choice], **tail}))
