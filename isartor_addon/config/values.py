"""Values of settings: read from text, checked against their type and meaning, written as text."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

from isartor_addon.config.keys import Key
from isartor_addon.config.tables import SOURCE, BadValue, check_base_url, check_tables, plain

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"\*|\.?{_LABEL}(?:\.{_LABEL})*(?::(?P<port>[0-9]{{1,5}}))?", re.I)
_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?", re.I)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9._-]*")
_NEEDS: Mapping[str, str] = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "text": "a text",
    "list": "a list of texts",
    "texts": "a text or a list of texts",
    "map of int": "a table of whole numbers",
    "map of text": "a table of texts",
    "maps of float": "tables of numbers by name",
    "tables": "a list of tables, as JSON",
}
_SHARES = ("semantic.threshold", "semantic.max_error_rate", "semantic.shadow_share")
"""Numbers between 0 and 1."""
_PROFILES = ("chat", "faq", "agent", "off")
_AT_LEAST_ONE = ("body_limit_mb", "cache.size_mb", "egress.connect_s", "egress.silence_s", "egress.connections")
_RESERVED = frozenset({"v1", "v1beta", "v1alpha", "v1internal", "api", "healthz", "debug"})
"""First segments of the door's own paths."""


def parse(key: Key, text: str) -> Any:
    """
    Read a value from an environment variable or an option.

    Lists are `a,b` or a JSON array, tables `name=value,other=value` or a JSON object.

    Raises:
        BadValue: the text does not say a value of the key's type.
    """
    text = text.strip()
    match key.type:
        case "bool":
            if text.lower() in _TRUE + _FALSE:
                return text.lower() in _TRUE
        case "int":
            if re.fullmatch(r"[+-]?[0-9]+", text):
                return int(text)
        case "float":
            if _NUMBER.fullmatch(text):
                return float(text)
        case "text":
            return text
        case "tables" | "maps of float":
            return _json(key, text)
        case "list":
            return (
                _json(key, text) if text.startswith("[") else [item.strip() for item in text.split(",") if item.strip()]
            )
        case _:
            return _json(key, text) if text.startswith("{") else _pairs(key, text)
    raise BadValue(f"needs {_NEEDS[key.type]}")


def _json(key: Key, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadValue(f"needs {_NEEDS[key.type]}; this is not valid JSON") from None


def _pairs(key: Key, text: str) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for item in filter(None, (item.strip() for item in text.split(","))):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not (name and equals):
            raise BadValue(f"needs {_NEEDS[key.type]}, as `name=value,other=value` or JSON")
        if key.type == "map of int":
            if not re.fullmatch(r"[0-9]+", value):
                raise BadValue(f"needs {_NEEDS[key.type]}")
            pairs[name] = int(value)
        else:
            pairs[name] = value
    return pairs


def check(key: Key, value: Any) -> Any:
    """
    Give `value` in the type of the schema: lists as tuples, the rest as it is.

    Raises:
        BadValue: wrong type, not one of the choices, or out of bounds.
    """
    if key.type == "tables":
        return check_tables(key, value, check)
    value = _typed(key, value)
    if key.choices and value not in key.choices:
        raise BadValue("must be " + " or ".join(f"`{choice}`" for choice in key.choices))
    _meaning(key, value)
    return value


def _typed(key: Key, value: Any) -> Any:
    match key.type:
        case "bool":
            fits = isinstance(value, bool)
        case "int":
            fits = _whole(value)
        case "float":
            value = float(value) if _whole(value) else value
            fits = isinstance(value, float)
        case "text":
            if key.name in ("cache.again", "cache.replay_pace") and _whole(value):
                value = str(value)
            fits = isinstance(value, str)
        case "list" | "texts":
            if key.type == "texts" and isinstance(value, str):
                value = (value,)
            fits = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
            value = tuple(value) if fits else value
        case "map of int":
            fits = isinstance(value, Mapping) and all(isinstance(n, str) and _whole(v) for n, v in value.items())
        case "maps of float":
            fits = isinstance(value, Mapping) and all(map(_numbers, value.values()))
        case "map of text":
            fits = isinstance(value, Mapping) and all(
                isinstance(n, str) and isinstance(v, str) for n, v in value.items()
            )
    if not fits:
        raise BadValue(f"needs {_NEEDS[key.type]}")
    return value


def _numbers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in value.values()
    )


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _meaning(key: Key, value: Any) -> None:
    _check_bounds(key, value)
    _check_embedder(key, value)
    match key.name:
        case "semantic.profiles" if unknown := set(value.values()) - set(_PROFILES):
            raise BadValue(f"must not hold `{min(unknown)}`: a profile is {', '.join(_PROFILES)}")
        case "cache.again":
            _check_again(value)
        case "cache.replay_pace":
            _check_pace(value)
        case "hosts":
            for pattern in value:
                _check_host(pattern)
        case "offline_hosts" | "egress.proxy" | "egress.proxy_login":
            _check_way_out(key, value)
        case "tenant_header" | "project_header" if value and not _TOKEN.fullmatch(value):
            raise BadValue("must be the name of a header")
        case "token" if re.search(r"[^\x21-\x39\x3b-\x7e]", value):
            raise BadValue("must be printable ASCII without spaces and colons")
        case "door.prefixes":
            for prefix, url in value.items():
                _check_prefix(prefix)
                check_base_url(url)
        case "door.openai" | "door.anthropic" | "door.gemini" | "door.ollama":
            check_base_url(value)


def _check_way_out(key: Key, value: Any) -> None:
    match key.name:
        case "offline_hosts":
            for pattern in value:
                _check_private(pattern)
        case "egress.proxy" if value:
            check_base_url(value)
        case "egress.proxy_login" if value and not value.partition(":")[2]:
            raise BadValue("must be `user:password`")


def _check_embedder(key: Key, value: Any) -> None:
    match key.name:
        case "embedder.url" if value:
            check_base_url(value)
        case "embedder.key" if value and (value == "client" or not SOURCE.fullmatch(value)):
            raise BadValue("must be `vault:NAME` or `env:VARIABLE`; a key itself does not belong here")
        case "embedder.timeout_s" if value <= 0:
            raise BadValue("must be more than 0")


def _check_bounds(key: Key, value: Any) -> None:
    match key.type:
        case "int" if value < (least := 1 if key.name in _AT_LEAST_ONE else 0):
            raise BadValue("must be at least 1" if least else "must not be negative")
        case "map of int" if any(number < 0 for number in value.values()):
            raise BadValue("must not hold negative numbers")
        case "float" if key.name in _SHARES and not 0 <= value <= 1:
            raise BadValue("must be between 0 and 1")


def _check_again(value: str) -> None:
    if value in ("serve", "refresh") or (re.fullmatch(r"[0-9]{1,9}", value) and int(value) >= 2):
        return
    raise BadValue("must be `serve`, `refresh` or a whole number from 2")


def _check_pace(value: str) -> None:
    if value in ("at_once", "recorded") or (re.fullmatch(r"[0-9]{1,9}", value) and int(value) >= 1):
        return
    raise BadValue("must be `at_once`, `recorded` or a whole number from 1")


def _check_host(pattern: str) -> None:
    found = _HOST.fullmatch(pattern.strip())
    if found is None or len(pattern) > 260:
        raise BadValue(f"`{pattern}` is no host pattern: write `llm.example.com`, `.example.com` or `host:port`")
    if found["port"] and not 0 < int(found["port"]) < 65536:
        raise BadValue(f"`{pattern}` names no possible port")


def _check_private(pattern: str) -> None:
    """A host that may be reached offline. Names are taken at their word; addresses can be looked at."""
    _check_host(pattern)
    host = pattern.strip().lstrip(".").rpartition(":")[0] or pattern.strip().lstrip(".")
    if "*" in pattern or _is_public(host):
        raise BadValue(f"`{pattern}` is no private host")


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _check_prefix(prefix: str) -> None:
    if not _PREFIX.fullmatch(prefix):
        raise BadValue(f"`{prefix}` is no prefix: use lower-case letters, digits, `.`, `_`, `-`")
    if prefix in _RESERVED:
        raise BadValue(f"`{prefix}` is a path of the door itself")


def as_text(value: Any) -> str:
    """A value as people write it in an environment variable: `parse` reads it back."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list | Mapping):
        items = [plain(each) if is_dataclass(each) else each for each in value]
        return json.dumps(dict(value) if isinstance(value, Mapping) else items)
    return str(value)
