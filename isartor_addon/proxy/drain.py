"""Stopping without cutting: the port closes at once, what is in flight ends, and then the process does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.master import Master

from isartor_addon.proxy.internals_servers import hang_up, unsent

logger = logging.getLogger(__name__)

_LOOK_S = 0.02
_LOOKS = 2
"""One is not enough: an answer is sent after the last hook that sees it."""
_FAREWELL_S = 1.0
"""How long closing connections may take."""


class Drain:
    """An addon that counts what is in flight."""

    def __init__(self, master: Master, *, limit_s: float, owed: Callable[[], int], closing: Callable[[], None]) -> None:
        """
        Args:
            master: what is to stop.
            limit_s: what has not ended by then is cut; 0: everything is.
            owed: answers that are on their way inside sockets.
            closing: called when no more connections are to be taken.
        """
        self._master = master
        self._limit_s = limit_s
        self._owed = owed
        self._closing = closing
        self._flows: set[str] = set()
        self._waiting: asyncio.Task[None] | None = None
        self._up = False

    def running(self) -> None:
        """The port is open."""
        self._up = True

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """A request comes in."""
        self._flows.add(flow.id)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """While draining, let HTTP/1 clients ask nothing more on this connection (RFC 9112, 9.6)."""
        if self._waiting is not None and flow.response is not None and not flow.request.is_http2:
            flow.response.headers["connection"] = "close"

    def response(self, flow: http.HTTPFlow) -> None:
        """It is answered."""
        self._flows.discard(flow.id)

    def error(self, flow: http.HTTPFlow) -> None:
        """It failed, or the client left."""
        self._flows.discard(flow.id)

    def stop(self) -> None:
        """Begin to drain; asked again, stop now."""
        if self._waiting is not None or not self._up:
            self._master.shutdown()
            return
        self._closing()
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
            logger.warning("%d requests in flight are cut after %g s", len(self._flows) + self._owed(), self._limit_s)
        if leaving := hang_up(self._master):
            await asyncio.wait(leaving, timeout=_FAREWELL_S)
            await asyncio.sleep(_LOOK_S)  # mitmproxy has something to do after each of them
        self._master.shutdown()

    def _busy(self) -> bool:
        return bool(self._flows) or self._owed() > 0 or unsent(self._master) > 0
