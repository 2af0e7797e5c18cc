"""The two databases of the store: what may be evicted, and what is pinned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import orjson

from isartor_addon.core.errors import StoreError
from isartor_addon.core.recording import Entry
from isartor_addon.store.disk import Database, Item, Refused
from isartor_addon.store.form import Damaged, OtherVersion, dump, load

WRITER_PATIENCE_S = 2.0
READER_PATIENCE_S = 0.25

_LARGEST_PART = 4
_COUNTER = "count:"


@dataclass(frozen=True, slots=True)
class Row:
    """What an entry says of itself without being read whole."""

    key: str
    model: str
    host: str
    created: float
    pinned: bool

    def fits(self, *, model: str, host: str, before: float | None) -> bool:
        """Whether it matches everything that is given."""
        return (
            (not model or fnmatchcase(self.model.lower(), model.lower()))
            and (not host or fnmatchcase(self.host.lower(), host.lower()))
            and (before is None or self.created < before)
        )


class Rooms:
    """Both databases, as one thread uses them. Every method raises `Fault` when the disk cannot be used."""

    def __init__(self, directory: Path, *, size_bytes: int, writes: bool) -> None:
        """
        Args:
            directory: the store's.
            size_bytes: bound of what is not pinned.
            writes: whether this is for the thread that writes; else nothing here ever waits for a writer.
        """
        patience = WRITER_PATIENCE_S if writes else READER_PATIENCE_S
        self._size = size_bytes
        self._pinned = Database(directory / "pinned", size_bytes=None, timeout_s=patience)
        try:
            self._common = Database(directory, size_bytes=size_bytes, timeout_s=patience)
        except StoreError:
            self._pinned.close()
            raise
        if not writes:
            self._common.read_only_from_here()

    def read(self, key: str) -> Entry | None:
        """
        The entry under `key`, fresh or not.

        Raises:
            Damaged: what stands there cannot be used and is to be removed.
        """
        for room in (self._pinned, self._common):
            try:
                data = room.get(key)
                if data is not None:
                    return load(key, data, pinned=room is self._pinned)
            except OtherVersion:
                continue
            except Refused as error:
                raise Damaged(str(error)) from error
        return None

    def write(self, entries: Sequence[Entry], now: float) -> None:
        """Keep `entries`, one of a key; pinned if they say so or if the ones they replace were."""
        pinned, common = [], []
        were_pinned = self._pinned.which([entry.key for entry in entries])
        for entry in entries:
            if entry.pinned or entry.key in were_pinned:
                pinned.append(Item(entry.key, dump(entry), None, _tag(entry)))
                continue
            data = dump(entry)
            if now < entry.end and len(data) * _LARGEST_PART <= self._size:
                common.append(Item(entry.key, data, entry.end - now, _tag(entry)))
        if pinned:
            self._pinned.put(*pinned)
        if common:
            self._common.put(*common)

    def pin(self, entry: Entry, now: float, *, pinned: bool) -> Entry:
        """Move `entry` to the room where it belongs from now on."""
        moved = replace(entry, pinned=pinned)
        if pinned:
            self.write([moved], now)
            self._common.delete([entry.key])
        else:
            self._pinned.delete([entry.key])
            self.write([moved], now)
        return moved

    def touch(self, keys: Iterable[str]) -> None:
        """Say that `keys` were used now."""
        self._common.touch(keys)

    def remove(self, keys: list[str]) -> int:
        """Remove `keys`, pinned or not; give how many there were."""
        return self._common.delete(keys) + self._pinned.delete(keys)

    def rows(self, prefix: str = "") -> list[Row]:
        """Everything that has not expired, newest first."""
        rows = [
            _row(key, tag, pinned=pinned)
            for room, pinned in ((self._pinned, True), (self._common, False))
            for key, tag in room.rows(prefix)
            if not key.startswith(_COUNTER)
        ]
        return sorted(rows, key=lambda row: row.created, reverse=True)

    def all_keys(self) -> Iterator[list[str]]:
        """The keys of everything, expired or not, some thousand at a time."""
        yield from self._pinned.all_keys()
        yield from self._common.all_keys()

    def count(self, name: str, by: int = 0) -> int:
        """Add `by` to the counter `name`, which outlives everything but a corrupt database; give its value."""
        return self._pinned.count(_COUNTER + name, by)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._common.size + self._pinned.size

    def try_write(self) -> None:
        """See whether there is room on the disk."""
        self._common.try_write()

    def close(self) -> None:
        """Let go of the files; in the thread that used them."""
        self._common.close()
        self._pinned.close()


def _tag(entry: Entry) -> str:
    return orjson.dumps((entry.model, entry.host, entry.created)).decode()


def _row(key: str, tag: str, *, pinned: bool) -> Row:
    with suppress(ValueError, TypeError):
        model, host, created = orjson.loads(tag)
        return Row(key, str(model), str(host), float(created), pinned)
    return Row(key, "", "", 0.0, pinned)
