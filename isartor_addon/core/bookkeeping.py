"""Fields that only tell one run from another, known by their name and value."""

from __future__ import annotations

import re
from hashlib import sha256

import orjson

from isartor_addon.core.prompt import Json

_BOOKKEEPING = re.compile(
    r"(?:(?:session|request|trace|span|run|turn|conversation|thread|correlation|interaction|invocation|prompt|message|"
    r"client|agent|task|parent|idempotency|x)_?)?(?:session|request|trace|span|run|turn|conversation|thread|correlation|"
    r"interaction|invocation|message|task|idempotency)_?(?:id|key|uuid)|(?P<nonce>nonce)|"
    r"(?P<time>time_?stamp(?:_?ms)?|(?:created|sent)_?(?:at|time))",
    re.I,
)
_ENDINGS = frozenset({"id", "ey", "ce", "mp", "ms", "at", "me"})
"""The last two letters of all names that `_BOOKKEEPING` knows: a quick test."""
_HELD = re.compile(r"conversation|thread|parent_?(?:message|turn|interaction)", re.I)
_ID = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9_.:+\-]{12,128}")
_WORD = re.compile(r"[A-Za-z0-9]{8,}")
_MADE = re.compile(
    # Hexadecimal digits, some of them letters; both cases and digits; to and fro between letters and digits.
    r"(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]+|"
    r"(?=[A-F]*[0-9])(?=[0-9]*[A-F])[0-9A-F]+|"
    r"(?=[A-Za-z]*[0-9])(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{16,}|"
    r"(?:[A-Za-z]+[0-9]+){2}[A-Za-z][A-Za-z0-9]*|"
    r"(?:[0-9]+[A-Za-z]+){2}[0-9][A-Za-z0-9]*|"
    # A clock: milliseconds since 1970 or finer, or a date and a time of day.
    r"[0-9]{13,}|[0-9]{8}T?[0-9]{6}Z?"
)
_MARKED = re.compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|"
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T_-][0-9]{2}[:-][0-9]{2}[:-][0-9]{2}|[0-9]{8}[_-][0-9]{6}(?![0-9])"
)
"""A UUID, which may have no letter in it, or a date and a time of day."""
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}[0-9:.,+\-Z]{0,20}|[0-9]{10,19}(?:\.[0-9]{1,9})?")
_CLAUDE_USER = re.compile(r"user_[0-9a-f]{32,64}_account_([0-9a-f-]*)_session_[0-9a-f-]{36}")


def machine_made(value: str) -> bool:
    """
    Whether an id was made by a program for one run: random digits or a clock stand in it.

    What a person may have named (`project-7`, `gpt-5-mini`, `django-11099`) says something, and is no such id.

    Args:
        value: at most some hundred characters.
    """
    return any(map(_MADE.fullmatch, _WORD.findall(value))) or _MARKED.search(value) is not None


def inside(value: Json, names: frozenset[str]) -> Json:
    """The fields of an object that count: neither in `names` nor bookkeeping. What is no object stays as it is."""
    if not isinstance(value, dict):
        return value
    kept: dict[str, Json] = {}
    for name, each in value.items():
        if name in names or is_bookkeeping(name, each):
            continue
        if name == "user_id" and isinstance(each, str):
            each = _user(each)
            if not each:
                continue
        kept[name] = each
    return kept


def _user(value: str) -> Json:
    """
    Who Anthropic's `metadata.user_id` means, where a coding tool has put account, device and session into it.

    The account counts. A plain user id tells one person from another, and counts as it is.
    """
    claude = _CLAUDE_USER.fullmatch(value)
    if claude:
        return claude[1]
    if value.startswith("{") and "session" in value:
        try:
            said = orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
        if isinstance(said, dict) and "session_id" in said:
            return {k: v for k, v in said.items() if v and k != "device_id" and not is_bookkeeping(k, v)}
    return value


def is_bookkeeping(name: str, value: Json) -> bool:
    """
    Whether a field of the body, of its `metadata` or of a turn only tells one run from another.

    Both must say so: the name (a session, request, trace, turn ... id, a nonce, a time stamp) and the value (an id of
    at least 12 characters that a program has made, or a time). Anything else counts as meaning.
    """
    if name[-2:].lower() not in _ENDINGS or not isinstance(value, str | int | float) or isinstance(value, bool):
        return False
    found = _BOOKKEEPING.fullmatch(name)
    if found is None:
        return False
    if not isinstance(value, str):
        # Seconds or a nonce; an id only where it is a clock of milliseconds: others may be a row of a table.
        return value > (1_000_000_000 if found["time"] or found["nonce"] else 1_000_000_000_000)
    if found["time"]:
        return _TIME.fullmatch(value) is not None
    return _ID.fullmatch(value) is not None and machine_made(value)


def held(name: str, value: Json) -> str:
    """
    What stands in the key for a field of the body that may point at a conversation which the provider keeps.

    In a body that goes to such a provider two of these are two different prompts, so they count, whatever the value
    looks like, and even where it is the run's own id.

    Returns:
        Text that no id of a run occurs in; empty for any other field.
    """
    if not isinstance(value, str) or _HELD.search(name) is None or not is_bookkeeping(name, value):
        return ""
    return f"held {sha256(value.encode()).hexdigest()}"
