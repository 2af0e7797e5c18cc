"""When two texts are the same question: near enough, and nothing against it."""

from __future__ import annotations

import math

import pytest

from isartor_addon.layers.semantic.guard import Profile, features
from isartor_addon.layers.semantic.judge import THRESHOLDS, embeddable, judge

ASKED = features("How do I reverse a list in Python?")
AGAIN = features("Could you please tell me how to reverse a list in Python?")
OTHER = features("How do I sort a list in Python?")


@pytest.mark.parametrize("profile", THRESHOLDS)
def test_near_and_unopposed_is_the_same(profile: Profile) -> None:
    """At the threshold the guard decides; below it nothing does."""
    assert judge(THRESHOLDS[profile], ASKED, AGAIN, profile) is None
    below = judge(THRESHOLDS[profile] - 0.001, ASKED, AGAIN, profile)
    assert below is not None and below.rule == "threshold"
    refused = judge(1.0, ASKED, OTHER, profile)
    assert refused is not None and refused.rule != "threshold"


def test_a_threshold_of_ones_own_takes_the_place_of_the_profiles() -> None:
    """Lower and higher."""
    assert judge(0.5, ASKED, AGAIN, "chat", 0.4) is None
    assert judge(0.95, ASKED, AGAIN, "chat", 0.99) is not None


def test_what_is_no_number_is_not_near() -> None:
    """A fault of the embedder never becomes a hit."""
    assert judge(math.nan, ASKED, AGAIN, "chat") is not None


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Hi, how do I reverse a list in Python?", "How do I reverse a list in Python?"),
        ("Could you please explain what a mutex is? Thanks!", "please explain what a mutex is"),
        ("How do I delete a file?", "how can I remove a file"),
        ("What's a mutex", "What is a mutex?"),
        ("请问如何重置密码。", "如何重置密码"),
        ("Bonjour, comment inverser une liste ?", "comment inverser une liste"),
    ],
)
def test_wrappers_are_not_embedded(text: str, same: str) -> None:
    """Greeting, politeness, punctuation and known synonyms make no difference to the embedder."""
    assert embeddable(text) == embeddable(same)


@pytest.mark.parametrize("text", ["", "   ", "please", "?!", "请问", "`x`", "42"])
def test_there_is_something_to_embed_if_there_was(text: str) -> None:
    """A text that is all wrapper is embedded as it is."""
    assert bool(embeddable(text)) == bool(text.strip())
