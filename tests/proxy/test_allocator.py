"""Fear: memory that was used once is never given back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc holds on to memory")

TRIAL = """
import sys
from isartor_addon.proxy import allocator

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

allocator.give_back()
# What the embedder does: glibc would raise its bound by it.
large = bytearray(b"x") * (25 << 20)
del large
before = resident_mb()
blocks, between = [], []
for _ in range(20):
    blocks.append(bytearray(b"x") * (2 << 20))
    between.append(bytes(4000))
used = resident_mb() - before
del blocks
print(used, resident_mb() - before)
"""


def trial(**environment: str) -> tuple[float, float]:
    """How much twenty blocks of 2 MiB take, and how much of it stays when they are freed, MiB."""
    named = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", TRIAL], env=named | environment, capture_output=True, text=True, timeout=60, check=True
    )
    used, left = map(float, done.stdout.split())
    return used, left


def test_large_blocks_are_given_back() -> None:
    """What was freed between blocks that are in use goes back to the system, also after a larger one was freed."""
    used, left = trial()
    assert used > 35
    assert left < 5


def test_who_has_set_bounds_is_left_alone() -> None:
    """The environment's own bounds hold."""
    used, left = trial(MALLOC_MMAP_THRESHOLD_=str(32 << 20))
    assert used > 35
    assert left > 20
