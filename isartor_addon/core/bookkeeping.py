"""Fields that only tell one run from another, known by their name and value."""

from __future__ import annotations

import re

from isartor_addon.core.prompt import Json

_BOOKKEEPING = re.compile(
    r"(?:(?:session|request|trace|span|run|turn|conversation|thread|correlation|interaction|invocation|prompt|message|"
    r"client|agent|task|parent|idempotency|x)_?)?(?:session|request|trace|span|run|turn|conversation|thread|correlation|"
    r"interaction|invocation|message|task|idempotency)_?(?:id|key|uuid)|nonce|time_?stamp(?:_?ms)?|(?:created|sent)_?(?:at|time)",
    re.I,
)
_ENDINGS = frozenset({"id", "ey", "ce", "mp", "ms", "at", "me"})
"""The last two letters of all names that `_BOOKKEEPING` knows: a quick test."""
_ID = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9_.:+\-]{12,128}")


def inside(value: Json, names: frozenset[str]) -> Json:
    """The fields of an object that count: neither in `names` nor bookkeeping. What is no object stays as it is."""
    if not isinstance(value, dict):
        return value
    return {k: v for k, v in value.items() if k not in names and not is_bookkeeping(k, v) and not _session_user(k, v)}


def _session_user(name: str, value: Json) -> bool:
    """Whether this is Anthropic's `metadata.user_id` as coding tools fill it: account, device and session in one text.
    A plain user id tells one person from another, and counts.
    """
    return name == "user_id" and isinstance(value, str) and "session" in value


def is_bookkeeping(name: str, value: Json) -> bool:
    """
    Whether a field of the body, of its `metadata` or of a turn only tells one run from another.

    Both must say so: the name (a session, request, trace, turn ... id, a nonce, a time stamp) and the value (an id of
    at least 12 characters with a digit in it, or a time). Anything else counts as meaning.
    """
    if name[-2:].lower() not in _ENDINGS or not isinstance(value, str | int | float) or isinstance(value, bool):
        return False
    if _BOOKKEEPING.fullmatch(name) is None:
        return False
    return value > 1_000_000_000 if not isinstance(value, str) else _ID.fullmatch(value) is not None
