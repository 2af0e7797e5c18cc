"""Fear: memory that was used once is never given back, or given back so eagerly that using it is slow."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc holds on to memory")

BEGIN = """
import asyncio, ctypes, resource, threading

from isartor_addon.proxy import allocator

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

async def gives_back(most):
    giving = asyncio.create_task(allocator.keep_giving_back(0.001))
    while resident_mb() - before > most:
        await asyncio.sleep(0.001)
    giving.cancel()

allocator.set_bounds()
before = resident_mb()
"""
LARGE = """
# What the embedder does when it is loaded.
large = bytearray(b"x") * (25 << 20)
del large
blocks, between = [], []
for _ in range(20):
    blocks.append(bytearray(b"x") * (2 << 20))
    between.append(bytes(4000))
del blocks
"""
SMALL = """
blocks = [bytes(10_000) for _ in range(4000)]
kept = blocks[::100]
del blocks
"""
GIVE = """
held = resident_mb() - before
asyncio.run(asyncio.wait_for(gives_back(10), 30))
print(held, resident_mb() - before)
"""
AGAIN = """
import orjson

body = b'{"messages":[' + b",".join([b'{"role":"user","content":"%s"}' % (b"x" * 2000)] * 100) + b"]}"
orjson.loads(body)
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    orjson.loads(body)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
"""
HEAPS = """
def work():
    held.append(bytes(100_000))
    all_there.wait()

held, all_there = [], threading.Barrier(17)
for _ in range(16):
    threading.Thread(target=work).start()
all_there.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def trial(trial: str, **environment: str) -> str:
    """What a trial prints."""
    named = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + trial],
        env=named | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("blocks", [LARGE, SMALL], ids=["large", "small"])
def test_what_is_free_is_given_back_in_time(blocks: str) -> None:
    """What was freed between blocks that are in use goes back to the system after a while."""
    held, left = map(float, trial(blocks + GIVE).split())
    assert held > 30
    assert left <= 10


def test_bodies_are_read_in_memory_that_is_there() -> None:
    """One body after another is read without asking the system for memory each time."""
    assert int(trial(AGAIN)) < 1000


def test_threads_set_bounds() -> None:
    """There are two, however many threads; the environment's own bound holds."""
    assert 2 >= trial(HEAPS).count("<heap nr=")
    assert 2 < trial(HEAPS, MALLOC_ARENA_MAX="6").count("<heap nr=") <= 6
