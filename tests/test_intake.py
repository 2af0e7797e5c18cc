"""What a request says to us in its headers."""

from __future__ import annotations

import pytest

from isartor_addon.core.errors import BadControl
from isartor_addon.intake import read_control

KEY = "0123456789abcdef"


@pytest.mark.parametrize(
    ("headers", "wrong"),
    [
        ({}, None),
        ({"x-isartor-key": KEY}, None),
        ({"x-isartor-feedback": "wrong"}, ""),
        ({"x-isartor-feedback": f" Wrong  {KEY.upper()} "}, KEY),
        ({"x-isartor-feedback": "wrong", "x-isartor-key": KEY}, KEY),
    ],
)
def test_feedback(headers: dict[str, str], wrong: str | None) -> None:
    """An answer can be called wrong: this request's own, or one by its key."""
    assert wrong == read_control(headers).wrong


@pytest.mark.parametrize("said", ["good", "wrong 12345", "wrong xyzxyz", f"wrong {KEY} {KEY}", f"wrong {'a' * 65}"])
def test_feedback_that_says_nothing(said: str) -> None:
    """Anything else is refused: it would be taken for said."""
    with pytest.raises(BadControl, match="feedback"):
        read_control({"x-isartor-feedback": said})


@pytest.mark.parametrize("use", ["use", "exact", "bypass", "refresh", "only"])
def test_uses_of_the_cache(use: str) -> None:
    """Each word is one that can be said; only `bypass` keeps the answer from the store."""
    control = read_control({"x-isartor-cache": use.upper()})
    assert (use, use != "bypass") == (control.cache, control.store)
