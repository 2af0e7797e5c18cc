"""The parts of a text, and what ties each of them to the rest: "from A", "to B"."""

from __future__ import annotations

from collections.abc import Iterator, Set

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.features import Part
from isartor_addon.layers.semantic.forms import Token
from isartor_addon.layers.semantic.words import PUTTING, TAKING, TOPICS


class Parts:
    """Grows as a text is read."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, list[str]]] = [("", [])]
        self._participles: set[str] = set()

    @property
    def first(self) -> bool:
        """Whether the first part is being read."""
        return len(self._parts) == 1

    @property
    def tie(self) -> str:
        """What ties the part that is being read to the rest."""
        return self._parts[-1][0]

    @property
    def words(self) -> list[str]:
        """The words of the part that is being read."""
        return self._parts[-1][1]

    def begin(self, tie: str) -> None:
        """What follows is tied to the rest in this way."""
        if self.words:
            self._parts.append((tie, []))
        elif tie:
            self._parts[-1] = (tie, self.words)

    def add(self, token: Token) -> None:
        """Take the next one."""
        spoken = token.kind in ("negation", "word", "entity")
        self.words.append(token.value if spoken else f"{token.kind}:{token.value}")
        if token.plain.endswith("ed") or token.plain in lexicon.IRREGULAR:
            self._participles.add(token.value)

    def tied(self, asks: Set[str]) -> Iterator[Part]:
        """All parts; said of who does it where it is asked how or why, and with one tie where two say the same."""
        parts = [(marker, words) for marker, words in self._parts if words]
        if parts and asks & {"how", "why"}:
            _make_active(parts, self._participles)
        verb, ties = (parts[0][1][0], {marker for marker, _ in parts}) if parts else ("", set[str]())
        held = bool(parts) and len(parts[0][1]) > 1
        loose = {"from": "in"} if verb in TAKING and held and "to" not in ties else dict[str, str]()
        loose |= {"to": "on"} if verb in PUTTING and "from" not in ties else {}
        for marker, words in parts:
            tie = "~" if marker in loose and words[0] in TOPICS else loose.get(marker, marker)
            yield tie, tuple(words)


def _make_active(parts: list[tuple[str, list[str]]], participles: set[str]) -> None:
    """`a variable [is] declared` says `declare a variable`; `my process [is] killed by the kernel`, who did it."""
    words = parts[0][1]
    if len(words) > 1 and words[-1] in participles:
        words.insert(0, words.pop())
        if len(parts) > 1 and parts[1][0] == "by":
            words[:0] = parts.pop(1)[1]
