"""Making files and directories, most of them for nobody but their owner."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def make_file(path: Path) -> None:
    """
    Make `path`, if it is missing, and make it private (0600), whatever the umask.

    Raises:
        OSError: that cannot be.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


def make_database(path: Path) -> None:
    """
    Make the empty file of an SQLite database, if it is missing, and make it and its side files private (0600).

    Raises:
        OSError: that cannot be.
    """
    # One that is there is not opened here: closing it would drop the locks that SQLite holds in this process.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    # SQLite gives its two side files the mode of the database.
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with suppress(FileNotFoundError):
            os.chmod(each, 0o600)


def write_file(path: Path, pieces: Iterable[bytes], *, mode: int = 0o600, replace: bool = True) -> None:
    """
    Write a file in one step: nobody ever reads half of it, and what was there stays where it cannot be written.

    It is written beside its place first, under a name that nobody can foresee: in a folder that others may write to
    (`/tmp`) they could have put a link there.

    Args:
        pieces: what is to stand in it.
        mode: for whom it is, whatever the umask.
        replace: False: a file that is there already stays, and nothing is said.

    Raises:
        OSError: it cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(mode)
        if replace:
            os.replace(fresh, path)
        else:
            with suppress(FileExistsError):
                os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def make_directory(directory: Path) -> None:
    """
    Make `directory` and what is missing above it, for this user only, whatever the umask.

    An existing one keeps its mode.

    Raises:
        OSError: it cannot be made, or something else is there.
    """
    if directory.is_dir():
        return
    make_directory(directory.parent)
    try:
        directory.mkdir(mode=0o700)
        directory.chmod(0o700)
    except FileExistsError:  # somebody else was quicker, or it is no directory
        if not directory.is_dir():
            raise
