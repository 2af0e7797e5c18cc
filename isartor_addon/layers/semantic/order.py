"""The guard's rule on order: who does what to whom, and what comes first."""

from __future__ import annotations

from typing import Literal

from isartor_addon.layers.semantic.features import Features, Part
from isartor_addon.layers.semantic.pair import JOINS, Pair, Profile, words_of
from isartor_addon.layers.semantic.words import SAME_IN_FAQ, TOPICS, says_how


def order(pair: Pair) -> str:
    """All the same, but who does what to whom, or what comes first, is another."""
    if pair.only_one or pair.only_other or _named(pair.one) != _named(pair.other):
        return ""  # other rules say so
    if pair.profile == "faq" and len(set(words_of(pair.one, "faq"))) <= FEW and not _directed(pair):
        return ""
    return "" if _same_order(pair.one, pair.other, pair.profile) else "order"


def _named(side: Features) -> list[tuple[str, str]]:
    return sorted((token.kind, token.value) for token in side.tokens if token.kind not in ("word", "entity"))


DIRECTED = frozenset({"to", "from", "between", "before", "after", "instead", "over", "under"})
"""Ties that say which way round; where there is none, a service is asked one thing only."""


FEW = 2
"""So many words say the same in any order to a service: a password reset, reset the password."""


def _directed(pair: Pair) -> bool:
    """Whether one of the texts says which way round."""
    return any(tie in DIRECTED or "than" in words for tie, words in pair.one.parts + pair.other.parts)


MOVABLE = frozenset(
    {"~", "for", "by", "about", "to", "from", "during", "since", "until", "between", "if", "when", "before", "after"}
)
"""Parts so tied may change places with others; parts without a tie stay in their order."""

SCENIC = frozenset({"~", "in", "on", "at", "with"})
"""Among themselves such parts keep their order, too; to a service it is all one which of these ties a part has."""


def _same_order(one: Features, other: Features, profile: Profile) -> bool:
    if one.parts == other.parts:
        return True
    if one.symmetric and other.symmetric:
        return _chunks(one) == _chunks(other)
    return any(
        _moved(_canonical(one, profile, genitive, joined=here), _canonical(other, profile, genitive, joined=there))
        for genitive in ("last", "all", "apart")
        for here in (True, False)
        for there in (True, False)
    )


def _moved(one: list[Part], other: list[Part]) -> bool:
    """Whether the parts are the same, those that are tied alike in the same order."""
    if one == other:
        return True
    kinds = {_kind(tie) for tie, _ in one + other}
    return sorted(one) == sorted(other) and all(_tied(one, kind) == _tied(other, kind) for kind in kinds)


def _kind(tie: str) -> str:
    return "~" if tie in SCENIC else tie if tie in MOVABLE else ""


def _tied(parts: list[Part], kind: str) -> list[Part]:
    return [part for part in parts if _kind(part[0]) == kind]


def _canonical(
    side: Features, profile: Profile, genitive: Literal["last", "all", "apart"], *, joined: bool
) -> list[Part]:
    """
    The parts, with "the length of an array" as "array length", and without a topic that stands alone.

    Args:
        genitive: What the words after "of" belong to: the last word before it, or all of them; or they stand apart.
        joined: Whether what follows the topic belongs to what was before it: a function [in Python] that adds.
    """
    table = SAME_IN_FAQ if profile == "faq" else {}
    topics = {word for _, words in side.parts for word in words if word in TOPICS}
    alone = topics if len(topics) == 1 else set[str]()
    parts: list[Part] = []
    manner: list[str] = []
    for marker, words in side.parts:
        of = marker == "of"
        tie = ("~" if words[0] in TOPICS else "in") if of and genitive == "apart" else marker
        if profile == "faq" and tie in SCENIC:
            tie = "~"
        manner += filter(says_how, words)
        floats = tie in ("", "~")
        said = (table.get(word, word) for word in words if not (floats and word in alone) and not says_how(word))
        kept = tuple(filter(None, said))
        if parts and ((of and genitive != "apart") or (joined and tie == "~" and words[0] in alone)):
            before_tie, before = parts[-1]
            at = len(before) if not of else len(before) - 1 if genitive == "last" else 0
            parts[-1] = (before_tie, before[:at] + kept + before[at:])
        elif kept:
            parts.append((tie, kept))
    return [*parts, ("", tuple(manner))] if manner else parts


def _chunks(side: Features) -> list[tuple[str, ...]]:
    """The things asked about alike, in alphabetical order."""
    chunks: list[list[str]] = []
    for _, words in side.parts:
        chunks.append([])
        for word in words:
            if word in JOINS:
                chunks.append([])
            else:
                chunks[-1].append(word)
    return sorted(tuple(chunk) for chunk in chunks if chunk)
