"""How fast a stored stream is given: at once, as it came, or at so many tokens a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, cast

from isartor_addon.core.errors import BadReply
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.outcome import Answer, Stream
from isartor_addon.core.recording import Recording

if TYPE_CHECKING:
    from isartor_addon.wire.base import Mode, Wire

AT_ONCE = "at_once"
RECORDED = "recorded"
_WHOLE = ("json", "ws")
"""Modes whose answers are given whole."""


class Pace:
    """Turns answers into streams that take their time."""

    def __init__(self, setting: str) -> None:
        """
        Args:
            setting: `at_once`, `recorded`, or the number of tokens a second.
        """
        self._tokens_a_second = 0.0 if setting in (AT_ONCE, RECORDED) else float(setting)
        self._at_once = setting == AT_ONCE

    def applies(self, exchange: Exchange) -> bool:
        """Whether the answer to `exchange` takes its time."""
        return not self._at_once and exchange.mode not in _WHOLE

    def slow(self, answer: Answer, recording: Recording, exchange: Exchange) -> Answer | Stream:
        """`answer` as a stream; as it is where there is nothing to wait for."""
        if not self.applies(exchange) or len(answer.chunks) < 2:
            return answer
        if self._tokens_a_second:
            times = spread(answer.chunks, _tokens(recording, exchange.route.wire) / self._tokens_a_second)
        elif len(recording.offsets_ms) == len(answer.chunks):
            times = [offset / 1000 for offset in recording.offsets_ms]
        else:  # recorded whole, or by a version that did not note the times
            return answer

        def chunks() -> AsyncGenerator[bytes]:
            return play(answer.chunks, times)

        return Stream(
            answer.layer, chunks, answer.headers, answer.status, answer.age_s, answer.told, lambda: answer.usage
        )


def spread(chunks: Sequence[bytes], seconds: float) -> list[float]:
    """When each chunk is due, in seconds from the first: each takes time by its size, all together `seconds`."""
    before = list(accumulate(map(len, chunks), initial=0))
    return [seconds * each / before[-1] for each in before[:-1]]


async def play(chunks: Sequence[bytes], times: Sequence[float]) -> AsyncGenerator[bytes]:
    """Give each chunk when it is due; `times` in seconds from the first."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for chunk, due in zip(chunks, times, strict=True):
        wait = began + due - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        yield chunk


def _tokens(recording: Recording, wire: Wire) -> int:
    """How many tokens the provider counted; where it did not, one for each piece."""
    try:
        counted = wire.read(cast("Mode", recording.mode), recording.content).usage.output
    except BadReply:
        counted = None
    return counted or len(recording.chunks)
