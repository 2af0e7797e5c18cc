"""Trying out, at start-up, what mitmproxy does not promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def first_fault(find: Callable[[], Iterable[str]]) -> str:
    """
    The first fault that `find` gives, in words; empty if there is none.

    Args:
        find: gives an empty text for what works. That it raises is a fault as well: a name has moved.
    """
    try:
        return next(filter(None, find()), "")
    except Exception as error:
        return f"{type(error).__name__}: {error}"
