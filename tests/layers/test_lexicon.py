"""The guard's tables: nothing in them says the same as its opposite, and every entry can match."""

from __future__ import annotations

import re

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.words import OPPOSITES, one_for_all

LINES = [*lexicon.SYNONYMS, *lexicon.NOUNS]
"""Words that say the same, everywhere or somewhere."""


def test_no_phrase_of_the_tables_is_read_as_its_opposite() -> None:
    """What a phrase is read as has no negation that the phrase itself has not."""
    for entries in lexicon.PHRASES.values():
        for words, read in entries:
            assert (set(read) & lexicon.NEGATIONS) <= set(words), (words, read)


def test_words_that_say_the_same_are_no_opposites() -> None:
    """A synonym of an opposite would let the opposite through."""
    for line in [*(line.words for line in LINES), *lexicon.FAQ_SYNONYMS]:
        stands = {one_for_all(word) for word in line}
        assert not any(OPPOSITES.get(word, frozenset()) & stands for word in stands), line


def test_tables_hold_plain_words() -> None:
    """Small letters, no strays: an entry that cannot match is a mistake."""
    for line in LINES:
        words = [*line.words, *line.where]
        assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*", word) for word in words), line
        assert len(line.words) == len(set(line.words)), line
