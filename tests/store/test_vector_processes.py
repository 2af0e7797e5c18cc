"""Several processes at one index: they find each other's vectors, and none of them can hurt it by dying."""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import contextmanager
from functools import partial

import pytest

from isartor_addon.store.vectors import VectorStore
from tests.store import children
from tests.store.making import HandClock
from tests.store.vectors_child import unit

start = partial(children.start, "vectors_child")
obedient = partial(children.obedient, "vectors_child")


@contextmanager
def opened(directory):
    store = VectorStore(directory, embedder="one", clock=HandClock())
    try:
        yield store
    finally:
        store.close()


def test_what_another_process_does_is_seen(tmp_path):
    """A question that one process files, others find when they look next, in scopes new and known; removed, gone."""
    with obedient(tmp_path / "v") as one, obedient(tmp_path / "v") as two:
        assert "k1" not in two("ask aa 1")
        assert "True k1" == one("put aa 1")
        assert "True k1" == two("ask aa 1")
        assert "True k2" == two("put aa 2")
        assert "True k2" == one("ask aa 2")
        assert "True k1" == one("ask aa 1")
        assert "False" == one("ask bb 3")
        assert "True k3" == two("put bb 3")
        assert "True k3" == one("ask bb 3")
        assert "k1" not in one("remove aa 1")
        assert "k1" not in two("ask aa 1")
        # A key that moves to another scope leaves the first.
        assert "True k2" == one("put cc 2")
        assert "k2" not in two("ask aa 2")
        assert "True k2" == two("ask cc 2")


def test_far_behind_reads_anew(tmp_path):
    """A process that was not asked for very long finds what was filed meanwhile, too."""
    clock = HandClock()
    one, two = (VectorStore(tmp_path / "v", embedder="one", clock=clock) for _ in range(2))
    one.put("s0", "k0", unit(0))
    one.settle()
    clock.forward(1)
    assert ["k0"] == [near.key for near in asyncio.run(two.nearest("s0", unit(0), 1))]
    for number in range(1, 2000):
        one.put(f"s{number % 40}", f"k{number}", unit(number))
    one.settle()
    clock.forward(1)
    for number in (1, 777, 1999):
        assert two.holds(f"s{number % 40}")
        assert [f"k{number}"] == [near.key for near in asyncio.run(two.nearest(f"s{number % 40}", unit(number), 1))]
    one.close()
    two.close()


def test_six_processes(tmp_path):
    """Six processes put, remove and ask under the same keys: none fails, and scopes stay apart."""
    children = [start("hammer", tmp_path / "v", seed, 200) for seed in range(6)]
    assert ["done\n"] * 6 == [child.communicate(timeout=60)[0] for child in children]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_killed_in_mid_write(tmp_path):
    """Killed at arbitrary moments: all that was said to be on disk is found, all that is found is right."""
    seeded = random.Random(3)
    for round_ in range(5):
        begin, last = round_ * 7000, -1
        with start("write", tmp_path / "v", begin) as child:
            for _ in range(seeded.randint(1, 12)):
                last = int(child.stdout.readline())
            child.kill()
        with opened(tmp_path / "v") as store:
            for number in {begin, (begin + last) // 2, last}:
                (near,) = asyncio.run(store.nearest(f"s{number % 5}", unit(number), 1))
                assert (f"k{number}", True) == (near.key, near.similarity > 0.998)
            store.put("s9", "mine", unit(round_))
            assert "on" == store.stats()["state"]


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE stands for a full disk")
def test_full_disk(tmp_path):
    """A disk that is full is one warning; memory goes on, and when there is room again so does the disk."""
    with start("limited", tmp_path / "v") as child:
        lines = child.communicate(timeout=60)[0].splitlines()
    assert ["state off", "memory k2999", "state on", "disk after"] == [
        line for line in lines if not line.startswith("WARNING")
    ]
    assert 1 == len([line for line in lines if "is off" in line])
