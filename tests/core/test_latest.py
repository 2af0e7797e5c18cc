"""Fear: what is remembered grows without end, or what was used last is forgotten first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.core.latest import Latest


@given(st.lists(st.tuples(st.integers(0, 9), st.integers())), st.integers(1, 5))
def test_those_set_last_are_there(given_: list[tuple[int, int]], most: int) -> None:
    """Of any keys, set any number of times, the last ones with their last values, oldest first."""
    kept: Latest[int, int] = Latest(most)
    for key, value in given_:
        kept[key] = value
    last = dict(given_)
    order = list(dict.fromkeys(key for key, _ in reversed(given_)))[:most]
    assert [(key, last[key]) for key in reversed(order)] == list(kept.items())


def test_what_is_read_can_be_kept() -> None:
    """A key that is moved to the end is not the next to go."""
    kept: Latest[str, int] = Latest(2)
    kept["one"], kept["two"] = 1, 2
    kept.move_to_end("one")
    kept["three"] = 3
    assert {"one": 1, "three": 3} == kept
