"""Evidence on disk: kept, shared, bounded, private, and never in the way."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from isartor_addon.layers.ports import Check, Hit
from isartor_addon.store.evidence import CHECKS, EvidenceStore

A, B = "aa" * 32, "bb" * 32


def check(key: str = A, *, right: bool = True, time: float = 1.0) -> Check:
    return Check(key, 0.95, right, time)


def of(store: EvidenceStore, scope: str = "s") -> list[Check]:
    return list(asyncio.run(store.checks(scope)))


def test_outlives_the_process_and_is_shared(tmp_path: Path) -> None:
    """What one has noted another reads at once, and so does the next after all have ended."""
    path = tmp_path / "semantic" / "evidence.db"
    with closing(EvidenceStore(path)) as one, closing(EvidenceStore(path)) as other:
        one.checked("s", check(), "")
        one.checked("s", check(B, right=False, time=2.0), "numbers")
        one.checked("else", check(), "")
        assert [check(B, right=False, time=2.0), check()] == of(one)
        assert of(one) == of(other)
    with closing(EvidenceStore(path)) as later:
        assert 2 == len(of(later))
        assert (3, 1) == ((report := later.report()).checks, report.wrong)
        assert [(B, 0.95, "numbers")] == list(report.differed)


def test_hits_are_found_by_either_key(tmp_path: Path) -> None:
    """The latest hit, by the beginning of the request's key or of the entry's."""
    with closing(EvidenceStore(tmp_path / "e.db")) as store:
        hit = Hit(A, "words", B, 0.95)
        store.served(Hit(A, "older", B, 0.94))
        store.served(hit)
        assert [hit, hit, None, None] == [store.hit(key) for key in (A[:6], B, "ab" * 3, "f" * 6)]
        assert 2 == store.report().hits


def test_the_nearest_misses_come_first(tmp_path: Path) -> None:
    """As many as asked for."""
    with closing(EvidenceStore(tmp_path / "e.db")) as store:
        for similarity in (0.8, 0.99, 0.9):
            store.missed(A, B, similarity, "number")
        store.taught("one", "other", 0.95)
        report = store.report(2)
        assert [0.99, 0.9] == [miss.similarity for miss in report.misses]
        assert [("one", "other", 0.95)] == list(report.taught)


@pytest.mark.parametrize(("lessons", "left"), [(False, (2, 2, 1)), (True, (0, 1, 0))])
def test_what_is_forgotten_is_gone(tmp_path: Path, lessons: bool, left: tuple[int, int, int]) -> None:
    """Hits and near misses of answers that are not stored, with their words; what checks have taught, if wanted."""
    path = tmp_path / "e.db"
    with closing(EvidenceStore(path)) as store:
        for key, words in ((A, "gone"), (B, "kept")):
            store.served(Hit("cc" * 32, words, key, 0.95))
            store.missed("cc" * 32, key, 0.8, "number")
            store.checked("s", check(key), "")
        store.taught("one", "other", 0.95)
        store.forget({B}, lessons=lessons)
        report = store.report()
        assert [B] == [miss.key for miss in report.misses]
        assert left == (report.checks, len(of(store)), len(report.taught))
        assert (None, "kept") == (store.hit(A), (hit := store.hit(B)) and hit.words)
    assert b"gone" not in path.read_bytes()


def test_nothing_is_made_to_forget_in(tmp_path: Path) -> None:
    """Where there is no evidence, none is begun."""
    with closing(EvidenceStore(tmp_path / "e.db")) as store:
        store.forget(set(), lessons=True)
    assert [] == list(tmp_path.iterdir())


def test_it_is_bounded(tmp_path: Path) -> None:
    """Of a scope the latest checks count."""
    with closing(EvidenceStore(tmp_path / "e.db")) as store:
        for number in range(CHECKS + 5):
            store.checked("s", check(time=float(number)), "")
        assert [float(CHECKS + 4), 5.0] == [(checks := of(store))[0].time, checks[-1].time]


@pytest.mark.skipif(sys.platform == "win32", reason="no modes there")
def test_it_is_private(tmp_path: Path) -> None:
    """Words stand in it: nobody else may read it."""
    path = tmp_path / "new" / "e.db"
    with closing(EvidenceStore(path)) as store:
        store.taught("one", "other", 0.95)
        store.report()
        files = list(path.parent.iterdir())
        assert {0o600} == {stat.S_IMODE(each.stat().st_mode) for each in files}
        assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)


@pytest.mark.parametrize(
    "damage", [b"no database at all, and long enough to be one" * 30, b"SQLite format 3\x00" + b"x" * 4096]
)
def test_damaged_it_is_begun_anew(tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be read is no evidence; it is said once, and what comes after is kept."""
    path = tmp_path / "e.db"
    path.write_bytes(damage)
    with closing(EvidenceStore(path)) as store:
        assert [] == of(store)
        store.checked("s", check(), "")
        assert [check()] == of(store)
    assert 1 == sum("begun anew" in record.message for record in caplog.records)


def test_removed_it_is_made_again(tmp_path: Path) -> None:
    """Somebody who clears the directory of a running proxy has cleared it."""
    path = tmp_path / "e.db"
    with closing(EvidenceStore(path)) as store:
        store.checked("s", check(), "")
        assert [check()] == of(store)
        for each in tmp_path.iterdir():
            each.unlink()
        assert [] == of(store)
        store.checked("s", check(B), "")
        assert [check(B)] == of(store)


def test_where_it_cannot_be_it_is_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No place for it: no evidence, no fault, one line in the log."""
    (tmp_path / "file").write_text("")
    with closing(EvidenceStore(tmp_path / "file" / "e.db")) as store:
        store.checked("s", check(), "")
        assert [] == of(store)
        assert store.hit(A) is None
        assert 0 == store.report().checks
    assert 1 == sum("cannot be used" in record.message for record in caplog.records)


def test_locked_it_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that holds it for long costs a note, not an answer; closed, it does nothing."""
    path = tmp_path / "e.db"
    with closing(EvidenceStore(path)) as store:
        assert [] == of(store)
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            assert [] == of(store)
            holder.execute("ROLLBACK")
        store.checked("s", check(), "")
        assert [check()] == of(store)
    store.checked("s", check(B), "")
    assert [] == of(store)
