"""Has the C library give memory back that is free (glibc; other systems' do so by themselves).

glibc keeps what was freed between blocks that are in use, and in each of the heaps that it makes for threads. Blocks
above a bound it takes from the system one by one, but whenever one of them is freed it raises that bound, up to 32 MiB:
once the embedder has been read, the semantic index, which moves when it grows, leaves a hole behind each time. After
5,000 new questions 27 of 112 MiB were such holes; with the bounds below, 6 of 93.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""`mallopt`'s names."""
_BOUNDS: Mapping[int, int] = {
    _TRIM_THRESHOLD: 8 << 20,
    _MMAP_THRESHOLD: 1 << 20,
    # One for Python's thread and one for all others, which wait for each other seldom: they mostly hold Python's lock.
    _ARENA_MAX: 2,
}
_THEIRS = ("MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")
"""Whoever sets one of these has thought about it."""


def give_back() -> None:
    """Set bounds, for all of this process."""
    if sys.platform != "linux" or any(name in os.environ for name in _THEIRS):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for bound, value in _BOUNDS.items():
            mallopt(bound, value)
