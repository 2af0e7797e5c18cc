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

EVERY_S = 60.0
"""Looking for what is free takes a millisecond or two."""
_ARENA_MAX = -8
"""`mallopt`'s name."""
_ARENAS = 2
"""One for Python's thread and one for all others, which wait for each other seldom: they mostly hold Python's lock."""
_THEIRS = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
"""Whoever sets one of these has thought about it."""


def share_heaps() -> None:
    """Have all threads of this process share few heaps."""
    libc = _glibc()
    if libc is not None and not any(name in os.environ for name in _THEIRS):
        libc.mallopt(_ARENA_MAX, _ARENAS)


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
