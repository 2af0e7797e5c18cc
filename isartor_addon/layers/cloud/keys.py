"""Several keys of one provider: which is next, which must rest, which was refused. Time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from isartor_addon.layers.cloud.failures import Failure

Strategy = Literal["round_robin", "priority"]
Standing = Literal["ready", "resting", "refused"]

REST_S = 1.0
"""How long a key rests after a 429 that does not say how long; twice as long after each further one."""
LONGEST_REST_S = 60.0
LONGEST_OBEYED_S = 86400.0
"""A provider that asks for more is asked again after a day."""
EMPTY_S = 600.0
"""How long a key without credit (402) rests."""
REFUSED_S = 600.0
"""How long a refused key (401) is not shown to its provider again."""
REPRINTED_S = 30.0
"""The same of one that a command prints: somebody may log in again."""


@dataclass(frozen=True, slots=True)
class Key:
    """One credential for one provider."""

    name: str
    """For people and logs: where it comes from, `vault:openai`."""
    secret: str = field(repr=False)
    command: tuple[str, ...] = field(default=(), repr=False)
    """What prints the secret, word by word; `secret` is empty then until `tokens.py` fills it in."""
    ttl_s: float = 0.0
    """How long what it prints is used."""

    @property
    def is_clients(self) -> bool:
        """Whether the client's own credential is meant; it is then in its request, and `secret` is empty."""
        return self.name == CLIENT

    @property
    def masked(self) -> str:
        """The secret as it may be shown: its last four characters, of long ones only."""
        return f"...{self.secret[-4:]}" if len(self.secret) >= 16 else "..." if self.secret else ""


CLIENT = "client"
"""The source that means the client's own credential."""


@dataclass(slots=True)
class Held:
    """A key in the pool, and how it fares."""

    key: Key
    rests_until: float = 0.0
    refused_until: float = 0.0
    limited: int = 0
    """429s since the last success."""
    denials: int = 0
    """403s since the last success."""
    uses: int = 0

    def standing(self, now: float) -> Standing:
        """Whether it can be used."""
        return "refused" if now < self.refused_until else "resting" if now < self.rests_until else "ready"

    def rest(self, asked_s: float | None, now: float) -> None:
        """It has been used too often; its provider asks for `asked_s` of rest, or does not say."""
        if asked_s is not None:
            self.rests_until = max(self.rests_until, now + min(asked_s, LONGEST_OBEYED_S))
        elif self.standing(now) != "resting":  # else it was shown before the first of several refusals came
            self.rests_until = now + min(LONGEST_REST_S, REST_S * 2.0 ** min(self.limited, 10))
            self.limited += 1


class Pool:
    """A provider's keys."""

    def __init__(self, keys: tuple[Key, ...], strategy: Strategy = "round_robin") -> None:
        self.held: tuple[Held, ...] = tuple(Held(key) for key in keys)
        self.strategy = strategy
        self._next = 0

    def take(self, now: float, *, without: frozenset[Key] = frozenset()) -> Key | None:
        """The key to use next; None when none can be used. Keys in `without` have been tried by the same request."""
        count = len(self.held)
        start = self._next if self.strategy == "round_robin" else 0
        for step in range(count):
            number = (start + step) % count
            held = self.held[number]
            if held.standing(now) == "ready" and held.key not in without:
                self._next = (number + 1) % count
                held.uses += 1
                return held.key
        return None

    def ready_in(self, now: float) -> float | None:
        """Seconds until a resting key is ready again; None when there is none to wait for."""
        waits = [held.rests_until - now for held in self.held if held.standing(now) == "resting"]
        return min(waits, default=None)

    def succeeded(self, key: Key) -> None:
        """`key` was taken."""
        if held := self._find(key):
            held.limited, held.denials, held.refused_until, held.rests_until = 0, 0, 0.0, 0.0

    def failed(self, key: Key, failure: Failure, now: float) -> None:
        """
        `key` was shown, and this came of it.

        One 403 may be about the request (moderation, a model this account may not use); two without a success between
        are about the key.
        """
        held = self._find(key)
        if held is None or failure.kind != "status" or key.is_clients:
            return
        if failure.status == 429:
            held.rest(failure.retry_after_s, now)
        elif failure.status == 402:
            held.rests_until = now + EMPTY_S
        elif failure.status == 403:
            held.denials += 1
        if failure.status == 401 or held.denials > 1:
            held.refused_until = now + (REPRINTED_S if key.command else REFUSED_S)

    def _find(self, key: Key) -> Held | None:
        return next((held for held in self.held if held.key == key), None)
