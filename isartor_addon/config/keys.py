"""The settings as a flat list, made from the schema: what the file, the environment and mitmproxy call each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal, get_args, get_type_hints

from isartor_addon.config.schema import Config

Kind = Literal["bool", "int", "float", "text", "list", "texts", "map of int", "map of text", "maps of float", "tables"]

_KINDS: Mapping[object, Kind] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "text",
    tuple[str, ...]: "list",
    Mapping[str, int]: "map of int",
    Mapping[str, str]: "map of text",
    Mapping[str, Mapping[str, float]]: "maps of float",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One setting."""

    name: str
    """As in the config file: `cache.ttl_s` is `ttl_s` in the table `[cache]`."""
    type: Kind
    default: Any
    help: str
    env: str
    """`ISARTOR_CACHE_TTL_S`."""
    option: str
    """mitmproxy's name for it: `isartor_cache_ttl_s`."""
    choices: tuple[str, ...] = ()
    unit: str = ""
    secret: bool = False
    """Whether its value is to be shown nowhere."""
    record: Any = None
    """Of a list of tables: the schema of one."""


@cache
def keys() -> tuple[Key, ...]:
    """Every setting, in the schema's order."""
    return tuple(_keys_of(Config, ""))


@cache
def by_name() -> Mapping[str, Key]:
    """Every setting under its name in the config file."""
    return {key.name: key for key in keys()}


def keys_of(schema: type[Any]) -> Iterator[Key]:
    """The fields of one table in a list of them."""
    return _keys_of(schema, "")


def _keys_of(schema: type[Any], prefix: str) -> Iterator[Key]:
    types = get_type_hints(schema)
    for each in fields(schema):
        if is_dataclass(types[each.name]):
            yield from _keys_of(types[each.name], f"{prefix}{each.name}.")
            continue
        name = prefix + each.name.rstrip("_")
        record = next(filter(is_dataclass, get_args(types[each.name])), None)
        flat = name.replace(".", "_")
        yield Key(
            name=name,
            type="tables" if record else "texts" if each.metadata["lone"] else _KINDS[types[each.name]],
            default=_default(each),
            help=each.metadata["help"],
            env=f"ISARTOR_{flat.upper()}",
            option=f"isartor_{flat}",
            choices=each.metadata["choices"],
            unit=each.metadata["unit"],
            secret=each.metadata["secret"],
            record=record,
        )


def _default(each: Field[Any]) -> Any:
    if each.default is MISSING and each.default_factory is MISSING:
        return ""
    return each.default_factory() if each.default_factory is not MISSING else each.default
