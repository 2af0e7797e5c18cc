"""Which keys are surely not on disk: when that may be said, and that it is never said of one that is there."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.store import known
from isartor_addon.store.known import KeysRead, Known
from tests.store.making import HandClock, entry, opened

KEYS = st.text("0123456789abcdef", min_size=1, max_size=3)
STEPS = st.lists(st.tuples(st.sampled_from(("add", "begin", "complete")), KEYS), max_size=40)


def read(store) -> None:
    """Wait until the disk's keys have been read."""
    assert store._read.soon(lambda rooms: True).result(10)


@settings(max_examples=60)
@given(STEPS, KEYS)
def test_it_never_lacks_what_is_there(steps, asked):
    """Whatever is read again, and however often, in between: what was added or read is not said to be new."""
    found, there, ticket, keys = Known(), set(), 0, KeysRead()
    for step, key in steps:
        if step == "add":
            found.add(key)
            there.add(key)
        elif step == "begin":
            ticket, keys = found.begin(), KeysRead()
            keys.add(there)
        else:
            found.complete(ticket, keys)
    assert not any(found.lacks(key) for key in there)
    if asked not in there and any(step == "complete" for step, _ in steps[-1:]):
        assert found.lacks(asked) or "begin" not in {step for step, _ in steps}


def test_an_old_reading_counts_for_nothing():
    """What was read before something changed does not make the map complete."""
    found = Known()
    old = found.begin()
    new = found.begin()
    found.complete(old, KeysRead())
    assert not found.lacks("a")
    found.complete(new, KeysRead())
    assert found.lacks("a")


def test_it_is_off_with_too_many_keys(monkeypatch):
    """With more keys on disk than the bound nothing is said to be new; with more added later, all is read again."""
    monkeypatch.setattr(known, "MOST_KEYS", 2)
    found, keys = Known(), KeysRead()
    keys.add(["a", "b", "c"])
    found.complete(found.begin(), keys)
    assert not found.lacks("x")
    found.complete(found.begin(), KeysRead())
    for key in "abcde":
        assert not found.is_full
        found.add(key)
    assert found.is_full


def test_a_new_key_needs_no_disk(tmp_path):
    """A miss on a key that nobody put is counted and does not wait for the thread that reads."""
    with opened(tmp_path / "cache") as store:
        read(store)
        reading, store._read = store._read, None
        assert asyncio.run(store.get(entry(1).key)) is None
        store._read = reading
        assert 1 == store.stats()["misses"]


def test_what_was_put_before_is_found(tmp_path):
    """What an earlier run put is read from disk, before and after its keys are known; so is what was pinned."""
    with opened(tmp_path / "cache") as store:
        for number in range(20):
            store.put(entry(number))
        store.pin(entry(3).key)
    for ready in (True, False):
        with opened(tmp_path / "cache") as store:
            if ready:
                read(store)
            assert [entry(n).recording for n in range(20)] == [
                asyncio.run(store.get(entry(n).key)).recording for n in range(20)
            ]


def test_what_another_puts_is_found_at_once(tmp_path):
    """A key that was surely new is found as soon as another store has put it, with time standing still."""
    clock = HandClock()
    with opened(tmp_path / "cache", clock) as store, opened(tmp_path / "cache", clock) as other:
        read(store)
        for number in range(5):
            assert asyncio.run(store.get(entry(number).key)) is None
            other.put(entry(number))
            asyncio.run(other.flush())
            assert entry(number) == asyncio.run(store.get(entry(number).key))


def test_own_entries_too_large_for_memory_are_found(tmp_path):
    """What this process put and does not hold in memory is looked for on disk, also if put while keys were read."""
    with opened(tmp_path / "cache", memory_bytes=1) as store:
        for number in range(5):
            store.put(entry(number))
            store._read_keys_soon()
        asyncio.run(store.flush())
        read(store)
        assert [entry(n) for n in range(5)] == [asyncio.run(store.get(entry(n).key)) for n in range(5)]


@pytest.mark.parametrize("bytes_", [2000, 70_000])
def test_after_everything_may_have_changed(tmp_path, bytes_):
    """Far behind, nothing is surely new until the keys have been read again; then what others put is found."""
    clock = HandClock()
    with opened(tmp_path / "cache", clock) as store, opened(tmp_path / "cache", clock) as other:
        read(store)
        other.put(entry(1))
        asyncio.run(other.flush())
        other._epoch.note(["0" * 64] * (bytes_ // 78))
        assert entry(1) == asyncio.run(store.get(entry(1).key))
        read(store)
        assert store._memory.surely_new(entry(2).key)
        other.put(entry(2))
        asyncio.run(other.flush())
        assert entry(2) == asyncio.run(store.get(entry(2).key))
