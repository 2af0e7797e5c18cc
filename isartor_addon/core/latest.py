"""A dictionary that does not grow without end."""

from __future__ import annotations

from collections import OrderedDict


class Latest[K, V](OrderedDict[K, V]):
    """At most so many keys: those that were set last. Whoever reads one decides whether that counts (`move_to_end`)."""

    def __init__(self, most: int) -> None:
        """
        Args:
            most: keys.
        """
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._most:
            self.popitem(last=False)
