"""The driver of a descent: goes along it, and a second time beside that where an attempt is silent for too long.

The first walk whose attempt begins to answer wins, and ends the other before that can take another step: from the first
delta to there nothing is waited for, so there are never two. A walk that is ended closes its connection, and counts
neither for nor against its provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

from isartor_addon.layers.cloud.attempt import Answering
from isartor_addon.layers.cloud.chain import Attempt, Begun, Descent, Pause
from isartor_addon.layers.cloud.failures import Failure


class Race:
    """One descent, driven to its end."""

    def __init__(self, descent: Descent, ask: Callable[[Attempt], Awaitable[Answering | Failure | None]]) -> None:
        """
        Args:
            descent: nobody has gone along it yet.
            ask: makes an attempt, and closes all it has opened when it is cancelled; None: nobody else may be asked.
        """
        self._descent = descent
        self._ask = ask
        self._won: Answering | None = None
        self._group: asyncio.TaskGroup | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> Answering | None:
        """The answer that has begun; whoever takes it closes it."""
        if not self._descent.hedges:
            await self._walk()
            return self._won
        try:
            async with asyncio.TaskGroup() as self._group:
                self._start(self._walk())
        except BaseException:  # also the client's leaving
            if self._won is not None:
                await self._won.stack.aclose()
            raise
        return self._won

    async def _walk(self) -> None:
        steps = self._descent.walk()
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = steps.send(None)
                    continue
                came = await self._asked(step)
                if came is None:
                    return
                if isinstance(came, Answering):
                    self._won = came
                step = steps.send(came if isinstance(came, Failure) else Begun())
        except StopIteration:
            if self._descent.over:
                self._end_the_others()
        finally:
            steps.close()

    async def _asked(self, step: Attempt) -> Answering | Failure | None:
        if step.hedge_after_s is None:
            return await self._ask(step)
        hedge = self._start(self._hedge(step.hedge_after_s))
        try:
            return await self._ask(step)
        finally:
            hedge.cancel()

    async def _hedge(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._start(self._walk())

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        assert self._group is not None, "a descent that may be hedged has a group"
        task = self._group.create_task(work)
        self._tasks.append(task)
        return task

    def _end_the_others(self) -> None:
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
