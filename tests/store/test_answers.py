"""The store: what was put is there, for as long as it should be, privately, and for people to list and remove."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from dataclasses import replace

import pytest

from isartor_addon.core.errors import StoreError
from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.store import memory
from tests.store.making import KIB, MIB, NOW, HandClock, cold, entry, nobodys, opened


def get(store, key):
    return asyncio.run(store.get(key))


def flush(store):
    asyncio.run(store.flush())


def fill(store, numbers, **shape):
    for number in numbers:
        store.put(entry(number, **shape))
    flush(store)


def test_put_is_in_memory_at_once(tmp_path):
    """What was put is given back before anything was written."""
    with opened(tmp_path / "cache") as store:
        store.put(entry(1))
        assert entry(1) == store.peek(entry(1).key)


def test_survives_a_restart(tmp_path):
    """A new store over the same directory gives the same entry, and has it in memory from then on."""
    with opened(tmp_path / "cache") as store:
        fill(store, [1])
    with opened(tmp_path / "cache") as store:
        assert store.peek(entry(1).key) is None
        assert entry(1) == get(store, entry(1).key)
        assert entry(1) == store.peek(entry(1).key)


def test_unknown_key_is_a_miss(tmp_path):
    """A key that was never put gives None and counts as a miss."""
    with opened(tmp_path / "cache") as store:
        assert get(store, entry(1).key) is None
        assert (0, 1) == (store.stats()["hits"], store.stats()["misses"])


def test_ttl(tmp_path):
    """An entry is served until its time and not after, from memory and from disk."""
    clock = HandClock()
    with opened(tmp_path / "cache", clock) as store:
        fill(store, [1], ttl_s=100)
        clock.forward(99.9)
        assert entry(1, ttl_s=100) == store.peek(entry(1).key)
        clock.forward(0.2)
        assert store.peek(entry(1).key) is None
        assert get(store, entry(1).key) is None
    with opened(tmp_path / "cache", clock) as store:
        assert get(store, entry(1).key) is None
        assert store.find(entry(1).key) is None


def test_replaced_entry_stays_replaced(tmp_path):
    """The later of two puts under one key is the one that is kept, in memory and on disk."""
    with opened(tmp_path / "cache") as store:
        store.put(entry(1))
        store.put(entry(1, version=2))
        assert entry(1, version=2) == store.peek(entry(1).key)
    with opened(tmp_path / "cache") as store:
        assert entry(1, version=2) == get(store, entry(1).key)


def test_all_that_comes_at_once_is_written(tmp_path):
    """Puts that are written together, some under one key: each is told when it is done, and the latest one stays."""
    done = []
    with opened(tmp_path / "cache") as store:
        for number in range(60):
            made = entry(number % 40, version=number)
            store.put(made, lambda number=number: done.append(number))
    assert list(range(60)) == done
    with cold(tmp_path / "cache") as store:
        for number in range(40):
            version = number + 40 if number < 20 else number
            assert entry(number, version=version) == get(store, entry(number).key)


def test_what_was_written_makes_room_for_what_comes(tmp_path, monkeypatch):
    """However many digests a request turns out to have: what waited and is written does not count for ever."""
    monkeypatch.setattr(memory, "WAITING_BYTES", 256 * KIB)
    deep = b'{"body":' + b'{"a":' * 200 + b"1" + b"}" * 201
    made = [replace(entry(number), fingerprint=Fingerprint(deep)) for number in range(22)]
    with opened(tmp_path / "cache") as store:
        for one in made[:20]:
            store.put(one)
            flush(store)
        for one in made[20:]:
            store.put(one)
    with opened(tmp_path / "cache") as store:
        assert made == [get(store, one.key) for one in made]


def test_nothing_more_is_evicted_than_has_to_be(tmp_path):
    """Entries that are written together push out as many bytes as they bring, and not all that was there."""
    with opened(tmp_path / "cache", size_bytes=MIB) as store:
        fill(store, range(100), size=8 * KIB)
        for number in range(100, 140):
            store.put(entry(number, size=8 * KIB))
        flush(store)
        assert len(store.keys()) > 80


def test_bound_on_disk_holds_and_the_least_recently_used_go(tmp_path):
    """Many times the bound is written: the store stays within it, and what was used just before is still there."""
    with opened(tmp_path / "cache", size_bytes=MIB, memory_bytes=64 * KIB) as store:
        fill(store, range(40), size=8 * KIB)
        for number in range(40, 400):
            store.put(entry(number, size=8 * KIB))
            if number % 20 == 0:
                assert entry(0, size=8 * KIB) == get(store, entry(0).key)
                flush(store)
        flush(store)
        assert store.stats()["bytes"] <= MIB + 256 * KIB
        assert get(store, entry(1).key) is None
    with opened(tmp_path / "cache", size_bytes=MIB, memory_bytes=64 * KIB) as store:
        assert entry(0, size=8 * KIB) == get(store, entry(0).key)
        assert entry(399, size=8 * KIB) == get(store, entry(399).key)
    assert sum(file.stat().st_size for file in (tmp_path / "cache").glob("cache.db*")) <= MIB + 512 * KIB


def test_bound_in_memory_holds(tmp_path):
    """Memory stays within its bound; what fell out comes from disk."""
    with opened(tmp_path / "cache", memory_bytes=64 * KIB) as store:
        fill(store, range(100))
        assert store.stats()["memory_bytes"] <= 64 * KIB
        assert store.peek(entry(0).key) is None
        assert entry(0) == get(store, entry(0).key)


def test_entry_larger_than_everything(tmp_path):
    """An answer that is too large for memory and disk is not kept and does not push out the others."""
    with opened(tmp_path / "cache", size_bytes=MIB, memory_bytes=256 * KIB) as store:
        fill(store, [1])
        fill(store, [2], size=2 * MIB)
        assert get(store, entry(2).key) is None
        assert entry(1) == get(store, entry(1).key)


def test_large_entry_lives_on_disk(tmp_path):
    """An answer too large for memory, but not for the disk, is served from there."""
    with opened(tmp_path / "cache", memory_bytes=4 * MIB) as store:
        fill(store, [1], size=3 * MIB)
        assert store.peek(entry(1).key) is None
        assert entry(1, size=3 * MIB) == get(store, entry(1).key)


def test_pinned_neither_expires_nor_is_evicted(tmp_path):
    """A pinned entry outlives its time and many times the bound; unpinned, it is an entry like any other."""
    clock = HandClock()
    with opened(tmp_path / "cache", clock, size_bytes=MIB, memory_bytes=64 * KIB) as store:
        fill(store, [1], ttl_s=100)
        assert store.pin(entry(1).key[:12]) == replace(entry(1, ttl_s=100), pinned=True)
        fill(store, range(2, 300), size=8 * KIB)
        clock.forward(1000)
        assert get(store, entry(1).key) == replace(entry(1, ttl_s=100), pinned=True)
    with opened(tmp_path / "cache", clock) as store:
        assert store.stats()["pinned"] == 1
        assert store.pin(entry(1).key, pinned=False) == entry(1, ttl_s=100)
        assert get(store, entry(1).key) is None


def test_pinned_entry_can_be_replaced_and_stays_pinned(tmp_path):
    """A fresh answer to a pinned request takes the old one's place, pin included."""
    with opened(tmp_path / "cache") as store:
        fill(store, [1])
        store.pin(entry(1).key)
        fill(store, [1], version=2)
    with opened(tmp_path / "cache") as store:
        assert get(store, entry(1).key) == replace(entry(1, version=2), pinned=True)
        assert store.stats()["entries"] == 1


def test_pin_unknown(tmp_path):
    """There is nothing to pin under an unknown key."""
    with opened(tmp_path / "cache") as store:
        assert store.pin("ffffffff") is None


def test_entries_newest_first(tmp_path):
    """All fresh entries are listed, newest first, whatever the order in which they were put."""
    with opened(tmp_path / "cache") as store:
        fill(store, [3, 1, 4, 2])
        store.pin(entry(1).key)
        fill(store, [9], ttl_s=-1)
        assert [4, 3, 2, 1] == [round(each.created - NOW) for each in store.entries()]


def test_find_by_prefix(tmp_path):
    """The newest entry under a prefix is found; another prefix finds nothing."""
    with opened(tmp_path / "cache") as store:
        fill(store, range(20))
        assert entry(7) == store.find(entry(7).key[:16])
        assert store.find("0" * 20) is None


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        ({}, {5}),
        ({"model": "gpt-*"}, {2, 5}),
        ({"model": "GPT-4o*", "host": "*.openai.com"}, {2, 3, 5}),
        ({"host": "api.anthropic.com"}, {1, 2, 3, 4, 5} - {3}),
        ({"older_than_s": 10.0}, {4, 5}),
        ({"model": "nothing"}, {1, 2, 3, 4, 5}),
    ],
)
def test_remove(tmp_path, choice, left):
    """What matches everything that is given goes, from memory and disk, but not what is pinned."""
    clock = HandClock()
    with opened(tmp_path / "cache", clock) as store:
        shown = {
            1: entry(1),
            2: replace(entry(2), model="claude-sonnet-4"),
            3: replace(entry(3), host="api.anthropic.com"),
            4: replace(entry(4), created=NOW + 100),
            5: entry(5),
        }
        for each in shown.values():
            store.put(each)
        flush(store)
        store.pin(entry(5).key)
        clock.forward(100)
        assert 5 - len(left) == store.remove(**choice)
        assert left == {number for number, each in shown.items() if get(store, each.key) is not None}
    with opened(tmp_path / "cache", clock) as store:
        assert left == {number for number, each in shown.items() if get(store, each.key) is not None}


def test_remove_by_key_takes_a_pinned_one_too(tmp_path):
    """Who names a pinned entry by its key means it."""
    with opened(tmp_path / "cache") as store:
        fill(store, [1, 2])
        store.pin(entry(1).key)
        assert 1 == store.remove(key=entry(1).key[:10])
        assert get(store, entry(1).key) is None
        assert entry(2) == get(store, entry(2).key)


def test_removed_while_being_put(tmp_path):
    """A removal takes what was put before it, also what was not written yet."""
    with opened(tmp_path / "cache") as store:
        for number in range(50):
            store.put(entry(number))
        assert 50 == store.remove()
        assert store.peek(entry(49).key) is None
        assert get(store, entry(49).key) is None


def test_counts_survive(tmp_path):
    """Hits, misses and puts are counted over restarts."""
    for _ in range(2):
        with opened(tmp_path / "cache") as store:
            fill(store, [1, 2])
            store.peek(entry(1).key)
            get(store, entry(2).key)
            get(store, entry(3).key)
    with opened(tmp_path / "cache") as store:
        stats = store.stats()
        assert (4, 2, 4, 2) == tuple(stats[name] for name in ("hits", "misses", "stored", "entries"))
        assert ("on", "", 64 * MIB) == (stats["state"], stats["reason"], stats["limit"])


def test_counts_are_soon_seen_by_others(tmp_path):
    """Another process sees what was counted, also when the one that counted has nothing to do any more."""
    with opened(tmp_path / "cache") as store, opened(tmp_path / "cache") as other:
        get(store, entry(1).key)
        end = time.monotonic() + 30
        while other.stats()["misses"] == 0 and time.monotonic() < end:
            flush(other)
        assert 1 == other.stats()["misses"]


def test_imported_follows_nobodys_entries(tmp_path):
    """The store says whether it holds what belongs to nobody: since such an entry was put, until all is removed."""
    clock = HandClock()
    with opened(tmp_path / "cache", clock) as store, opened(tmp_path / "cache", clock) as other:
        assert (False, False) == (store.imported, other.imported)
        store.put(nobodys(1))
        flush(store)
        clock.forward(1)
        other.peek("any")
        assert (True, True) == (store.imported, other.imported)
        other.remove()
        clock.forward(1)
        store.peek("any")
        assert (False, False) == (store.imported, other.imported)


@pytest.mark.skipif(os.name == "nt", reason="modes mean nothing there")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_everything_is_private(tmp_path, mask):
    """Directories 0700, files 0600, SQLite's side files included, whatever the umask."""
    before = os.umask(mask)
    try:
        with opened(tmp_path / "deep" / "cache") as store:
            fill(store, range(10), size=64 * KIB)
            store.put(nobodys(99))
            store.pin(entry(1).key)
            found = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    finally:
        os.umask(before)
    folders = {"deep", "deep/cache", "deep/cache/pinned"}
    assert dict.fromkeys(folders, 0o700) | dict.fromkeys(found.keys() - folders, 0o600) == found
    assert {"deep/cache/cache.db-wal", "deep/cache/epoch", "deep/cache/imported"} <= found.keys()


@pytest.mark.skipif(os.name == "nt", reason="modes mean nothing there")
def test_files_that_were_too_open_are_closed(tmp_path):
    """A database that others could read is made private when it is opened."""
    with opened(tmp_path / "cache") as store:
        fill(store, [1])
    (tmp_path / "cache" / "cache.db").chmod(0o644)
    with opened(tmp_path / "cache") as store:
        assert entry(1) == get(store, entry(1).key)
    assert 0o600 == stat.S_IMODE((tmp_path / "cache" / "cache.db").stat().st_mode)


def test_closed_store_is_empty_and_silent(tmp_path):
    """After close nothing raises out of what the layer asks; people are told."""
    with opened(tmp_path / "cache") as store:
        fill(store, [1])
        store.close()
        store.put(entry(2))
        flush(store)
        assert get(store, entry(3).key) is None
        with pytest.raises(StoreError, match="off"):
            store.remove()
        store.close()


def test_keys_of_everything_on_disk(tmp_path):
    """The keys are those of all entries, pinned ones too; a store whose disk is off does not know them."""
    with opened(tmp_path / "cache") as store:
        for number in range(5):
            store.put(entry(number))
        store.settle()
        store.pin(entry(2).key)
        store.remove(key=entry(3).key)
        assert {entry(number).key for number in (0, 1, 2, 4)} == store.keys() - {"count:stored"}
    assert store.keys() is None
