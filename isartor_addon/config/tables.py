"""Settings that are lists of tables: `[[providers]]`, `[[chain]]`. In the environment and in options they are JSON."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from isartor_addon.config.keys import Key, keys_of

COMMAND = "command:"
SOURCE = re.compile(r"client|vault:[A-Za-z0-9][A-Za-z0-9._-]*|env:[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_PARAMETER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"})
_HIDDEN = frozenset({"key", "headers"})
"""What is not shown when it is wrong: somebody may have written a secret there."""


_DIMENSIONS = frozenset({"provider", "caller", "client", "project", "model"})


class BadValue(Exception):
    """A value does not fit its setting. The message says what would."""

    def __init__(self, message: str, *, at: str = "", value: object = None) -> None:
        super().__init__(message)
        self.at = at
        """Where inside the setting: `[0].wire`."""
        self.value = value
        """What stands there."""


def check_tables(key: Key, value: Any, check: Callable[[Key, Any], Any]) -> tuple[Any, ...]:
    """
    Make the records of a list of tables.

    Args:
        check: for the fields of one table.

    Raises:
        BadValue: a table is none, lacks something, or holds what it should not.
    """
    if not isinstance(value, list | tuple):
        raise BadValue("needs a list of tables, `[[name]]` in TOML", at=" as a whole", value="***")
    return tuple(_record(key.record, each, f"[{number}]", check) for number, each in enumerate(value))


def _record(schema: Any, value: Any, at: str, check: Callable[[Key, Any], Any]) -> Any:
    if isinstance(value, schema):
        return value
    if not isinstance(value, Mapping):
        raise BadValue("needs a table", at=at, value="***")
    known = {key.name: key for key in keys_of(schema)}
    for name in value:
        if name not in known:
            raise BadValue(f"must be one of {', '.join(known)}", at=f"{at}, a name", value=name)
    given: dict[str, Any] = {}
    for each in fields(schema):
        name = each.name.rstrip("_")
        if name in value:
            given[each.name] = _field(known[name], value[name], f"{at}.{name}", check)
        elif each.default is MISSING and each.default_factory is MISSING:
            raise BadValue(f"needs `{name}`", at=at, value="***")
    return schema(**given)


def _field(key: Key, value: Any, at: str, check: Callable[[Key, Any], Any]) -> Any:
    try:
        value = check(key, value)
        _meaning(key.name, value)
    except BadValue as bad:
        shown = "***" if key.name in _HIDDEN else value
        raise BadValue(str(bad), at=at + bad.at, value=shown) from None
    return value


def _meaning(name: str, value: Any) -> None:
    match name:
        case "name" if not _NAME.fullmatch(value):
            raise BadValue("must be lower-case letters, digits, `.`, `_`, `-`")
        case "key":
            if not all(SOURCE.fullmatch(source) or _is_command(source) for source in value):
                raise BadValue(
                    "must be `vault:NAME`, `env:VARIABLE`, `command:WORDS` or `client`; a key itself does not belong "
                    "here"
                )
            if "client" in value and len(value) > 1:
                raise BadValue("must be `client` alone, or other keys")
        case "base_url":
            check_base_url(value)
        case "headers":
            _check_headers(value)
        case "parameters" if not all(map(_PARAMETER.fullmatch, value.values())):
            raise BadValue("must hold letters, digits, `.`, `_`, `-` only")
        case "for" | "try" if not value or not all(value):
            raise BadValue("needs at least one name")
        case "deadline_s" | "attempt_s" if value < 1:
            raise BadValue("must be at least 1")
        case "key_ttl_s" if value < 1:
            raise BadValue("must be at least 1")
        case "hedge_after" if not 0 <= value < math.inf:
            raise BadValue("must not be negative")
        case _:
            _quota_meaning(name, value)


def _is_command(source: str) -> bool:
    """Whether it is a command line; see `store.key_command.split`."""
    try:
        words = shlex.split(source.removeprefix(COMMAND))
    except ValueError:
        return False
    return source.startswith(COMMAND) and source.isprintable() and bool(words and words[0])


def _quota_meaning(name: str, value: Any) -> None:
    match name:
        case "warn_at" if not 0 < value <= 1:
            raise BadValue("must be above 0 and at most 1")
        case "usd" if not 0 <= value < math.inf:
            raise BadValue("must not be negative, nor endless")
        case "per" if not set(value) <= _DIMENSIONS:
            raise BadValue(f"must hold {', '.join(sorted(_DIMENSIONS))} only")
        case "zone":
            _check_zone(value)


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadValue("must be the name of a time zone, as `UTC` or `Europe/Berlin`") from None


def check_base_url(url: str) -> None:
    """
    Whether something may be asked there.

    Raises:
        BadValue: it is no address, or holds what an address of a provider does not.
    """
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or not url.isascii() or re.search(r"[\s\x00-\x1f]", url):
        raise BadValue("must be an `http://` or `https://` address")
    if parts.query or parts.fragment or parts.username is not None:
        raise BadValue("must stand without user, query and fragment")


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadValue("must hold names and values of headers")
        if name.lower() in _CREDENTIALS:
            raise BadValue(f"must not hold `{name}`: that is what `key` is for")


def plain(record: Any) -> dict[str, Any]:
    """A record as it is written: without what it does not say."""
    return {
        each.name.rstrip("_"): asdict(record)[each.name]
        for each in fields(record)
        if getattr(record, each.name) != _default(each)
    }


def _default(each: Any) -> Any:
    return each.default_factory() if each.default_factory is not MISSING else each.default
