"""Tells a reply live as lines of Ollama's chat."""

from __future__ import annotations

import orjson

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Json, Part, Thinking
from isartor_addon.core.reply import Finished, Reply, Stop, later_usage
from isartor_addon.wire.ollama_replies import closing, line, said_of
from isartor_addon.wire.translation.tellers_late import LateCalls


class OllamaTeller(LateCalls):
    """Words are told as they come, calls when they are whole, at the end."""

    def _more(self, part: Part, text: str) -> list[bytes]:
        if not text:
            return []
        empty = Reply("", self._started.model, (), Stop("end"))
        return [_line(line(empty, thinking=text) if isinstance(part, Thinking) else line(empty, text=text))]

    def _finish(self, finished: Finished) -> list[bytes]:
        whole = Reply("", self._started.model, (), finished.stop, later_usage(self._started.usage, finished.usage))
        _, _, calls = said_of(Reply("", "", self._calls, finished.stop))
        told = [_line(line(whole, calls=[call])) for call in calls]
        return [*told, _line(line(whole) | closing(whole))]


def _line(value: Json) -> bytes:
    try:
        return orjson.dumps(value) + b"\n"
    except orjson.JSONEncodeError as error:
        raise Untranslatable(f"the reply cannot be written: {error}") from error
