"""What the tests of the guard share: how two texts are told apart, and words that no table knows."""

from __future__ import annotations

from hypothesis import strategies as st

from isartor_addon.layers.semantic.guard import Profile, features, refusal

PROFILES: tuple[Profile, ...] = ("chat", "faq", "agent")
WORDS = st.from_regex(r"[bdfgklmnprtvz][aiou][bdgklmnprtvz][aiou][bdgklmnprtvz]", fullmatch=True)
"""Words of no language that none of the tables knows; none ends like an inflected one."""


def different(one: str, other: str, *profiles: Profile) -> str:
    """The rule that keeps two texts apart, both ways round and in every profile."""
    found = ""
    for profile in profiles or PROFILES:
        there, back = (refusal(features(a), features(b), profile) for a, b in ((one, other), (other, one)))
        assert there is not None and back is not None, (profile, one, other)
        found = there.rule
    return found


def same(one: str, other: str, profile: Profile = "chat") -> bool:
    """Whether nothing is against it."""
    return refusal(features(one), features(other), profile) is None
