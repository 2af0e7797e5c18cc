"""What a running proxy says of itself: one small file in the home directory.

The proxy holds a lock on the file for as long as it lives, and the system lets go of it when the process ends, however
it ends: a file that nobody holds is stale, even if its process number belongs to somebody else by now.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from isartor_addon.core.errors import IsartorError
from isartor_addon.store.lock import is_at, try_lock, unlock

USER = "isartor"
"""The user name with which clients show a proxy its token."""
_PATIENCE_S = 1.0
"""How long a new proxy waits for somebody who is only looking whether the file is held."""
_PAUSE_S = 0.02
_ROOM = 4096
"""What is written is as long as this or a multiple, so that new content covers the old in one go for who is reading."""


class AlreadyRunning(IsartorError):
    """Another proxy of the same home directory is running."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One address on which a proxy listens."""

    mode: str
    """mitmproxy's specification: `regular`, `reverse:https://llm.example`."""
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that is up."""

    pid: int
    started: float
    """Unix time, seconds."""
    version: str
    listeners: tuple[Listener, ...]
    proxy: str
    """`host:port` of the listener that clients name as their proxy; empty if none of the modes is one."""
    cassette: str = ""
    """The file that is used instead of the cache."""
    token: str = field(default="", repr=False)
    """What clients must show; empty: nothing."""
    web: str = field(default="", repr=False)
    """mitmweb's address with its token; empty without mitmweb."""
    workers: tuple[int, ...] = ()
    """Numbers of the processes that serve; `pid` alone where it has no workers."""
    drain_s: float = 0.0
    """How long it may take to finish what is in flight when it is to stop."""

    @classmethod
    def of(cls, document: Any) -> Self:
        """Read what `asdict` gave. Raises KeyError or TypeError if it is something else."""
        listeners = tuple(Listener(**each) for each in document["listeners"])
        return cls(**{**document, "listeners": listeners, "workers": tuple(document["workers"])})


class Claim:
    """The right to run for one home directory; see `claim`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def tell(self, running: Running) -> None:
        """Write down that the proxy is up, or what has changed since."""
        content = json.dumps(asdict(running)).encode()
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, content.ljust(-(-len(content) // _ROOM) * _ROOM))


@contextlib.contextmanager
def claim(path: Path) -> Iterator[Claim]:
    """
    Hold the state file `path` (its directory exists) for as long as the proxy runs; it is removed at the end.

    Raises:
        AlreadyRunning: somebody else holds it.
        OSError: it cannot be written.
    """
    fd = _take(path)
    try:
        os.ftruncate(fd, 0)
        yield Claim(fd)
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        unlock(fd)
        os.close(fd)


def _take(path: Path) -> int:
    until = time.monotonic() + _PATIENCE_S
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            try_lock(fd)
            if is_at(fd, path):
                return fd
        except OSError:
            if time.monotonic() > until:
                os.close(fd)
                raise AlreadyRunning(_whose(path)) from None
            time.sleep(_PAUSE_S)
        os.close(fd)


def _whose(path: Path) -> str:
    running = _parse(path)
    if running is None:
        return f"another proxy is starting with the same home directory ({path.parent})"
    address = f" at {running.proxy}" if running.proxy else ""
    return f"a proxy is running already{address} (pid {running.pid}); `isartor stop` stops it"


def read_running(path: Path) -> Running | None:
    """The proxy that is up, None if none is or it is not up yet. A stale file counts for nothing."""
    try:
        fd = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        try_lock(fd)
    except OSError:
        return _parse(path)
    else:
        unlock(fd)
        return None
    finally:
        os.close(fd)


def _parse(path: Path) -> Running | None:
    try:
        return Running.of(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
