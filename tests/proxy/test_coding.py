"""Content encodings: right at every split, bounded, and clear about damage."""

import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.proxy.coding import MOST, BodyTooLarge, ContentDecoder, Undecodable, decode

LIMIT = 1 << 20
ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
    "": bytes,
}


@pytest.mark.parametrize("name", ENCODERS)
@given(data=st.binary(max_size=3000), step=st.integers(1, 400))
def test_decodes_at_every_split(name: str, data: bytes, step: int) -> None:
    """A body decodes to the same bytes however it is cut."""
    packed = ENCODERS[name](data)
    decoder = ContentDecoder(name, limit=LIMIT)
    got = b"".join(decoder.feed(packed[at : at + step]) for at in range(0, len(packed), step))
    decoder.close() if packed else None
    assert data == got
    assert data == decode(packed, name, limit=LIMIT)


def test_decodes_several_encodings_in_reverse_order() -> None:
    """`content-encoding: gzip, br` means gzip first, then br."""
    assert b"hello" == decode(brotli.compress(gzip.compress(b"hello")), "gzip, br", limit=LIMIT)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
@given(parts=st.lists(st.binary(max_size=300), min_size=2, max_size=4), step=st.integers(1, 400))
def test_several_members_are_one_body(name: str, parts: list[bytes], step: int) -> None:
    """gzip and zstd may come in pieces that are whole by themselves; all of them count, however they are cut."""
    packed = b"".join(map(ENCODERS[name], parts))
    decoder = ContentDecoder(name, limit=LIMIT)
    got = b"".join(decoder.feed(packed[at : at + step]) for at in range(0, len(packed), step))
    decoder.close()
    assert b"".join(parts) == got == decode(packed, name, limit=LIMIT)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
@given(data=st.binary(min_size=1, max_size=100), more=st.binary(min_size=1, max_size=40), step=st.integers(1, 200))
def test_nothing_behind_a_body_is_dropped(name: str, data: bytes, more: bytes, step: int) -> None:
    """Two bodies that only differ behind the end of the first one's compressed part are never taken for one."""
    packed = ENCODERS[name](data) + more
    decoder = ContentDecoder(name, limit=LIMIT)
    try:
        got = b"".join(decoder.feed(packed[at : at + step]) for at in range(0, len(packed), step))
        decoder.close()
    except Undecodable:
        return
    assert data != got


def test_bounds_how_many_encodings_a_body_has() -> None:
    """One over another, as long as nobody can want more."""
    packed = b"hello"
    for _ in range(MOST):
        packed = gzip.compress(packed)
    assert b"hello" == decode(packed, ", ".join(["gzip"] * MOST), limit=LIMIT)
    with pytest.raises(Undecodable, match="9 content encodings"):
        decode(packed, ", ".join(["gzip"] * (MOST + 1)), limit=LIMIT)


def test_bounds_many_small_members() -> None:
    """The bound is that of the whole body."""
    with pytest.raises(BodyTooLarge):
        decode(gzip.compress(b"\0" * (LIMIT // 4)) * 5, "gzip", limit=LIMIT)


def test_decodes_deflate_without_its_header() -> None:
    """Some servers send raw deflate."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    assert b"hello" == decode(packer.compress(b"hello") + packer.flush(), "deflate", limit=LIMIT)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_bounds_what_a_small_body_unpacks_to(name: str) -> None:
    """A bomb is refused before it fills memory."""
    packed = ENCODERS[name](b"\0" * (64 << 20))
    with pytest.raises(BodyTooLarge):
        decode(packed, name, limit=LIMIT)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
@given(junk=st.binary(min_size=1, max_size=200))
def test_says_so_when_bytes_are_damaged(name: str, junk: bytes) -> None:
    """Random bytes are undecodable, never another error."""
    try:
        decode(junk, name, limit=LIMIT)
    except (Undecodable, BodyTooLarge):
        return
    assert b"" == decode(junk, name, limit=LIMIT)[:0]


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_says_so_when_the_end_is_missing(name: str) -> None:
    """A body that is cut short is not taken for whole."""
    packed = ENCODERS[name](b"hello " * 100)
    with pytest.raises(Undecodable):
        decode(packed[:-3], name, limit=LIMIT)


def test_refuses_unknown_encodings() -> None:
    """An encoding that is not known is not guessed."""
    with pytest.raises(Undecodable):
        decode(b"x", "compress", limit=LIMIT)


def test_bounds_plain_bodies_too() -> None:
    """The bound holds without any encoding."""
    with pytest.raises(BodyTooLarge):
        decode(b"x" * 11, "", limit=10)
