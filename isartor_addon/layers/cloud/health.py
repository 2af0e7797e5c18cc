"""How providers fare in this process, seen from the traffic: breakers, keys, latency, the last error.

Nothing here is shared between worker processes: each learns for itself, from its own part of the traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from isartor_addon.layers.cloud.breaker import Breaker
from isartor_addon.layers.cloud.failures import Failure
from isartor_addon.layers.cloud.keys import Key, Pool
from isartor_addon.layers.cloud.order import Fare, arranged
from isartor_addon.layers.cloud.plan import Plan, Target

WEIGHT = 0.2
"""Of the newest latency in the mean: about the last ten count."""
MOST = 1000
"""Pairs of provider and model that are remembered: clients choose models' names."""
_NO_KEYS = Pool(())


@dataclass(slots=True)
class Health:
    """One provider's health for one model."""

    breaker: Breaker = field(default_factory=Breaker)
    successes: int = 0
    failures: int = 0
    latency_s: float | None = None
    """Until the first delta, or until a whole answer: an exponentially weighted mean."""
    fare: Fare = field(default_factory=Fare)
    """What puts it behind others."""
    last_error: str = ""
    last_error_at: float = 0.0

    def succeeded(self, elapsed_s: float, now: float, *, streams: bool) -> None:
        """An attempt was answered; of a streamed answer `elapsed_s` is the time to its first words."""
        self.successes += 1
        self.fare = self.fare.answered(elapsed_s if streams else None, now)
        mean = self.latency_s
        self.latency_s = elapsed_s if mean is None else mean + WEIGHT * (elapsed_s - mean)
        self.breaker.succeeded()

    def failed(self, failure: Failure, now: float) -> None:
        """An attempt failed."""
        self.failures += 1
        self.last_error = f"{failure}: {failure.detail}" if failure.detail else str(failure)
        self.last_error_at = now
        if failure.provider_is_ill:
            self.fare = self.fare.failed(now)
            self.breaker.failed(now, at_least_s=failure.retry_after_s or 0.0)
        elif failure.status:  # it answered, whatever it said
            self.breaker.succeeded()


class State:
    """What the chain remembers from request to request. For one event loop; every time is `monotonic`."""

    def __init__(self, pools: Mapping[str, Pool] | None = None) -> None:
        self.pools = dict(pools or {})
        """By the provider's name; a provider without one is asked without a key."""
        self.health: dict[tuple[str, str], Health] = {}
        """By provider and model; the client's own provider by its host. Those asked last stand last."""

    def arranged(self, plan: Plan, now: float) -> list[Target]:
        """The targets of a plan in the order in which to ask them; see `order.py`."""
        found = [self.health.get(_key(plan, target)) for target in plan.targets]
        if not plan.by_health or not any(each is not None and each.fare.why for each in found):
            return list(plan.targets)
        order, tried = arranged([each.fare if each is not None else Fare() for each in found], now)
        if tried is not None and (health := found[tried]) is not None:
            health.fare = health.fare.tried(now)
        return [plan.targets[number] for number in order]

    def of(self, plan: Plan, target: Target) -> Health:
        """The health of a target."""
        key = _key(plan, target)
        health = self.health.pop(key, None) or Health()
        self.health[key] = health
        if len(self.health) > MOST:
            del self.health[next(iter(self.health))]
        return health

    def pool(self, target: Target) -> Pool:
        """The keys for a target."""
        return self.pools.get(target.provider.name, _NO_KEYS) if target.provider else _NO_KEYS

    def needs_key(self, target: Target) -> bool:
        """Whether a target is asked with a key of ours, or not at all."""
        return target.provider is not None and target.provider.name in self.pools

    def began(
        self, plan: Plan, target: Target, key: Key | None, elapsed_s: float, now: float, *, streams: bool
    ) -> None:
        """A target has given its first content delta, or, unless it streams, the whole of its answer."""
        self.of(plan, target).succeeded(elapsed_s, now, streams=streams)
        if key is not None:
            self.pool(target).succeeded(key)

    def failed(self, plan: Plan, target: Target, key: Key | None, failure: Failure, now: float) -> None:
        """An attempt failed; also a reply that was cut after it had begun, which only the driver sees."""
        # It was never asked, or the fault is ours.
        if failure.kind in ("untranslatable", "withheld", "quota", "no_key", "keyless", "fault"):
            return
        self.of(plan, target).failed(failure, now)
        if key is not None:
            self.pool(target).failed(key, failure, now)


def _key(plan: Plan, target: Target) -> tuple[str, str]:
    return target.provider.name if target.provider else plan.host, target.model
