"""One process at a time: an advisory lock on an open file, gone when the process is."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from isartor_addon.core.errors import StoreError

PATIENCE_S = 5.0
_PAUSE_S = 0.01

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30
    """Windows locks byte ranges, and others cannot read a locked one: a byte far behind the content is locked."""

    def try_lock(fd: int) -> None:
        """Hold the open file `fd`, or raise OSError at once if somebody else does."""
        os.lseek(fd, _FAR, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

    def unlock(fd: int) -> None:
        """Let go of it."""
        os.lseek(fd, _FAR, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def try_lock(fd: int) -> None:
        """Hold the open file `fd`, or raise OSError at once if somebody else does."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def unlock(fd: int) -> None:
        """Let go of it."""
        fcntl.flock(fd, fcntl.LOCK_UN)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """
    Open `path` for reading and appending (made with mode 0600 if it is missing) and hold it alone.

    Yields:
        The file descriptor. It is the file that stands under `path` now, also if somebody replaced it meanwhile.

    Raises:
        StoreError: somebody else holds it for longer than `PATIENCE_S`.
        OSError: it cannot be opened.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        fd = _open(path)
        try:
            _wait(fd, path, until)
            if not is_at(fd, path):
                continue
            try:
                yield fd
            finally:
                unlock(fd)
            return
        finally:
            os.close(fd)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
    with suppress(FileExistsError):
        fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        # Whatever the umask left of it.
        path.chmod(0o600)
        return fd
    return os.open(path, flags | os.O_CREAT, 0o600)


def _wait(fd: int, path: Path, until: float) -> None:
    while True:
        try:
            return try_lock(fd)
        except OSError as error:
            if time.monotonic() >= until:
                raise StoreError(f"{path} is held by another process") from error
            time.sleep(_PAUSE_S)


def is_at(fd: int, path: Path) -> bool:
    """Whether the open file `fd` is the one that stands under `path` now."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
