"""Several processes at one store: they see each other's changes, and none of them can hurt it by dying."""

from __future__ import annotations

import asyncio
import random
import sys
from functools import partial

import pytest

from tests.store import children
from tests.store.making import KIB, MIB, HandClock, entry, opened

start = partial(children.start, "child")
obedient = partial(children.obedient, "child")


def put(store, made):
    store.put(made)
    asyncio.run(store.flush())


def test_changes_of_another_process_are_seen(tmp_path):
    """What one process replaces, removes, pins or clears, another no longer serves from memory as it was."""
    one, two = entry(1), entry(2)
    with opened(tmp_path / "cache") as store:
        put(store, one)
        put(store, two)
        with obedient(tmp_path / "cache") as tell:
            assert "True" == tell(f"load {one.key}")
            assert one.recording.content.hex()[:16] == tell(f"peek {one.key}")
            put(store, entry(1, version=2))
            assert "none" == tell(f"peek {one.key}")
            assert "True" == tell(f"load {one.key}")
            assert entry(1, version=2).recording.content.hex()[:16] == tell(f"peek {one.key}")
            store.remove(key=one.key)
            assert "none" == tell(f"peek {one.key}")
            assert "False" == tell(f"load {one.key}")
            assert "True" == tell(f"load {two.key}")
            store.pin(two.key)
            assert "none" == tell(f"peek {two.key}")


def test_own_front_heeds_another_process(tmp_path):
    """The other way round: this process forgets what another removes or clears, and keeps what it did not touch."""
    clock = HandClock()
    with opened(tmp_path / "cache", clock) as store, obedient(tmp_path / "cache") as tell:
        for number in range(3):
            put(store, entry(number))
        assert "1" == tell(f"remove {entry(0).key}")
        clock.forward(0.06)
        assert store.peek(entry(0).key) is None
        assert entry(1) == store.peek(entry(1).key)
        assert "True" == tell(f"pin {entry(1).key}")
        clock.forward(0.06)
        assert store.peek(entry(1).key) is None
        assert asyncio.run(store.get(entry(1).key)).pinned
        assert "1" == tell("clear")
        clock.forward(0.06)
        assert store.peek(entry(2).key) is None
        assert asyncio.run(store.get(entry(2).key)) is None


def test_eight_processes(tmp_path):
    """Eight processes put and get under the same keys: none fails, none is switched off, nothing is mixed up."""
    children = [start("hammer", tmp_path / "cache", seed, 150) for seed in range(8)]
    ends = [child.communicate(timeout=60)[0] for child in children]
    assert ["done\n"] * 8 == ends
    with opened(tmp_path / "cache") as store:
        assert 60 == store.stats()["entries"] == len(list(store.entries()))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_killed_in_mid_write(tmp_path):
    """Killed at ten arbitrary moments: each time the store opens, all that is read is right, and writing goes on."""
    seeded = random.Random(2)
    for round_ in range(10):
        begin = round_ * 100_000
        with start("write", tmp_path / "cache", begin) as child:
            last = -1
            for _ in range(seeded.randint(1, 15)):
                last = int(child.stdout.readline())
            child.kill()
        with opened(tmp_path / "cache") as store:
            found = list(store.entries())
            assert found, "nothing survived"
            for each in found:
                number = round(each.created - entry(0).created)
                assert each == entry(number, size=(number * 7919) % (40 * KIB) + 3)
            numbers = {round(each.created - entry(0).created) for each in found}
            assert set(range(begin, last + 1)) <= numbers
            put(store, entry(round_, version=1, size=KIB))
            assert entry(round_, version=1, size=KIB) == store.find(entry(round_).key)
            store.remove(key=entry(round_).key)
            assert "on" == store.stats()["state"]
            assert store.stats()["bytes"] < 64 * MIB


def test_far_behind_forgets_everything(tmp_path):
    """A process that was not looking for very long takes everything as changed, rather than read it all."""
    clock = HandClock()
    with opened(tmp_path / "cache", clock) as store, opened(tmp_path / "cache", clock) as other:
        put(store, entry(1))
        for number in range(10, 1000):
            other.put(entry(number, size=3))
        asyncio.run(other.flush())
        clock.forward(1)
        assert store.peek(entry(1).key) is None
        assert entry(1) == asyncio.run(store.get(entry(1).key))


def test_new_epoch_file_is_heeded(tmp_path, monkeypatch):
    """When the file with the changes has become too long and is begun anew, nobody goes on serving what is gone."""
    monkeypatch.setattr("isartor_addon.store.epoch._LONGEST", 2000)
    clock = HandClock()
    with opened(tmp_path / "cache", clock) as store, opened(tmp_path / "cache", clock) as other:
        for round_ in range(30):
            put(store, entry(round_))
            other.remove(key=entry(round_).key)
            clock.forward(1)
            assert store.peek(entry(round_).key) is None
    assert (tmp_path / "cache" / "epoch").stat().st_size < 4000
