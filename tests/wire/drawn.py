"""JSON values for hypothesis, which the tests of several wires draw."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

texts = st.text(max_size=12)
names = st.text("abc_", min_size=1, max_size=6)
numbers = st.integers(-9, 9) | st.floats(-2, 2, width=32)
scalars = st.none() | st.booleans() | numbers | texts
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2))
objects = st.dictionaries(names, anything, max_size=2)


def shaped(required: dict[str, Any], optional: dict[str, Any] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    """An object with these fields."""
    return st.fixed_dictionaries(required, optional=optional or {})
