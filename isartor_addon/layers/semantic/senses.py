"""Which of its meanings a word has where it stands: whether it says the same as its synonyms there.

One fixes an error as one resolves it, but a date is fixed by agreeing on it. So a verb or a quality says the same as
another one only of the things for which `lexicon.toml` says so, and a noun only where no unknown word beside it makes
a name of the two. Elsewhere a word stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.forms import Item, Token, Word
from isartor_addon.layers.semantic.grammar import ARTICLES
from isartor_addon.layers.semantic.words import QUANTIFIERS, TOPICS, VERBS, says_how, stem

_ENDS = (
    lexicon.LIGHT.keys()
    | lexicon.MARKERS.keys()
    | lexicon.AUXILIARIES
    | lexicon.NEGATIONS
    | frozenset("and or vs who which that than not older newer larger smaller bigger more less background".split())
)
"""What ends a phrase: "files [older than a day]"."""

_PASSED = lexicon.SILENT - _ENDS


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a table."""

    stands: str
    """The stem that stands for all of it."""
    where: frozenset[str]
    """Stems."""


def _table(lines: Iterable[lexicon.Synonyms]) -> Mapping[str, Sequence[_Line]]:
    table: dict[str, list[_Line]] = {}
    for line in lines:
        read = _Line(stem(line.words[0]), frozenset(map(stem, line.where)))
        for word in dict.fromkeys(map(stem, line.words)):
            table.setdefault(word, []).append(read)
    return table


_SYNONYMS, _NOUNS = _table(lexicon.SYNONYMS), _table(lexicon.NOUNS)
_THINGS = frozenset(map(stem, lexicon.THINGS))
_BEFORE_NOUNS = _THINGS | frozenset(map(stem, lexicon.QUALITIES)) | VERBS | TOPICS | QUANTIFIERS


def sense(items: Sequence[Item], at: int, word: str) -> str:
    """
    The stem that stands for all that say the same as `word` where it stands.

    Args:
        items: The text.
        at: The place of the word in it.
        word: The word there, its spelling corrected.
    """
    own = stem(word)
    if own in _NOUNS and _is_plain_noun(items, at):
        for line in _NOUNS[own]:
            if not line.where or line.where & {stem(item.text) for item in items if isinstance(item, Word)}:
                return line.stands
    if own in _SYNONYMS and not _is_label(items, at, word):
        thing = _thing(items, at)
        for line in _SYNONYMS[own]:
            if not line.where or thing in line.where:
                return line.stands
    return own


def opening(items: Sequence[Item], at: int, word: str, value: str) -> str:
    """What the first verb of a request says: to create a script is to write it, to list is to show; else `value`."""
    following = {item.text for item in items[at + 1 : at + 6] if isinstance(item, Word) and item.text in _ENDS}
    thing = _thing(items, at)
    for verb, words, things in lexicon.MAKING:
        if word in words and (not things or thing in map(stem, things) or following & things):
            return stem(verb)
    return value


def _is_label(items: Sequence[Item], at: int, word: str) -> bool:
    """Whether a verb says which thing it is: a make file, the delete button."""
    before = items[at - 1] if at else None
    named = isinstance(before, Word) and before.text in ARTICLES and not word.endswith(("ed", "ing"))
    return named and stem(word) in VERBS


def _thing(items: Sequence[Item], at: int) -> str:
    """The stem of what the word at `at` says something of: the last word of its phrase, or the one before it."""
    phrase: list[str] = []
    for item in items[at + 1 :]:
        if isinstance(item, Token):
            if item.kind in ("filename", "path") and not phrase:
                return stem("file")
            if item.kind in ("number", "unit", "identifier") and not phrase:
                continue
            break
        if item is None or item.text in _ENDS or (phrase and item.text.endswith(("ing", "ed"))):
            break
        if item.text not in _PASSED and not says_how(item.text):
            phrase.append(stem(item.text))
    if len(phrase) > 1 and phrase[-1] in TOPICS:
        phrase.pop()
    return phrase[-1] if phrase else next(_before(items, at), "")


def _before(items: Sequence[Item], at: int) -> Iterator[str]:
    for item in reversed(items[:at]):
        if not isinstance(item, Word) or item.text.startswith("<"):
            return
        if item.text not in _PASSED and item.text not in lexicon.AUXILIARIES:
            yield stem(item.text)


def _is_plain_noun(items: Sequence[Item], at: int) -> bool:
    """Whether no unknown word stands beside it."""
    before = items[at - 1] if at else None
    after = items[at + 1] if at + 1 < len(items) else None
    return _fits(before, _BEFORE_NOUNS) and _fits(after, _THINGS | TOPICS)


def _fits(item: Item, known: frozenset[str]) -> bool:
    if not isinstance(item, Word) or item.text.startswith("<"):
        return True
    small = item.text in _ENDS or item.text in _PASSED or says_how(item.text) or item.text.endswith(("ing", "ed"))
    return small or stem(item.text) in known
