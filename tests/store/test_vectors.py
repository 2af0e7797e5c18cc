"""The semantic index over its directory: scopes apart, kept on disk, and never a fault for the caller."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import sys
from contextlib import closing, contextmanager

import numpy as np
import pytest

from isartor_addon.store import vectors as module
from isartor_addon.store.index import Kind
from isartor_addon.store.vectors import SWEEP_S, SWEEP_SOON_S, VectorStore
from tests.store.making import HandClock

DIMENSION = 32
SMALL = (Kind("flat", 10), Kind("fp16", 20), Kind("ivf", sys.maxsize))


def unit(number: int, dimension: int = DIMENSION):
    vector = np.random.default_rng(number).standard_normal(dimension).astype(np.float32)
    return vector / np.linalg.norm(vector)


@contextmanager
def opened(directory, clock=None, *, embedder="one", **more):
    """An index, closed in the end."""
    store = VectorStore(directory, embedder=embedder, clock=clock or HandClock(), **more)
    try:
        yield store
    finally:
        store.close()


def keys(store, scope, vector, count=3):
    return [near.key for near in asyncio.run(store.nearest(scope, vector, count))]


def holds(store, scope):
    """What it says when it has read what there is."""
    asyncio.run(store.nearest(scope, unit(0), 1))
    return store.holds(scope)


@pytest.mark.parametrize("seed", range(4))
def test_as_dictionaries_would_have_it(tmp_path, seed):
    """Put, move, remove and ask in any order, with pieces of memory let go of and the file opened again in between."""
    chance = random.Random(seed)
    model: dict[str, tuple[str, np.ndarray]] = {}
    for _ in range(4):
        with opened(tmp_path / "v", kinds=SMALL, memory_bytes=chance.choice([60_000, 1 << 20])) as store:
            for _ in range(120):
                key, scope, vector = str(chance.randrange(60)), f"s{chance.randrange(4)}", unit(chance.randrange(10**6))
                what = chance.random()
                if what < 0.6:
                    store.put(scope, key, vector)
                    model[key] = scope, vector
                elif what < 0.75:
                    store.remove(key)
                    model.pop(key, None)
                else:
                    found = asyncio.run(store.nearest(scope, vector, 3))
                    true = {key: float(each @ vector) for key, (place, each) in model.items() if place == scope}
                    best = sorted((each for each in true.values() if each > 2e-3), reverse=True)[:3]
                    assert all(abs(near.similarity - true[near.key]) < 2e-3 for near in found)
                    assert len(found) >= len(best)
                    assert all(abs(near.similarity - each) < 2e-3 for near, each in zip(found, best, strict=False))
            for scope in ("s0", "s1", "s2", "s3", "s4"):
                assert holds(store, scope) == any(place == scope for place, _ in model.values())


def test_nothing_is_found_in_another_scope(tmp_path):
    """The very same vector is near in its own scope only."""
    with opened(tmp_path / "v") as store:
        store.put("mine", "key", unit(1))
        assert ["key"] == keys(store, "mine", unit(1))
        assert [] == keys(store, "yours", unit(1))
        assert store.holds("mine")
        assert not store.holds("yours")


def test_found_again_after_a_restart(tmp_path):
    """What was put is on disk, what was removed is gone there, and files are for their owner only."""
    os.umask(0o022)
    with opened(tmp_path / "new" / "v") as store:
        for number in range(50):
            store.put(f"s{number % 3}", f"k{number}", unit(number))
        store.remove("k7")
        first = asyncio.run(store.nearest("s1", unit(4), 3))
    with opened(tmp_path / "new" / "v") as store:
        assert first == asyncio.run(store.nearest("s1", unit(4), 3))
        assert "k7" not in keys(store, "s1", unit(7))
        assert 49 == store.stats()["rows"]
    assert 0o700 == (tmp_path / "new" / "v").stat().st_mode & 0o777
    assert {0o600} == {path.stat().st_mode & 0o777 for path in (tmp_path / "new" / "v").iterdir()}


def test_another_embedder_sees_nothing(tmp_path):
    """Vectors of two embedders are never compared; a key that both have filed is the last one's."""
    with opened(tmp_path / "v", embedder="one") as store:
        store.put("scope", "a", unit(1))
        store.put("scope", "b", unit(2))
    with opened(tmp_path / "v", embedder="two") as store:
        assert [] == keys(store, "scope", unit(1))
        assert not store.holds("scope")
        store.put("scope", "b", unit(3))
        assert ["b"] == keys(store, "scope", unit(3))
    with opened(tmp_path / "v", embedder="one") as store:
        assert ["a"] == keys(store, "scope", unit(1))
        assert "b" not in keys(store, "scope", unit(2))


def test_another_dimension_is_another_embedder(tmp_path):
    """A server that gives longer vectors under the same name begins its scope anew."""
    with opened(tmp_path / "v") as store:
        store.put("scope", "a", unit(1, 32))
        assert ["a"] == keys(store, "scope", unit(1, 32))
        assert [] == keys(store, "scope", unit(1, 64))
        store.put("scope", "b", unit(2, 64))
        assert ["b"] == keys(store, "scope", unit(2, 64))
        assert [] == keys(store, "scope", unit(1, 32))
    with opened(tmp_path / "v") as store:
        assert ["b"] == keys(store, "scope", unit(2, 64))


def test_scopes_used_longest_ago_leave_memory(tmp_path):
    """Memory has a bound; what leaves it is read again when it is asked for."""
    with opened(tmp_path / "v", memory_bytes=100_000) as store:
        for number in range(300):
            store.put(f"s{number % 30}", f"k{number}", unit(number))
        for number in range(300):
            assert f"k{number}" == keys(store, f"s{number % 30}", unit(number), 1)[0]
        assert store.stats()["bytes"] <= 100_000
        assert 1 < store.stats()["scopes"] < 30


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut", "other_tables"])
def test_damaged_file(tmp_path, caplog, damage):
    """It is set aside with one warning, a new one is begun and says that it is new, and nothing is raised."""
    path = tmp_path / "v" / "vectors.db"
    with opened(tmp_path / "v") as store:
        for number in range(200):
            store.put("scope", f"k{number}", unit(number))
        assert store.unfilled() is not None
        store.mark_filled()
        assert store.unfilled() is None
    if damage == "garbage":
        path.write_bytes(b"no database at all, but long enough to be one" * 100)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE vectors (something)")
    with opened(tmp_path / "v") as store:
        assert [] == keys(store, "scope", unit(1))
        store.put("scope", "after", unit(1))
        store.settle()
        assert {"after"} == store.unfilled()
        store.mark_filled()
        assert store.unfilled() is None
        assert "on" == store.stats()["state"]
    with opened(tmp_path / "v") as store:
        assert ["after"] == keys(store, "scope", unit(1))
    warnings = [record for record in caplog.records if "a new one is begun" in record.message]
    assert (0 if damage == "empty" else 1) == len(warnings)


def test_damaged_vectors_are_left_out(tmp_path):
    """A row that is no vector of unit length is not compared with anything."""
    with opened(tmp_path / "v") as store:
        for number in range(3):
            store.put("scope", f"k{number}", unit(number))
    with closing(sqlite3.connect(tmp_path / "v" / "vectors.db")) as connection:
        connection.execute("UPDATE vectors SET vector = ? WHERE key = 'k0'", (unit(0).astype("<f2").tobytes()[:-1],))
        connection.execute("UPDATE vectors SET vector = ? WHERE key = 'k1'", ((unit(1) * 8).astype("<f2").tobytes(),))
        connection.commit()
    with opened(tmp_path / "v") as store:
        assert [] == [key for key in keys(store, "scope", unit(1)) if key != "k2"]
        assert ["k2"] == keys(store, "scope", unit(2))


def test_files_removed_meanwhile(tmp_path):
    """Whoever deletes the directory gets an empty index, which works."""
    with opened(tmp_path / "v") as store:
        store.put("scope", "a", unit(1))
        store.settle()
        shutil.rmtree(tmp_path / "v")
        store.put("scope", "b", unit(2))
        store.settle()
        assert ["b"] == keys(store, "scope", unit(2))
        assert "on" == store.stats()["state"]


def test_locked_by_another_process(tmp_path, caplog, monkeypatch):
    """While somebody holds the file, questions are kept in memory, with one warning; later it is used again."""
    monkeypatch.setattr(module, "WRITER_PATIENCE_S", 0.05)
    monkeypatch.setattr("isartor_addon.store.vector_rows.OPENING_S", 0.05)
    clock = HandClock()
    with opened(tmp_path / "v", clock) as store:
        store.put("scope", "before", unit(1))
        store.settle()
        with closing(sqlite3.connect(tmp_path / "v" / "vectors.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(5):
                store.put("scope", f"meanwhile{number}", unit(10 + number))
                store.settle()
            assert "off" == store.stats()["state"]
            assert ["meanwhile3"] == keys(store, "scope", unit(13), 1)
            other.execute("ROLLBACK")
        clock.forward(31)
        store.put("scope", "first", unit(2))
        store.settle()
        clock.forward(1)
        assert ["before"] == keys(store, "scope", unit(1), 1)
        store.put("scope", "after", unit(3))
        assert ["after"] == keys(store, "scope", unit(3), 1)
        assert "on" == store.stats()["state"]
    assert 1 == len([record for record in caplog.records if "is off" in record.message])
    with opened(tmp_path / "v") as store:
        assert ["after"] == keys(store, "scope", unit(3), 1)


def test_a_place_that_cannot_be_used(tmp_path, caplog):
    """Where no directory can be made the index works in memory."""
    (tmp_path / "file").write_text("")
    with opened(tmp_path / "file" / "v") as store:
        store.put("scope", "a", unit(1))
        store.settle()
        store.put("scope", "b", unit(2))
        assert ["b"] == keys(store, "scope", unit(2), 1)
        assert 1 == len(caplog.records)


def test_what_has_no_answer_is_swept(tmp_path):
    """Rows whose answer is gone are removed in time, young ones are not, and other processes forget them, too."""
    clock = HandClock()
    answers = {f"k{number}" for number in range(10)}
    with (
        opened(tmp_path / "v", clock, stored=lambda: answers) as store,
        opened(tmp_path / "v", clock) as other,
    ):
        for number in range(10):
            store.put("scope", f"k{number}", unit(number))
        store.settle()
        assert "k3" == keys(other, "scope", unit(3), 1)[0]
        answers -= {"k3", "k4"}
        clock.forward(SWEEP_S + 1)
        store.put("scope", "young", unit(99))
        store.settle()
        assert "k3" not in keys(store, "scope", unit(3))
        clock.forward(1)
        assert "k3" not in keys(other, "scope", unit(3))
        assert ["young"] == keys(store, "scope", unit(99), 1)
        assert 9 == store.stats()["rows"]


@pytest.mark.parametrize(("number", "left"), [(4, 5), (5, 1)])
def test_many_new_questions_are_swept_sooner(tmp_path, monkeypatch, number, left):
    """Where many answers come and go, what has none any more does not pile up until the next regular sweep."""
    monkeypatch.setattr(module, "SWEEP_ROWS", 6)
    clock = HandClock()
    with opened(tmp_path / "v", clock, stored=lambda: {"young"}) as store:
        store.put("scope", "old", unit(0))  # the first sweeps
        store.settle()
        store.remove("old")
        for each in range(number):
            store.put("scope", f"k{each}", unit(each + 1))
        store.settle()
        clock.forward(SWEEP_SOON_S + 1)
        store.put("scope", "young", unit(99))
        store.settle()
        assert left == store.stats()["rows"]


def test_answers_that_cannot_be_listed_sweep_nothing(tmp_path):
    """An answer store that is off does not empty the index."""
    clock = HandClock()
    with opened(tmp_path / "v", clock, stored=lambda: None) as store:
        store.put("scope", "a", unit(1))
        store.settle()
        clock.forward(SWEEP_S + 1)
        store.put("scope", "b", unit(2))
        store.settle()
        assert 2 == store.stats()["rows"]


def test_rows_have_a_bound(tmp_path, monkeypatch):
    """Beyond it, what was filed first goes."""
    monkeypatch.setattr("isartor_addon.store.vector_rows.VectorRows.sweep.__defaults__", (20,))
    clock = HandClock()
    with opened(tmp_path / "v", clock) as store:
        for number in range(30):
            store.put("scope", f"k{number:02}", unit(number))
            store.settle()
        clock.forward(SWEEP_S + 1)
        store.put("scope", "last", unit(99))
        store.settle()
        assert 20 == store.stats()["rows"]
        assert "k05" not in keys(store, "scope", unit(5))
        assert ["k25"] == keys(store, "scope", unit(25), 1)


def test_after_closing(tmp_path):
    """A closed index finds nothing and raises nothing."""
    with opened(tmp_path / "v") as store:
        store.put("scope", "a", unit(1))
    store.put("scope", "b", unit(2))
    store.remove("a")
    store.settle()
    assert [] == keys(store, "scope", unit(1))
    store.close()
