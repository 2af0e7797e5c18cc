"""Carry recordings from one machine to another: out of a store into a cassette, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from isartor_addon.core.errors import StoreError
from isartor_addon.core.recording import Entry
from isartor_addon.layers.ports import Shelf
from isartor_addon.store.answers import AnswerStore
from isartor_addon.store.cassette_file import as_nobodys, fits, read_cassette, write_whole
from isartor_addon.store.front import weight
from isartor_addon.store.memory import WAITING_BYTES


def export(shelf: Shelf, file: Path, *, model: str = "", host: str = "") -> int:
    """
    Write what is stored to a cassette, without callers and credentials; of several callers' answers to one request the
    newest.

    Args:
        shelf: where it is stored.
        file: the cassette; one that is there is replaced.
        model: only of models that match this pattern.
        host: only of hosts that match this pattern.

    Returns:
        The number of recordings.

    Raises:
        StoreError: the file cannot be written.
    """

    def chosen() -> Iterator[Entry]:
        seen: set[str] = set()
        for entry in shelf.entries():
            if entry.content not in seen and fits(entry, model=model, host=host):
                seen.add(entry.content)
                yield as_nobodys(entry)

    try:
        return write_whole(file, chosen())
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}") from error


def import_(file: Path, answers: AnswerStore, *, expires: float) -> int:
    """
    Put a cassette's recordings into a store, for everybody who uses it, and wait until they are written.

    Args:
        file: the cassette.
        answers: the store.
        expires: until when they are served; Unix time, seconds.

    Returns:
        The number of recordings.

    Raises:
        ConfigError: the file is no cassette, or damaged; nothing was imported.
        StoreError: the store cannot be written now.
    """
    entries = read_cassette(file)
    unwritten = 0
    for entry in entries.values():
        unwritten += weight(entry)
        if unwritten > WAITING_BYTES // 2:
            answers.settle()
            unwritten = weight(entry)
        answers.put(replace(entry, expires=expires, pinned=False))
    answers.settle()
    return len(entries)
