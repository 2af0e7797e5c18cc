"""Has the C library give memory back that is free (glibc; other systems' do so by themselves).

glibc keeps what was freed between blocks that are in use, and in each of the heaps that it makes for threads. After
5,000 new questions 27 of 112 MiB were such holes: the semantic index, which moves when it grows, leaves one behind each
time. They go back from time to time rather than at once, because what has gone back costs page faults when it is used
again: with a bound above which every block went back as it was freed, reading a body of 200 KB took twice as long.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Mapping

EVERY_S = 60.0
"""Looking for what is free takes a millisecond or two."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""`mallopt`'s names."""
_BOUNDS: Mapping[int, int] = {
    # What is freed below these stays until it is asked for. With the bounds that glibc begins with, a piece of one of
    # fifty streams took a tenth more CPU time, and a body of 200 KB was read among page faults in a young process.
    _TRIM_THRESHOLD: 64 << 20,
    _MMAP_THRESHOLD: 32 << 20,
    # One for Python's thread and one for all others, which wait for each other seldom: they mostly hold Python's lock.
    _ARENA_MAX: 2,
}
_THEIRS = ("MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")
"""Whoever sets one of these has thought about it."""


def set_bounds() -> None:
    """Have all threads of this process share few heaps, and what is freed stay in them."""
    libc = _glibc()
    if libc is not None and not any(name in os.environ for name in _THEIRS):
        for bound, value in _BOUNDS.items():
            libc.mallopt(bound, value)


async def keep_giving_back(every_s: float = EVERY_S) -> None:
    """
    Give back from time to time what lies free between blocks that are in use; never ends.

    Args:
        every_s: seconds.
    """
    libc = _glibc()
    while libc is not None:
        await asyncio.sleep(every_s)
        await asyncio.to_thread(libc.malloc_trim, 0)


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
