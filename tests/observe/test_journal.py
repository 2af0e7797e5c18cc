"""The journal: what happened lately, without anything that was said."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import orjson
import pytest

from isartor_addon.core.client import Client
from isartor_addon.core.exchange import Control, Exchange, Request, Step
from isartor_addon.core.fingerprint import fingerprint
from isartor_addon.core.identity import Identity, digest, key_for
from isartor_addon.observe import journal as module
from isartor_addon.observe.journal import Journal
from isartor_addon.wire.base import Route
from isartor_addon.wire.openai_chat import WIRE

ROOT = Path(__file__).parents[2]
SECRET = "sk-proj-0123456789abcdefghij"


def exchange(number: int, *, prompt: str = "hello", model: str = "gpt-4o", caller: str = "one") -> Exchange:
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "temperature": number % 3}
    canonical = orjson.dumps({"target": {"host": "api.openai.com"}, "headers": {}, "body": body})
    content = digest(canonical)
    return Exchange(
        id=f"flow-{number}",
        request=Request(
            "POST", "https", "api.openai.com", 443, "/v1/chat/completions", {}, {"authorization": f"Bearer {SECRET}"}
        ),
        route=Route(WIRE, "generate", "chat/completions"),
        body=body,
        mode="sse",
        client=Client("codex"),
        caller=caller,
        identity=Identity(key_for(caller, content), content, canonical),
        control=Control(),
        model=model,
        started=1_700_000_000.0 + number,
        trail=[Step("l1a", "miss", 0.1), Step("l3", "forward", 12.0, f"because of {SECRET}")],
    )


@contextmanager
def opened(directory):
    journal = Journal(directory)
    try:
        yield journal
    finally:
        journal.close()


def test_found_by_flow_and_by_key(tmp_path):
    """What was recorded is found by the flow's id and by the beginning of the key, in this process and in another."""
    made = exchange(1)
    with opened(tmp_path) as journal:
        journal.record(made, layer="l3", status=200)
        found = journal.find("flow-1")
        assert ("flow-1", made.identity.key, made.identity.content) == (found.flow, found.key, found.content)
        assert ("codex", "api.openai.com", WIRE.name, "gpt-4o", "sse") == (
            found.client,
            found.host,
            found.wire,
            found.model,
            found.mode,
        )
        assert ("l3", False, 200, made.started) == (found.layer, found.deflected, found.status, found.time)
        assert Step("l1a", "miss", 0.1) == found.trail[0]
        assert made.identity.short == found.short
    with opened(tmp_path) as other:
        assert found == other.find(made.identity.key[:16]) == other.find(made.identity.key)
        assert fingerprint(made.identity.canonical) == other.fingerprint(found)
        assert other.find("flow-2") is None
        assert other.find("ffff") is None


def test_newest_first_and_newest_found(tmp_path):
    """The last records come first; of several of one key the last is found."""
    with opened(tmp_path) as journal:
        for number in (0, 1, 2, 3):
            journal.record(exchange(number), layer="l1a")
        assert ["flow-3", "flow-2"] == [record.flow for record in journal.recent(2)]
        assert "flow-3" == journal.find(exchange(0).identity.key).flow
        assert journal.recent(1)[0].deflected


def test_bounded(tmp_path, monkeypatch):
    """Only so many are kept and some more, and the fingerprints of the others go with them."""
    monkeypatch.setattr(module, "KEPT", 10)
    monkeypatch.setattr(module, "SLACK", 4)
    with opened(tmp_path) as journal:
        for number in range(35):
            journal.record(exchange(number, prompt=f"prompt {number}"), layer="l3")
            if number % 5 == 0:
                assert journal.flush()
        kept = [record.flow for record in journal.recent(100)]
        assert 10 <= len(kept) <= 14
        assert [f"flow-{number}" for number in range(34, 34 - len(kept), -1)] == kept
    with closing(sqlite3.connect(journal.path)) as connection:
        assert [(len(kept),)] == connection.execute("SELECT count(*) FROM prints").fetchall()


def test_one_write_of_more_than_one_statement_takes(tmp_path, monkeypatch):
    """However many are gathered, all are written."""
    monkeypatch.setattr(module, "AT_ONCE", 3)
    with opened(tmp_path) as journal:
        for number in range(20):
            journal.record(exchange(number, prompt=f"prompt {number}"), layer="l3")
        assert [f"flow-{number}" for number in range(19, -1, -1)] == [record.flow for record in journal.recent(100)]
    with closing(sqlite3.connect(journal.path)) as connection:
        assert [(20,)] == connection.execute("SELECT count(*) FROM prints").fetchall()


def test_nearest(tmp_path):
    """The record that differs in the fewest places is found, and where it differs."""
    with opened(tmp_path) as journal:
        journal.record(exchange(1, prompt="another thing", model="o3"), layer="l3")
        journal.record(exchange(1, prompt="hello!"), layer="l3")
        journal.record(exchange(2, prompt="hello!"), layer="l3")
        asked = exchange(1)
        journal.record(asked, layer="l3")
        prints = fingerprint(asked.identity.canonical)
        record, where = journal.nearest(prints, but=asked.identity.key)
        assert ("flow-1", ["body.messages[0].content"]) == (record.flow, where)
        assert exchange(1, prompt="hello!").identity.key == record.key
        record, where = journal.nearest(prints, but=asked.identity.key, model="o3")
        assert ["body.messages[0].content", "body.model"] == where
        assert journal.nearest(prints, caller="two") is None
        assert journal.nearest(prints, wire=WIRE.name, host="api.openai.com") == (journal.find("flow-1"), [])


def test_nothing_of_what_was_said(tmp_path):
    """Neither prompt nor credential is anywhere in the files."""
    with opened(tmp_path) as journal:
        journal.record(exchange(1, prompt="the innermost thought"), layer="l3")
        journal.flush()
        data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"because of [removed]" in data
        assert not [word for word in (b"innermost", SECRET.encode(), b"Bearer", b"hello") if word in data]
        assert "innermost" not in repr(journal.recent())


@pytest.mark.skipif(os.name == "nt", reason="modes mean nothing there")
def test_private(tmp_path):
    """Directory 0700, files 0600."""
    with opened(tmp_path / "journal") as journal:
        journal.record(exchange(1), layer="l3")
        journal.flush()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "journal").iterdir()}
    assert 0o700 == stat.S_IMODE((tmp_path / "journal").stat().st_mode)
    assert {0o600} == set(modes.values())


def test_nothing_is_made_before_something_happened(tmp_path):
    """Reading an empty journal finds nothing and makes nothing."""
    with opened(tmp_path / "journal") as journal:
        assert [] == journal.recent()
        assert journal.find("flow") is None
        assert journal.nearest({"a": "b"}) is None
    assert not (tmp_path / "journal").exists()


@pytest.mark.parametrize("garbage", [b"", b"no database at all" * 500])
def test_damaged_file_is_begun_anew(tmp_path, garbage):
    """A journal that cannot be read is empty, and is begun anew with the next record."""
    (tmp_path / "journal.db").write_bytes(garbage)
    with opened(tmp_path) as journal:
        assert [] == journal.recent()
        journal.record(exchange(1), layer="l3")
        assert "flow-1" == journal.find("flow-1").flow
        assert 0 == journal.lost


def test_cannot_be_written(tmp_path):
    """Where nothing can be written, records are lost and counted, and nothing raises."""
    (tmp_path / "file").touch()
    with opened(tmp_path / "file") as journal:
        journal.record(exchange(1), layer="l3")
        assert journal.flush()
        assert (1, []) == (journal.lost, journal.recent())


def test_does_not_wait_for_a_slow_disk(tmp_path, monkeypatch):
    """While the writer is stuck, records beyond the bound are lost at once; nobody waits."""
    monkeypatch.setattr(module, "MOST_WAITING", 5)
    stuck, go_on = threading.Event(), threading.Event()

    class Stuck(Journal):
        def _write(self, batch):
            stuck.set()
            assert go_on.wait(10)
            return super()._write(batch)

    journal = Stuck(tmp_path)
    journal.record(exchange(0), layer="l3")
    assert stuck.wait(10)
    for number in range(1, 9):
        journal.record(exchange(number), layer="l3")
    assert 3 == journal.lost
    go_on.set()
    assert [f"flow-{number}" for number in range(5, -1, -1)] == [record.flow for record in journal.recent()]
    journal.close()
    journal.record(exchange(9), layer="l3")
    assert 4 == journal.lost


def test_closing_writes_what_waits(tmp_path):
    """What was recorded just before the end is there afterwards."""
    with opened(tmp_path) as journal:
        journal.record(exchange(1), layer="l3")
    with opened(tmp_path) as journal:
        assert 1 == len(journal.recent())


def test_large_requests_have_no_fingerprint(tmp_path, monkeypatch):
    """A very large request is recorded without a fingerprint."""
    monkeypatch.setattr(module, "LARGEST_PRINTED", 1000)
    with opened(tmp_path) as journal:
        journal.record(exchange(1, prompt="x" * 1000), layer="l3")
        assert {} == journal.fingerprint(journal.find("flow-1"))


CHILD = """
import sys
from pathlib import Path
from isartor_addon.observe.journal import Journal
from tests.observe.test_journal import exchange
journal = Journal(Path(sys.argv[1]))
for number in range(50):
    journal.record(exchange(int(sys.argv[2]) * 50 + number), layer="l3")
    if number % 10 == 0:
        journal.flush()
journal.close()
sys.exit(journal.lost)
"""


def test_several_processes(tmp_path):
    """Processes write to one journal at once; no record is lost."""
    children = [subprocess.Popen([sys.executable, "-c", CHILD, tmp_path, str(seed)], cwd=ROOT) for seed in range(4)]
    assert [0] * 4 == [child.wait(30) for child in children]
    with opened(tmp_path) as journal:
        assert {f"flow-{number}" for number in range(200)} == {record.flow for record in journal.recent(1000)}
