"""How providers fare in this process, seen from the traffic: breakers, keys, latency, the last error.

Nothing here is shared between worker processes: each learns for itself, from its own part of the traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from isartor_addon.layers.cloud.breaker import Breaker
from isartor_addon.layers.cloud.failures import Failure
from isartor_addon.layers.cloud.keys import Key, Pool
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
    """Until the first delta: an exponentially weighted mean."""
    last_error: str = ""
    last_error_at: float = 0.0

    def succeeded(self, elapsed_s: float) -> None:
        """An attempt was answered."""
        self.successes += 1
        mean = self.latency_s
        self.latency_s = elapsed_s if mean is None else mean + WEIGHT * (elapsed_s - mean)
        self.breaker.succeeded()

    def failed(self, failure: Failure, now: float) -> None:
        """An attempt failed."""
        self.failures += 1
        self.last_error = f"{failure}: {failure.detail}" if failure.detail else str(failure)
        self.last_error_at = now
        if failure.provider_is_ill:
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

    def of(self, plan: Plan, target: Target) -> Health:
        """The health of a target."""
        name = target.provider.name if target.provider else plan.host
        key = (name, target.model)
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

    def began(self, plan: Plan, target: Target, key: Key | None, elapsed_s: float) -> None:
        """A target has given its first content delta."""
        self.of(plan, target).succeeded(elapsed_s)
        if key is not None:
            self.pool(target).succeeded(key)

    def failed(self, plan: Plan, target: Target, key: Key | None, failure: Failure, now: float) -> None:
        """An attempt failed; also a reply that was cut after it had begun, which only the driver sees."""
        # It was never asked, or the fault is ours.
        if failure.kind in ("untranslatable", "withheld", "quota", "no_key", "fault"):
            return
        self.of(plan, target).failed(failure, now)
        if key is not None:
            self.pool(target).failed(key, failure, now)
