"""What stands around a word of a text."""

from __future__ import annotations

from collections.abc import Sequence

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.forms import Item, Token, Word
from isartor_addon.layers.semantic.grammar import ARTICLES, JOINS, ONES, TIES, TREATISES
from isartor_addon.layers.semantic.words import TOPICS, one_for_all, stem


class Around:
    """The items of a text, by their places."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._treats = any(isinstance(item, Word) and stem(item.text) in TREATISES for item in items)
        """Whether it is about something that has a subject of its own: a book on Python, in Python."""

    def text(self, at: int) -> str:
        """The word there, or nothing."""
        item = self._items[at] if 0 <= at < len(self._items) else None
        return item.text if isinstance(item, Word) else ""

    def ends(self, at: int) -> bool:
        """Whether a clause ends after this item."""
        return at + 1 >= len(self._items) or self._items[at + 1] is None

    def is_last(self, at: int) -> bool:
        """Whether the part or the clause ends after this item."""
        return self.ends(at) or self.text(at + 1) in TIES

    def counts(self, at: int) -> bool:
        """Whether a number or a time comes there, an article aside."""
        item = self._items[at] if at < len(self._items) else None
        if isinstance(item, Word) and item.text in ("a", "an", "the", "every", "next", "last"):
            return self.counts(at + 1)
        number = isinstance(item, Token) and item.kind == "number"
        return number or (isinstance(item, Word) and (item.text in lexicon.TIMES or item.text in lexicon.NUMBERS))

    def figure(self, at: int, *, english: bool) -> Token | None:
        """The number that the word there is, or the unit of the number before it."""
        word, before = self.text(at), self._items[at - 1] if at else None
        if word in lexicon.UNITS and isinstance(before, Token) and before.kind == "number":
            return Token("unit", lexicon.UNITS[word], word)
        if not english or (word == "one" and self.text(at - 1) in ONES):
            return None
        value = lexicon.NUMBERS.get(word) or lexicon.ORDINALS.get(word)
        return Token("number", value, word) if value else None

    def light(self, at: int, word: str) -> str:
        """What a tie that may change its place says, as `word` at `at`."""
        tie = lexicon.LIGHT[word]
        if self.counts(at + 1):
            return word
        sets_scene = one_for_all(self.text(at + 1)) in TOPICS and tie not in ("of", "by", "for", "about")
        return "~" if sets_scene and not self._treats else tie

    def is_capital(self, at: int) -> bool:
        """Whether it is a word that begins with a capital."""
        item = self._items[at]
        return isinstance(item, Word) and item.capital

    def is_letter(self, at: int, *, fresh: bool) -> bool:
        """Whether "a" is no article there; `fresh`: it begins a clause."""
        if self.is_capital(at):
            return not fresh
        following = self.text(at + 1)
        tied = following in JOINS or following in lexicon.AUXILIARIES or following in lexicon.NEGATIONS
        return tied or self.ends(at)

    def belongs(self, at: int) -> bool:
        """Whether an article or the like stands before it: then it is a thing."""
        return self.text(at - 1) in ARTICLES
