"""Two texts side by side, and what neither has a counterpart for in the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from isartor_addon.layers.semantic.features import Features
from isartor_addon.layers.semantic.words import SAME_IN_FAQ, stem

type Profile = Literal["chat", "faq", "agent"]
"""How strict: `agent` takes no synonyms, `chat` does, `faq` also what says the same about one service."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts side by side."""

    one: Features
    other: Features
    profile: Profile
    only_one: tuple[str, ...]
    """Words of `one` that `other` has no counterpart for."""
    only_other: tuple[str, ...]


type Rule = Callable[[Pair], str]
"""Gives what differs, or nothing."""


def differ(one: object, other: object) -> str:
    """Both, for the trail, if they are not the same."""
    return "" if one == other else f"{_shown(one)} / {_shown(other)}"


def _shown(value: object) -> str:
    if isinstance(value, tuple | frozenset):
        return ", ".join(sorted(map(str, value))) or "nothing"
    return str(value)


def paired(one: Features, other: Features, profile: Profile) -> Pair:
    """The two, with the words of each that the other has no counterpart for."""
    return Pair(one, other, profile, *_only(one, other, profile))


def _only(one: Features, other: Features, profile: Profile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of each without a counterpart in the other. Said twice is no more than said once."""
    left, right = dict.fromkeys(words_of(one, profile)), dict.fromkeys(words_of(other, profile))
    if one.symmetric and other.symmetric:
        left, right = ({word: None for word in side if word not in JOINS} for side in (left, right))
    return tuple(word for word in left if word not in right), tuple(word for word in right if word not in left)


JOINS = frozenset({"and", "or", "vs", "than"})


def words_of(side: Features, profile: Profile) -> Iterator[str]:
    """What stands for each word of `side` where `profile` holds."""
    table = SAME_IN_FAQ if profile == "faq" else {}
    exact = profile == "agent" and side.tongue == "en"
    for token in side.tokens:
        word = stem(token.plain) if exact else table.get(token.value, token.value)
        if word and token.kind in ("word", "entity"):
            yield word
