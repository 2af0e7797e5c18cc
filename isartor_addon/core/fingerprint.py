"""Digests of a canonical request by path: two requests can be compared without keeping them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

import orjson

from isartor_addon.core.prompt import Json

_PRINTS = 4000
"""A fingerprint opens no further when it has so many paths."""
_DEEPEST = 7
"""Nor below so many steps."""
_STEP = re.compile(r'\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\.?([^.\[\]]+)')
"""One step of a path: `[3]`, `["a.b"]` or `.name`."""
_SIMPLE = re.compile(r"[^.\[\]\"]+")


class Fingerprint:
    """
    `fingerprint` of a canonical request, taken when it is first looked at: the threads that write it down do that.

    Of what cannot be read it is empty. Safe for threads.
    """

    __slots__ = ("_canonical", "_prints", "about")

    def __init__(self, canonical: bytes = b"", *, taken: Mapping[str, str] | None = None) -> None:
        """
        Args:
            canonical: `Identity.canonical`; kept until it is looked at.
            taken: the digests, where they were taken before.
        """
        self._canonical = canonical
        self._prints = taken
        self.about = canonical.count(b'":') if taken is None else len(taken)
        """About how many there are: the same before they are taken and after, for those who count memory."""

    def take(self) -> Mapping[str, str]:
        """The digests."""
        canonical, prints = self._canonical, self._prints  # in this order: it is let go of when they are there
        if prints is None:
            try:
                prints = fingerprint(canonical)
            except (ValueError, RecursionError):
                prints = {}
            self._prints, self._canonical = prints, b""
        return prints

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fingerprint) and self.take() == other.take()


def fingerprint(canonical: bytes) -> dict[str, str]:
    """
    A short digest of every field of a canonical request, by path: two requests can be compared without keeping them.

    Args:
        canonical: `Identity.canonical`: a JSON object with `target`, `headers` and `body`.

    Returns:
        Path (`body.messages[3].content[0].text`) to 16 hex digits. What lies deeper than a part's fields is one value.
    """
    prints: dict[str, str] = {}
    level: list[tuple[str, Json]] = [("", orjson.loads(canonical.replace(b"\x00", b"")))] if canonical else []
    depth = 0
    while level:
        inner: list[tuple[str, Json]] = []
        waiting = len(level)
        for path, value in level:
            waiting -= 1
            opens = value and depth < _DEEPEST and len(prints) + waiting + len(inner) < _PRINTS
            if opens and isinstance(value, list):
                inner += [(f"{path}[{number}]", each) for number, each in enumerate(value)]
            elif opens and isinstance(value, dict):
                inner += [(path + _step(name), each) for name, each in value.items()]
            else:
                said = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
                prints[path.removeprefix(".")] = sha256(said).hexdigest()[:16]
        level, depth = inner, depth + 1
    return prints


def _step(name: str) -> str:
    """One more name at the end of a path."""
    return f".{name}" if name.isidentifier() or _SIMPLE.fullmatch(name) else f"[{orjson.dumps(name).decode()}]"


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The paths at which two fingerprints differ. What only one of them has is named once, at its top."""
    tops_one, tops_other = _tops(one), _tops(other)
    found: set[str] = set()
    for path in one.keys() | other.keys():
        if one.get(path) != other.get(path):
            known = tops_other if path in one else tops_one
            found.add(path if path in one and path in other else _first_missing(path, known))
    return sorted(found, key=_order)


def _first_missing(path: str, known: set[str]) -> str:
    return next((top for top in _upto(path) if top not in known), path)


def _tops(prints: Mapping[str, str]) -> set[str]:
    return {top for path in prints for top in _upto(path)}


def _upto(path: str) -> list[str]:
    """The path's beginnings, shortest first, itself last."""
    return [path[: step.end()] for step in _STEP.finditer(path)]


def _order(path: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts `[10]` after `[9]`."""
    return tuple((1, step, "") if isinstance(step, int) else (0, 0, step) for step in steps(path))


def steps(path: str) -> tuple[str | int, ...]:
    """The names and numbers that a path of `fingerprint` is made of."""
    return tuple(
        int(number) if number else orjson.loads(f'"{quoted}"') if quoted else name
        for number, quoted, name in _STEP.findall(path)
    )
