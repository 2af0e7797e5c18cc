"""L3: the providers. A request that a chain is configured for is relayed along it; any other passes untouched."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from isartor_addon.core.errors import BadReply, Offline, OverQuota
from isartor_addon.core.exchange import Exchange, Step
from isartor_addon.core.outcome import Opened, Outcome, Refuse, Relayed
from isartor_addon.core.reach import Reach
from isartor_addon.layers.base import Layer
from isartor_addon.layers.cloud.attempt import Answering, Asker, Said
from isartor_addon.layers.cloud.chain import Attempt, Descent
from isartor_addon.layers.cloud.failures import Failure
from isartor_addon.layers.cloud.health import State
from isartor_addon.layers.cloud.plan import Chains, Pace, Plan, Target, plan_for
from isartor_addon.layers.cloud.quota import Quotas, Who
from isartor_addon.layers.cloud.quota_layer import QuotaLayer
from isartor_addon.layers.cloud.race import Race
from isartor_addon.layers.ports import Clock

_ONCE: Final = Pace(retries=0)
"""How the client's own provider is asked where an old answer is at hand."""
_UNSAFE: Final = re.compile(r"[^\x20-\x7e]")
_LONGEST: Final = 2000
"""Characters of a response header of ours."""
_JSON: Final = (("content-type", "application/json"),)


class CloudLayer(Layer):
    """L3."""

    tag = "l3"

    def __init__(
        self,
        chains: Chains,
        state: State,
        asker: Asker,
        *,
        reach: Reach,
        clock: Clock,
        random: Callable[[], float],
        quotas: Quotas,
    ) -> None:
        """
        Args:
            chains: who is asked when.
            state: what is known of providers and their keys.
            asker: makes attempts.
            reach: where connections may lead at all.
            clock: time.
            random: from [0, 1).
            quotas: what may go to whom.
        """
        self._quotas = quotas
        self._chains = chains
        self._state = state
        self._asker = asker
        self._reach = reach
        self._clock = clock
        self._random = random

    async def ask(self, exchange: Exchange) -> Outcome | None:
        """Relay, refuse what may not leave, or let it pass."""
        plan = self._plan(exchange)
        if plan is not None:
            return Relayed(self.tag, partial(self._relay, exchange, plan))
        request = exchange.request
        if self._reach.allows(request.host, request.port):
            return None
        exchange.note(self.tag, "refuse", "offline")
        return Refuse(self.tag, Offline(f"isartor: offline, and no answer to this is stored ({request.host})"))

    def _plan(self, exchange: Exchange) -> Plan | None:
        if exchange.route.operation != "generate" or exchange.route.wire.name == "native":
            return None
        host = exchange.request.host
        plan = plan_for(self._chains, model=exchange.model, host=host, client=exchange.client.name)
        if plan is None and exchange.spare is not None:
            return Plan((Target(None, exchange.model),), host, _ONCE)
        return plan

    @asynccontextmanager
    async def _relay(self, exchange: Exchange, plan: Plan) -> AsyncGenerator[Opened]:
        """See `Relayed.open`."""
        descent = _Descent(self.tag, exchange, plan, self._quotas, self._clock)
        answering = await descent.run(self._state, self._asker, clock=self._clock, random=self._random)
        if answering is None:
            yield descent.failed()
            return
        answering.meter.given = True
        async with answering.stack:
            exchange.answered_by, exchange.answered_model = descent.provider, descent.model
            async with aclosing(self._watched(answering.chunks, plan, descent.last)) as chunks:
                yield Opened(self.tag, 200, answering.headers, chunks, descent.told(), usage=answering.usage)

    async def _watched(self, chunks: AsyncGenerator[bytes], plan: Plan, target: Target | None) -> AsyncGenerator[bytes]:
        """The same; that an answer was cut is remembered of who gave it."""
        async with aclosing(chunks):
            try:
                async for chunk in chunks:
                    yield chunk
            except BadReply as cut:
                if target is not None:
                    self._state.failed(plan, target, None, Failure(0, "cut", detail=str(cut)), self._clock.monotonic())
                raise


@dataclass(slots=True, eq=False)
class _Descent:
    """One request's way along its chain, and what there is to tell of it."""

    tag: str
    exchange: Exchange
    plan: Plan
    quotas: Quotas
    clock: Clock
    tried: list[str] = field(default_factory=list)
    """One word or two for every attempt."""
    last: Target | None = None
    said: Said | None = None
    """The last error that a provider put into words, and who it was."""
    said_by: Target | None = None
    failures: tuple[Failure, ...] = ()
    blocked: str = ""
    """What a quota says that lets the request go nowhere."""
    counted: bool = False
    """Whether quotas have let it go."""
    warned: str = ""
    """What they said to it then."""

    async def run(self, state: State, asker: Asker, *, clock: Clock, random: Callable[[], float]) -> Answering | None:
        """Try them; the answer that has begun."""
        streams = self.exchange.mode != "json"
        descent = Descent(self.plan, state, now=clock.monotonic, random=random, streams=streams)
        answering = await Race(descent, partial(self._attempt, asker)).run()
        if answering is None and not self.blocked:
            self.failures = descent.failures
            self.tried += [
                f"{each.target.name} {each}" for each in self.failures if each.kind == "no_key" and each.target
            ]
        return answering

    async def _attempt(self, asker: Asker, attempt: Attempt) -> Answering | Failure | None:
        """Make one attempt, and note what came of it. None: a quota lets the request go nowhere."""
        began = self.clock.monotonic()
        try:
            refused = await self._over_quota(attempt.target)
            if self.blocked:
                return None
            came, said = (refused, None) if refused is not None else await asker.ask(self.exchange, attempt)
        except asyncio.CancelledError:
            self._note_cancelled(attempt, (self.clock.monotonic() - began) * 1000)
            raise
        self._note(attempt, came, (self.clock.monotonic() - began) * 1000)
        if said is not None:
            self.said, self.said_by = said, attempt.target
        return came

    async def _over_quota(self, target: Target) -> Failure | None:
        """Why a quota does not let the request go to `target`."""
        if not self.quotas.quotas:
            return None
        exchange = self.exchange
        provider = target.provider.name if target.provider else exchange.request.host
        who = Who(exchange.caller, exchange.client.name, exchange.project)
        now, again = self.clock.time(), self.counted
        judged = await asyncio.to_thread(self.quotas.judge, who, provider, target.model, now, again=again)
        exchange.quota = "; ".join(filter(None, (self.warned, judged.told)))
        if judged.word in ("ok", "warn") and not self.counted:
            self.counted, self.warned = True, judged.told
        if judged.word == "block":
            self.blocked = judged.told
        return Failure(0, "quota", detail=judged.told) if judged.word == "fallback" else None

    @property
    def provider(self) -> str:
        """Who answered; empty: the client's own."""
        return self.last.provider.name if self.last and self.last.provider else ""

    @property
    def model(self) -> str:
        """What was asked for."""
        return self.last.model if self.last else ""

    def told(self) -> dict[str, str]:
        """The response headers that tell of it."""
        quota = {"x-isartor-quota": _safe(self.exchange.quota)} if self.exchange.quota else {}
        return {
            **quota,
            "x-isartor-provider": _safe(self.provider or self.exchange.request.host),
            "x-isartor-model": _safe(self.model),
            "x-isartor-attempts": _safe(", ".join(self.tried)),
        }

    def failed(self) -> Opened:
        """What the client hears when nobody has answered: an old answer, the last provider's own error, or ours."""
        spare = self.exchange.spare
        if spare is not None and not self._is_clients_own_making():
            told = {**self.told(), **spare.told, "x-isartor-stale": "true", "x-isartor-deflected": "false"}
            given = _given(spare.chunks)
            return Opened(spare.layer, spare.status, spare.headers, given, told, spare.age_s, usage=lambda: spare.usage)
        if over := self.blocked or self._all_over_quota():
            error = OverQuota(f"isartor: over quota. {over}")
            body = self.exchange.route.wire.error(error.status, error.code, str(error))
            return Opened(QuotaLayer.tag, error.status, _JSON, _given((body,)), self.told())
        if self.said is not None:
            self.last, said = self.said_by, self.said
            return Opened(self.tag, said.status, said.headers, _given((said.body,)), self.told(), in_vain=True)
        status = self._status()
        why = self.failures[-1].detail if self.failures else "there is none to ask"
        message = f"isartor: no provider answered ({', '.join(self.tried)}): {why}"
        body = self.exchange.route.wire.error(status, "isartor_no_provider", message)
        return Opened(self.tag, status, _JSON, _given((body,)), self.told(), in_vain=True)

    def _all_over_quota(self) -> str:
        """What quotas say where nobody was asked because of them."""
        only = all(failure.kind == "quota" for failure in self.failures)
        return "; ".join(dict.fromkeys(failure.detail for failure in self.failures)) if only else ""

    def _is_clients_own_making(self) -> bool:
        last = self.failures[-1] if self.failures else None
        return last is not None and last.clients_own_making and self.last is not None and self.last.provider is None

    def _status(self) -> int:
        """As a gateway says it (RFC 9110, 15.6); 400 where it would not be otherwise another time."""
        kinds = {failure.kind for failure in self.failures}
        if kinds <= {"untranslatable", "withheld", "quota"}:
            return 400
        return 504 if self.failures[-1].kind == "timeout" else 502

    def _note_cancelled(self, step: Attempt, elapsed_ms: float) -> None:
        self.tried.append(f"{step.target.name} cancelled {elapsed_ms:.0f}ms")
        self.exchange.trail.append(Step(self.tag, "cancelled", round(elapsed_ms, 3), step.target.name))

    def _note(self, step: Attempt, came: Answering | Failure, elapsed_ms: float) -> None:
        self.last = step.target
        word = "ok" if isinstance(came, Answering) else str(came)
        self.tried.append(f"{step.target.name} {word} {elapsed_ms:.0f}ms")
        outcome, why = (
            ("answered", "") if isinstance(came, Answering) else ("failed", f": {came} {came.detail}".rstrip())
        )
        self.exchange.trail.append(Step(self.tag, outcome, round(elapsed_ms, 3), f"{step.target.name}{why}"))


async def _given(chunks: tuple[bytes, ...]) -> AsyncGenerator[bytes]:
    for chunk in chunks:
        yield chunk


def _safe(text: str) -> str:
    """A text that a response header can hold."""
    return _UNSAFE.sub("?", text)[:_LONGEST]
