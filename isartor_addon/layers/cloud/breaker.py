"""A circuit breaker: who has failed several times in a row is left alone for a while, then tried with one request."""

from __future__ import annotations

from typing import Literal

State = Literal["closed", "open", "half-open"]

FAILURES = 5
"""In a row, until it opens."""
OPEN_S = 30.0
"""How long it stays open the first time; twice as long after each trial that fails."""
LONGEST_S = 300.0


class Breaker:
    """One provider's breaker for one model. Time is an argument: seconds that never go back."""

    __slots__ = ("_failures", "_open_s", "_trial", "_until")

    def __init__(self) -> None:
        self._failures = 0
        self._until: float | None = None
        self._open_s = OPEN_S
        self._trial = False

    def state(self, now: float) -> State:
        """How it stands."""
        if self._until is None:
            return "closed"
        return "open" if now < self._until else "half-open"

    def admits(self, now: float) -> bool:
        """Whether a request may go through; half-open, only while no other is being tried."""
        state = self.state(now)
        return state == "closed" or (state == "half-open" and not self._trial)

    def enter(self, now: float) -> bool:
        """A request goes through. True: it is the trial of a half-open breaker, and `leave` must follow."""
        trial = self.state(now) == "half-open" and not self._trial
        self._trial = self._trial or trial
        return trial

    def leave(self) -> None:
        """The trial has ended, whatever came of it."""
        self._trial = False

    def succeeded(self) -> None:
        """A request was answered."""
        self._failures, self._until, self._open_s = 0, None, OPEN_S

    def failed(self, now: float, *, at_least_s: float = 0.0) -> None:
        """A request failed by the provider's fault; it has asked to be left alone for `at_least_s`."""
        self._failures += 1
        state = self.state(now)
        if state == "open" or (state == "closed" and self._failures < FAILURES):
            return
        if state == "half-open":
            self._open_s = min(LONGEST_S, self._open_s * 2)
        self._until = now + max(self._open_s, min(at_least_s, LONGEST_S))

    def opens_in(self, now: float) -> float:
        """Seconds until the next trial; 0 when it is not open."""
        return max(0.0, self._until - now) if self._until is not None else 0.0
