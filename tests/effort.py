"""Bounds of work that must not grow faster than what is worked on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def takes_at_most(cpu_s: float) -> Iterator[None]:
    """Fail where the work takes more CPU time: many times what it takes, far less than if it were quadratic."""
    began = time.process_time()
    yield
    assert cpu_s > time.process_time() - began
