"""Gathers what is put one by one into batches: being woken and committing is most of the work of writing."""

from __future__ import annotations

import threading
import time


class Gathering[T]:
    """One batch at a time. Anybody adds to it; one thread writes it when it is due."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._batch: list[T] | None = None
        self._due = 0.0
        """When to write it; monotonic, seconds."""
        self._hurried = False

    def add(self, item: T, within_s: float) -> list[T] | None:
        """
        Put `item` into the batch, which is due in `within_s` or sooner.

        Returns:
            The batch, where `item` begins it: somebody is to `complete` it.
        """
        due = time.monotonic() + within_s
        with self._changed:
            if self._batch is None:
                self._batch, self._due = [item], due
                return self._batch
            self._batch.append(item)
            if due < self._due:
                self._due = due
                self._changed.notify()
            return None

    def wait(self) -> None:
        """Wait until the batch is due."""
        with self._changed:
            while not self._hurried and (left_s := self._due - time.monotonic()) > 0:
                self._changed.wait(left_s)
            self._hurried = False

    def complete(self, batch: list[T]) -> None:
        """Let nothing more come to `batch`."""
        with self._changed:
            if self._batch is batch:
                self._batch = None

    def hurry(self) -> None:
        """Somebody waits: the batch is due, or the next one where there is none."""
        with self._changed:
            self._hurried = True
            self._changed.notify()
