"""The scopes whose vectors are in memory, one index each, within a bound. For one thread."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from isartor_addon.layers.ports import Near
from isartor_addon.store.index import KINDS, Kind, ScopeIndex, prepare

_UNIT = 0.01
"""How far a vector's length may be from 1; what was rounded to half precision is far nearer."""


class Scopes:
    """Scopes by name, each with an index; those used longest ago are let go of."""

    def __init__(self, limit: int, kinds: Sequence[Kind] = KINDS) -> None:
        """
        Args:
            limit: bytes in memory; one scope may be larger when it is alone.
            kinds: see `store/index.py`.
        """
        prepare()
        self._limit = limit
        self._kinds = kinds
        self._indexes: OrderedDict[str, ScopeIndex] = OrderedDict()
        self._where: dict[str, str] = {}
        self.bytes = 0

    def __contains__(self, scope: str) -> bool:
        return scope in self._indexes

    def __len__(self) -> int:
        return len(self._indexes)

    @property
    def entries(self) -> int:
        """How many entries there are in all scopes."""
        return len(self._where)

    def fill(self, scope: str, rows: Iterable[tuple[str, bytes]]) -> None:
        """Begin `scope` with these rows; those that are no vectors, or not as long as the last, are left out."""
        self.drop(scope)
        rows = list(rows)
        if not rows:
            return
        width = len(rows[-1][1])
        fitting = [(key, vector) for key, vector in rows if len(vector) == width and width % 2 == 0]
        vectors = decoded(b"".join(vector for _, vector in fitting)).reshape(len(fitting), width // 2)
        lengths = np.linalg.norm(vectors, axis=1)
        good = np.flatnonzero(np.abs(lengths - 1) < _UNIT)
        keys = [fitting[place][0] for place in good]
        index = ScopeIndex(width // 2, self._kinds)
        index.fill(keys, vectors[good])
        if not index:
            return
        self._indexes[scope] = index
        self._where.update(dict.fromkeys(keys, scope))
        self._count(index.bytes, scope)

    def put(self, scope: str, key: str, vector: bytes) -> None:
        """File a vector in `scope`, which is begun if it is not in memory; the key leaves any other."""
        if self._where.get(key, scope) != scope:
            self.remove(key)
        row = decoded(vector)
        index = self._indexes.get(scope)
        if index is None or index.dimension != len(row):
            self.fill(scope, [(key, vector)])
            return
        before = index.bytes
        index.put(key, row)
        self._where[key] = scope
        self._count(index.bytes - before, scope)

    def remove(self, key: str) -> None:
        """Forget `key`."""
        scope = self._where.pop(key, None)
        if scope is not None:
            self._indexes[scope].remove(key)
            if not self._indexes[scope]:
                self.drop(scope)

    def nearest(self, scope: str, vector: NDArray[np.float32], count: int) -> list[Near]:
        """Up to `count` entries of `scope`, nearest first."""
        index = self._indexes.get(scope)
        if index is None or index.dimension != len(vector):
            return []
        self._indexes.move_to_end(scope)
        return index.nearest(np.ascontiguousarray(vector, np.float32), count)

    def drop(self, scope: str) -> None:
        """Let go of `scope`."""
        index = self._indexes.pop(scope, None)
        if index is not None:
            self.bytes -= index.bytes
            for key in index:
                del self._where[key]

    def clear(self) -> None:
        """Let go of everything."""
        self._indexes.clear()
        self._where.clear()
        self.bytes = 0

    def _count(self, more: int, scope: str) -> None:
        self.bytes += more
        self._indexes.move_to_end(scope)
        while self.bytes > self._limit and len(self._indexes) > 1:
            self.drop(next(iter(self._indexes)))


def decoded(vector: bytes) -> NDArray[np.float32]:
    """What `VectorStore.put` wrote."""
    return np.frombuffer(vector, "<f2").astype(np.float32)
