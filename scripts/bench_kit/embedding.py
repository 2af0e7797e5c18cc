"""The embedder that is shipped: how long texts take, what they do to the event loop, what it weighs."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from bench_kit import machine
from bench_kit.figures import Figure, tell
from isartor_addon.models.onnx_embedder import THREADS, OnnxEmbedder

LENGTHS = (8, 16, 32, 64, 128, 256)
MARKS = 2
"""Tokens around a text."""
WORDS = "read the file again and write down what you see in each of its lines".split()
"""One token each."""
TICK_S = 0.001
LAG_MS = 5.0
"""The most that the loop may be late, p99, while texts are embedded."""


def text(tokens: int) -> str:
    """A text of so many tokens, marks included."""
    return " ".join(WORDS[place % len(WORDS)] for place in range(tokens - MARKS))


async def run(count: int, seconds: float) -> list[Figure]:
    """
    Measure.

    Args:
        count: texts of each length.
        seconds: how long the loop is watched.
    """
    embedder = OnnxEmbedder()
    before = machine.resident_mb(os.getpid())
    began = time.perf_counter()
    await embedder.load()
    figures = [Figure("load, imports included", (time.perf_counter() - began) * 1000, "ms")]
    for length in LENGTHS:
        took = [await _time(embedder, text(length)) for _ in range(count)]
        figures += _percentiles(f"{length} tokens", [wall for wall, _ in took])
        figures.append(Figure(f"{length} tokens, CPU time, p50", statistics.median(cpu for _, cpu in took), "ms"))
    figures += _percentiles("loop late, nothing embedded", await _lag(seconds))
    async with _busy(embedder):
        lag = await _lag(seconds)
    figures += _percentiles(f"loop late, {THREADS} texts of 256 tokens at a time", lag, LAG_MS)
    after = machine.resident_mb(os.getpid())
    if before is not None and after is not None:
        figures.append(Figure("memory (RSS), libraries included", after - before, "MiB"))
    embedder.close()
    return figures


async def _time(embedder: OnnxEmbedder, words: str) -> tuple[float, float]:
    """Time and CPU time of one text, milliseconds."""
    began = time.perf_counter(), time.process_time()
    await embedder.embed([words])
    return (time.perf_counter() - began[0]) * 1000, (time.process_time() - began[1]) * 1000


async def _lag(seconds: float) -> list[float]:
    """How late the loop comes back from short sleeps, milliseconds."""
    late = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        await asyncio.sleep(TICK_S)
        late.append((time.perf_counter() - began - TICK_S) * 1000)
    return late


@asynccontextmanager
async def _busy(embedder: OnnxEmbedder) -> AsyncIterator[None]:
    async def embed() -> None:
        while True:
            await embedder.embed([text(256)])

    tasks = [asyncio.ensure_future(embed()) for _ in range(THREADS)]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _percentiles(what: str, took: list[float], limit: float | None = None) -> Iterator[Figure]:
    yield Figure(f"{what}, p50", statistics.median(took), "ms")
    yield Figure(f"{what}, p99", statistics.quantiles(took, n=100)[98], "ms", limit)


if __name__ == "__main__":
    tell(asyncio.run(run(int(sys.argv[1]), float(sys.argv[2]))))
