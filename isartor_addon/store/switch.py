"""Whether the disk is used at present: it goes off with one warning, is tried again, and comes back with one line."""

from __future__ import annotations

import logging
import threading

from isartor_addon.layers.ports import Clock

RETRY_S = 30.0

log = logging.getLogger(__name__)


class Switch:
    """On or off, and why. Safe for threads."""

    def __init__(self, what: str, clock: Clock, meanwhile: str) -> None:
        """
        Args:
            what: what goes on and off, for the log.
            clock: tells when to try again.
            meanwhile: what happens while it is off, for the log.
        """
        self.what = what
        self._meanwhile = meanwhile
        self._clock = clock
        self._lock = threading.Lock()
        self._retry_at = 0.0
        self.reason = ""
        """Why it is off; empty when it is on."""

    @property
    def on(self) -> bool:
        """Whether it is on."""
        return not self.reason

    def turn_off(self, reason: str) -> None:
        """Go off, or stay off; the first reason is logged."""
        with self._lock:
            first = self.on
            self.reason = reason
            self._retry_at = self._clock.monotonic() + RETRY_S
        if first:
            log.warning("%s is off: %s; %s, next try in %d s", self.what, reason, self._meanwhile, RETRY_S)

    def turn_on(self) -> None:
        """Come back, if it was off."""
        with self._lock:
            back = not self.on
            self.reason = ""
        if back:
            log.warning("%s is back", self.what)

    def due(self) -> bool:
        """Whether it is time for somebody to try again; only one is told so."""
        with self._lock:
            now = self._clock.monotonic()
            if self.on or now < self._retry_at:
                return False
            self._retry_at = now + RETRY_S
            return True
