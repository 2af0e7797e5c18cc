"""Fear: memory that was used once is never given back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc holds on to memory")

BEGIN = """
from isartor_addon.proxy import allocator

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

allocator.give_back()
"""
TRIAL = """
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


SMALL_TRIAL = """
import asyncio

async def gives_back(most):
    giving = asyncio.create_task(allocator.keep_giving_back(0.001))
    while resident_mb() - before > most:
        await asyncio.sleep(0.001)
    giving.cancel()

before = resident_mb()
blocks = [bytes(10_000) for _ in range(4000)]
kept = blocks[::100]
del blocks
used = resident_mb() - before
asyncio.run(asyncio.wait_for(gives_back(10), 30))
print(used, resident_mb() - before)
"""


def trial(trial: str = TRIAL, **environment: str) -> tuple[float, float]:
    """How much memory blocks take, or hold when most are freed, and how much in the end, MiB."""
    named = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + trial],
        env=named | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    used, left = map(float, done.stdout.split())
    return used, left


def test_large_blocks_are_given_back() -> None:
    """What was freed between blocks that are in use goes back to the system, also after a larger one was freed."""
    used, left = trial()
    assert used > 35
    assert left < 5


def test_small_blocks_are_given_back_in_time() -> None:
    """What was freed between small blocks that are in use goes back after a while."""
    held, left = trial(SMALL_TRIAL)
    assert held > 30
    assert left <= 10


def test_who_has_set_bounds_is_left_alone() -> None:
    """The environment's own bounds hold."""
    used, left = trial(MALLOC_MMAP_THRESHOLD_=str(32 << 20))
    assert used > 35
    assert left > 20
