"""A tool's table, prepared once for the requests that are read by it."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from isartor_addon.core.client import Place, TextRule, Volatile

_PLAIN = frozenset(
    {"role", "content", "parts", "name", "tool_calls", "tool_call_id", "refusal", "images", "thinking", "type", "id"}
) | frozenset({"call_id", "arguments", "output", "input", "status", "namespace", "summary", "encrypted_content"})
"""Fields of a turn whose names are no bookkeeping."""
_END = 200
"""How much of a text is its end, in characters; see `TextRule`."""

type Where = Place | Literal["reply"]
"""A place, or a reply of the model, where no rule holds."""
_EVERYWHERE: tuple[Where, ...] = ("system", "user", "tool", "reply")


class Prepared:
    """A table of what is volatile, ready for the walk of `core/canonical.py`."""

    __slots__ = ("ends", "left_out", "plain", "rules", "starts", "volatile")

    def __init__(self, volatile: Volatile) -> None:
        self.volatile = volatile
        # Fields of a turn among which none is left out.
        self.plain = _PLAIN - volatile.turn
        self.left_out = tuple(volatile.part)
        self.rules = volatile.text
        self.starts: dict[Where, tuple[str, ...]] = {place: self._hints(place, "start") for place in _EVERYWHERE}
        self.ends: dict[Where, tuple[str, ...]] = {place: self._hints(place, "end") for place in _EVERYWHERE}

    def _hints(self, place: Where, where: str) -> tuple[str, ...]:
        return tuple(rule.hint for rule in self.volatile.text if rule.place == place and rule.where == where)

    def text(self, text: str, place: Where) -> str:
        """A text without what the table's rules leave out."""
        if text.startswith(self.starts[place]):
            for rule in self._rules(place, "start"):
                found = rule.pattern.match(text) if text.startswith(rule.hint) else None
                if found:
                    text = found.expand(rule.replacement) + text[found.end() :]
        for hint in self.ends[place]:
            if text.find(hint, -_END) >= 0:
                for rule in self._rules(place, "end"):
                    text = text[:-_END] + rule.pattern.sub(rule.replacement, text[-_END:])
        return text

    def _rules(self, place: Where, where: str) -> list[TextRule]:
        return [rule for rule in self.rules if rule.place == place and rule.where == where]


@lru_cache(maxsize=64)
def prepared(volatile: Volatile) -> Prepared:
    """Prepare a table; a table is prepared once."""
    return Prepared(volatile)
