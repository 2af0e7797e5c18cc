"""Threads in which texts are embedded: a few, and a bound on what waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from isartor_addon.core.errors import EmbedderError

MOST_WAITING = 32
"""Calls that wait for a thread; more are turned away, since they would come too late."""


class Pool:
    """Runs work in threads; whatever goes wrong there is an `EmbedderError`."""

    def __init__(self, threads: int) -> None:
        """
        Args:
            threads: how many there are at most; the first is started with the first work.
        """
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="isartor-embed")
        self._most = threads + MOST_WAITING
        self._begun = 0
        self._closed = False

    async def run[T](self, work: Callable[[], T]) -> T:
        """
        Do `work` in a thread.

        Raises:
            EmbedderError: it failed, or too much waits.
        """
        if self._closed:
            raise EmbedderError("the embedder is closed")
        if self._begun >= self._most:
            raise EmbedderError("too many texts wait to be embedded")
        self._begun += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise EmbedderError("the embedder was closed") from None
        except EmbedderError:
            raise
        except Exception as error:
            raise EmbedderError(f"the embedder failed: {type(error).__name__}") from error
        finally:
            self._begun -= 1

    def close(self) -> None:
        """Drop what waits, and end the threads when what they do is done."""
        self._closed = True
        self._threads.shutdown(wait=True, cancel_futures=True)
