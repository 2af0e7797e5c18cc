"""Single-flight across processes: who has a lease on a key asks the provider, the others wait for the store.

A lease is a lock on one byte of one file that nothing is ever written to; which byte, the key says. The system keeps
the locks and lets go of those of a process that ends, however it ends: there is nothing to expire, to beat or to clean
up. Taking one and letting go of it costs a few microseconds.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from isartor_addon.config.private import make_directory

log = logging.getLogger(__name__)

_FIRST_LOOK_S = 0.002
_LOOK_S = 0.05
"""How long it may take at most until somebody who waits sees that a lease is free."""
_BITS = 62
_HELD = (errno.EACCES, errno.EAGAIN)


class FileLeases:
    """The leases of all processes that use one directory, as one of them sees them; a process has but one of these."""

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: the file; made if it is missing.
        """
        self._path = path
        self._fd: int | None = None
        if sys.platform == "win32":
            return
        try:
            make_directory(path.parent)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            self._do_without(error)

    def take(self, key: str) -> bool:
        """Get the lease on `key`, if no other process has it. Where leases do not work everybody gets it."""
        if self._fd is None:
            return True
        try:
            _lock(self._fd, key)
        except OSError as error:
            if error.errno in _HELD:
                return False
            self._do_without(error)
        return True

    async def wait(self, key: str, timeout_s: float) -> bool:
        """The same, waiting for somebody who has it to let go; False when the time is over."""
        until = time.monotonic() + timeout_s
        pause_s = _FIRST_LOOK_S
        while not self.take(key):
            left_s = until - time.monotonic()
            if left_s <= 0:
                return False
            await asyncio.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, _LOOK_S)
        return True

    def drop(self, key: str) -> None:
        """Let go of the lease on `key`; from any thread."""
        if self._fd is not None:
            with suppress(OSError):
                _unlock(self._fd, key)

    def close(self) -> None:
        """Let go of all of them."""
        if self._fd is not None:
            # Any close of the file in this process lets go of them.
            os.close(self._fd)
            self._fd = None

    def _do_without(self, error: OSError) -> None:
        log.info("processes do not share calls to the provider: %s: %s", self._path, error.strerror)
        self.close()


def _place(key: str) -> int:
    """The byte that stands for `key`. Two keys at one place would only wait for each other."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) >> (64 - _BITS)


if sys.platform != "win32":
    import fcntl

    def _lock(fd: int, key: str) -> None:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(key))

    def _unlock(fd: int, key: str) -> None:
        fcntl.lockf(fd, fcntl.LOCK_UN, 1, _place(key))
