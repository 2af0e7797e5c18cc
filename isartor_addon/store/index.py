"""One scope's vectors in a FAISS index. Slots are overwritten in place; the kind of index follows from their number.

Importing this imports faiss. Nothing here is safe for threads, and FAISS keeps the number of its threads per thread:
the one thread that uses an index calls `prepare` first.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from isartor_addon.layers.ports import Near

type Matrix = NDArray[np.float32]

_LEAST_ROOM = 8
_ROOM_PART = 8
"""An index that is full grows by an eighth."""
_PROBES = 32
"""Lists that are searched of an inverted file: at 200,000 entries one in fourteen."""
_SAMPLES = 40
"""Vectors a list that its centres are found by."""
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of index, and up to which size it serves."""

    name: Literal["flat", "fp16", "ivf"]
    most: int
    """Entries of a scope."""


KINDS = (Kind("flat", 1000), Kind("fp16", 200_000), Kind("ivf", sys.maxsize))
"""All vectors compared; the same in half the memory, which is what scans wait for as soon as they are larger than the
nearest caches, and which loses nothing, since vectors come in half precision; then only those in the nearest lists,
which may miss one.
"""


def prepare() -> None:
    """One thread for a search: a second one makes it slower at every size."""
    faiss.omp_set_num_threads(1)


class ScopeIndex:
    """Keys and their vectors of unit length, all of one dimension."""

    def __init__(self, dimension: int, kinds: Sequence[Kind] = KINDS) -> None:
        """
        Args:
            dimension: of every vector.
            kinds: by rising size.
        """
        self.dimension = dimension
        self._kinds = kinds
        self._slots: dict[str, int] = {}
        self._keys: list[str | None] = []
        self._free: list[int] = []
        self._store = self._made(np.zeros((0, dimension), np.float32))

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def kind(self) -> str:
        """The present kind's name."""
        return self._store.name

    @property
    def bytes(self) -> int:
        """About what it takes in memory."""
        return len(self._keys) * (self._store.code_bytes + _ENTRY_BYTES) + _INDEX_BYTES

    def __iter__(self) -> Iterator[str]:
        """All keys."""
        return iter(self._slots)

    def fill(self, keys: Sequence[str], vectors: Matrix) -> None:
        """Put many at once into an index that is empty; `vectors` is [keys, dimension]."""
        self._keys = list(keys)
        self._slots = {key: slot for slot, key in enumerate(keys)}
        self._store = self._made(vectors)

    def put(self, key: str, vector: Matrix) -> None:
        """File `vector` [dimension] under `key`, in place of what was there."""
        slot = self._slots.get(key)
        if slot is None:
            if not self._free:
                self._grow()
            slot = self._free.pop()
            self._slots[key] = slot
            self._keys[slot] = key
        self._store.write(slot, vector)

    def remove(self, key: str) -> bool:
        """Forget `key`; say whether it was there."""
        slot = self._slots.pop(key, None)
        if slot is None:
            return False
        self._keys[slot] = None
        self._free.append(slot)
        self._store.erase(slot)
        return True

    def nearest(self, vector: Matrix, count: int) -> list[Near]:
        """Up to `count` entries on the same side of the space (similarity above 0), nearest first."""
        if not self._slots:
            return []
        similarities, slots = self._store.search(vector, min(count, len(self._keys)))
        return [
            Near(key, min(1.0, float(similarity)))
            for similarity, slot in zip(similarities, slots, strict=True)
            if slot >= 0 and similarity > 0 and (key := self._keys[slot]) is not None
        ]

    def _grow(self) -> None:
        """Make room, in another kind of index if this one has become too small."""
        size = len(self._keys)
        room = max(_LEAST_ROOM, size // _ROOM_PART)
        if isinstance(self._store, _Scanned) and self._kind(size + 1) != self._store.name:
            self._store = self._made(self._store.vectors())
        self._store.grow(room)
        self._keys.extend([None] * room)
        self._free.extend(range(size + room - 1, size - 1, -1))

    def _kind(self, count: int) -> Literal["flat", "fp16", "ivf"]:
        return next(kind.name for kind in self._kinds if count <= kind.most)

    def _made(self, vectors: Matrix) -> _Scanned | _Inverted:
        """An index of the kind that fits one entry more, with these in its first slots."""
        name = self._kind(len(vectors) + 1)
        if name == "ivf":
            return _Inverted(vectors)
        store = _Scanned(self.dimension, name)
        store.add(vectors)
        return store


class _Scanned:
    """Every vector is compared. An empty slot holds zeros, which are near to nothing."""

    def __init__(self, dimension: int, name: Literal["flat", "fp16"]) -> None:
        self.name: Literal["flat", "fp16", "ivf"] = name
        self._type = np.float32 if name == "flat" else np.float16
        self._dimension = dimension
        self._index = (
            faiss.IndexFlatIP(dimension)
            if name == "flat"
            else faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        )
        self.code_bytes: int = self._index.code_size

    def add(self, vectors: Matrix) -> None:
        self._index.add(vectors)

    def grow(self, room: int) -> None:
        self._index.add(np.zeros((room, self._dimension), np.float32))

    def write(self, slot: int, vector: Matrix) -> None:
        self._view()[slot] = vector

    def erase(self, slot: int) -> None:
        self._view()[slot] = 0

    def search(self, vector: Matrix, count: int) -> tuple[Matrix, NDArray[np.int64]]:
        similarities, slots = self._index.search(vector[None], count)
        return similarities[0], slots[0]

    def vectors(self) -> Matrix:
        return self._view().astype(np.float32)

    def _view(self) -> NDArray[np.generic]:
        """The index's own memory [slots, dimension]; it may move whenever something is added."""
        count = self._index.ntotal
        codes = faiss.rev_swig_ptr(self._index.codes.data(), count * self.code_bytes)
        view: NDArray[np.generic] = codes.view(self._type).reshape(count, self._dimension)
        return view


class _Inverted:
    """Vectors in lists by the centre that they are nearest to; a search looks into the nearest lists."""

    name: Literal["flat", "fp16", "ivf"] = "ivf"

    def __init__(self, vectors: Matrix) -> None:
        """
        Args:
            vectors: what the centres are found by, and what is in the first slots [slots, dimension].
        """
        count, dimension = vectors.shape
        lists = max(1, math.isqrt(count))
        self._centres = faiss.IndexFlatIP(dimension)
        index = faiss.IndexIVFScalarQuantizer(
            self._centres, dimension, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.min_points_per_centroid = 1
        index.cp.max_points_per_centroid = _SAMPLES
        index.cp.niter = _ROUNDS
        index.train(vectors)
        index.set_direct_map_type(faiss.DirectMap.Hashtable)
        index.nprobe = _PROBES
        index.add_with_ids(vectors, np.arange(count))
        self._index = index
        self._filled = set(range(count))
        self.code_bytes: int = index.code_size

    def grow(self, room: int) -> None:
        """An empty slot takes no place here."""

    def write(self, slot: int, vector: Matrix) -> None:
        self.erase(slot)
        self._index.add_with_ids(vector[None], np.array([slot]))
        self._filled.add(slot)

    def erase(self, slot: int) -> None:
        if slot in self._filled:
            self._filled.discard(slot)
            self._index.remove_ids(np.array([slot]))

    def search(self, vector: Matrix, count: int) -> tuple[Matrix, NDArray[np.int64]]:
        similarities, slots = self._index.search(vector[None], count)
        return similarities[0], slots[0]


_ENTRY_BYTES = 400
"""A key, its slot and its scope, beside the vector."""
_INDEX_BYTES = 4096
