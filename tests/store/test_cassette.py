"""Cassettes: recordings in one file that people can read, commit and share."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.core.errors import ConfigError, StoreError
from isartor_addon.core.identity import ANYONE, key_for
from isartor_addon.store.carry import export, import_
from isartor_addon.store.cassette import Cassette
from isartor_addon.store.cassette_file import as_nobodys, read_cassette
from isartor_addon.store.cassette_line import HEADER, read_line, write_line
from tests.store.making import KIB, NOW, HandClock, entry, nobodys, opened

ROOT = Path(__file__).parents[2]


def record(file, *entries):
    cassette = Cassette(file, mode="record", clock=HandClock())
    for each in entries:
        cassette.put(each)
    cassette.close()


@given(
    st.lists(st.one_of(st.binary(max_size=30), st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace"))))
)
def test_bodies_are_verbatim(chunks):
    """Whatever the chunks are, text or not, they come back byte by byte with their boundaries."""
    made = entry(1)
    made = as_nobodys(replace(made, recording=replace(made.recording, chunks=tuple(chunks))))
    assert made == read_line(write_line(made))


def test_one_line_a_recording_readable_as_text(tmp_path):
    """The file is JSON Lines; text stands in it as text."""
    made = entry(1)
    made = replace(made, recording=replace(made.recording, chunks=("data: Grüß\n\n".encode(), b"data: [DONE]\n\n")))
    record(tmp_path / "tape.jsonl", made, entry(2))
    header, first, second = [orjson.loads(line) for line in (tmp_path / "tape.jsonl").read_bytes().splitlines()]
    assert (1, ["data: Grüß\n\n", "data: [DONE]\n\n"]) == (header["isartor_cassette"], first["chunks"])
    assert {"base64"} == set(second["chunks"][0])


def test_record_then_replay(tmp_path):
    """What was recorded is found under nobody's key, for ever, by a cassette that is replayed."""
    record(tmp_path / "tape", entry(1), entry(2))
    clock = HandClock()
    clock.forward(1e9)
    tape = Cassette(tmp_path / "tape", mode="replay", clock=clock)
    found = tape.peek(nobodys(1).key)
    assert (entry(1).recording, ANYONE, True) == (found.recording, found.caller, found.fresh(clock.time()))
    assert found == asyncio.run(tape.get(nobodys(1).key))
    assert tape.peek(entry(1).key) is None
    assert asyncio.run(tape.get(nobodys(3).key)) is None
    assert tape.imported
    assert (2, 2, 1) == tuple(tape.stats()[name] for name in ("entries", "hits", "misses"))
    tape.close()


def test_recorded_is_served_at_once(tmp_path):
    """While recording, what was recorded is served."""
    tape = Cassette(tmp_path / "tape", mode="record", clock=HandClock())
    tape.put(entry(1))
    assert entry(1).recording == tape.peek(nobodys(1).key).recording
    asyncio.run(tape.flush())
    assert {nobodys(1).key} == set(read_cassette(tmp_path / "tape"))
    tape.close()


def test_replay_changes_nothing(tmp_path):
    """A cassette that is replayed keeps nothing and removes nothing."""
    record(tmp_path / "tape", entry(1))
    before = (tmp_path / "tape").read_bytes()
    tape = Cassette(tmp_path / "tape", mode="replay", clock=HandClock())
    tape.put(entry(2))
    with pytest.raises(StoreError):
        tape.remove()
    with pytest.raises(StoreError):
        tape.pin(nobodys(1).key, pinned=False)
    tape.close()
    assert before == (tmp_path / "tape").read_bytes()


def test_later_line_counts(tmp_path):
    """Of two lines of one request the later is the recording."""
    record(tmp_path / "tape", entry(1))
    record(tmp_path / "tape", entry(2), entry(1, version=2))
    found = read_cassette(tmp_path / "tape")
    assert (2, entry(1, version=2).recording) == (len(found), found[nobodys(1).key].recording)


def test_torn_last_line_is_left_out_and_then_overwritten(tmp_path, caplog):
    """A recording that a crash cut off is left out with a warning; recording goes on behind the whole ones."""
    record(tmp_path / "tape", entry(1), entry(2))
    data = (tmp_path / "tape").read_bytes()
    (tmp_path / "tape").write_bytes(data[:-20])
    assert {nobodys(1).key} == set(read_cassette(tmp_path / "tape"))
    assert "left out" in caplog.text
    record(tmp_path / "tape", entry(3))
    assert {nobodys(1).key, nobodys(3).key} == set(read_cassette(tmp_path / "tape"))


def test_missing_end_of_line_is_no_tear(tmp_path):
    """A last line without its end, as editors leave it, is kept when something is added."""
    record(tmp_path / "tape", entry(1))
    (tmp_path / "tape").write_bytes((tmp_path / "tape").read_bytes().rstrip(b"\n"))
    record(tmp_path / "tape", entry(2))
    assert {nobodys(1).key, nobodys(2).key} == set(read_cassette(tmp_path / "tape"))


WRONG = {
    "not-json": (b"{]", "not JSON"),
    "list": (b"[1]", "not a JSON object"),
    "empty": (b"{}", "`content`"),
    "content": (b'{"content": "abc"}', "64 hex digits"),
}


@pytest.mark.parametrize(("line", "said"), WRONG.values(), ids=WRONG)
def test_damaged_line(tmp_path, line, said):
    """A damaged line is an error that names file, line and what is wrong."""
    (tmp_path / "tape").write_bytes(HEADER + write_line(entry(1)) + line + b"\n" + write_line(entry(2)))
    with pytest.raises(ConfigError, match="tape:3: .*" + said):
        Cassette(tmp_path / "tape", mode="replay", clock=HandClock())


@pytest.mark.parametrize(
    "name", ["content", "wire", "mode", "status", "headers", "chunks", "run_ids", "created", "host"]
)
@pytest.mark.parametrize(
    "value", ["null", "1" * 400, "[]", '["x"]', "[[1, 2]]", '[["a", "b\\r\\nc: d"]]', '{"a": 1}', '"text"', "true"]
)
def test_fields_of_another_type(tmp_path, name, value):
    """A field of another type is an error that names the line, or is a value of that field; never another exception."""
    line = orjson.loads(write_line(entry(1)))
    line.pop(name)
    text = orjson.dumps(line).decode()[:-1] + f', "{name}": {value}' + "}\n"
    (tmp_path / "tape").write_bytes(HEADER + text.encode())
    fits = {"wire": ['"text"'], "mode": ['"text"'], "host": ['"text"'], "headers": ["[]"], "chunks": ["[]", '["x"]']}
    if value in fits.get(name, ()):
        assert 1 == len(read_cassette(tmp_path / "tape"))
    else:
        with pytest.raises(ConfigError, match="tape:2: "):
            read_cassette(tmp_path / "tape")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", ":1: this is no cassette"),
        (b"GIF89a\x00\x01", ":1: this is no cassette"),
        (b'{"log": {}}\n', ":1: this is no cassette"),
        (b'{"isartor_cassette": 2}\n', ":1: a cassette of version 2"),
    ],
)
def test_foreign_file(tmp_path, data, said):
    """Another file is refused by name, and not written to when it is to be recorded on."""
    (tmp_path / "tape").write_bytes(data)
    with pytest.raises(ConfigError, match=said):
        Cassette(tmp_path / "tape", mode="replay", clock=HandClock())
    if data:
        with pytest.raises(ConfigError, match=said):
            Cassette(tmp_path / "tape", mode="record", clock=HandClock())
        assert data == (tmp_path / "tape").read_bytes()


def test_missing_file(tmp_path):
    """There is nothing to replay; there is something to record on, private to the user."""
    with pytest.raises(ConfigError, match="cannot be read"):
        Cassette(tmp_path / "tape", mode="replay", clock=HandClock())
    with pytest.raises(ConfigError, match="cannot be written"):
        Cassette(tmp_path / "none" / "tape", mode="record", clock=HandClock())
    record(tmp_path / "tape")
    assert HEADER == (tmp_path / "tape").read_bytes()
    if os.name != "nt":
        assert 0o600 == stat.S_IMODE((tmp_path / "tape").stat().st_mode)


def test_processes_record_on_one_cassette(tmp_path):
    """Lines of processes that record at once are all there and all whole."""
    command = [sys.executable, "-m", "tests.store.child", "tape", str(tmp_path / "tape")]
    children = [subprocess.Popen([*command, str(seed), "25"], cwd=ROOT) for seed in range(4)]
    assert [0] * 4 == [child.wait(30) for child in children]
    found = read_cassette(tmp_path / "tape")
    assert {nobodys(number).key for number in range(100)} == set(found)
    assert entry(99, size=20 * KIB).recording == found[nobodys(99).key].recording


def test_file_removed_while_recording(tmp_path):
    """Recording goes on in a new file, which is a cassette again."""
    tape = Cassette(tmp_path / "tape", mode="record", clock=HandClock())
    (tmp_path / "tape").unlink()
    tape.put(entry(1))
    tape.close()
    assert {nobodys(1).key} == set(read_cassette(tmp_path / "tape"))


def test_remove_rewrites(tmp_path):
    """Removing takes recordings out of the file, of other processes too, and recording goes on."""
    clock = HandClock()
    tape = Cassette(tmp_path / "tape", mode="record", clock=clock)
    for number in (1, 2):
        tape.put(entry(number))
    asyncio.run(tape.flush())
    record(tmp_path / "tape", replace(entry(3), model="claude-sonnet-4"))
    assert 1 == tape.remove(model="claude-*")
    assert 1 == tape.remove(key=nobodys(1).key[:10])
    tape.put(entry(4))
    tape.close()
    assert {nobodys(2).key, nobodys(4).key} == set(read_cassette(tmp_path / "tape"))


def test_unwritable_cassette_goes_on_in_memory(tmp_path, caplog):
    """When the file cannot be written any more, one warning says so, and recordings are served from memory."""
    (tmp_path / "folder").mkdir()
    tape = Cassette(tmp_path / "folder" / "tape", mode="record", clock=HandClock())
    (tmp_path / "folder" / "tape").unlink()
    (tmp_path / "folder").rmdir()
    for number in (1, 2):
        tape.put(entry(number))
    asyncio.run(tape.flush())
    assert tape.peek(nobodys(2).key) is not None
    assert "off" == tape.stats()["state"]
    tape.close()
    assert 1 == caplog.text.count("cannot be written")


def test_listing(tmp_path):
    """Recordings are listed newest first and found by the beginning of a key."""
    record(tmp_path / "tape", entry(2), entry(3), entry(1))
    tape = Cassette(tmp_path / "tape", mode="replay", clock=HandClock())
    assert [3, 2, 1] == [round(each.created - NOW) for each in tape.entries()]
    assert nobodys(2).key == tape.find(nobodys(2).key[:10]).key == tape.pin(nobodys(2).key).key
    assert tape.find("ffff00") is None
    tape.close()


def test_from_machine_to_machine(tmp_path):
    """What one machine stored another serves after export and import: verbatim, to everybody, and until its time."""
    clock = HandClock()
    with opened(tmp_path / "one", clock) as store:
        store.put(entry(1))
        store.put(replace(entry(2), host="api.anthropic.com"))
        asyncio.run(store.flush())
        assert 1 == export(store, tmp_path / "some", host="*.anthropic.com")
        assert 2 == export(store, tmp_path / "tape")
    with opened(tmp_path / "two", clock) as store:
        assert 2 == import_(tmp_path / "tape", store, expires=clock.time() + 100)
        assert store.imported
    with opened(tmp_path / "two", clock) as store:
        assert store.imported
        found = asyncio.run(store.get(nobodys(1).key))
        assert (entry(1).recording, ANYONE) == (found.recording, found.caller)
        clock.forward(101)
        assert asyncio.run(store.get(nobodys(2).key)) is None


def test_of_several_callers_the_newest_is_exported(tmp_path):
    """Two callers' answers to one request become one recording: the newer."""
    with opened(tmp_path / "cache") as store:
        store.put(entry(1, caller="a"))
        store.put(replace(entry(1, caller="b", version=2), created=NOW + 50))
        asyncio.run(store.flush())
        assert 1 == export(store, tmp_path / "tape")
    assert [entry(1, version=2).recording] == [each.recording for each in read_cassette(tmp_path / "tape").values()]


def test_no_caller_and_no_credential(tmp_path):
    """Neither who asked nor a credential in a response header gets into a cassette."""
    secret = "sk-proj-0123456789abcdefghij"
    made = entry(1, caller="somebody-and-nobody-else")
    headers = (
        *made.recording.headers,
        ("set-cookie", "__cf_bm=abc0123; path=/"),
        ("x-debug", f"key {secret}"),
        ("authorization", "Bearer abcdefgh"),
    )
    made = replace(made, recording=replace(made.recording, headers=headers))
    record(tmp_path / "one", made)
    with opened(tmp_path / "cache") as store:
        store.put(made)
        asyncio.run(store.flush())
        export(store, tmp_path / "two")
    for name in ("one", "two"):
        text = (tmp_path / name).read_text()
        assert not [word for word in ("somebody", secret, "__cf_bm", "Bearer", made.key) if word in text]
        assert {key_for(ANYONE, made.content)} == set(read_cassette(tmp_path / name))
        assert entry(1).recording == read_cassette(tmp_path / name)[nobodys(1).key].recording


def test_import_of_something_else_imports_nothing(tmp_path):
    """A damaged cassette is refused whole."""
    (tmp_path / "tape").write_bytes(HEADER + write_line(entry(1)) + b"{}\n" + write_line(entry(2)))
    with opened(tmp_path / "cache") as store:
        with pytest.raises(ConfigError, match="tape:3"):
            import_(tmp_path / "tape", store, expires=NOW + 100)
        assert 0 == store.stats()["entries"]


def test_import_into_a_store_that_is_off(tmp_path):
    """Who imports is told when nothing can be kept."""
    record(tmp_path / "tape", entry(1))
    (tmp_path / "cache").write_text("in the way")
    with opened(tmp_path / "cache") as store, pytest.raises(StoreError, match="off"):
        import_(tmp_path / "tape", store, expires=NOW + 100)
