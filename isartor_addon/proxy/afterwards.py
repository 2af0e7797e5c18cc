"""What can wait until it costs nobody time: a reply that its client has already is learned a little later.

Reading a reply, filing it and writing down what it took are a good part of what a request costs us. A client that asks
again at once would wait for it, so it is done while the next request is with its provider, and else after some
milliseconds. Whoever asks the same finds it done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from isartor_addon.pipeline import describe_fault

logger = logging.getLogger(__name__)

LATEST_S = 0.005


class Afterwards:
    """Work that waits, by the exact key of the request that it is about."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def put(self, key: str, work: Callable[[], None]) -> None:
        """Have `work` done within `LATEST_S`."""
        self._waiting.setdefault(key, []).append(work)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LATEST_S, self.do_all)

    def soon(self) -> None:
        """A request is about to be sent to its provider: have everything done as soon as that has happened."""
        if self._waiting:
            asyncio.get_running_loop().call_soon(self.do_all)

    def catch_up(self, key: str) -> None:
        """Do what waits under `key`."""
        for work in self._waiting.pop(key, ()):
            try:
                work()
            except Exception as error:
                logger.warning("what was to be done after a reply failed with %s", describe_fault(error))

    def do_all(self) -> None:
        """Do everything now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for key in tuple(self._waiting):
            self.catch_up(key)
