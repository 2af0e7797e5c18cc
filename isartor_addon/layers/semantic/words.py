"""English words without their endings, and the one word that stands for all that say the same."""

from __future__ import annotations

import re
from functools import lru_cache

from isartor_addon.layers.semantic import lexicon

CACHED = 16384
"""Words whose stem is remembered."""


@lru_cache(CACHED)
def stem(word: str) -> str:
    """An English word without the endings of number and tense; a topic's name has none."""
    if word in lexicon.TOPICS:
        return word
    if word in lexicon.IRREGULAR and lexicon.IRREGULAR[word] != word:
        return stem(lexicon.IRREGULAR[word])
    if len(word) < 4 or not word.isascii():
        return word
    word = _american(word)
    for end in ("ing", "ed"):
        base = word.removesuffix(end)
        if base != word and len(base) > 2 and re.search("[aeiouy]", base):
            return _undoubled(base).removesuffix("e")
    return _singular(word).removesuffix("e")


def _american(word: str) -> str:
    if len(word) < 7:
        return word
    return re.sub("is(e|es|ed|ing|ation|ations)$", r"iz\1", word)


def _undoubled(base: str) -> str:
    return base[:-1] if base[-1] == base[-2] and base[-1] not in "lsz" else base


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _spoken() -> dict[str, str]:
    table: dict[str, str] = {}
    for line in (*lexicon.SYNONYMS, *lexicon.NOUNS):
        first = next((table[stem(word)] for word in line.words if stem(word) in table), line.words[0])
        table |= {stem(word): first for word in line.words if stem(word) not in table}
    return table


SPOKEN = _spoken()
"""Stem to the word that stands for all that say the same somewhere."""

SAME = {word: stem(first) for word, first in SPOKEN.items()}
"""Stem to the stem that stands for all that say the same somewhere."""


def one_for_all(word: str) -> str:
    """The stem that stands for `word` and all that say the same somewhere; `senses.py` says whether they do here."""
    return SAME.get(stem(word), stem(word))


def stems(words: frozenset[str]) -> frozenset[str]:
    """What stands for each of `words`, and its own stem."""
    return frozenset(found for word in words for found in (one_for_all(word), stem(word)))


def says_how(word: str) -> bool:
    """Whether it is an adverb, which may stand before or after its verb."""
    return len(word) > 6 and word.endswith("ly")


def _same_in_faq() -> dict[str, str]:
    table = dict(SAME)
    for line in lexicon.FAQ_SYNONYMS:
        first, *others = map(one_for_all, line)
        table = {word: first if stands in others else stands for word, stands in table.items()}
        table |= dict.fromkeys(others, first)
    return table | dict.fromkeys(stems(lexicon.FAQ_SILENT), "")


SAME_IN_FAQ = _same_in_faq()
"""The same where people ask one service about itself; nothing stands for what says nothing there."""

VERBS, PUTTING, SYMMETRIC = stems(lexicon.VERBS), stems(lexicon.PUTTING), stems(lexicon.SYMMETRIC)
PRODUCING = stems(lexicon.PRODUCING)
TOPICS, QUANTIFIERS, TAKING = stems(lexicon.TOPICS), stems(lexicon.QUANTIFIERS), stems(lexicon.TAKING)


def _opposites() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for line in lexicon.OPPOSITES:
        sides = [stems(frozenset(side)) for side in line]
        for side in sides:
            for word in side:
                table.setdefault(word, set()).update(*(each for each in sides if each is not side))
    return {word: frozenset(others - {word}) for word, others in table.items()}


OPPOSITES = _opposites()
"""A word to its opposites, all as `stems` has them."""


def _known() -> frozenset[str]:
    synonyms = [line.words for line in (*lexicon.SYNONYMS, *lexicon.NOUNS)]
    lines = [*synonyms, *lexicon.FAQ_SYNONYMS, *(side for line in lexicon.OPPOSITES for side in line)]
    made = [things for _, _, things in lexicon.MAKING]
    tables = (lexicon.VERBS, lexicon.TOPICS, lexicon.QUANTIFIERS, lexicon.THINGS, *made, *lines)
    return frozenset(stem(word) for table in tables for word in table)


KNOWN = _known()
"""Stems of words that are surely words."""

SHORTEST = 6
"""Letters of a word whose spelling is corrected; shorter ones are too like others."""


@lru_cache(CACHED)
def corrected(word: str) -> str:
    """`word`, or the one known word that it is with two neighbours in their places or a letter doubled or not."""
    if len(word) < SHORTEST or stem(word) in KNOWN:
        return word
    pairs = range(1, len(word) - 1)
    swapped = {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in pairs if word[at] != word[at + 1]}
    single = {word[:at] + word[at + 1 :] for at in pairs if word[at] == word[at + 1]}
    double = {word[:at] + word[at] + word[at:] for at in pairs}
    meant = {each for each in swapped | single | double if stem(each) in KNOWN}
    return meant.pop() if len(meant) == 1 else word
