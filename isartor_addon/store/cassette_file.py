"""The file of a cassette: read whole, added to line by line, written anew; and what of an entry goes into it."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import orjson

from isartor_addon.config.private import write_file
from isartor_addon.core.errors import ConfigError
from isartor_addon.core.identity import ANYONE, key_for
from isartor_addon.core.recording import Entry
from isartor_addon.core.redact import redact
from isartor_addon.store.cassette_line import HEADER, check_header, read_line, write_line

log = logging.getLogger(__name__)


def read_cassette(file: Path) -> dict[str, Entry]:
    """
    Read a whole cassette: key to entry; of several with one key the last. A torn last line is left out, with a warning.

    Raises:
        ConfigError: the file is missing, damaged or something else; the sentence names file and line.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cassette: {file} cannot be read: {error.strerror}") from error
    return _parse(file, data)


def _parse(file: Path, data: bytes) -> dict[str, Entry]:
    lines = data.split(b"\n")
    entries: dict[str, Entry] = {}
    for number, line in enumerate(lines, 1):
        try:
            if number == 1:
                check_header(line)
            elif line.strip():
                entry = read_line(line)
                entries.pop(entry.key, None)
                entries[entry.key] = entry
        except ValueError as error:
            if 1 < number == len(lines):
                log.warning("the cassette %s ends within a recording; that one is left out", file)
                break
            raise ConfigError(f"cassette: {file}:{number}: {error}") from error
    return entries


def as_nobodys(entry: Entry) -> Entry:
    """
    `entry` as it may be shown: filed under nobody, response headers that carry a credential and the prompt's own words
    left out. So a cassette answers the very same request only.
    """
    headers = tuple(
        (name, value)
        for name, value in entry.recording.headers
        if (line := f"{name}: {value}") == redact(line) and value == redact(value)
    )
    return replace(
        entry,
        key=key_for(ANYONE, entry.content),
        caller=ANYONE,
        recording=replace(entry.recording, headers=headers),
        expires=math.inf,
        pinned=True,
        scope="",
        words="",
    )


def fits(entry: Entry, *, model: str, host: str) -> bool:
    """Whether an entry's model and host match the patterns that are given."""
    return (not model or fnmatchcase(entry.model.lower(), model.lower())) and (
        not host or fnmatchcase(entry.host.lower(), host.lower())
    )


def append(fd: int, line: bytes) -> None:
    """
    Add `line` to a file that is held alone: whole or not at all. A torn last line is cut off first.

    Raises:
        OSError: it cannot be written.
    """
    end, tail = _last_line(fd)
    if tail and _whole(tail):
        line, end = b"\n" + line, end + len(tail)
    os.ftruncate(fd, end)
    try:
        view = memoryview(line)
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        os.ftruncate(fd, end)
        raise


def _last_line(fd: int) -> tuple[int, bytes]:
    """Where the last line's end is, and what stands behind it."""
    begin, tail = os.fstat(fd).st_size, b""
    while begin and b"\n" not in tail:
        step = min(begin, 64 << 10)
        begin -= step
        os.lseek(fd, begin, os.SEEK_SET)
        tail = os.read(fd, step) + tail
    end = tail.rfind(b"\n") + 1
    return begin + end, tail[end:]


def _whole(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def write_whole(file: Path, entries: Iterable[Entry]) -> int:
    """
    Write a cassette, mode 0600, in place of what is there; give the number of recordings.

    Raises:
        OSError: it cannot be written; what was there still is.
    """
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        yield HEADER
        for entry in entries:
            count += 1
            yield write_line(entry)

    write_file(file, lines())
    return count
