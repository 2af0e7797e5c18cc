"""How many connections each worker has, in memory that all of them share: who has fewest takes the next one.

A number is written by its worker alone, and by the supervisor once that worker is gone. Reading a number that changes
right now is harmless: a connection is then taken by a worker that has one more than another.
"""

from __future__ import annotations

import mmap
import os
import tempfile

_AWAY = -1
_SIZE = 8


class Tally:
    """The table."""

    def __init__(self, fd: int, count: int) -> None:
        """
        Args:
            fd: of the file from `new`, which stays the caller's.
            count: of workers.
        """
        self._memory = mmap.mmap(fd, count * _SIZE)
        self._counts = memoryview(self._memory).cast("q")

    @staticmethod
    def new(count: int) -> int:
        """Make the file of a table for `count` workers, all away; give its descriptor."""
        with tempfile.TemporaryFile() as file:
            file.write(_AWAY.to_bytes(_SIZE, "little", signed=True) * count)
            file.flush()
            return os.dup(file.fileno())

    def come(self, number: int) -> None:
        """Worker `number` (from 1) takes connections from now on."""
        if self._counts[number - 1] == _AWAY:
            self._counts[number - 1] = 0

    def leave(self, number: int) -> None:
        """It takes none any more."""
        self._counts[number - 1] = _AWAY

    def add(self, number: int, by: int) -> None:
        """It has so many more connections, if it is not away."""
        if self._counts[number - 1] != _AWAY:
            self._counts[number - 1] += by

    def has_fewest(self, number: int) -> bool:
        """Whether nobody who takes connections has fewer than `number`."""
        mine = self._counts[number - 1]
        return all(count >= mine or count == _AWAY for count in self._counts)

    def close(self) -> None:
        """Let go of the memory."""
        self._counts.release()
        self._memory.close()
