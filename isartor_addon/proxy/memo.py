"""What was read before, by the bytes it was read from: what comes again need not be read again.

Only what reading gives is remembered, never an answer: whether there still is one, and whether it may be given, the
layers decide every time. What a request says depends on its body, its request line, who sent it, the names of its
headers, and the values of those headers that its reading has asked for; all these are part of its key. So a body that
comes again with another request id is not read again. Settings matter, too: a change empties both stores.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import overload

from isartor_addon.core.exchange import Exchange
from isartor_addon.core.latest import Latest
from isartor_addon.proxy.requests import Asked

LIMIT = 16 * 1024 * 1024
"""Bytes of memory for requests, about."""
MOST_OPENINGS = 256
MOST_COUNTED = 256
"""Names of headers that may count; when there are more, everything is forgotten."""
LONGEST_OPENING = 16 * 1024
"""Bytes."""
_ITEM_BYTES = 6 * 1024
"""About what one remembered request takes besides its canonical bytes and its headers."""
_VALUES = re.compile(
    rb"(?<=\r\n)(content-length|traceparent|idempotency-key|x-(?!isartor-)[a-z0-9_-]+): ?([!-~]+)(?=\r\n)", re.I
)
"""Header lines that say nothing of how a request is framed, where it goes or who sent it, but for the length."""
_LENGTH = re.compile(rb"[1-9][0-9]{0,7}")


class Noted(Mapping[str, str]):
    """Headers that note whose values are asked for. That a name is there is not noted: the names always count."""

    __slots__ = ("_headers", "asked")

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._headers[name]

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...
    @overload
    def get[T](self, name: str, default: str | T, /) -> str | T: ...
    def get(self, name: str, default: object = None, /) -> object:
        """As of any mapping, without the exception that it would take."""
        self.asked.add(name)
        return self._headers.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._headers

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)


class Memo:
    """Whole requests by their keys; those used longest ago make room."""

    def __init__(self, limit: int = LIMIT) -> None:
        """
        Args:
            limit: bytes.
        """
        self._limit = limit
        self._items: OrderedDict[bytes, tuple[Exchange, int]] = OrderedDict()
        self._bytes = 0
        self._counted: tuple[str, ...] = ()
        """The headers whose values any reading has ever asked for."""

    def __len__(self) -> int:
        return len(self._items)

    def key(self, asked: Asked) -> bytes:
        """What of the head of a request its reading may depend on; with the digest of the body, its key."""
        request = asked.request
        line = (request.method, request.scheme, request.host, request.port, request.path, request.query_string)
        headers = request.headers
        said = [headers.get(name) for name in self._counted]
        return sha256(repr((line, asked.by_door, asked.sender, tuple(headers), self._counted, said)).encode()).digest()

    def counts(self, name: str) -> bool:
        """Whether the value of a header is part of keys."""
        return name in self._counted

    def get(self, key: bytes) -> Exchange | None:
        """The request under `key`, if it is known, without its body; it counts as used. Not to be given to anybody."""
        item = self._items.get(key)
        if item is None:
            return None
        self._items.move_to_end(key)
        return item[0]

    def put(self, asked: Asked, digest: bytes, exchange: Exchange, noted: Noted) -> bool:
        """
        Remember what was read.

        Args:
            asked: the head.
            digest: of the body.
            exchange: what they mean.
            noted: the headers as they were read.

        Returns:
            Whether `key` gives other keys than before.
        """
        grown = not noted.asked.issubset(self._counted)
        if grown:
            self.clear()
            counted = noted.asked.union(self._counted)
            self._counted = tuple(sorted(counted if len(counted) <= MOST_COUNTED else noted.asked))
        self.keep(self.key(asked) + digest, exchange)
        return grown

    def keep(self, key: bytes, exchange: Exchange) -> None:
        """Remember a request under a key of the caller's, without its body."""
        known = exchange.again(id="", started=0.0)
        known.body, known.raw = {}, b""
        if exchange.fingerprint is not None:  # nobody needs it any more
            known.identity = replace(known.identity, canonical=b"")
        # The headers are kept as texts, and the ids among them once more.
        head = sum(len(name) + len(value) for name, value in exchange.request.headers.items())
        size = _ITEM_BYTES + 4 * head + len(known.identity.canonical)
        if size <= self._limit:
            self._keep(key, known, size)

    def _keep(self, key: bytes, exchange: Exchange, size: int) -> None:
        if key in self._items:
            self._bytes -= self._items.pop(key)[1]
        self._items[key] = exchange, size
        self._bytes += size
        while self._bytes > self._limit:
            self._bytes -= self._items.popitem(last=False)[1][1]

    def clear(self) -> None:
        """Forget all requests."""
        self._items.clear()
        self._bytes = 0


@dataclass(frozen=True, slots=True)
class Opening:
    """What the head of a request says."""

    asked: Asked
    body_size: int
    """Bytes."""
    closes: bool
    """Whether the connection ends with the answer."""
    key: bytes
    """What of it counts; see `Memo.key`."""


@dataclass(frozen=True, slots=True)
class _Alike:
    """A head, and the values in it that may be others."""

    opening: Opening
    names: tuple[str, ...]
    values: tuple[bytes, ...]


class Openings:
    """Heads by their bytes, but for values that may change from one request to the next: the length, ids and the like.

    Such a value is cut out only where the rest of the head cannot depend on it: the header is there once, and its value
    is plain.
    """

    def __init__(self, memo: Memo) -> None:
        """
        Args:
            memo: gives keys.
        """
        self._memo = memo
        self._items: Latest[tuple[bytes, bytes], Opening] = Latest(MOST_OPENINGS)
        self._alike: Latest[tuple[bytes, ...], _Alike] = Latest(MOST_OPENINGS)

    def get(self, place: bytes, head: bytes) -> Opening | None:
        """
        What `head` says, if one like it was read at the same place.

        Args:
            place: digest of the connection.
            head: with its empty line.
        """
        opening = self._items.get((place, head))
        if opening is not None:
            self._items.move_to_end((place, head))
            return opening
        pieces = _VALUES.split(head)
        alike = self._alike.get((place, *_rest(pieces)))
        opening = None if alike is None else self._with(alike, tuple(pieces[2::3]))
        if opening is not None:
            self._items[place, head] = opening
        return opening

    def put(self, place: bytes, head: bytes, opening: Opening) -> None:
        """Remember what `head` says."""
        if len(head) > LONGEST_OPENING:
            return
        self._items[place, head] = opening
        pieces = _VALUES.split(head)
        names = tuple(name.decode().lower() for name in pieces[1::3])
        values = tuple(pieces[2::3])
        headers = opening.asked.request.headers
        if all(headers.get(name) == value.decode() for name, value in zip(names, values, strict=True)):
            self._alike[place, *_rest(pieces)] = _Alike(opening, names, values)

    def _with(self, alike: _Alike, values: tuple[bytes, ...]) -> Opening | None:
        """The same with other values."""
        opening = alike.opening
        changed = {
            name: value.decode()
            for name, value, before in zip(alike.names, values, alike.values, strict=True)
            if value != before
        }
        size = changed.get("content-length", "")
        if size and not _LENGTH.fullmatch(size.encode()):
            return None
        request = opening.asked.request
        asked = replace(opening.asked, request=replace(request, headers={**request.headers, **changed}))
        key = self._memo.key(asked) if any(map(self._memo.counts, changed)) else opening.key
        return Opening(asked, int(size) if size else opening.body_size, opening.closes, key)

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._alike.clear()


def _rest(pieces: list[bytes]) -> list[bytes]:
    """What `_VALUES` has split, without the values."""
    return [piece for number, piece in enumerate(pieces) if number % 3 != 2]
