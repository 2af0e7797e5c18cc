"""This proxy's own connections to this machine, in memory that all workers share: a request that comes over one of them
has come round, also to another worker than the one that sent it.

One byte for each worker and port; it names the address of that end, so that others with the same port are not meant.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import zlib

_PORTS = 1 << 16


class Ends:
    """The table, as one worker uses it: a set of ends, each an address and a port."""

    def __init__(self, fd: int, *, number: int, count: int) -> None:
        """
        Args:
            fd: of the file from `new`, which stays the caller's.
            number: this worker's, from 1.
            count: of workers.
        """
        self._memory = mmap.mmap(fd, count * _PORTS)
        self._begin = (number - 1) * _PORTS
        self._count = count

    @staticmethod
    def new(count: int) -> int:
        """Make the file of a table for `count` workers; give its descriptor."""
        with tempfile.TemporaryFile() as file:
            file.truncate(count * _PORTS)
            return os.dup(file.fileno())

    def add(self, end: tuple[str, int]) -> None:
        """A connection of this worker begins at `end`."""
        self._memory[self._begin + end[1]] = _tag(end[0])

    def discard(self, end: tuple[str, int]) -> None:
        """It is closed."""
        self._memory[self._begin + end[1]] = 0

    def __contains__(self, end: object) -> bool:
        match end:
            case (str(host), int(port)):
                tag = _tag(host)
                return any(self._memory[worker * _PORTS + port] == tag for worker in range(self._count))
        return False

    def clear(self) -> None:
        """Forget all connections of this worker."""
        self._memory[self._begin : self._begin + _PORTS] = bytes(_PORTS)

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()


def _tag(host: str) -> int:
    """A byte for an address, never 0."""
    return zlib.crc32(host.encode()) % 255 + 1
