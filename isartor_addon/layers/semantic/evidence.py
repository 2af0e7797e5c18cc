"""What checks of earlier hits say about the next one: how likely it is to be wrong.

After vCache (Schroeder et al., "vCache: Verified Semantic Prompt Caching", arXiv 2502.03771): each stored answer has a
decision boundary of its own, a similarity below which it does not answer, learned online from hits that were checked
against the provider. The chance that a hit at similarity s is right is logistic in s; where exactly it turns is not
known, so a distribution over boundaries is kept, and the chance of a wrong hit is its mean. Above the rate that the
user accepts, the provider is asked so often that the rate holds, and every such call is one more check.

Three things differ. What the rules of the guard have let through is trusted at first: without evidence nothing here
changes what they decide. Evidence raises the boundary above the threshold, and never lowers it. And the checks of a
scope count together as well, since its answers are neighbours that are asked the same kind of question.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from isartor_addon.layers.ports import Check

_STEEPNESS = 60.0
"""Of the logistic: within 0.06 of the boundary the chance of being right goes from 1 in 20 to 19 in 20 or so."""
_BOUNDARIES = (-math.inf, *(0.80 + 0.01 * step for step in range(24)))
"""Where the boundary may be; the first says that it is right wherever the rules are satisfied."""
_LEAST = 1e-4
"""Even who accepts no wrong hit at all believes this much in one."""


def risk(own: Iterable[Check], similarity: float, *, accepted: float) -> float:
    """
    The chance that a hit of one answer is wrong, by its own checks.

    It never falls with a check that went wrong, never rises with one that went well, and never rises with similarity.

    Args:
        own: the answer's checks.
        similarity: of the hit.
        accepted: the rate of wrong hits that the user accepts; what is believed without evidence is less.
    """
    doubt = max(accepted, _LEAST) / 2
    beliefs = [math.log(1 - doubt), *([math.log(doubt / (len(_BOUNDARIES) - 1))] * (len(_BOUNDARIES) - 1))]
    for check in own:
        for number, boundary in enumerate(_BOUNDARIES):
            right = _right(check.similarity, boundary, doubt)
            beliefs[number] += math.log(right if check.right else 1 - right)
    most = max(beliefs)
    weights = [math.exp(belief - most) for belief in beliefs]
    rates = [1 - _right(similarity, boundary, doubt) for boundary in _BOUNDARIES]
    return sum(weight * rate for weight, rate in zip(weights, rates, strict=True)) / sum(weights)


def common_risk(checks: Sequence[Check], *, accepted: float) -> float:
    """The chance that a hit in a scope is wrong, by all checks there, and as if many had gone well enough before."""
    before = 1 / max(accepted, _LEAST)
    return (sum(not check.right for check in checks) + 0.5) / (len(checks) + before)


def _right(similarity: float, boundary: float, doubt: float) -> float:
    """The chance of being right, if the boundary is known. Anything may go wrong now and then."""
    return (1 - doubt / 2) / (1 + math.exp(-_STEEPNESS * (similarity - boundary)))


def caution(key: str, checks: Sequence[Check], similarity: float, *, accepted: float) -> float:
    """
    The share of hits of the answer `key` that must go to the provider for the rate of wrong ones to be as accepted.

    Args:
        key: of the stored answer.
        checks: those of its scope, its own among them.
        similarity: of the hit.
        accepted: the rate of wrong hits that the user accepts.
    """
    own = [check for check in checks if check.key == key]
    feared = max(risk(own, similarity, accepted=accepted), common_risk(checks, accepted=accepted))
    return max(0.0, 1 - accepted / feared)


def withdrawn(key: str, created: float, checks: Iterable[Check]) -> bool:
    """Whether the answer that is stored under `key` since `created` (Unix time, seconds) was once found wrong."""
    return any(check.key == key and not check.right and check.time >= created for check in checks)


def upper_bound(wrong: int, checks: int, *, confidence: float = 0.95) -> float:
    """
    The rate of wrong hits that is not exceeded, with `confidence`, when `wrong` of `checks` were wrong.

    Clopper and Pearson's bound, from one side: the rate at which so few would be seen in one case of twenty only.
    """
    if wrong >= checks:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if _at_most(wrong, checks, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(wrong: int, checks: int, rate: float) -> float:
    """The chance of at most `wrong` among `checks`."""
    return sum(math.comb(checks, k) * rate**k * (1 - rate) ** (checks - k) for k in range(wrong + 1))
