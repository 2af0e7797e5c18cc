"""The ledger: everything is counted once, whoever dies, whatever the disk does, and it stays small."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.core.expense import Expense, Kind, Sums, sums_of
from isartor_addon.core.reply import Usage
from isartor_addon.layers.ports import Count, Counter
from isartor_addon.store.fault import Fault
from isartor_addon.store.ledger import Ledger, Rated
from isartor_addon.store.ledger_file import FINE_S, LedgerFile
from tests.store.making import NOW, HandClock

ROOT = Path(__file__).parents[2]
DAY = 86400
COUNTER = Counter("q", "", int(NOW))
USED = Usage(10, 5, cache_read=2)


def expense(number: int = 0, *, time: float = NOW, usage: Usage | None = USED) -> Expense:
    """A call; those of one number are of one kind."""
    return Expense(time, "caller", "codex", "", "api.openai.com", f"model-{number}", "l3", 200, usage)


def rate(expense: Expense) -> Rated:
    """A picodollar a token, counted on one counter."""
    cost = None if expense.usage is None else sums_of(expense.usage, 0).tokens
    return Rated(cost, expense.partial, (COUNTER,))


@contextmanager
def opened(directory: Path, clock: HandClock | None = None, days: int = 400) -> Iterator[Ledger]:
    """A ledger, closed in the end."""
    ledger = Ledger(directory, rate=rate, days=days, clock=clock or HandClock())
    try:
        yield ledger
    finally:
        ledger.close()


def whole(entries: dict[Kind, Sums]) -> Sums:
    """All of it."""
    added = Sums()
    for sums in entries.values():
        added = added.plus(sums)
    return added


def counted(directory: Path) -> Count:
    """How far the counter has come."""
    return LedgerFile(directory / "ledger.db").admit([COUNTER], lambda counts: False)[0]


def test_what_is_added_is_there(tmp_path: Path) -> None:
    """Sums by kind, in this process and, once it is closed, in any other."""
    with opened(tmp_path) as ledger:
        for number in (1, 1, 2):
            ledger.add(expense(number))
        ledger.add(expense(3, usage=None))
        entries = ledger.spent()
    assert {"model-1": 2, "model-2": 1, "model-3": 1} == {kind.model: sums.requests for kind, sums in entries.items()}
    assert Sums(4, 1, 1, 30, 6, 0, 15, 0, 51) == whole(entries)
    with opened(tmp_path) as again:
        assert entries == again.spent()
    assert Count(0, 51, 51) == counted(tmp_path)


def test_only_what_is_recent_is_told(tmp_path: Path) -> None:
    """`since` leaves out what began before."""
    with opened(tmp_path) as ledger:
        ledger.add(expense(1, time=NOW - 3600))
        ledger.add(expense(2))
        assert ["model-2"] == [kind.model for kind in ledger.spent(NOW - 60)]


def test_its_files_are_private(tmp_path: Path) -> None:
    """Nobody else may read who asked what of whom."""
    with opened(tmp_path / "ledger") as ledger:
        ledger.add(expense())
        ledger.flush()
        for path in (tmp_path / "ledger").iterdir():
            assert 0o600 == stat.S_IMODE(path.stat().st_mode), path
    assert 0o700 == stat.S_IMODE((tmp_path / "ledger").stat().st_mode)


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    """Hits come from wherever; each is counted."""
    with opened(tmp_path) as ledger:
        threads = [
            threading.Thread(target=lambda: [ledger.add(expense(each)) for each in range(500)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 2000 == whole(ledger.spent()).requests


CHILD = """
import sys
from pathlib import Path
from tests.store.test_ledger import expense, rate
from isartor_addon.store.ledger import Ledger
from tests.store.making import HandClock
ledger = Ledger(Path(sys.argv[1]), rate=rate, days=400, clock=HandClock())
for line in sys.stdin:
    for number in range(int(line)):
        ledger.add(expense(number % 7))
    assert ledger.flush(30)
    print("written", flush=True)
"""


@contextmanager
def child(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that adds as many expenses as it is told, and says when they are written."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[str], number: int) -> None:
    """Have it add so many."""
    assert process.stdin is not None
    process.stdin.write(f"{number}\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> None:
    """Wait until they are written."""
    assert process.stdout is not None
    assert "written\n" == process.stdout.readline()


def test_several_processes_add_to_one_sum(tmp_path: Path) -> None:
    """Two that write at once, from the first write on, and a third that reads."""
    with child(tmp_path) as one, child(tmp_path) as two:
        for _ in range(5):
            for process in (one, two):
                tell(process, 200)
            for process in (one, two):
                hear(process)
    with opened(tmp_path) as ledger:
        assert Sums(2000, 0, 0, 20000, 4000, 0, 10000, 0, 34000) == whole(ledger.spent())
    assert Count(0, 34000, 34000) == counted(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_killed_process_leaves_what_it_had_written(tmp_path: Path) -> None:
    """kill -9 in the middle: rows and counters agree, nothing that was written is gone, others go on."""
    with child(tmp_path) as process:
        tell(process, 300)
        hear(process)
        tell(process, 5000)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with opened(tmp_path) as ledger:
        found = whole(ledger.spent())
        assert 300 <= found.requests <= 5300
        assert found.tokens == counted(tmp_path).tokens
        ledger.add(expense())
        assert found.requests + 1 == whole(ledger.spent()).requests


def test_what_the_disk_does_not_take_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk: one warning, everything is counted in memory, and written when there is room again."""
    clock, full = HandClock(), True
    write = LedgerFile.add

    def add(file: LedgerFile, *what: object) -> None:
        if full:
            raise Fault("the disk is full")
        write(file, *what)  # type: ignore[arg-type]

    monkeypatch.setattr(LedgerFile, "add", add)
    with opened(tmp_path, clock) as ledger, caplog.at_level(logging.WARNING):
        for number in range(3):
            ledger.add(expense(number))
            assert number + 1 == whole(ledger.spent()).requests
        assert 1 == sum("the disk is full" in record.message for record in caplog.records)
        full = False
        clock.forward(31)
        ledger.add(expense())
        assert 4 == whole(ledger.spent()).requests
        assert 4 == whole(ledger.file.read(0)).requests


def test_a_corrupt_file_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be read is kept for whoever wants to look, and a new one begun."""
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    with opened(tmp_path) as ledger, caplog.at_level(logging.WARNING):
        ledger.add(expense())
        assert 1 == whole(ledger.spent()).requests
    assert (tmp_path / "ledger.db.corrupt").exists()


def test_old_entries_are_told_by_the_hour_and_then_forgotten(tmp_path: Path) -> None:
    """After two days minutes become hours, after `days` nothing is left; the sums stay."""
    file, hour = LedgerFile(tmp_path / "ledger.db"), int(NOW) // 3600 * 3600
    kind = Kind(hour, "c", "t", "", "p", "m", "l3", 200, 0)
    for minute in range(0, 7200, 60):
        file.add({kind._replace(minute=hour + minute): Sums(1, cost=7)}, {})
    file.tidy(hour + 7200 + FINE_S - 3600, 400)
    assert 61 == len(file.read(0))
    file.tidy(hour + 7200 + FINE_S, 400)
    assert {hour: 60, hour + 3600: 60} == {each.minute: sums.requests for each, sums in file.read(0).items()}
    file.tidy(hour + 7200 + FINE_S, 400)
    assert Sums(120, cost=840) == whole(file.read(0))
    file.tidy(hour + 401 * DAY, 400)
    assert {} == file.read(0)


def test_admission_is_one_step(tmp_path: Path) -> None:
    """Sixteen threads that ask at once for ten places: ten get one."""
    file, limit = LedgerFile(tmp_path / "ledger.db"), 10
    admitted: list[bool] = []

    def ask() -> None:
        counts = file.admit([COUNTER], lambda counts: counts[0].requests < limit)
        admitted.append(counts[0].requests < limit)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 10 == sum(admitted)
    assert 10 == counted(tmp_path).requests


def test_one_is_the_first(tmp_path: Path) -> None:
    """Of all who ask, before or after something is counted."""
    file = LedgerFile(tmp_path / "ledger.db")
    file.admit([COUNTER], lambda counts: True)
    assert [True, False, False] == [file.first(COUNTER) for _ in range(3)]
    assert 1 == counted(tmp_path).requests


def test_a_ledger_that_was_closed_still_counts(tmp_path: Path) -> None:
    """A reply that ends after a setting has changed is entered by the house that asked for it."""
    with opened(tmp_path) as ledger:
        ledger.add(expense())
    ledger.add(expense())
    ledger.close()
    with opened(tmp_path) as again:
        assert 2 == whole(again.spent()).requests


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    """Looking makes no file."""
    with opened(tmp_path / "none") as ledger:
        assert {} == ledger.spent()
    assert not (tmp_path / "none").exists()


COUNTS = st.one_of(st.none(), st.integers(0, 10**9))


@given(st.lists(st.tuples(COUNTS, COUNTS, COUNTS), max_size=20), st.randoms())
def test_sums_do_not_depend_on_order(counts: list[tuple[int | None, ...]], random: object) -> None:
    """However exchanges are gathered and written, the sums are those of all of them."""
    each = [sums_of(Usage(a, b, cache_read=c), (a or 0) + (b or 0)) for a, b, c in counts]
    forward, backward = Sums(), Sums()
    for sums in each:
        forward = forward.plus(sums)
    for sums in reversed(each):
        backward = sums.plus(backward)
    assert forward == backward
    assert len(each) == forward.requests
    assert forward.tokens == sum((a or 0) + (b or 0) + (c or 0) for a, b, c in counts)


def test_sums_are_whole_numbers_on_disk(tmp_path: Path) -> None:
    """A billion picodollars a time: SQLite keeps integers, no floats that lose the last digits."""
    file = LedgerFile(tmp_path / "ledger.db")
    kind = Kind(0, "c", "t", "", "p", "m", "l3", 200, 0)
    for _ in range(3):
        file.add({kind: Sums(1, cost=2**53 + 1)}, {})
    assert 3 * (2**53 + 1) == file.read(0)[kind].cost
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        assert ("integer",) == connection.execute("SELECT typeof(cost) FROM spent").fetchone()
    connection.close()
