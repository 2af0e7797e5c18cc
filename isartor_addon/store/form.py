"""How an entry is written: a fixed head, a JSON header, the recorded bytes as they are.

4 bytes   magic
1 byte    version of the form
16 bytes  BLAKE2b over everything that follows
4 bytes   length of the header, big endian
header    JSON: what the entry is filed under, and the lengths of its chunks
body      the chunks, one after the other
"""

from __future__ import annotations

import struct
from dataclasses import fields
from hashlib import blake2b
from itertools import accumulate, pairwise
from typing import Any

import orjson

from isartor_addon.core.errors import StoreError
from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.core.recording import Entry, Recording
from isartor_addon.core.reply import Usage

MAGIC = b"IsRc"
VERSION = 1
FOR_EVER = 1e12
"""Unix time; JSON cannot say infinity."""

_COUNTS = {each.name: None for each in fields(Usage) if each.name not in ("extra", "tier")}
_HEAD = struct.Struct(">4sB16s")
_LENGTH = struct.Struct(">I")


class Damaged(StoreError):
    """These bytes are no entry, or no longer the one that was written."""


class OtherVersion(StoreError):
    """An entry in another version's form."""


def dump(entry: Entry) -> bytes:
    """Write `entry`, all but whether it is pinned: that is said by the place where it is kept."""
    recording = entry.recording
    header = orjson.dumps(
        {
            "key": entry.key,
            "content": entry.content,
            "caller": entry.caller,
            "host": entry.host,
            "model": entry.model,
            "client": entry.client,
            "created": entry.created,
            "expires": min(entry.expires, FOR_EVER),
            **({"kept": entry.kept} if entry.kept else {}),
            "fingerprint": entry.fingerprint.take(),
            "wire": recording.wire,
            "operation": recording.operation,
            "mode": recording.mode,
            "status": recording.status,
            "headers": recording.headers,
            "run_ids": dict(recording.run_ids),
            "chunks": [len(chunk) for chunk in recording.chunks],
            **({"offsets_ms": recording.offsets_ms} if recording.offsets_ms else {}),
            **({"usage": write_usage(recording.usage)} if recording.usage else {}),
            **({"scope": entry.scope, "words": entry.words} if entry.scope else {}),
        }
    )
    rest = b"".join((_LENGTH.pack(len(header)), header, *recording.chunks))
    return _HEAD.pack(MAGIC, VERSION, _checksum(rest)) + rest


def write_usage(usage: Usage) -> dict[str, int | str]:
    """The counts that were said, and how it was served where that is not as usual."""
    counts = {name: getattr(usage, name) for name in _COUNTS}
    said = {name: count for name, count in counts.items() if count is not None}
    return {**said, "tier": usage.tier} if usage.tier else said


def read_usage(counts: object) -> Usage | None:
    """
    Read what `write_usage` wrote; None where nothing was said.

    Raises:
        ValueError: it is something else.
    """
    if counts is None:
        return None
    if not isinstance(counts, dict) or not counts.keys() <= _COUNTS.keys() | {"tier"}:
        raise ValueError("`usage` must be counts of tokens")
    tier = counts.get("tier", "")
    if not isinstance(tier, str):
        raise ValueError("`usage.tier` must be a word")
    if not all(type(count) is int and count >= 0 for name, count in counts.items() if name != "tier"):
        raise ValueError("`usage` must hold whole numbers")
    return Usage(**counts)


def load(key: str, data: bytes, *, pinned: bool = False) -> Entry:
    """
    Read what `dump` wrote.

    Args:
        key: the key it was found under; it must be its own.
        data: the bytes.
        pinned: whether it was found among the pinned ones.

    Raises:
        Damaged: these are not the bytes that were written under this key.
        OtherVersion: another version of this program wrote them.
    """
    if len(data) < _HEAD.size + _LENGTH.size or not data.startswith(MAGIC):
        raise Damaged("no entry")
    _, version, checksum = _HEAD.unpack_from(data)
    if version != VERSION:
        raise OtherVersion(f"form {version}, not {VERSION}")
    if checksum != _checksum(memoryview(data)[_HEAD.size :]):
        raise Damaged("the checksum does not fit")
    begin = _HEAD.size + _LENGTH.size
    end = begin + _LENGTH.unpack_from(data, _HEAD.size)[0]
    try:
        return _entry(key, orjson.loads(data[begin:end]), data[end:], pinned=pinned)
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"the header is wrong: {error}") from error


def _checksum(data: bytes | memoryview) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _entry(key: str, header: dict[str, Any], body: bytes, *, pinned: bool) -> Entry:
    if header["key"] != key:
        raise ValueError("filed under another key")
    bounds = list(accumulate(header["chunks"], initial=0))
    if bounds[-1] != len(body) or min(header["chunks"], default=0) < 0:
        raise ValueError("the chunks do not fill the body")
    recording = Recording(
        wire=header["wire"],
        operation=header["operation"],
        mode=header["mode"],
        chunks=tuple(body[begin:end] for begin, end in pairwise(bounds)),
        headers=tuple((name, value) for name, value in header["headers"]),
        run_ids=header["run_ids"],
        status=header["status"],
        offsets_ms=tuple(header.get("offsets_ms", ())),
        usage=read_usage(header.get("usage")),
    )
    return Entry(
        key=key,
        content=header["content"],
        caller=header["caller"],
        recording=recording,
        host=header["host"],
        model=header["model"],
        client=header["client"],
        created=float(header["created"]),
        expires=float(header["expires"]),
        kept=float(header.get("kept", 0)),
        pinned=pinned,
        fingerprint=Fingerprint(taken=header["fingerprint"]),
        scope=header.get("scope", ""),
        words=header.get("words", ""),
    )
