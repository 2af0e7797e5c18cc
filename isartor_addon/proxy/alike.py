"""Bodies that say what one before has said, but for ids that say nothing: the trace of a run, the number of a request.

A large body takes most of a millisecond to be read. Where an id stands that its reading leaves out, two bodies that are
the same everywhere else show: both were read, each gave its own id for the same field, and both meant the same. So the
bytes at that place are that field's value and nothing else, and a third body with another such id need not be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from isartor_addon.core.bookkeeping import held, is_bookkeeping
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.latest import Latest
from isartor_addon.core.prompt import Json
from isartor_addon.proxy.memo import Memo

MOST_PLACES = 256
"""Sizes of bodies whose places are known; and bodies of which one was read."""
_PLAIN = re.compile(rb"[A-Za-z0-9_.:+-]{12,128}")
"""What JSON writes as it is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the value of a field at the top of a body stands, in bytes of the body."""

    begin: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class _Once:
    """A body that was read: the ids that are left out, and what it means without them."""

    ids: tuple[bytes, ...]
    meaning: tuple[object, ...]


class Alike:
    """Finds what a body means by one that is like it."""

    def __init__(self, memo: Memo) -> None:
        """
        Args:
            memo: holds what was read.
        """
        self._memo = memo
        self._places: Latest[tuple[bytes, int], tuple[Place, ...]] = Latest(MOST_PLACES)
        """Where ids stand that were shown to say nothing, by the key of the head and the size of the body."""
        self._once: Latest[bytes, _Once] = Latest(MOST_PLACES)

    def get(self, head: bytes, body: bytes) -> Exchange | None:
        """
        What a body means, as `Memo.get` gives it; None where it must be read.

        Args:
            head: its head's key; see `Memo.key`.
            body: as it was received.
        """
        places = self._places.get((head, len(body)))
        if places is None:
            return None
        for place, value in zip(places, _values(body, places), strict=True):
            if not _PLAIN.fullmatch(value) or not is_bookkeeping(place.name, value.decode()):
                return None
        return self._memo.get(_key(head, body, places))

    def put(self, head: bytes, body: bytes, exchange: Exchange) -> None:
        """Take note of a body that was read."""
        places = _find(body, exchange.body)
        if not places:
            return
        key = _key(head, body, places)
        now, before = _Once(_values(body, places), _meaning(exchange)), self._once.get(key)
        if before is None or before.meaning != now.meaning:
            self._once[key] = now
            return
        changed = tuple(place for place, one, other in zip(places, now.ids, before.ids, strict=True) if one != other)
        if changed:
            self._memo.keep(_key(head, body, changed), exchange)
            self._places[head, len(body)] = changed

    def clear(self) -> None:
        """Forget everything."""
        self._places.clear()
        self._once.clear()


def _find(body: bytes, read: Mapping[str, Json]) -> tuple[Place, ...]:
    """Where ids that may say nothing seem to stand, from the front; only such as occur nowhere else."""
    places = []
    for name, value in read.items():
        if isinstance(value, str) and is_bookkeeping(name, value) and not held(name, value):
            sought = value.encode()
            begin = body.find(sought)
            end = begin + len(sought)
            if begin >= 0 and _PLAIN.fullmatch(sought) and body.find(sought, begin + 1) < 0:
                places.append(Place(begin, end, name))
    return tuple(sorted(places, key=lambda place: place.begin))


def _values(body: bytes, places: Sequence[Place]) -> tuple[bytes, ...]:
    return tuple(body[place.begin : place.end] for place in places)


def _key(head: bytes, body: bytes, places: Sequence[Place]) -> bytes:
    """The key of all bodies that differ at `places` only."""
    state, view, done = sha256(repr(places).encode()), memoryview(body), 0
    for place in places:
        state.update(view[done : place.begin])
        done = place.end
    state.update(view[done:])
    return b"alike" + head + state.digest()


def _meaning(exchange: Exchange) -> tuple[object, ...]:
    """All that was read of a request but its headers, which the key of its head stands for."""
    identity = exchange.identity
    asked = (identity.key, identity.content, dict(identity.run_ids), identity.session, identity.uncacheable)
    return *asked, exchange.route, exchange.mode, exchange.client.name, exchange.model, exchange.control
