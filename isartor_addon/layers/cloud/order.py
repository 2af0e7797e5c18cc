"""The order in which targets are asked: as it was written, but for those that clearly do badly, which come later.

*Failing*: about half of the latest attempts or more failed by the provider's fault. *Slow*: the first words of streamed
answers take several times as long as they usually do there, and as they usually do at the next target. A model that is
always slow is therefore never put behind: whoever wrote the order knew it.

What is behind is asked when the others have failed, and every half a minute one request tries it in its place. Only
several good attempts in a row bring it back, and then its record begins anew, so that nothing goes back and forth.
Breakers come on top: they see failures in a row, this sees those between successes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

Why = Literal["", "failing", "slow"]

RATE_WEIGHT: Final = 0.1
"""Of the newest attempt in the share of failures: about the last twenty count."""
FEW: Final = 10
"""So many attempts say nothing yet."""
FAILING: Final = 0.5
RECENT_WEIGHT: Final = 0.2
"""Of the newest time in what is recent: about the last ten count."""
USUAL_WEIGHT: Final = 0.02
"""Of the newest time in what is usual: about the last hundred count."""
SETTLED: Final = 20
"""The mean of so many times is what is usual, to begin with."""
SLOWER: Final = 3.0
"""Times the usual."""
SLOWER_S: Final = 1.0
"""And by at least so many seconds. A single time counts as no more than twice as slow: it takes three in a row."""
TRIED_AGAIN_S: Final = 30.0
GOOD: Final = 3
"""So many good attempts in a row bring a target back."""


@dataclass(frozen=True, slots=True)
class Fare:
    """How one target has done lately. A value; times are seconds that never go back."""

    attempts: int = 0
    """Those that say something of the provider, since its record began."""
    error_rate: float = 0.0
    """The share of failures, 0 to 1, the newest counting most."""
    times: int = 0
    """Streamed answers, whose first words were waited for."""
    recent_s: float = 0.0
    """How long for, lately."""
    usual_s: float = 0.0
    why: Why = ""
    """Why it is to be asked later."""
    good: int = 0
    """Good attempts in a row since then."""
    tried_at: float = 0.0
    """When it was last tried in its place, or put behind."""

    def answered(self, elapsed_s: float | None, now: float) -> Fare:
        """An answer has begun, after `elapsed_s`; None: it came whole, so that its time says nothing."""
        took = self if elapsed_s is None else self._timed(elapsed_s)
        rate = self.error_rate * (1 - RATE_WEIGHT)
        after = replace(took, attempts=self.attempts + 1, error_rate=rate)
        if not self.why:
            return after._judged(now)
        if self.why == "slow" and (elapsed_s or 0.0) > self.usual_s * SLOWER / 2:
            return replace(after, good=0)
        if self.good + 1 < GOOD:
            return replace(after, good=self.good + 1)
        return Fare(1, 0.0, after.times, after.usual_s, after.usual_s)

    def failed(self, now: float) -> Fare:
        """An attempt has failed, by the provider's fault."""
        rate = self.error_rate + RATE_WEIGHT * (1 - self.error_rate)
        return replace(self, attempts=self.attempts + 1, error_rate=rate, good=0)._judged(now)

    def tried(self, now: float) -> Fare:
        """A request is about to try it in its place."""
        return replace(self, tried_at=now)

    def due_in(self, now: float) -> float:
        """Seconds until it is tried in its place; 0 where it is there or may be tried now."""
        return max(0.0, self.tried_at + TRIED_AGAIN_S - now) if self.why else 0.0

    def _timed(self, elapsed_s: float) -> Fare:
        if not self.times:
            return replace(self, times=1, recent_s=elapsed_s, usual_s=elapsed_s)
        times, usual_s = self.times + 1, self.usual_s
        settled = self.times >= SETTLED
        most_s = max(usual_s * SLOWER, usual_s + SLOWER_S) * 2
        recent_s = min(elapsed_s, most_s) if settled else elapsed_s
        # What is slow becomes usual in the end, but not by being very slow.
        lately_s = min(elapsed_s, 2 * usual_s) if settled else elapsed_s
        return replace(
            self,
            times=times,
            # What it was put behind for stands until it comes back.
            recent_s=self.recent_s + (0 if self.why == "slow" else RECENT_WEIGHT) * (recent_s - self.recent_s),
            usual_s=usual_s + (USUAL_WEIGHT if settled else 1 / times) * (lately_s - usual_s),
        )

    def _judged(self, now: float) -> Fare:
        if self.why:
            return self
        why: Why = ""
        if self.attempts >= FEW and self.error_rate > FAILING:
            why = "failing"
        elif self.times >= SETTLED and self.recent_s > max(self.usual_s * SLOWER, self.usual_s + SLOWER_S):
            why = "slow"
        return replace(self, why=why, tried_at=now) if why else self


def arranged(fares: Sequence[Fare], now: float) -> tuple[list[int], int | None]:
    """
    In which order to ask targets.

    Args:
        fares: theirs, in the order that was written.
        now: seconds that never go back.

    Returns:
        Their numbers, those that are behind last, else as written; and which one of these is tried in its place, so
        that its `tried` is to be noted.
    """
    behind = _behind(fares)
    tried = next((number for number in sorted(behind) if not fares[number].due_in(now)), None)
    later = behind - {tried}
    return sorted(range(len(fares)), key=lambda number: number in later), tried


def _behind(fares: Sequence[Fare]) -> set[int]:
    behind: set[int] = set()
    next_well: Fare | None = None
    for number in reversed(range(len(fares))):
        fare = fares[number]
        faster = next_well is not None and next_well.times > 0 and fare.recent_s > next_well.usual_s * SLOWER
        if next_well is not None and (fare.why == "failing" or (fare.why == "slow" and faster)):
            behind.add(number)
        else:
            next_well = fare if fare.why != "failing" else next_well
    return behind
