"""Places in JSON values: tests change one after the other, and see what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

type Path = tuple[str | int, ...]
"""Steps from the whole value to one inside: names and numbers."""


def _inside(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def places(value: Any, path: Path = ()) -> list[Path]:
    """Every place, the whole value first."""
    return [path, *(place for step, inner in _inside(value) for place in places(inner, (*path, step)))]


def leaves(value: Any) -> list[Path]:
    """The places of all values that are no object and no list."""
    return [path for path in places(value) if not isinstance(at(value, path), dict | list)]


def at(value: Any, path: Path) -> Any:
    """What stands there."""
    for step in path:
        value = value[step]
    return value


def changed(value: Any, path: Path, new: Any) -> Any:
    """`value` with something else there; the value itself stays as it is."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy
