"""Again, please: somebody who asks the same thing a third time within minutes does not want the same answer."""

from __future__ import annotations

from isartor_addon.core.latest import Latest

WINDOW_S = 600.0
"""Ten minutes."""
REMEMBERED = 10_000
"""Requests counted at a time; beyond that the oldest are forgotten."""


class Again:
    """Counts identical requests of one client session."""

    def __init__(self, setting: str) -> None:
        self.limit = {"serve": 0, "refresh": 3}.get(setting) or (0 if setting == "serve" else int(setting))
        """The how many-th is answered afresh; 0: none."""
        self._asked: Latest[tuple[str, str], tuple[int, float]] = Latest(REMEMBERED)

    def due(self, session: str, key: str, now: float) -> bool:
        """
        Whether the next request is the one that is to be answered afresh.

        Args:
            session: the client's session; empty where it declares none, which is never counted.
            key: the exact key.
            now: monotonic, seconds.
        """
        if not self.limit or not session:
            return False
        count, since = self._asked.get((session, key), (0, now))
        return now - since <= WINDOW_S and count + 1 >= self.limit

    def count(self, session: str, key: str, now: float) -> bool:
        """Count one more request; say whether it was due to be answered afresh, in which case the count begins anew."""
        if not self.limit or not session:
            return False
        due = self.due(session, key, now)
        count, since = self._asked.get((session, key), (0, now))
        begin = due or now - since > WINDOW_S
        self._asked[session, key] = (1, now) if begin else (count + 1, since)
        return due
