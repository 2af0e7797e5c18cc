"""Bodies that two readers of JSON may understand differently."""

from __future__ import annotations

import json
from typing import Any

_EXACT = 1 << 63


class _Found(Exception):
    """Carries the finding out of the reader."""


def ambiguous(raw: bytes) -> str:
    """
    Say why this body's decoded form does not tell it from all others; empty when it does.

    Of two fields of one name in one object the decoder keeps the last, and of an integer beyond 64 bits some 53 bits.
    It is enough to look before an answer is stored: numbers that large are refused however they are written, so nothing
    stands under a key that two of them share. This reads the whole body again, too slow for looking up.

    Args:
        raw: the body as received, content encoding removed.
    """
    try:
        _DECODER.decode(raw.decode())
    except _Found as found:
        return str(found)
    except RecursionError:
        return "the body is nested too deeply"
    except ValueError:
        return "the body is not JSON"
    return ""


def _pairs(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Found("a field of the body is there twice")


def _int(text: str) -> int:
    if len(text) > 18 and (len(text) > 20 or not -_EXACT <= int(text) < 2 * _EXACT):
        raise _Found("a number of the body is too large")
    return 0


def _float(text: str) -> float:
    if abs(float(text)) >= _EXACT:
        raise _Found("a number of the body is too large")
    return 0.0


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_int, parse_float=_float)
