"""The ledger: what every exchange took or spared, added up by the minute.

`add` only appends to a buffer, since the fast lane calls it for every hit. A thread adds up what is there and writes
it, several exchanges in one transaction. What cannot be written is kept, added up, in memory, with one warning, and is
written when the disk can be used again.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from isartor_addon.core.errors import StoreError
from isartor_addon.core.expense import Expense, Kind, Sums, sums_of
from isartor_addon.layers.ports import Clock, Count, Counter
from isartor_addon.store.ledger_file import LedgerFile
from isartor_addon.store.switch import RETRY_S, Switch

logger = logging.getLogger(__name__)

GATHER_S = 0.25
"""Expenses are gathered for so long before they are written."""
MOST_WAITING = 20_000
"""Kinds that are kept in memory while they cannot be written; what comes then is lost, and counted."""
_TIDY_S = 3600.0


class Rated(NamedTuple):
    """What an expense comes to."""

    cost: int | None
    """Picodollars; None: not known."""
    estimated: bool
    counters: tuple[Counter, ...]
    """What its tokens and its cost count on."""


class Ledger:
    """The ledger of all processes that use one directory. Never raises for faults of its own."""

    def __init__(self, directory: Path, *, rate: Callable[[Expense], Rated], days: int, clock: Clock) -> None:
        """
        Args:
            directory: made (0700) when there is something to write.
            rate: what an expense comes to; called by the thread.
            days: older entries are forgotten.
            clock: time.
        """
        self.file = LedgerFile(directory / "ledger.db")
        self.lost = 0
        """Exchanges that could neither be written nor kept."""
        self._rate = rate
        self._days = days
        self._clock = clock
        self._switch = Switch("the ledger", clock, meanwhile="it is kept in memory only")
        self._buffer: deque[Expense] = deque()
        self._spent: dict[Kind, Sums] = {}
        self._counted: dict[Counter, Count] = {}
        self._awake = threading.Event()
        self._hurry = threading.Event()
        self._changed = threading.Condition()
        self._round = 0
        """How often the thread has gone round."""
        self._thread: threading.Thread | None = None
        self._closed = False
        self._tidied: float | None = None

    def add(self, expense: Expense) -> None:
        """Enter `expense`; about a microsecond."""
        self._buffer.append(expense)
        if not self._awake.is_set():
            self._wake()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until what was added is written, or kept because it cannot be; whether that came in time."""
        if self._thread is None or self._closed:
            return not self._buffer
        with self._changed:
            wanted = self._round + 2  # the round under way may have looked already
            while self._round < wanted:
                self._hurry.set()
                self._awake.set()
                if not self._changed.wait(timeout_s):
                    return False
        return True

    def close(self) -> None:
        """Write what waits, and end."""
        self._closed = True
        self._hurry.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def spent(self, since: float = 0.0) -> dict[Kind, Sums]:
        """
        What began at `since` (Unix time, seconds) or later, in whatever process.

        What this process could not write is among it; what cannot be read now is not.
        """
        self.flush(1.0)
        try:
            found = self.file.read(since)
        except StoreError as error:
            logger.warning("the ledger cannot be read: %s", error)
            found = {}
        for kind, sums in list(self._spent.items()):
            if kind.minute >= since // 60 * 60:
                found[kind] = found.get(kind, Sums()).plus(sums)
        return found

    # The counters of quotas; see `layers.ports.Counters`.

    def admit(self, counters: Sequence[Counter], goes: Callable[[Sequence[Count]], bool]) -> Sequence[Count]:
        """Read, and add a request to each if `goes` says so."""
        return self.file.admit(counters, goes)

    def first(self, counter: Counter) -> bool:
        """Whether nobody has asked this before."""
        return self.file.first(counter)

    # The thread.

    def _wake(self) -> None:
        self._awake.set()
        if self._thread is None or not self._thread.is_alive():  # after `close` replies may still end
            with self._changed:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, name="isartor-ledger", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            self._awake.wait(RETRY_S if self._spent else None)
            self._hurry.wait(GATHER_S)
            self._awake.clear()
            self._hurry.clear()
            try:
                self._gather()
                self._write()
            except Exception:
                logger.exception("the ledger failed")
            with self._changed:
                self._round += 1
                self._changed.notify_all()
            if self._closed and not self._buffer:
                return

    def _gather(self) -> None:
        while self._buffer:
            expense = self._buffer.popleft()
            rated = self._rate(expense)
            sums = sums_of(expense.usage, rated.cost)
            kind = Kind(int(expense.time // 60) * 60, *expense[1:8], int(rated.estimated))
            if kind not in self._spent and len(self._spent) >= MOST_WAITING:
                self.lost += 1
                continue
            self._spent[kind] = self._spent.get(kind, Sums()).plus(sums)
            for counter in rated.counters:
                count = self._counted.get(counter, Count())
                self._counted[counter] = replace(count, tokens=count.tokens + sums.tokens, cost=count.cost + sums.cost)

    def _write(self) -> None:
        if not self._spent or not (self._switch.on or self._closed or self._switch.due()):
            return
        for again in (True, False):
            try:
                self.file.add(self._spent, self._counted)
                self._spent, self._counted = {}, {}
                self._switch.turn_on()
                self._tidy()
                return
            except StoreError as error:
                corrupt = getattr(error, "corrupt", False)
                if corrupt and again:
                    self._begin_anew(error)
                elif corrupt or not again:
                    self._switch.turn_off(str(error))
                # Processes that set it up at once can get an I/O error: a second attempt is worth it in any case.

    def _begin_anew(self, fault: StoreError) -> None:
        aside = self.file.move_aside()
        if aside is not None:
            logger.warning("the ledger cannot be used (%s): it is now %s, and a new one is begun", fault, aside)

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        if self._tidied is None or now - self._tidied > _TIDY_S:
            self._tidied = now
            self.file.tidy(self._clock.time(), self._days)
