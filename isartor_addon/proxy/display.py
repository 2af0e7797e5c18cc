"""Shows mitmproxy a flow of what the fast lane has answered: the faces, flow writers and logs that wait for one."""

from __future__ import annotations

import asyncio
from collections import deque

from mitmproxy import ctx, http

from isartor_addon.proxy import internals
from isartor_addon.proxy.tasks import Tasks

MOST_WAITING = 64
"""While so many flows wait to be shown, requests take mitmproxy's own way, which shows them as it goes."""


class Display:
    """Shows flows one after another, in the background."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._waiting: deque[http.HTTPFlow] = deque()
        self._shows = False

    @property
    def is_full(self) -> bool:
        """Whether no more should be answered that is to be shown."""
        return len(self._waiting) >= MOST_WAITING

    def show(self, flow: http.HTTPFlow) -> None:
        """Show `flow`, which is complete, soon."""
        self._waiting.append(flow)
        if not self._shows:
            self._shows = True
            # Not from within the layers: mitmproxy begins tasks at once.
            asyncio.get_running_loop().call_soon(lambda: self._tasks.start(self._run()))

    async def _run(self) -> None:
        try:
            while self._waiting:
                await internals.trigger(ctx.master, self._waiting.popleft())
                await asyncio.sleep(0)
        finally:
            self._shows = False
