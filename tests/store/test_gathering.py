"""What is put one by one comes in batches, none of it twice, none of it never."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from isartor_addon.store.gathering import Gathering

LONG_S = 3600.0


def test_a_batch_ends_when_it_is_complete() -> None:
    """What is added meanwhile belongs to it; what comes after begins the next one."""
    gathering = Gathering[int]()
    batch = gathering.add(1, LONG_S)
    assert gathering.add(2, LONG_S) is None
    assert batch == [1, 2]
    gathering.complete(batch)
    following = gathering.add(3, LONG_S)
    assert ([1, 2], [3]) == (batch, following)
    gathering.complete(batch)
    assert gathering.add(4, LONG_S) is None


def test_what_is_urgent_takes_the_batch_along() -> None:
    """A batch is due when the first of what is in it is."""
    gathering, done = Gathering[int](), threading.Event()
    assert gathering.add(1, LONG_S)
    waiting = threading.Thread(target=lambda: (gathering.wait(), done.set()))
    waiting.start()
    assert not done.wait(0.05)
    assert gathering.add(2, 0.0) is None
    assert done.wait(20)
    waiting.join()


def test_who_hurries_is_not_kept_waiting() -> None:
    """Also where he came before somebody waited."""
    gathering = Gathering[int]()
    assert gathering.add(1, LONG_S)
    gathering.hurry()
    gathering.wait()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(gathering.wait)
        gathering.hurry()
        waiting.result(20)


def test_many_threads_lose_nothing() -> None:
    """All that is added is in one batch, once."""
    gathering, written, ended = Gathering[int](), list[int](), threading.Event()
    begun = list[list[int]]()

    def add(numbers: range) -> None:
        for number in numbers:
            batch = gathering.add(number, 0.001)
            if batch is not None:
                begun.append(batch)

    def write() -> None:
        while not ended.is_set() or begun:
            if not begun:
                time.sleep(0)
                continue
            batch = begun.pop(0)
            gathering.wait()
            gathering.complete(batch)
            written.extend(batch)

    writer = threading.Thread(target=write)
    writer.start()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, [range(at, at + 500) for at in range(0, 4000, 500)]))
    ended.set()
    writer.join()
    assert list(range(4000)) == sorted(written)
