"""The guard's tables, as `lexicon.toml` has them: words there, sets and maps of words here."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

DATA: Mapping[str, Any] = tomllib.loads(files(__package__).joinpath("lexicon.toml").read_text(encoding="utf-8"))

type Words = tuple[str, ...]
type Phrases = Mapping[str, tuple[tuple[Words, Words], ...]]
"""First word to the phrases that begin with it and what they are read as, longest first."""


def _words(name: str) -> frozenset[str]:
    return frozenset(DATA[name].split())


def _lines(name: str) -> list[list[str]]:
    return [line.split() for line in DATA[name].strip().split("\n")]


def _to_first(name: str) -> dict[str, str]:
    """Each word to the first of its line."""
    return {word: line[0] for line in _lines(name) for word in line}


@dataclass(frozen=True, slots=True)
class Synonyms:
    """Words that say the same."""

    words: tuple[str, ...]
    """The first stands for all."""
    where: frozenset[str]
    """The words that must be there for that; if there are none, they always say the same."""


def _synonyms(name: str) -> list[Synonyms]:
    rows: list[Synonyms] = []
    for line in DATA[name].strip().split("\n"):
        words, _, where = line.partition(" | ")
        others = frozenset(where.split())
        things = _words("things") if "THINGS" in others else frozenset[str]()
        but = {word.removeprefix("-") for word in others if word.startswith("-")}
        also = {word for word in others if not word.startswith("-") and word != "THINGS"}
        rows.append(Synonyms(tuple(words.split()), things - but | also))
    return rows


def _phrases(text: str) -> Phrases:
    table: dict[str, list[tuple[Words, Words]]] = {}
    for line in text.strip().split("\n"):
        left, right = line.rsplit(" -> ", 1)
        read = () if right == "." else tuple(right.split())
        for phrase in left.split(" | "):
            words = tuple(phrase.split())
            table.setdefault(words[0], []).append((words, read))
    return {first: tuple(sorted(entries, key=lambda each: -len(each[0]))) for first, entries in table.items()}


@dataclass(frozen=True, slots=True)
class Tongue:
    """What is known of one language."""

    marks: frozenset[str]
    """The words it is known by."""
    silent: frozenset[str]
    """The words that say nothing in it."""
    phrases: Phrases


SYNONYMS, NOUNS, FAQ_SYNONYMS = _synonyms("synonyms"), _synonyms("nouns"), _lines("faq_synonyms")
THINGS, QUALITIES = _words("things"), _words("qualities")
FAQ_SILENT, TIMES, PRODUCING = _words("faq_silent"), _words("times"), _words("producing")
SILENT, AUXILIARIES, CONDITIONS = _words("silent"), _words("auxiliaries"), _words("conditions")
LIGHT, TREATISES = _to_first("light"), _words("treatises")
MODALS, TENSES, MARKERS, UNITS = _to_first("modals"), _to_first("tenses"), _to_first("markers"), _to_first("units")
NEGATIONS, QUANTIFIERS, TOPICS, VERBS = _words("negations"), _words("quantifiers"), _words("topics"), _words("verbs")
PUTTING, SYMMETRIC, LITERAL = _words("putting"), _words("symmetric"), _words("literal")
BRANDS, EXTENSIONS, TAKING = _words("brands"), _words("extensions"), _words("taking")
ABOUT_WORDS, COMMANDS, NAMED_THINGS = _words("about_words"), _words("commands"), _words("named_things")
CJK_WRAPPERS = sorted(_words("cjk_wrappers"), key=lambda wrapper: (-len(wrapper), wrapper))

NUMBERS = {word: str(value) for value, word in enumerate(DATA["numbers"].split())} | _to_first("tens")
ORDINALS = {word: f"{value}." for value, word in enumerate(DATA["ordinals"].split(), start=1)} | {
    f"{value}{end}": f"{value}." for value in range(1, 100) for end in ("st", "nd", "rd", "th")
}
"""To the number with a full stop."""

CORRECTED = _to_first("typos") | _to_first("spellings")
IRREGULAR = _to_first("irregular")
CONTRACTIONS = {word: full for full, word in (line.split(" <- ") for line in DATA["contractions"].strip().split("\n"))}
MAKING = [
    (verb, frozenset(words.split()), frozenset(things.split()))
    for verb, _, rest in (line.partition(" <- ") for line in DATA["making"].strip().split("\n"))
    for words, _, things in [rest.partition(" | ")]
]
"""A verb, what it is also called, and of which things only."""
OPPOSITES = [[side.split() for side in line.split(" / ")] for line in DATA["opposites"].strip().split("\n")]

PHRASES = _phrases(DATA["phrases"])
TONGUES = {
    name: Tongue(frozenset(table["marks"].split()), frozenset(table["silent"].split()), _phrases(table["phrases"]))
    for name, table in DATA["tongues"].items()
}
