"""The descent: ask each layer in order, guard each, write the trail, let them learn the reply."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from isartor_addon.core.exchange import Exchange
from isartor_addon.core.live_body import LiveBody
from isartor_addon.core.outcome import Outcome, Relayed
from isartor_addon.core.recording import Recording
from isartor_addon.layers.base import Layer
from isartor_addon.layers.ports import Clock

logger = logging.getLogger(__name__)

FAULTS = 5
"""After so many faults in a row a layer is left out for a while."""
REST_S = 30.0


@dataclass(slots=True)
class _Breaker:
    """Leaves a faulty layer out for a while."""

    faults: int = 0
    until: float = 0.0


class Pipeline:
    """The layers in order. A layer that raises is a miss: the request goes on, the trail and the log say so."""

    def __init__(self, layers: Sequence[Layer], clock: Clock) -> None:
        self.layers = tuple(layers)
        self._clock = clock
        self._breakers = {layer.tag: _Breaker() for layer in layers}

    def peek(self, exchange: Exchange) -> Outcome | None:
        """What can be answered at once, from memory."""
        if exchange.control.wrong is not None:  # which is to be seen to first
            return None
        for layer in self.layers:
            if self._resting(layer):
                continue
            try:
                outcome = layer.peek(exchange)
            except Exception as error:
                self._fault(layer, exchange, error)
                continue
            if outcome is not None:
                return outcome
        return None

    async def ask(self, exchange: Exchange) -> Outcome | None:
        """The first layer's word that ends the descent; None: forward it."""
        for layer in self.layers:
            if self._resting(layer):
                exchange.note(layer.tag, "skip", "left out after repeated faults")
                continue
            began, before = self._clock.monotonic(), len(exchange.trail)
            try:
                outcome = await layer.ask(exchange)
            except Exception as error:
                self._fault(layer, exchange, error)
                continue
            finally:
                exchange.timed(since=before, elapsed_ms=(self._clock.monotonic() - began) * 1000)
            self._breakers[layer.tag].faults = 0
            if outcome is not None:
                if not isinstance(outcome, Relayed):  # whose reply is learned
                    self._outdone(exchange, layer)
                return outcome
        return None

    def began(self, exchange: Exchange, headers: tuple[tuple[str, str], ...], body: LiveBody) -> None:
        """Tell the layers that the provider's successful reply begins, whose `body` is to come."""
        self._tell(exchange, lambda layer: layer.began(exchange, headers, body))

    def ended(self, exchange: Exchange) -> None:
        """Tell the layers that the reply has come to its end, and is being checked."""
        self._tell(exchange, lambda layer: layer.ended(exchange))

    def awaited(self, exchange: Exchange) -> bool:
        """Whether somebody waits for that reply to be learned."""
        for layer in self.layers:
            try:
                if layer.awaited(exchange):
                    return True
            except Exception as error:
                self._fault(layer, exchange, error)
        return False

    def learn(self, exchange: Exchange, recording: Recording) -> None:
        """Let the layers keep a complete, good reply."""
        self._tell(exchange, lambda layer: layer.learn(exchange, recording))

    def lost(self, exchange: Exchange, reason: str) -> None:
        """Tell the layers that there will be no reply to keep."""
        self._tell(exchange, lambda layer: layer.lost(exchange, reason))

    def _outdone(self, exchange: Exchange, by: Layer) -> None:
        """Tell those before `by` that they will hear no more of this exchange."""
        for layer in self.layers[: self.layers.index(by)]:
            try:
                layer.outdone(exchange)
            except Exception as error:
                self._fault(layer, exchange, error)

    def _tell(self, exchange: Exchange, message: Callable[[Layer], None]) -> None:
        for layer in self.layers:
            try:
                message(layer)
            except Exception as error:
                self._fault(layer, exchange, error)

    def _resting(self, layer: Layer) -> bool:
        return self._clock.monotonic() < self._breakers[layer.tag].until

    def _fault(self, layer: Layer, exchange: Exchange, error: Exception) -> None:
        breaker = self._breakers[layer.tag]
        breaker.faults += 1
        exchange.note(layer.tag, "fault", type(error).__name__)
        # The message of an exception may quote the prompt; its type and place never do.
        logger.warning("layer %s failed with %s; the request goes on", layer.tag, describe_fault(error))
        if breaker.faults >= FAULTS:
            breaker.faults = 0
            breaker.until = self._clock.monotonic() + REST_S
            logger.warning("layer %s is left out for %d s", layer.tag, REST_S)


def describe_fault(error: BaseException) -> str:
    """Name an exception by type and place, without its message: that may quote what a client sent."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" at {place.tb_frame.f_code.co_filename.rpartition('isartor_addon')[2]}:{place.tb_lineno}" if place else ""
    return f"{type(error).__name__}{where}"
