"""The guard's rule on what kind of answer is asked for."""

from __future__ import annotations

from isartor_addon.layers.semantic.pair import Pair, differ
from isartor_addon.layers.semantic.words import PRODUCING, TOPICS


def question(pair: Pair) -> str:
    """How, why, when, whether, or do it: what kind of answer is asked for."""
    one, other = pair.one.asks, pair.other.asks
    if one == other or (pair.profile != "agent" and (_keywords(one, other) or _how_to(pair))):
        return ""
    if pair.profile == "faq" and not _names(pair) and any(one | other <= alike for alike in FAQ_ASKS):
        return ""
    return differ(one, other)


FAQ_ASKS = tuple(
    frozenset(kinds.split()) for kinds in ("how where topic do", "can yes topic", "what where", "why topic")
)
"""Kinds of question that one answer of a service serves alike."""


def _keywords(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether one side only names its subject, as one types into a search box."""
    return "topic" in one | other and one ^ other <= {"topic", "how", "what"}


def _how_to(pair: Pair) -> bool:
    """
    Whether both ask how something is done in general, somewhere known.

    "Delete the branch" may be an order; "delete a branch in git" is none.
    """
    if pair.one.asks | pair.other.asks != {"how", "do"}:
        return False
    tokens = pair.one.tokens + pair.other.tokens
    general = all(token.kind in ("word", "negation") and not token.definite for token in tokens)
    return general and any(token.value in TOPICS for token in tokens) and pair.one.tokens[0].value not in PRODUCING


def _names(pair: Pair) -> bool:
    """Whether one of the texts names somebody or something."""
    return any(token.kind == "entity" for token in pair.one.tokens + pair.other.tokens)
