"""When two texts are the same question: near enough, and no rule of the guard against it."""

from __future__ import annotations

from collections.abc import Mapping

from isartor_addon.layers.semantic.guard import Features, Profile, Refusal, refusal
from isartor_addon.layers.semantic.phrasing import embeddable

__all__ = ["THRESHOLDS", "embeddable", "judge", "too_far"]

THRESHOLDS: Mapping[Profile, float] = {"chat": 0.92, "faq": 0.85, "agent": 0.95}
"""The least cosine at which two texts may be the same question."""


def judge(
    similarity: float, one: Features, other: Features, profile: Profile, threshold: float | None = None
) -> Refusal | None:
    """
    Why the answer to `one` may not serve `other`, or nothing.

    Args:
        similarity: The cosine of what `embeddable` made of the two texts.
        threshold: In place of the profile's own.
    """
    least = THRESHOLDS[profile] if threshold is None else threshold
    return too_far(similarity, least) or refusal(one, other, profile)


def too_far(similarity: float, least: float) -> Refusal | None:
    """The refusal of texts that are not near enough, for which neither has to be read."""
    if not similarity >= least:  # also when it is not a number
        return Refusal("threshold", f"{similarity:.3f} < {least:.3f}")
    return None
