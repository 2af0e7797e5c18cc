"""How processes that share a store tell each other what changed: a file to which the changed keys are appended.

A look costs one `stat` while nothing happens. When the file has grown, the new lines name the keys; when it is another
file (it became too long, the directory was made anew) or far behind, everything may have changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from isartor_addon.config.private import make_file

EVERYTHING = "*"

_LONGEST = 4 << 20
"""Bytes after which the file is begun anew."""
_FAR_BEHIND = 64 << 10
"""More new bytes than this are not read: everything is taken as changed."""


class Epoch:
    """One process's reading place in the file. `look` is for one thread at a time; `note` may be called from any."""

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: the file; it is made with mode 0600 if that is possible.
        """
        self.path = path
        self._me = os.urandom(6).hex()
        self._place: tuple[int, int] | None = None
        with suppress(OSError):
            make_file(path)
        self.look()

    @property
    def is_there(self) -> bool:
        """Whether the last look could see what others say."""
        return self._place is not None

    def look(self) -> frozenset[str]:
        """Keys that other processes changed since the last look; `EVERYTHING` among them when that cannot be said."""
        before = self._place
        try:
            now = os.stat(self.path)
            self._place = (now.st_ino, now.st_size)
            if self._place == before:
                return frozenset()
            grown = now.st_size - before[1] if before and before[0] == now.st_ino else -1
            if before is None or not 0 <= grown <= _FAR_BEHIND:
                return frozenset((EVERYTHING,))
            return self._read(before, grown)
        except OSError:
            self._place = None
            return frozenset((EVERYTHING,)) if before else frozenset()

    def _read(self, place: tuple[int, int], count: int) -> frozenset[str]:
        with self.path.open("rb") as file:
            file.seek(place[1])
            new = file.read(count)
        whole = new[: new.rfind(b"\n") + 1]
        self._place = (place[0], place[1] + len(whole))
        lines = (line.split(" ") for line in whole.decode("ascii", "replace").splitlines())
        return frozenset(line[-1] for line in lines if line[0] != self._me)

    def note(self, keys: Iterable[str]) -> None:
        """
        Tell the others that `keys` changed.

        Raises:
            OSError: they cannot be told.
        """
        lines = "".join(f"{self._me} {key}\n" for key in keys).encode("ascii", "replace")
        if len(lines) > _FAR_BEHIND:
            lines = f"{self._me} {EVERYTHING}\n".encode()
        while True:
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                count = os.write(fd, lines)
                mine, end = os.fstat(fd), os.lseek(fd, 0, os.SEEK_CUR)
            finally:
                os.close(fd)
            if mine.st_size > _LONGEST:
                return self._begin_anew()
            if _inode(self.path) == mine.st_ino:
                if self._place == (mine.st_ino, end - count):  # what is our own need not be read
                    self._place = (mine.st_ino, end)
                return

    def _begin_anew(self) -> None:
        fresh = self.path.with_name(f"{self.path.name}.{self._me}")
        make_file(fresh)
        os.replace(fresh, self.path)


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return -1
