"""The lexical guard: what keeps two near texts from being taken for the same question.

Embeddings hardly see what matters most: "Python 3.8" and "Python 3.11", "JSON to YAML" and "YAML to JSON", "with" and
"without" lie closer together than most paraphrases do. So nearness only proposes. The guard asks for a counterpart of
every number, name, negation and word of one text in the other, in an order that says the same, and refuses when in
doubt: a wrong answer costs more than a thousand right ones save.

Each rule protects one thing and has a name, which the trail shows; the two that take most stand in `questions.py` and
`order.py`. `reading.py` says how a text is read, `lexicon.toml` holds the tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from isartor_addon.layers.semantic.features import Features
from isartor_addon.layers.semantic.forms import Kind
from isartor_addon.layers.semantic.order import order
from isartor_addon.layers.semantic.pair import Pair, Profile, Rule, differ, paired
from isartor_addon.layers.semantic.questions import question
from isartor_addon.layers.semantic.reading import features
from isartor_addon.layers.semantic.words import OPPOSITES, QUANTIFIERS, TOPICS, VERBS, stem

__all__ = ["RULES", "Features", "Profile", "Refusal", "features", "refusal", "refusals"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why two texts are not the same question."""

    rule: str
    """Its short, stable name."""
    detail: str
    """What differs, and no more of the texts than that."""


def language(pair: Pair) -> str:
    """Texts in two languages get answers in two."""
    return differ(pair.one.tongue, pair.other.tongue)


def _same_row(kind: Kind) -> Rule:
    """The values of a kind must be the same, in the same order."""

    def rule(pair: Pair) -> str:
        one, other = pair.one.bags.get(kind, ()), pair.other.bags.get(kind, ())
        if one == other:
            return ""
        extra = Counter(one) - Counter(other), Counter(other) - Counter(one)
        return differ(*(tuple(each) for each in extra)) or "order"

    rule.__name__ = kind
    return rule


def material(pair: Pair) -> str:
    """What is worked on or talked about: as it is written."""
    return differ(pair.one.material, pair.other.material)


def naming(pair: Pair) -> str:
    """Two words that say the same matter where a text has both, or asks what a verb does: `get` is not `fetch`."""
    one, other = _plain(pair.one), _plain(pair.other)
    told_apart = any(len(words) > 1 for side in (one, other) for words in side.values())
    about = told_apart or ("what" in pair.one.asks and "what" in pair.other.asks)
    if not about and not (pair.one.symmetric or pair.other.symmetric):
        return ""
    both = (word for word in one if word in other and (told_apart or word in VERBS))
    return next((differ(frozenset(one[word]), frozenset(other[word])) for word in both if one[word] != other[word]), "")


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
    return differ(tuple((one - other).elements()), tuple((other - one).elements())) if one != other else ""


def tense(pair: Pair) -> str:
    """Who is, who was, who will be."""
    return differ(pair.one.tense, pair.other.tense)


def person(pair: Pair) -> str:
    """Mine is not yours, nor his; but how you do something is how I do it."""
    one, other = frozenset(pair.one.people), frozenset(pair.other.people)
    if one == other:
        return differ(" ".join(pair.one.people), " ".join(pair.other.people))
    if pair.one.asks == pair.other.asks == {"how"} and pair.profile != "agent":
        one, other = one - {"you"}, other - {"you"}
    if not (one ^ other) - {"i"}:
        return ""
    return "" if pair.profile == "faq" and not (one and other) else differ(one, other)


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
    return differ(tuple(sorted(pair.one.conditions)), tuple(sorted(pair.other.conditions)))


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
        return differ(one, other)

    return rule


def substitution(pair: Pair) -> str:
    """Each has a word that the other lacks."""
    return differ(pair.only_one, pair.only_other) if pair.only_one and pair.only_other else ""


def addition(pair: Pair) -> str:
    """One has a word more: it asks for more, or for something narrower."""
    return differ(pair.only_one, pair.only_other) if bool(pair.only_one) != bool(pair.only_other) else ""


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
    pair = paired(one, other, profile)
    for name, rule in RULES.items():
        detail = rule(pair)
        if detail:
            yield Refusal(name, detail)


def refusal(one: Features, other: Features, profile: Profile) -> Refusal | None:
    """The first rule that refuses to take `one` and `other` for the same question, if any does."""
    return next(refusals(one, other, profile), None)
