"""What tellers share whose wires say a tool call in one piece: words go as they come, calls when they are whole."""

from __future__ import annotations

from abc import ABC, abstractmethod

from isartor_addon.core.prompt import Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Started


class LateCalls(ABC):
    """Tells words at once, and keeps calls for the end."""

    def __init__(self) -> None:
        self._started = Started("", "")
        self._parts: dict[int, Part] = {}
        self._held: dict[int, ToolCall] = {}

    @property
    def _calls(self) -> tuple[ToolCall, ...]:
        """In order."""
        return tuple(call for _, call in sorted(self._held.items()))

    def tell(self, delta: Delta) -> list[bytes]:
        """See `Teller`."""
        match delta:
            case Started():
                self._started = delta
                return []
            case PartStarted(index, ToolCall() as call):
                self._held[index] = call
                return []
            case PartStarted(index, part):
                self._parts[index] = part
                return self._more(part, part.text if isinstance(part, Text | Thinking) else "")
            case PartGrew(index, text) if index in self._held:
                call = self._held[index]
                self._held[index] = ToolCall(call.id, call.name, call.arguments + text)
                return []
            case PartGrew(index, text):
                return self._more(self._parts[index], text)
            case Finished():
                return self._finish(delta)

    @abstractmethod
    def _more(self, part: Part, text: str) -> list[bytes]:
        """Tell some more words of `part`."""

    @abstractmethod
    def _finish(self, finished: Finished) -> list[bytes]:
        """Tell the calls, and why it has ended."""
