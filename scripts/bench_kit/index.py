"""The semantic index, full: how long a look takes without embedding, and what it weighs."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench_kit import machine
from bench_kit.figures import Figure, tell
from isartor_addon.assemble import SystemClock
from isartor_addon.store.vectors import VectorStore

DIMENSION = 384
AT_ONCE = 1000
LOOK_MS = 0.3
"""The most that a look may take, p50."""
GROWTH_MIB = 250.0
"""The most that the process may grow by it, libraries included."""


def measure(entries: int, scopes: int) -> list[Figure]:
    """Fill an index on disk, and ask it until everything is in memory."""
    chance = np.random.default_rng(1)
    names = [sha256(str(number).encode()).hexdigest() for number in range(scopes)]
    before = machine.resident_mb(os.getpid())
    with tempfile.TemporaryDirectory(prefix="isartor-bench-index-") as folder:
        store = VectorStore(Path(folder) / "index", embedder="bench", clock=SystemClock())
        put = _fill(store, names, entries, chance)
        first, later = (asyncio.run(_ask(store, names, chance)) for _ in range(2))
        after = machine.resident_mb(os.getpid())
        store.close()
        size = sum(path.stat().st_size for path in (Path(folder) / "index").iterdir())
    told = f"{entries:,} entries in {scopes:,} scopes"
    figures = [
        Figure(f"{told}: put, p50", statistics.median(put), "ms"),
        Figure(f"{told}: first look into a scope, p50", statistics.median(first), "ms"),
        Figure(f"{told}: look, p50", statistics.median(later), "ms", LOOK_MS),
        Figure(f"{told}: look, p99", statistics.quantiles(later, n=100)[98], "ms"),
        Figure(f"{told}: on disk", size / (1 << 20), "MiB"),
    ]
    if before is not None and after is not None:
        figures.append(Figure(f"{told}: memory (RSS), libraries included", after - before, "MiB", GROWTH_MIB))
    return figures


def _units(count: int, chance: np.random.Generator) -> NDArray[Any]:
    vectors = chance.standard_normal((count, DIMENSION), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _fill(store: VectorStore, names: Sequence[str], entries: int, chance: np.random.Generator) -> list[float]:
    took = []
    for begin in range(0, entries, AT_ONCE):
        for number, vector in enumerate(_units(AT_ONCE, chance), begin):
            key = sha256(b"key %d" % number).hexdigest()
            began = time.perf_counter()
            store.put(names[number % len(names)], key, vector)
            took.append((time.perf_counter() - began) * 1000)
        store.settle()
    return took


async def _ask(store: VectorStore, names: Sequence[str], chance: np.random.Generator) -> list[float]:
    """As the layer does: whether there is anything, then what is near."""
    took = []
    for name, vector in zip(names, _units(len(names), chance), strict=True):
        began = time.perf_counter()
        assert store.holds(name)
        assert await store.nearest(name, vector, 3)
        took.append((time.perf_counter() - began) * 1000)
    return took


if __name__ == "__main__":
    tell(measure(int(sys.argv[1]), int(sys.argv[2])))
