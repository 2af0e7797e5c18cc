"""Asks the quotas before a request goes on to the client's own provider. Stands behind all layers that can answer."""

from __future__ import annotations

import asyncio

from isartor_addon.core.errors import OverQuota
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.outcome import Outcome, Refuse
from isartor_addon.layers.base import Layer
from isartor_addon.layers.cloud.quota import Quotas, Who
from isartor_addon.layers.ports import Clock


class QuotaLayer(Layer):
    """What is answered here never comes so far. A chain asks for each of its providers itself."""

    tag = "quota"

    def __init__(self, quotas: Quotas, clock: Clock) -> None:
        self._quotas = quotas
        self._clock = clock

    async def ask(self, exchange: Exchange) -> Outcome | None:
        """Refuse, or note that a limit comes near."""
        if exchange.route.operation == "count":  # which costs nothing
            return None
        who = Who(exchange.caller, exchange.client.name, exchange.project)
        judged = await asyncio.to_thread(
            self._quotas.judge, who, exchange.request.host, exchange.model, self._clock.time()
        )
        exchange.quota = judged.told
        if judged.word in ("block", "fallback"):  # there is no other provider to fall back to
            return Refuse(self.tag, OverQuota(f"isartor: over quota. {judged.told}"))
        if judged.word == "warn":
            exchange.note(self.tag, "warn", judged.told)
        return None
