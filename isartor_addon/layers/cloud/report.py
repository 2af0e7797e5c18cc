"""How the configured providers fare, as a document: for `GET /debug/providers` and `isartor providers`."""

from __future__ import annotations

from typing import Any

from isartor_addon.layers.cloud.configured import Cloud
from isartor_addon.layers.cloud.health import Health, State
from isartor_addon.layers.cloud.keys import Held
from isartor_addon.layers.cloud.provider import Provider


def report(cloud: Cloud, now: float) -> dict[str, Any]:
    """
    All that is known, secrets masked.

    Args:
        now: on the clock that the chain uses.

    Returns:
        JSON: `providers` as configured, each with its keys and its health by model, and `clients`, the health of
        clients' own providers as far as requests came to them by a chain.
    """
    return {
        "providers": [_provider(each, cloud.state, now) for each in cloud.providers.values()],
        "clients": [
            {"host": name, **_health(model, each, now)}
            for (name, model), each in sorted(cloud.state.health.items())
            if name not in cloud.providers
        ],
    }


def _provider(provider: Provider, state: State, now: float) -> dict[str, Any]:
    pool = state.pools.get(provider.name)
    return {
        "name": provider.name,
        "wire": provider.wire,
        "base_url": provider.base_url,
        "auth": provider.auth,
        "local": provider.local,
        "keys": [_key(held, now) for held in pool.held] if pool else [],
        "missing_key": pool is not None and not pool.held,
        "models": [
            _health(model, each, now) for (name, model), each in sorted(state.health.items()) if name == provider.name
        ],
    }


def _health(model: str, health: Health, now: float) -> dict[str, Any]:
    return {
        "model": model,
        "breaker": health.breaker.state(now),
        "tried_again_in_s": round(health.breaker.opens_in(now), 1),
        "successes": health.successes,
        "failures": health.failures,
        "latency_ms": None if health.latency_s is None else round(health.latency_s * 1000, 1),
        "error_rate": round(health.fare.error_rate, 3),
        "first_words_ms": round(health.fare.recent_s * 1000, 1) if health.fare.times else None,
        "usual_first_words_ms": round(health.fare.usual_s * 1000, 1) if health.fare.times else None,
        "behind": health.fare.why,
        "tried_in_place_in_s": round(health.fare.due_in(now), 1),
        "last_error": health.last_error,
        "last_error_ago_s": round(now - health.last_error_at, 1) if health.last_error else None,
    }


def _key(held: Held, now: float) -> dict[str, Any]:
    until = max(held.rests_until, held.refused_until)
    return {
        "name": held.key.name,
        "masked": held.key.masked,
        "standing": held.standing(now),
        "ready_in_s": round(max(0.0, until - now), 1),
        "uses": held.uses,
    }
