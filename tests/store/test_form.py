"""Entries as bytes: what was written comes back, what was damaged does not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.core.recording import Entry, Recording
from isartor_addon.core.reply import Usage
from isartor_addon.store import form
from tests.store.making import entry

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
counts = st.one_of(st.none(), st.integers(0, 10**9))
usages = st.builds(Usage, input=st.integers(0, 9), output=counts, cache_read=counts, tier=st.sampled_from(["", "flex"]))
recordings = st.builds(
    Recording,
    wire=texts,
    operation=texts,
    mode=texts,
    chunks=st.lists(st.binary(max_size=50), max_size=6).map(tuple),
    headers=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
    run_ids=st.dictionaries(texts, texts, max_size=3),
    status=st.integers(200, 299),
    usage=st.one_of(st.none(), usages),
)
times = st.floats(0, 1e10)
entries = st.builds(
    lambda scope, words, **rest: Entry(**rest, scope=scope, words=words if scope else ""),
    scope=texts,
    words=texts,
    key=texts,
    content=texts,
    caller=texts,
    recording=recordings,
    host=texts,
    model=texts,
    client=texts,
    created=times,
    expires=times,
    pinned=st.booleans(),
    fingerprint=st.builds(Fingerprint, taken=st.dictionaries(texts, texts, max_size=3)),
)


@given(entries)
def test_round_trip(made):
    """Every entry comes back as it was, chunk boundaries included."""
    assert made == form.load(made.key, form.dump(made), pinned=made.pinned)


@given(st.data())
def test_any_changed_byte_is_noticed(data):
    """A single changed byte anywhere makes it damaged, or another version's where it is the version's byte."""
    written = bytearray(form.dump(entry(1)))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(form.OtherVersion if at == len(form.MAGIC) else form.Damaged):
        form.load(entry(1).key, bytes(written))


@given(st.integers(0, len(form.dump(entry(1))) - 1))
def test_every_truncation_is_noticed(length):
    """However much of it is missing, it is damaged."""
    with pytest.raises(form.Damaged):
        form.load(entry(1).key, form.dump(entry(1))[:length])


@given(st.binary(max_size=200))
def test_garbage_is_damaged(data):
    """Bytes that were never an entry are damaged, never another exception."""
    with pytest.raises(form.Damaged):
        form.load("k", data)


def test_another_key_is_damaged():
    """An entry that was moved under another key is not believed."""
    with pytest.raises(form.Damaged):
        form.load(entry(2).key, form.dump(entry(1)))


def test_header_of_wrong_shape_with_right_checksum_is_damaged():
    """Even somebody who can compute the checksum cannot bring anything but `Damaged` about."""
    for header in (b"[]", b"{}", b'{"key":"k","chunks":"x"}', b'{"key":"k","chunks":[-1,1]}', b"\xff"):
        rest = len(header).to_bytes(4) + header
        data = form._HEAD.pack(form.MAGIC, form.VERSION, form._checksum(rest)) + rest
        with pytest.raises(form.Damaged):
            form.load("k", data)


def test_for_ever():
    """An entry without an end keeps for tens of thousands of years."""
    found = form.load(entry(1).key, form.dump(replace(entry(1), expires=math.inf)))
    assert found.fresh(9e11)


def test_overhead():
    """What is written besides body and header texts stays under 600 bytes."""
    made = replace(entry(1, size=4096), expires=math.floor(entry(1).expires))
    assert len(form.dump(made)) - 4096 < 600 + len(made.key) + len(made.content)


def test_an_entry_of_before_there_were_scopes_is_read():
    """What was stored without scope and words is read, and is answered to its own words only."""
    written = form.dump(entry(1))
    assert b'"scope"' not in written
    assert ("", "") == ((found := form.load(entry(1).key, written)).scope, found.words)


@pytest.mark.parametrize("said", [{"input": -1}, {"input": True}, {"tier": 3}, {"other": 1}, [], {"input": "1"}])
def test_usage_that_is_none_is_refused(said):
    """What others wrote into a cassette is looked at before it counts as money."""
    with pytest.raises(ValueError, match="usage"):
        form.read_usage(said)
