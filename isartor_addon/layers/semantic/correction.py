"""A person's word: an answer was wrong, or is to go. It is not given again, to no words; where it was wrong, its
neighbours are trusted less.
"""

from __future__ import annotations

from collections.abc import Iterator

from isartor_addon.core.recording import Entry
from isartor_addon.layers.ports import Check, Clock, Evidence, Hit, Shelf

WHY = "a person says so"


class Corrections:
    """Takes answers back. Synchronous: it waits for the disk."""

    def __init__(self, shelf: Shelf, evidence: Evidence | None, clock: Clock) -> None:
        """
        Args:
            shelf: where the answers are.
            evidence: None where the semantic layer is off.
            clock: time.
        """
        self._shelf = shelf
        self._evidence = evidence
        self._clock = clock

    def wrong(self, key: str, *, caller: str = "") -> list[str]:
        """
        Take back the answer that a request got, be it its own or that to other words.

        Args:
            key: of the request or of the stored answer (`x-isartor-key`, `x-isartor-matched`); its beginning suffices.
            caller: only what is this caller's; empty: whosever it is.

        Returns:
            The keys of the answers that were removed.

        Raises:
            StoreError: the store cannot be written now.
        """
        return [entry.key for entry, hit in self._meant(key) if self._take_back(entry, hit, caller=caller)]

    def clear(self, *, model: str = "", host: str = "", older_than_s: float | None = None, key: str = "") -> int:
        """
        Remove what matches all that is given, as `Shelf.remove` does, and what is known of hits of it; without any
        choice also what was learned from checks.

        Returns:
            How many answers were removed.

        Raises:
            StoreError: the store cannot be written now.
        """
        removed = self._shelf.remove(model=model, host=host, older_than_s=older_than_s, key=key)
        stored = self._shelf.keys() if self._evidence is not None else None
        if self._evidence is not None and stored is not None:
            self._evidence.forget(stored, lessons=not (model or host or key or older_than_s is not None))
        return removed

    def _meant(self, key: str) -> Iterator[tuple[Entry, Hit | None]]:
        """The entries that may have answered, and how where it was to other words."""
        own = self._shelf.find(key)
        hit = self._evidence.hit(key) if self._evidence is not None else None
        matched = self._shelf.find(hit.key) if hit is not None else None
        if own is not None and (matched is None or own.key != matched.key):
            yield own, None
        if matched is not None:
            yield matched, hit

    def _take_back(self, entry: Entry, hit: Hit | None, *, caller: str) -> bool:
        if caller and entry.caller != caller:
            return False
        removed = self._shelf.remove(key=entry.key) > 0
        if hit is not None and self._evidence is not None:
            self._evidence.checked(entry.scope, Check(entry.key, hit.similarity, False, self._clock.time()), WHY)
            self._evidence.taught(hit.words, entry.words, hit.similarity)
        return removed
