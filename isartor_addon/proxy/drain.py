"""Stopping without cutting: the port closes at once, what is in flight ends, and then the process does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from mitmproxy.master import Master

from isartor_addon.proxy.hooks import Isartor
from isartor_addon.proxy.internals_servers import hang_up, unsent

logger = logging.getLogger(__name__)

_LOOK_S = 0.02
_LOOKS = 2
"""One is not enough: an answer is sent after the last hook that sees it."""
_FAREWELL_S = 1.0
"""How long closing connections may take."""


class Drain:
    """An addon without hooks for flows: while there is another with some, the fast lane answers nothing."""

    def __init__(self, master: Master, isartor: Isartor, *, limit_s: float, closing: Callable[[], None]) -> None:
        """
        Args:
            master: what is to stop.
            isartor: knows what is in flight.
            limit_s: what has not ended by then is cut.
            closing: called when no more connections are to be taken.
        """
        self._master = master
        self._isartor = isartor
        self._limit_s = limit_s
        self._closing = closing
        self._waiting: asyncio.Task[None] | None = None
        self._up = False

    def running(self) -> None:
        """The port is open."""
        self._up = True

    def stop(self) -> None:
        """Begin to drain; asked again, stop now."""
        if self._waiting is not None or not self._up:
            self._master.shutdown()
            return
        self._closing()
        self._isartor.close_after_answers()
        # mitmproxy closes its listeners when this option is off.
        self._master.options.update(server=False)
        self._waiting = asyncio.get_running_loop().create_task(self._drained())

    async def _drained(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._limit_s
        quiet = 0
        while quiet < _LOOKS and loop.time() < until:
            await asyncio.sleep(_LOOK_S)
            quiet = 0 if self._busy() else quiet + 1
        if self._busy():
            logger.warning("%d requests in flight are cut after %g s", self._isartor.in_flight(), self._limit_s)
        if leaving := hang_up(self._master):
            await asyncio.wait(leaving, timeout=_FAREWELL_S)
            await asyncio.sleep(_LOOK_S)  # mitmproxy has something to do after each of them
        self._master.shutdown()

    def _busy(self) -> bool:
        return self._isartor.in_flight() > 0 or unsent(self._master) > 0
