"""Tells a reply live as lines of Ollama's chat."""

from __future__ import annotations

import orjson

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Json, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Reply, Started, Stop, later_usage
from isartor_addon.wire.ollama_replies import closing, line, said_of


class OllamaTeller:
    """Words are told as they come, calls when they are whole, at the end."""

    def __init__(self) -> None:
        self._started = Started("", "")
        self._parts: dict[int, Part] = {}
        self._calls: dict[int, ToolCall] = {}

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
            case Finished(stop, usage):
                whole = Reply("", self._started.model, (), stop, later_usage(self._started.usage, usage))
                _, _, calls = said_of(Reply("", "", tuple(call for _, call in sorted(self._calls.items())), stop))
                told = [_line(line(whole, calls=[call])) for call in calls]
                return [*told, _line(line(whole) | closing(whole))]

    def _more(self, part: Part, text: str) -> list[bytes]:
        if not text:
            return []
        empty = Reply("", self._started.model, (), Stop("end"))
        return [_line(line(empty, thinking=text) if isinstance(part, Thinking) else line(empty, text=text))]


def _line(value: Json) -> bytes:
    try:
        return orjson.dumps(value) + b"\n"
    except orjson.JSONEncodeError as error:
        raise Untranslatable(f"the reply cannot be written: {error}") from error
