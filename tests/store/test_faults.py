"""What can go wrong with a disk: the store says so once, goes on in memory, and comes back by itself."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from isartor_addon.core.errors import StoreError
from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.store.disk import BytesDisk, Database, Refused
from tests.store.making import KIB, MIB, HandClock, entry, opened

ROOT = Path(__file__).parents[2]


def get(store, key):
    return asyncio.run(store.get(key))


def put(store, made):
    store.put(made)
    asyncio.run(store.flush())


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def ruin(path: Path, how: str) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        if how == "garbage":
            file.write(os.urandom(size))
        elif how == "head":
            file.write(os.urandom(200))
        elif how == "middle":
            file.seek(4096)
            file.write(os.urandom(size - 8192))
        elif how == "half":
            file.truncate(size // 2)
        elif how == "empty":
            file.truncate(0)


@pytest.mark.parametrize("room", ["", "pinned"])
@pytest.mark.parametrize("how", ["garbage", "head", "middle", "half", "empty"])
def test_ruined_database(tmp_path, how, room):
    """A database that was overwritten or cut off is begun anew: nothing wrong is served, and writing goes on."""
    with opened(tmp_path / "cache") as store:
        for number in range(40):
            put(store, entry(number, size=KIB))
        store.pin(entry(0).key)
    ruin(tmp_path / "cache" / room / "cache.db", how)
    with opened(tmp_path / "cache") as store:
        for number in range(1, 40):
            assert get(store, entry(number).key) in (None, entry(number, size=KIB))
        list(store.entries())
        put(store, entry(100))
        assert "on" == store.stats()["state"]
    with opened(tmp_path / "cache") as store:
        assert entry(100) == get(store, entry(100).key)


def test_corrupt_database_is_kept_aside(tmp_path, caplog):
    """A corrupt database is moved aside, with one warning that says where; of several only the last is kept."""
    for _ in range(2):
        with opened(tmp_path / "cache") as store:
            put(store, entry(1))
        ruin(tmp_path / "cache" / "cache.db", "garbage")
        caplog.clear()
        with opened(tmp_path / "cache") as store:
            assert get(store, entry(1).key) is None
            put(store, entry(2))
            asides = list((tmp_path / "cache").glob("cache.corrupt-*"))
            assert 1 == len(asides)
            assert 1 == len(warnings(caplog))
            assert str(asides[0]) in warnings(caplog)[0]


def test_another_database_is_moved_aside(tmp_path):
    """A file of SQLite that is not the store's does not keep it from working."""
    (tmp_path / "cache").mkdir()
    with closing(sqlite3.connect(tmp_path / "cache" / "cache.db")) as connection:
        connection.execute("CREATE TABLE Cache (other)")
        connection.execute("CREATE TABLE Settings (other)")
        connection.commit()
    with opened(tmp_path / "cache") as store:
        put(store, entry(1))
        assert "on" == store.stats()["state"]
    with opened(tmp_path / "cache") as store:
        assert entry(1) == get(store, entry(1).key)


def test_ruined_while_running(tmp_path):
    """Ruined under a running store: no exception, nothing wrong, and in the end it works again."""
    clock = HandClock()
    with opened(tmp_path / "cache", clock, memory_bytes=16 * KIB) as store:
        for number in range(100):
            put(store, entry(number, size=4 * KIB))
        ruin(tmp_path / "cache" / "cache.db", "garbage")
        for number in range(100):
            assert get(store, entry(number).key) in (None, entry(number, size=4 * KIB))
            put(store, entry(number, version=1))
            clock.forward(1)
        put(store, entry(200))
    with opened(tmp_path / "cache", clock) as store:
        assert entry(200) == get(store, entry(200).key)


def rows_of(directory, statement, *values):
    with closing(sqlite3.connect(directory / "cache.db")) as connection:
        found = connection.execute(statement, values).fetchall()
        connection.commit()
        return found


def test_damaged_entry_is_a_miss_and_goes(tmp_path):
    """An entry whose bytes changed is not served, and removed; the others stay."""
    with opened(tmp_path / "cache") as store:
        put(store, entry(1))
        put(store, entry(2))
    [(value,)] = rows_of(tmp_path / "cache", "SELECT value FROM Cache WHERE key = ?", entry(1).key)
    changed = value[:-1] + bytes([value[-1] ^ 1])
    rows_of(tmp_path / "cache", "UPDATE Cache SET value = ? WHERE key = ?", changed, entry(1).key)
    with opened(tmp_path / "cache") as store:
        assert get(store, entry(1).key) is None
        assert entry(2) == get(store, entry(2).key)
        assert 1 == store.stats()["entries"]


def test_other_versions_entry_is_a_miss_and_stays(tmp_path):
    """What another version wrote is left alone: that version may be running too."""
    with opened(tmp_path / "cache") as store:
        put(store, entry(1))
    [(value,)] = rows_of(tmp_path / "cache", "SELECT value FROM Cache WHERE key = ?", entry(1).key)
    newer = value[:4] + b"\x09" + value[5:]
    rows_of(tmp_path / "cache", "UPDATE Cache SET value = ? WHERE key = ?", newer, entry(1).key)
    with opened(tmp_path / "cache") as store:
        assert get(store, entry(1).key) is None
        assert 1 == store.stats()["entries"]
        put(store, entry(1, version=2))
    with opened(tmp_path / "cache") as store:
        assert entry(1, version=2) == get(store, entry(1).key)


class Bomb:
    """Opening its pickle makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_planted_pickle_is_not_opened(tmp_path):
    """A pickle planted as value or as key is never loaded: the value is a miss and removed, the key is passed over."""
    with opened(tmp_path / "cache") as store:
        put(store, entry(1))
        put(store, entry(2))
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    rows_of(tmp_path / "cache", "UPDATE Cache SET value = ?, mode = 4 WHERE key = ?", bomb, entry(1).key)
    rows_of(tmp_path / "cache", "UPDATE Cache SET key = ?, raw = 0 WHERE key = ?", bomb, entry(2).key)
    with opened(tmp_path / "cache") as store:
        assert get(store, entry(1).key) is None
        assert [] == list(store.entries())
        assert store.find(entry(2).key) is None
        store.remove()
        assert "on" == store.stats()["state"]
    assert not (tmp_path / "exploded").exists()


def test_planted_file_name_is_neither_read_nor_removed(tmp_path):
    """A row that names a file outside gives nothing away, and removing it does not remove the file."""
    outside = tmp_path / "private.txt"
    outside.write_bytes(b"private")
    with opened(tmp_path / "cache") as store:
        put(store, entry(1))
    rows_of(tmp_path / "cache", "UPDATE Cache SET filename = '../private.txt', mode = 2, value = NULL")
    with opened(tmp_path / "cache") as store:
        assert get(store, entry(1).key) is None
        store.remove()
        assert 0 == store.stats()["entries"]
    assert b"private" == outside.read_bytes()


def test_nothing_but_bytes_is_written(tmp_path):
    """Other values and keys are refused before anything could pickle them."""
    disk = BytesDisk(str(tmp_path))
    for value in ("text", 1.5, None, ["list"], True):
        with pytest.raises(Refused):
            disk.store(value, False)
    with pytest.raises(Refused):
        disk.put(("a", "tuple"))


def test_locked_database(tmp_path, caplog):
    """Somebody holds the database: puts are kept in memory with one warning, and after 30 s the disk is tried again."""
    clock = HandClock()
    with opened(tmp_path / "cache", clock) as store:
        put(store, entry(1))
        with closing(sqlite3.connect(tmp_path / "cache" / "cache.db", isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            for number in range(2, 6):
                store.put(entry(number))
            asyncio.run(store.flush())
            assert ("off", "another process holds it locked") == tuple(store.stats()[k] for k in ("state", "reason"))
            prints = Fingerprint(b'{"body":{"model":"m"}}')
            store.put(replace(entry(9), fingerprint=prints))
            assert b"" == prints._canonical  # no request is held in memory
            assert entry(5) == get(store, entry(5).key)
            with pytest.raises(StoreError, match="off"):
                store.remove(model="x")
            holder.execute("ROLLBACK")
        assert 1 == len(warnings(caplog))
        put(store, entry(6))
        assert "off" == store.stats()["state"]
        clock.forward(31)
        put(store, entry(7))
        asyncio.run(store.flush())
        put(store, entry(8))
        assert "on" == store.stats()["state"]
        assert ["off", "back"] == ["off" if "is off" in text else "back" for text in warnings(caplog)]
    with opened(tmp_path / "cache", clock) as store:
        assert [entry(1), entry(8)] == [get(store, entry(number).key) for number in (1, 8)]


def test_reading_does_not_wait_for_a_writer(tmp_path):
    """While somebody writes, what is on disk is still served from there."""
    with opened(tmp_path / "cache") as store:
        put(store, entry(1))
    with opened(tmp_path / "cache") as store:
        asyncio.run(store.flush())
        assert get(store, "0" * 64) is None
        with closing(sqlite3.connect(tmp_path / "cache" / "cache.db", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            assert entry(1) == get(store, entry(1).key)


def test_directory_removed_while_running(tmp_path):
    """Who removes the directory clears the cache: the store makes it anew and goes on."""
    clock = HandClock()
    with opened(tmp_path / "cache", clock) as store:
        put(store, entry(1))
        shutil.rmtree(tmp_path / "cache")
        clock.forward(1)
        assert store.peek(entry(1).key) is None
        assert get(store, entry(1).key) is None
        put(store, entry(2))
        assert entry(2) == get(store, entry(2).key)
        assert "on" == store.stats()["state"]
    with opened(tmp_path / "cache", clock) as store:
        assert entry(2) == get(store, entry(2).key)


def test_no_directory_to_be_had(tmp_path, caplog):
    """A file stands where the directory should be: memory only, one warning; when it is gone, the disk is used."""
    clock = HandClock()
    (tmp_path / "cache").write_text("in the way")
    with opened(tmp_path / "cache", clock) as store:
        put(store, entry(1))
        for _ in range(3):
            assert entry(1) == get(store, entry(1).key)
            clock.forward(31)
            put(store, entry(1))
        assert "off" == store.stats()["state"]
        assert [entry(1)] == list(store.entries())
        assert entry(1) == store.find(entry(1).key)
        assert 1 == len(warnings(caplog))
        (tmp_path / "cache").unlink()
        clock.forward(31)
        put(store, entry(2))
        asyncio.run(store.flush())
        put(store, entry(3))
        assert "on" == store.stats()["state"]
    with opened(tmp_path / "cache", clock) as store:
        assert entry(3) == get(store, entry(3).key)


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_full_disk(tmp_path):
    """No room: memory goes on, one warning, still off at the next try, and back with one line when there is room."""
    command = [sys.executable, "-m", "tests.store.child", "limited", str(tmp_path / "cache")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    lines = done.stdout.splitlines()
    assert ["state off", "memory True", "state off", "state on", "disk True"] == [
        line for line in lines if line.split()[0].islower()
    ]
    assert [] == list(tmp_path.rglob("*corrupt*"))
    assert [True, False] == ["is off" in line for line in lines if line.startswith("WARNING")]


def test_full_file_system(tmp_path):
    """The same on a real file system without room, where one can be made."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.name == "nt":
        pytest.skip("nothing to mount with")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=512k", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this user may not mount")
    clock = HandClock()
    try:
        with opened(place / "cache", clock) as store:
            for number in range(200):
                put(store, entry(number, size=8 * KIB))
            assert ("off", "the disk is full") == tuple(store.stats()[name] for name in ("state", "reason"))
            assert entry(199, size=8 * KIB) == get(store, entry(199).key)
            assert [] == list(place.rglob("*corrupt*"))
            subprocess.run([mount, "-o", "remount,size=64m", place], check=True)
            clock.forward(31)
            put(store, entry(1, version=1))
            asyncio.run(store.flush())
            put(store, entry(2, version=1))
            assert "on" == store.stats()["state"]
        with opened(place / "cache", clock) as store:
            assert entry(2, version=1) == get(store, entry(2).key)
    finally:
        # Lazily: a thread that is slow to let go of a file is to fail this test at most, not the cleaning up after it.
        subprocess.run(["umount", "--lazy", place], check=True)


def test_slow_disk_is_a_miss(tmp_path, monkeypatch):
    """A read that does not come back in time is a miss, not a wait."""
    monkeypatch.setattr("isartor_addon.store.answers.GET_S", 0.05)
    with opened(tmp_path / "cache") as store:
        put(store, entry(1))
    with opened(tmp_path / "cache") as store:
        gate = threading.Event()
        store._read.soon(lambda rooms: gate.wait(10) and None)
        assert get(store, entry(1).key) is None
        gate.set()


def test_database_is_for_bytes_only(tmp_path):
    """A counter's name gives no bytes."""
    database = Database(tmp_path, size_bytes=MIB, timeout_s=1.0)
    assert 3 == database.count("n", 3)
    with pytest.raises(Refused):
        database.get("n")
    database.close()
