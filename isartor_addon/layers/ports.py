"""What layers need from the world, as protocols: time, stores, models. Adapters in `store/` and `models/` fit these."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from isartor_addon.core.recording import Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Vector = NDArray[np.float32]


class Clock(Protocol):
    """Time."""

    def time(self) -> float:
        """Unix time, seconds."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""


class Answers(Protocol):
    """The store of recorded answers. It never raises for its own faults: a store that cannot be read holds nothing,
    one that cannot be written keeps nothing, and it says so once in the log.
    """

    @property
    def imported(self) -> bool:
        """Whether recordings that belong to nobody are among the entries (`core.identity.ANYONE`)."""

    def peek(self, key: str) -> Entry | None:
        """The entry, if it is in memory and fresh. Some microseconds; never touches the disk."""

    async def get(self, key: str, *, counted: bool = True) -> Entry | None:
        """The entry, if it is stored and fresh; `counted` among the hits or misses."""

    async def expired(self, key: str) -> Entry | None:
        """The entry, if it is stored, no longer fresh, and kept for when everything else fails."""

    def put(self, entry: Entry, then: Callable[[], None] | None = None) -> None:
        """Keep `entry` in memory at once and on disk soon, in place of any other under its key.

        `then` is called, by whatever thread, when other processes can find it or it has been given up.
        """

    async def flush(self) -> None:
        """Wait until everything put is on disk or has been given up."""

    def close(self) -> None:
        """Finish what is being written and let go of files and threads."""


class Leases(Protocol):
    """The right to ask the provider, one for a key among all processes of one store. It never raises for its own
    faults: where there are no leases to be had, everybody gets one. It ends with the process that has it.
    """

    def take(self, key: str) -> bool:
        """Get it, if no other process has it. Some microseconds."""

    async def wait(self, key: str, timeout_s: float) -> bool:
        """The same, waiting for another process to let go; False when the time is over."""

    def drop(self, key: str) -> None:
        """Let go of it; from any thread."""


class Shelf(Protocol):
    """The store as people see it: list, remove, pin. Synchronous; for the command line and commands."""

    def entries(self) -> Iterator[Entry]:
        """All fresh entries, newest first."""

    def find(self, key: str) -> Entry | None:
        """The entry whose key begins with `key` (at least 6 hex digits), newest first."""

    def keys(self) -> Collection[str] | None:
        """The keys of everything that is stored, fresh or not; None when that is not known."""

    def remove(self, *, model: str = "", host: str = "", older_than_s: float | None = None, key: str = "") -> int:
        """Remove what matches all that is given, what is pinned only if `key` names it; give the number."""

    def pin(self, key: str, *, pinned: bool = True) -> Entry | None:
        """Pin or unpin the entry found under `key`."""

    def stats(self) -> Mapping[str, Any]:
        """Entries, bytes, limit, hits and misses since the store was made, state."""


class Embedder(Protocol):
    """Turns texts into vectors whose inner product says how near they are in meaning."""

    @property
    def id(self) -> str:
        """Names the model and all that its vectors depend on; vectors of two ids are never compared."""

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """
        One vector of unit length a text.

        Raises:
            EmbedderError: there are none to be had now.
            NotEmbeddable: the model cannot read all of a text: it is too long, or has words that it does not know.
        """

    async def windows(self, text: str) -> int:
        """In how many pieces the model reads `text`; 0 if it cannot be embedded. Never raises."""

    def close(self) -> None:
        """Let go of threads and connections."""


@dataclass(frozen=True, slots=True)
class Near:
    """A stored question near to one that is asked."""

    key: str
    """The exact key of its entry."""
    similarity: float
    """Cosine, -1 to 1."""


class Vectors(Protocol):
    """Which stored questions are near in meaning, within one scope (compatibility key) only. It never raises for its
    own faults: an index that cannot be read holds nothing, and it says so once in the log.
    """

    def holds(self, scope: str) -> bool:
        """Whether anything is stored under `scope`. Some microseconds; never touches the disk."""

    async def nearest(self, scope: str, vector: Vector, count: int) -> Sequence[Near]:
        """Up to `count` stored questions, nearest first."""

    def put(self, scope: str, key: str, vector: Vector) -> None:
        """File the entry `key` under `scope`, in memory at once and on disk soon."""

    def remove(self, key: str) -> None:
        """Forget the entry `key`, in whatever scope it is."""

    def close(self) -> None:
        """Finish what is being written and let go of files and threads."""


@dataclass(frozen=True, slots=True)
class Counter:
    """What a quota counts up: one window of it, and of what it tells apart one (a caller, a model)."""

    quota: str
    of: str
    since: int
    """When the window began; Unix time, seconds."""


@dataclass(frozen=True, slots=True)
class Count:
    """How far a counter has come."""

    requests: int = 0
    tokens: int = 0
    cost: int = 0
    """Picodollars (10^-12 USD)."""


class Counters(Protocol):
    """Counts that all processes share and that outlive them. Some ten microseconds and, while another process writes,
    up to some milliseconds: not for the event loop.

    Windows never go back: once one is being counted, whatever belongs to an earlier one of the same quota counts on it,
    be it that the clock was set back, or that a reply ends after its window.
    """

    def admit(self, counters: Sequence[Counter], goes: Callable[[Sequence[Count]], bool]) -> Sequence[Count]:
        """
        Read, and add a request to each if `goes` says so of what was read; nobody comes in between.

        Raises:
            StoreError: they cannot be read or written now.
        """

    def first(self, counter: Counter) -> bool:
        """Whether nobody has asked this of `counter` before, in whatever process."""


@dataclass(frozen=True, slots=True)
class Check:
    """A hit of the semantic layer whose answer was held against the provider's."""

    key: str
    """The exact key of the entry."""
    similarity: float
    right: bool
    """Whether the stored answer said the same."""
    time: float
    """Unix time, seconds."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A request that was answered by another one's entry."""

    asked: str
    """The request's exact key."""
    words: str
    """What it asked."""
    key: str
    """The entry's exact key."""
    similarity: float


class Evidence(Protocol):
    """What is known of the semantic layer's hits, by all processes of one store and after a restart. It never raises
    for its own faults: evidence that cannot be read is no evidence.
    """

    async def checks(self, scope: str) -> Sequence[Check]:
        """The latest checks in one scope."""

    def checked(self, scope: str, check: Check, why: str) -> None:
        """Keep the outcome of a check; `why` says what differed."""

    def served(self, hit: Hit) -> None:
        """A request was answered."""

    def hit(self, key: str) -> Hit | None:
        """The latest hit of a request or by an entry, by the beginning of its key; waits for the disk."""

    def missed(self, asked: str, key: str, similarity: float, rule: str) -> None:
        """The entry `key` was near, and `rule` has refused it."""

    def taught(self, one: str, other: str, similarity: float) -> None:
        """These words were taken for the same question, and are not."""

    def forget(self, stored: Collection[str], *, lessons: bool) -> None:
        """Forget the hits and near misses of answers that are not `stored` any more; with `lessons` also what checks
        of them have shown, all words that were taught, and how many there were of each.
        """

    def close(self) -> None:
        """Write what waits, and end."""
