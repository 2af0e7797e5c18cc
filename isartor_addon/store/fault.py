"""What goes wrong with a database, and what to do about it."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import diskcache

from isartor_addon.core.errors import StoreError

DATABASE: str = diskcache.core.DBNAME

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FOREIGN = re.compile(r"no such (?:table|column)|has no column|has [0-9]+ columns|malformed")
"""What SQLite says of a database that is not ours, without a code of its own. What diskcache says is a ValueError."""


class Fault(StoreError):
    """
    The database cannot be used now.

    Attributes:
        corrupt: whether it never will be again as it is.
        moved: whether other files stand where those were that are open.
        path, inode: the database it is about; see `move_aside`.
    """

    def __init__(self, reason: str, *, corrupt: bool = False, moved: bool = False) -> None:
        super().__init__(reason)
        self.corrupt = corrupt
        self.moved = moved
        self.path = Path()
        self.inode = -1


def understand(error: Exception) -> Fault:
    """What an exception means. diskcache's failing ROLLBACK hides why it rolled back: the whole chain is looked at."""
    codes: set[int] = set()
    reason = str(error) or type(error).__name__
    each: BaseException | None = error
    while each is not None:
        code = (getattr(each, "sqlite_errorcode", None) or 0) & 0xFF
        if code not in (0, sqlite3.SQLITE_ERROR):
            codes.add(code)
            reason = str(each)
        each = each.__context__
    if codes & _CORRUPT:
        return Fault("it is corrupt", corrupt=True)
    if sqlite3.SQLITE_FULL in codes:
        return Fault("the disk is full")
    if isinstance(error, diskcache.Timeout) or codes & _LOCKED:
        return Fault("another process holds it locked")
    if isinstance(error, OSError):
        return Fault(error.strerror or reason)
    if not codes and (isinstance(error, ValueError) or _FOREIGN.search(reason)):
        return Fault(f"it is corrupt ({reason})", corrupt=True)
    return Fault(reason)


class Watched:
    """The file of an open database: what goes wrong with it, and whether it is still the one that others open."""

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: of the database; `begin` when its file is there.
        """
        self.path = path
        self._inode = -1

    def begin(self) -> None:
        """
        The file that stands there now is opened.

        Raises:
            OSError: there is none.
        """
        self._inode = os.stat(self.path).st_ino

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Whatever the database raises comes out as a `Fault`."""
        try:
            yield
        except (diskcache.Timeout, sqlite3.Error, OSError, ValueError, AssertionError) as error:
            fault = understand(error)
            fault.moved = fault.moved or not self._is_there()
            fault.path, fault.inode = self.path, self._inode
            raise fault from error

    def check(self) -> None:
        """
        See that the file that is open is still the one that others open.

        Raises:
            Fault: it is not.
        """
        if not self._is_there():
            raise Fault("its files were removed", moved=True)

    def _is_there(self) -> bool:
        try:
            return os.stat(self.path).st_ino == self._inode
        except OSError:
            return False


def move_aside(fault: Fault, stamp: int) -> Path | None:
    """
    Put a corrupt database out of the way, `cache.db` as `cache.corrupt-<stamp>`; an earlier one is removed.

    Returns:
        Where it is now, or None when another process was quicker.

    Raises:
        OSError: it cannot be moved.
    """
    path = fault.path
    if not path.exists() or path.stat().st_ino != fault.inode:
        return None
    for older in path.parent.glob(f"{path.stem}.corrupt-*"):
        older.unlink(missing_ok=True)
    aside = path.with_name(f"{path.stem}.corrupt-{stamp}")
    os.replace(path, aside)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    return aside
