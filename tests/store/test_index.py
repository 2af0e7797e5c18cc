"""One scope's index: whatever was put and removed, it finds what comparing with everything finds."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.store.index import KINDS, Kind, ScopeIndex, prepare

DIMENSION = 24
SMALL = (Kind("flat", 12), Kind("fp16", 40), Kind("ivf", sys.maxsize))
ROUNDED = 2e-3
"""What half precision may change of a similarity."""

prepare()


def unit(number: int, dimension: int = DIMENSION):
    vector = np.random.default_rng(number).standard_normal(dimension).astype(np.float32)
    return vector / np.linalg.norm(vector)


def agree(index: ScopeIndex, model: dict[str, np.ndarray], vector, count: int) -> None:
    """The index gives the nearest entries of the model, with their similarities."""
    true = {key: float(each @ vector) for key, each in model.items()}
    expected = sorted((similarity for similarity in true.values() if similarity > ROUNDED), reverse=True)[:count]
    found = index.nearest(vector, count)
    assert len(found) >= len(expected)
    assert all(abs(near.similarity - true[near.key]) < ROUNDED for near in found)
    assert all(abs(near.similarity - best) < ROUNDED for near, best in zip(found, expected, strict=False))
    assert len({near.key for near in found}) == len(found)


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "put", "remove", "ask"]), st.integers(0, 70), st.integers(0, 10_000)),
    max_size=250,
)


@settings(max_examples=60)
@given(steps=STEPS, begin=st.integers(0, 60))
def test_as_if_everything_was_compared(steps, begin):
    """Entries put, replaced and removed in any order, while the index changes its kind: as in a dictionary."""
    model = {str(number): unit(number) for number in range(begin)}
    index = ScopeIndex(DIMENSION, SMALL)
    if begin:
        index.fill(list(model), np.array(list(model.values())))
    for what, number, seed in steps:
        key = str(number)
        if what == "put":
            model[key] = unit(seed)
            index.put(key, model[key])
        elif what == "remove":
            assert (model.pop(key, None) is not None) == index.remove(key)
        else:
            agree(index, model, unit(seed), 1 + number % 5)
        assert len(model) == len(index)
    assert set(model) == set(index)
    for key in list(model)[:10]:
        agree(index, model, model[key], 3)


@pytest.mark.parametrize("count", [1, 300, 3000])
def test_half_the_memory_changes_nothing(count):
    """Vectors as they are stored, in half precision, give the same similarities, flat or not."""
    chance = np.random.default_rng(count)
    vectors = chance.standard_normal((count, 384), np.float32)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("<f2").astype(np.float32)
    indexes = [ScopeIndex(384, (Kind(name, sys.maxsize),)) for name in ("flat", "fp16")]
    for index in indexes:
        index.fill([str(number) for number in range(count)], vectors)
    for asked in chance.standard_normal((20, 384), np.float32):
        flat, half = (index.nearest(asked / np.linalg.norm(asked), 3) for index in indexes)
        assert [near.key for near in flat] == [near.key for near in half]
        assert all(abs(near.similarity - each.similarity) < 1e-6 for near, each in zip(flat, half, strict=True))


def test_the_kind_follows_from_the_size():
    """Flat, then half precision, then an inverted file; all entries are still found."""
    index = ScopeIndex(DIMENSION, SMALL)
    model = {}
    kinds = []
    for number in range(90):
        model[str(number)] = unit(number)
        index.put(str(number), model[str(number)])
        kinds.append(index.kind)
        agree(index, model, model[str(number)], 2)
    assert ["flat", "fp16", "ivf"] == list(dict.fromkeys(kinds))
    assert (12, 40) <= (kinds.index("fp16"), kinds.index("ivf")) <= (20, 48)


@pytest.mark.parametrize(("count", "kind"), [(0, "flat"), (11, "flat"), (12, "fp16"), (40, "ivf")])
def test_filled_at_once(count, kind):
    """An index that is read from the disk is of the kind that fits at once."""
    model = {str(number): unit(number) for number in range(count)}
    index = ScopeIndex(DIMENSION, SMALL)
    index.fill(list(model), np.array(list(model.values())).reshape(count, DIMENSION))
    assert kind == index.kind
    agree(index, model, unit(5), 3)
    index.put("more", unit(1000))
    agree(index, model | {"more": unit(1000)}, unit(1000), 1)


@pytest.mark.parametrize("kinds", [KINDS, (Kind("fp16", sys.maxsize),), (Kind("flat", 4), Kind("ivf", sys.maxsize))])
def test_slots_are_used_again(kinds):
    """Entries that come and go do not make the index grow."""
    index = ScopeIndex(DIMENSION, kinds)
    for number in range(16):
        index.put(str(number), unit(number))
    size = index.bytes
    for number in range(16, 500):
        assert index.remove(str(number - 16))
        index.put(str(number), unit(number))
        assert [str(number)] == [near.key for near in index.nearest(unit(number), 1)]
    assert size == index.bytes
    assert 16 == len(index)
    assert not index.remove("0")
