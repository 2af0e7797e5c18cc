"""The lexical guard: what keeps two near texts from being taken for the same question.

Embeddings hardly see what matters most: "Python 3.8" and "Python 3.11", "JSON to YAML" and "YAML to JSON", "with" and
"without" lie closer together than most paraphrases do. So nearness only proposes. The guard asks for a counterpart of
every number, name, negation and word of one text in the other, in an order that says the same, and refuses when in
doubt: a wrong answer costs more than a thousand right ones save.

Each rule protects one thing and has a name, which the trail shows. `reading.py` says how a text is read, `lexicon.toml`
holds the tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from isartor_addon.layers.semantic.forms import Kind
from isartor_addon.layers.semantic.reading import Features, Part, features
from isartor_addon.layers.semantic.words import (
    OPPOSITES,
    PRODUCING,
    QUANTIFIERS,
    SAME_IN_FAQ,
    TOPICS,
    VERBS,
    says_how,
    stem,
)

__all__ = ["RULES", "Features", "Profile", "Refusal", "features", "refusal", "refusals"]

type Profile = Literal["chat", "faq", "agent"]
"""How strict: `agent` takes no synonyms, `chat` does, `faq` also what says the same about one service."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why two texts are not the same question."""

    rule: str
    """Its short, stable name."""
    detail: str
    """What differs, and no more of the texts than that."""


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


def _differ(one: object, other: object) -> str:
    return "" if one == other else f"{_shown(one)} / {_shown(other)}"


def _shown(value: object) -> str:
    if isinstance(value, tuple | frozenset):
        return ", ".join(sorted(map(str, value))) or "nothing"
    return str(value)


def language(pair: Pair) -> str:
    """Texts in two languages get answers in two."""
    return _differ(pair.one.tongue, pair.other.tongue)


def _same_row(kind: Kind) -> Rule:
    """The values of a kind must be the same, in the same order."""

    def rule(pair: Pair) -> str:
        one, other = pair.one.bags.get(kind, ()), pair.other.bags.get(kind, ())
        if one == other:
            return ""
        extra = Counter(one) - Counter(other), Counter(other) - Counter(one)
        return _differ(*(tuple(each) for each in extra)) or "order"

    rule.__name__ = kind
    return rule


def material(pair: Pair) -> str:
    """What is worked on or talked about: as it is written."""
    return _differ(pair.one.material, pair.other.material)


def naming(pair: Pair) -> str:
    """Two words that say the same matter where a text has both, or asks what a verb does: `get` is not `fetch`."""
    one, other = _plain(pair.one), _plain(pair.other)
    told_apart = any(len(words) > 1 for side in (one, other) for words in side.values())
    about = told_apart or ("what" in pair.one.asks and "what" in pair.other.asks)
    if not about and not (pair.one.symmetric or pair.other.symmetric):
        return ""
    both = (word for word in one if word in other and (told_apart or word in VERBS))
    return next(
        (_differ(frozenset(one[word]), frozenset(other[word])) for word in both if one[word] != other[word]), ""
    )


def _plain(side: Features) -> dict[str, set[str]]:
    """Each word to the stems that stand for it in the text."""
    found: dict[str, set[str]] = {}
    for token in side.tokens:
        if token.kind == "word":
            found.setdefault(token.value, set()).add(stem(token.plain))
    return found


def negation(pair: Pair) -> str:
    """Not, never, without: as many, of the same kind."""
    one, other = (Counter(side.bags.get("negation", ())) for side in (pair.one, pair.other))
    return _differ(tuple((one - other).elements()), tuple((other - one).elements())) if one != other else ""


def question(pair: Pair) -> str:
    """How, why, when, whether, or do it: what kind of answer is asked for."""
    one, other = pair.one.asks, pair.other.asks
    if one == other or (pair.profile != "agent" and (_keywords(one, other) or _how_to(pair))):
        return ""
    if pair.profile == "faq" and not _names(pair) and any(one | other <= alike for alike in FAQ_ASKS):
        return ""
    return _differ(one, other)


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


def tense(pair: Pair) -> str:
    """Who is, who was, who will be."""
    return _differ(pair.one.tense, pair.other.tense)


def person(pair: Pair) -> str:
    """Mine is not yours, nor his; but how you do something is how I do it."""
    one, other = frozenset(pair.one.people), frozenset(pair.other.people)
    if one == other:
        return _differ(" ".join(pair.one.people), " ".join(pair.other.people))
    if pair.one.asks == pair.other.asks == {"how"} and pair.profile != "agent":
        one, other = one - {"you"}, other - {"you"}
    if not (one ^ other) - {"i"}:
        return ""
    return "" if pair.profile == "faq" and not (one and other) else _differ(one, other)


def capital(pair: Pair) -> str:
    """A name is not the word that it looks like, where both texts put capitals to names alone."""
    one, other = pair.one, pair.other
    return ", ".join(sorted((one.capitals & other.small - one.small) | (one.small & other.capitals - other.small)))


def voice(pair: Pair) -> str:
    """Who is asking is not who is asked."""
    one = {token.value: token.plain for token in pair.one.tokens if token.kind == "word"}
    for token in pair.other.tokens:
        ends = {plain[-3:] for plain in (one.get(token.value, ""), token.plain) if plain}
        if "ing" in ends and any(end.endswith("ed") for end in ends):
            return f"{one[token.value]} / {token.plain}"
    return ""


def condition(pair: Pair) -> str:
    """If, unless, until, before, after: the same ones."""
    return _differ(tuple(sorted(pair.one.conditions)), tuple(sorted(pair.other.conditions)))


def plural(pair: Pair) -> str:
    """The file is not the files; a file may be files."""
    if pair.profile == "faq" and not (pair.one.asks | pair.other.asks) & {"do", "says"} and not pair.one.people:
        return ""
    one = {token.value: token for token in pair.one.tokens if token.kind == "word"}
    for token in pair.other.tokens:
        match = one.get(token.value)
        counts = match and (match.definite or token.definite or token.value in pair.one.objects & pair.other.objects)
        if match and counts and match.plain in (f"{token.plain}s", token.plain[:-1]):
            return f"{match.plain} / {token.plain}"
    return ""


def antonym(pair: Pair) -> str:
    """One has a word, the other its opposite."""
    for left in pair.only_one:
        for right in pair.only_other:
            if right in OPPOSITES.get(left, ()):
                return f"{left} / {right}"
    return ""


def _unmatched(table: frozenset[str]) -> Rule:
    def rule(pair: Pair) -> str:
        one, other = (tuple(word for word in side if word in table) for side in (pair.only_one, pair.only_other))
        return _differ(one, other)

    return rule


def substitution(pair: Pair) -> str:
    """Each has a word that the other lacks."""
    return _differ(pair.only_one, pair.only_other) if pair.only_one and pair.only_other else ""


def addition(pair: Pair) -> str:
    """One has a word more: it asks for more, or for something narrower."""
    return _differ(pair.only_one, pair.only_other) if bool(pair.only_one) != bool(pair.only_other) else ""


def order(pair: Pair) -> str:
    """All the same, but who does what to whom, or what comes first, is another."""
    if pair.only_one or pair.only_other or _named(pair.one) != _named(pair.other):
        return ""  # other rules say so
    if pair.profile == "faq" and len(set(_words(pair.one, "faq"))) <= FEW and not _directed(pair):
        return ""
    return "" if _same_order(pair.one, pair.other, pair.profile) else "order"


def _named(side: Features) -> list[tuple[str, str]]:
    return sorted((token.kind, token.value) for token in side.tokens if token.kind not in ("word", "entity"))


RULES: dict[str, Rule] = {
    "language": language,
    "code": _same_row("code"),
    "quoted": _same_row("quoted"),
    "url": _same_row("url"),
    "path": _same_row("path"),
    "filename": _same_row("filename"),
    "identifier": _same_row("identifier"),
    "number": _same_row("number"),
    "unit": _same_row("unit"),
    "sign": _same_row("sign"),
    "material": material,
    "naming": naming,
    "negation": negation,
    "antonym": antonym,
    "quantifier": _unmatched(QUANTIFIERS),
    "technology": _unmatched(TOPICS),
    "question": question,
    "tense": tense,
    "person": person,
    "capital": capital,
    "voice": voice,
    "condition": condition,
    "plural": plural,
    "substitution": substitution,
    "addition": addition,
    "order": order,
}
"""All rules by name, in the order in which they are asked."""


def refusals(one: Features, other: Features, profile: Profile) -> Iterator[Refusal]:
    """Every rule that refuses, in order."""
    pair = Pair(one, other, profile, *_only(one, other, profile))
    for name, rule in RULES.items():
        detail = rule(pair)
        if detail:
            yield Refusal(name, detail)


def refusal(one: Features, other: Features, profile: Profile) -> Refusal | None:
    """The first rule that refuses to take `one` and `other` for the same question, if any does."""
    return next(refusals(one, other, profile), None)


def _only(one: Features, other: Features, profile: Profile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of each without a counterpart in the other. Said twice is no more than said once."""
    left, right = dict.fromkeys(_words(one, profile)), dict.fromkeys(_words(other, profile))
    if one.symmetric and other.symmetric:
        left, right = ({word: None for word in side if word not in JOINS} for side in (left, right))
    return tuple(word for word in left if word not in right), tuple(word for word in right if word not in left)


JOINS = frozenset({"and", "or", "vs", "than"})


def _words(side: Features, profile: Profile) -> Iterator[str]:
    table = SAME_IN_FAQ if profile == "faq" else {}
    exact = profile == "agent" and side.tongue == "en"
    for token in side.tokens:
        word = stem(token.plain) if exact else table.get(token.value, token.value)
        if word and token.kind in ("word", "entity"):
            yield word


DIRECTED = frozenset({"to", "from", "between", "before", "after", "instead", "over", "under"})
"""Ties that say which way round; where there is none, a service is asked one thing only."""


FEW = 2
"""So many words say the same in any order to a service: a password reset, reset the password."""


def _directed(pair: Pair) -> bool:
    """Whether one of the texts says which way round."""
    return any(tie in DIRECTED or "than" in words for tie, words in pair.one.parts + pair.other.parts)


def _names(pair: Pair) -> bool:
    """Whether one of the texts names somebody or something."""
    return any(token.kind == "entity" for token in pair.one.tokens + pair.other.tokens)


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
