"""The entries in memory: bounded in bytes, those used longest ago go first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.store.front import Front, weight
from tests.store.making import entry


def test_least_recently_used_goes_first():
    """When the bound is reached, the entry that was not asked for goes, the one that was stays."""
    front = Front(weight(entry(0)) * 8)
    for number in range(8):
        front.put(entry(number), 0.0)
    front.get(entry(0).key)
    front.put(entry(8), 0.0)
    assert (True, False, True) == tuple(entry(number).key in front for number in (0, 1, 8))


def test_large_entries_are_not_kept():
    """An entry of more than a quarter of the bound would push out too much."""
    front = Front(weight(entry(0)) * 8)
    front.put(entry(0), 0.0)
    front.put(entry(1, size=weight(entry(0)) * 3), 0.0)
    assert [entry(0)] == list(front)


@given(st.lists(st.tuples(st.sampled_from(["put", "get", "drop"]), st.integers(0, 9), st.integers(3, 3000))))
def test_bytes_are_the_sum_and_within_the_bound(steps):
    """Whatever is done, the count of bytes is the sum over what is there, and never above the bound."""
    front = Front(20_000)
    for what, number, size in steps:
        if what == "put":
            front.put(entry(number, size=size), 0.0)
        elif what == "get":
            front.get(entry(number).key)
        else:
            front.drop(entry(number).key)
        assert front.bytes == sum(map(weight, front))
        assert front.bytes <= front.limit
