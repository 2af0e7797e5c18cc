"""A thread that works on the disk, one thing after the other, and where every fault of it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

from isartor_addon.core.errors import StoreError
from isartor_addon.store.fault import Fault, move_aside
from isartor_addon.store.lock import locked
from isartor_addon.store.switch import Switch

log = logging.getLogger(__name__)


class Place(Protocol):
    """Databases as one thread has them open. Every method raises `Fault` when the disk cannot be used."""

    def try_write(self) -> None:
        """See whether there is room on the disk."""

    def close(self) -> None:
        """Let go of the files."""


class Worker[P: Place]:
    """One thread and the databases as it has them open."""

    def __init__(self, name: str, place: Callable[[], P], switch: Switch) -> None:
        """
        Args:
            name: the thread's.
            place: opens the databases; called in the thread.
            switch: turned off by faults; while it is off no work is done.
        """
        self._open = place
        self._switch = switch
        self._place: P | None = None
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def soon[T](
        self, work: Callable[[P], T | None], after: Callable[[], None] | None = None
    ) -> Future[T | None] | None:
        """
        Have `work` done when what was asked before is done.

        Args:
            work: gets the databases.
            after: called in any case when work is done or given up.

        Returns:
            Its result to come, None in it where the disk could not be used; None itself after `close`.
        """
        try:
            return self._pool.submit(self._do, work, after)
        except RuntimeError:
            return None

    def try_again(self) -> None:
        """See whether the disk can be used again, room for writing included; if so, turn the switch on."""
        with suppress(RuntimeError):
            self._pool.submit(self._try_again)

    def close(self) -> None:
        """Do what was asked before, let go of the files, end the thread."""
        with suppress(RuntimeError):
            self._pool.submit(self._let_go)
        self._pool.shutdown(wait=True)

    def _try_again(self) -> None:
        self._let_go()

        def work(place: P) -> bool:
            place.try_write()
            return True

        if self._attempt(work):
            self._switch.turn_on()

    def _do[T](self, work: Callable[[P], T | None], after: Callable[[], None] | None) -> T | None:
        try:
            return self._attempt(work) if self._switch.on else None
        finally:
            if after is not None:
                after()

    def _attempt[T](self, work: Callable[[P], T | None]) -> T | None:
        for again in (True, False):
            try:
                if self._place is None:
                    self._place = self._open()
                return work(self._place)
            except Fault as fault:
                self._let_go()
                if not (again and self._mended(fault)):
                    self._switch.turn_off(str(fault))
                    return None
            except (OSError, StoreError) as error:
                self._switch.turn_off(getattr(error, "strerror", None) or str(error))
                return None
            except Exception as error:
                log.exception("the store failed")
                self._let_go()
                self._switch.turn_off(f"{type(error).__name__}: {error}")
                return None
        return None

    def _mended(self, fault: Fault) -> bool:
        """Whether it is worth trying once more right now: the files were replaced, or are now."""
        if fault.moved:
            return True
        if not fault.corrupt:
            return False
        try:
            with locked(fault.path.with_name("lock")):
                aside = move_aside(fault, int(time.time()))
        except (OSError, StoreError):
            return False
        if aside is not None:
            what = self._switch.what
            log.warning("%s cannot be used (%s): it is now %s, and a new one is begun", what, fault, aside)
        return True

    def _let_go(self) -> None:
        place, self._place = self._place, None
        if place is not None:
            place.close()
