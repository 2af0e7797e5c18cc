"""How a cassette is written: JSON Lines, a header first, then one recording a line.

    {"isartor_cassette": 1, "by": "isartor-addon"}
    {"content": "<64 hex digits>", "wire": "openai", "operation": "generate", "mode": "sse", "status": 200,
     "model": ..., "host": ..., "client": ..., "created": ..., "headers": [[name, value], ...],
     "run_ids": {name: value}, "fingerprint": {path: digest}, "chunks": ["text", {"base64": "..."}],
     "offsets_ms": [0, 18], "usage": {"input": 9, "output": 5}}

Bodies are verbatim, piece by piece; callers are not in it, and no response header that carries a credential.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.core.identity import ANYONE, key_for
from isartor_addon.core.recording import Entry, Recording
from isartor_addon.store.form import read_usage, write_usage

VERSION = 1
HEADER = orjson.dumps({"isartor_cassette": VERSION, "by": "isartor-addon"}) + b"\n"

_CONTENT = re.compile(r"[0-9a-f]{64}")


def write_line(entry: Entry) -> bytes:
    """One recording, with its line's end."""
    recording = entry.recording
    line = {
        "content": entry.content,
        "wire": recording.wire,
        "operation": recording.operation,
        "mode": recording.mode,
        "status": recording.status,
        "model": entry.model,
        "host": entry.host,
        "client": entry.client,
        "created": round(entry.created, 3),
        "headers": recording.headers,
        "run_ids": dict(recording.run_ids),
        "fingerprint": entry.fingerprint.take(),
        "chunks": [_write_chunk(chunk) for chunk in recording.chunks],
        **({"offsets_ms": recording.offsets_ms} if recording.offsets_ms else {}),
        **({"usage": write_usage(recording.usage)} if recording.usage else {}),
    }
    return orjson.dumps(line) + b"\n"


def check_header(line: bytes) -> None:
    """
    See that a file is a cassette of this version.

    Raises:
        ValueError: it is not; the sentence says why.
    """
    try:
        header = orjson.loads(line)
    except orjson.JSONDecodeError:
        header = None
    version = header.get("isartor_cassette") if isinstance(header, dict) else None
    if version is None:
        raise ValueError('this is no cassette: the first line must be {"isartor_cassette": 1}')
    if version != VERSION:
        raise ValueError(f"a cassette of version {version}; this program reads version {VERSION}")


def read_line(line: bytes) -> Entry:
    """
    One recording; it belongs to nobody and never expires.

    Raises:
        ValueError: the line is something else; the sentence says what.
    """
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    content = _text(fields, "content")
    if not _CONTENT.fullmatch(content):
        raise ValueError("`content` must be 64 hex digits")
    recording = Recording(
        wire=_text(fields, "wire"),
        operation=_text(fields, "operation"),
        mode=_text(fields, "mode"),
        chunks=tuple(_read_chunk(chunk) for chunk in _list(fields, "chunks")),
        headers=tuple(_header(header) for header in _list(fields, "headers")),
        run_ids=_texts(fields, "run_ids"),
        status=int(_number(fields, "status")),
        offsets_ms=_offsets(fields),
        usage=read_usage(fields.get("usage")),
    )
    return Entry(
        key=key_for(ANYONE, content),
        content=content,
        caller=ANYONE,
        recording=recording,
        host=_text(fields, "host"),
        model=_text(fields, "model"),
        client=_text(fields, "client"),
        created=_number(fields, "created"),
        expires=math.inf,
        pinned=True,
        fingerprint=Fingerprint(taken=_texts(fields, "fingerprint")),
    )


def _write_chunk(chunk: bytes) -> str | dict[str, str]:
    try:
        return chunk.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(chunk).decode()}


def _read_chunk(chunk: Any) -> bytes:
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, dict) and isinstance(chunk.get("base64"), str):
        return base64.b64decode(chunk["base64"], validate=True)
    raise ValueError('a chunk must be a text or {"base64": text}')


def _header(value: Any) -> tuple[str, str]:
    if not isinstance(value, list) or [type(each) for each in value] != [str, str]:
        raise ValueError("a header must be [name, value]")
    if re.search(r"[\r\n\0]", value[0] + value[1]):
        raise ValueError("a header must be one line")
    return value[0], value[1]


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ValueError(f"`{name}` must be a text")
    return value


def _number(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"`{name}` must be a number")
    return value


def _list(fields: Mapping[str, Any], name: str) -> list[Any]:
    value = fields.get(name)
    if not isinstance(value, list):
        raise ValueError(f"`{name}` must be a list")
    return value


def _offsets(fields: Mapping[str, Any]) -> tuple[int, ...]:
    value = fields.get("offsets_ms", [])
    whole = isinstance(value, list) and all(isinstance(each, int) and not isinstance(each, bool) for each in value)
    if not whole:
        raise ValueError("`offsets_ms` must be a list of whole numbers")
    return tuple(value)


def _texts(fields: Mapping[str, Any], name: str) -> dict[str, str]:
    value = fields.get(name, {})
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError(f"`{name}` must be an object of texts")
    return value
