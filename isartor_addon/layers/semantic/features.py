"""One text as the guard compares it."""

from __future__ import annotations

from dataclasses import dataclass, field

from isartor_addon.layers.semantic.forms import Token

type Part = tuple[str, tuple[str, ...]]
"""What ties a part of a text to the rest (`to`, `before`, nothing), and its words."""


@dataclass(frozen=True, slots=True)
class Features:
    """One text as the guard compares it."""

    tongue: str
    """Its language, or its script where that says enough (`cjk`)."""
    asks: frozenset[str]
    """The kinds of question: `how`, `why`, ... ; `do` for a request, `topic` for neither."""
    tense: frozenset[str]
    people: tuple[str, ...]
    """Who is spoken of by a word like "I", in order."""
    conditions: tuple[str, ...]
    tokens: tuple[Token, ...]
    parts: tuple[Part, ...]
    symmetric: bool
    """Whether it asks about two things alike: their difference, their distance."""
    bags: dict[str, tuple[str, ...]] = field(compare=False)
    """Kind to its values, sorted."""
    material: tuple[str, ...] = ()
    """What is compared as it is written."""
    objects: frozenset[str] = frozenset()
    """What an order wants to have, or to be done something with: there one is not many."""
    capitals: frozenset[str] = frozenset()
    """Words with a capital inside a clause; nothing where that says nothing."""
    small: frozenset[str] = frozenset()
    """Those without one."""
