"""How often the layer hits, and how often it should not have."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from eval_kit.pairs import Pair
from eval_kit.vectors import cosine, embed
from isartor_addon.layers.ports import Embedder
from isartor_addon.layers.semantic.guard import RULES, Profile, features, refusals
from isartor_addon.layers.semantic.judge import embeddable

THRESHOLDS = (0.80, 0.83, 0.85, 0.88, 0.90, 0.92, 0.94, 0.95, 0.96, 0.97)
Z = 1.96
"""Of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair, how near its texts are, and which rules are against it."""

    pair: Pair
    raw: float
    """Cosine of the texts as they are."""
    similarity: float
    """Cosine of the texts as the layer embeds them."""
    rules: frozenset[str]

    def hits(self, threshold: float, without: str = "") -> bool:
        """Whether the layer would hit, if it had all rules or all but one."""
        return self.similarity >= threshold and self.rules <= {without}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many, with its 95 % interval after Wilson."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        middle = self.share + Z * Z / (2 * self.of)
        spread = Z * math.sqrt(self.share * (1 - self.share) / self.of + Z * Z / (4 * self.of * self.of))
        scale = 1 + Z * Z / self.of
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


@dataclass(frozen=True, slots=True)
class Rates:
    """Of the pairs that are the same question and of those that are not, the share that hits."""

    right: Rate
    wrong: Rate


async def judge_all(pairs: Sequence[Pair], profile: Profile, embedder: Embedder) -> Sequence[Judged]:
    """Every pair as the layer sees it."""
    read = {text: features(text) for pair in pairs for text in (pair.a, pair.b)}
    said = {text: embeddable(text) for text in read}
    vectors = await embed([*said.values(), *read], embedder)
    return [
        Judged(
            pair,
            cosine(vectors, pair.a, pair.b),
            cosine(vectors, said[pair.a], said[pair.b]),
            frozenset(refusal.rule for refusal in refusals(read[pair.a], read[pair.b], profile)),
        )
        for pair in pairs
    ]


def rates(judged: Sequence[Judged], hits: Callable[[Judged], bool]) -> Rates:
    """How often `hits` is true of pairs of the one kind and of the other."""
    counts = Counter((each.pair.same, hits(each)) for each in judged)
    return Rates(
        Rate(counts[True, True], counts[True, True] + counts[True, False]),
        Rate(counts[False, True], counts[False, True] + counts[False, False]),
    )


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """One threshold: the texts as they are, as the layer embeds them, and with the guard."""

    threshold: float
    raw: Rates
    embedded: Rates
    guarded: Rates


def by_threshold(judged: Sequence[Judged], also: float) -> Sequence[AtThreshold]:
    """The rates at each threshold, `also` among them."""
    return [
        AtThreshold(
            least,
            rates(judged, lambda each, least=least: each.raw >= least),
            rates(judged, lambda each, least=least: each.similarity >= least),
            rates(judged, lambda each, least=least: each.hits(least)),
        )
        for least in sorted({*THRESHOLDS, also})
    ]


def without_each(judged: Sequence[Judged], threshold: float) -> Mapping[str, Rates]:
    """The rates if one rule were not there, by its name."""
    return {rule: rates(judged, lambda each, rule=rule: each.hits(threshold, rule)) for rule in RULES}


def by_category(judged: Sequence[Judged], threshold: float) -> Mapping[str, Rates]:
    """The rates of each category."""
    categories = sorted({each.pair.category for each in judged if each.pair.category})
    return {
        name: rates([each for each in judged if each.pair.category == name], lambda each: each.hits(threshold))
        for name in categories
    }
