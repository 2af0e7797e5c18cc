"""
Settings from everywhere, made one.

Later sources win, setting by setting: defaults < config file < environment < mitmproxy options < flags. A list or a
table replaces the earlier one whole. Each source becomes a mapping from setting to value first, so that joining sources
is associative.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from isartor_addon.config.keys import Key, by_name, keys
from isartor_addon.config.places import DEFAULT_HOME, absolute
from isartor_addon.config.schema import Config
from isartor_addon.config.tables import BadValue
from isartor_addon.config.values import as_text, check, parse
from isartor_addon.core.errors import ConfigError

CONFIG_VARIABLE = "ISARTOR_CONFIG"
VAULT_VARIABLE = "ISARTOR_VAULT_PASSPHRASE"
_NOT_SETTINGS = frozenset({CONFIG_VARIABLE, VAULT_VARIABLE, "ISARTOR_PYTHON"})
_LOGIN = re.compile(r"//[^/@]*@")
"""In a URL, where none belongs."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value and where it was found, in words: `the environment variable ISARTOR_TOKEN`."""

    value: Any
    source: str


type Source = Mapping[str, Found]
"""Values by the setting's name in the config file."""


def load(
    *,
    file: Path | None = None,
    environ: Mapping[str, str],
    options: Mapping[str, object] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Config:
    """
    The settings that hold.

    Args:
        file: the config file; None: what ISARTOR_CONFIG names, else `config.toml` in the home directory, if there.
        environ: the environment; only `ISARTOR_...` is looked at.
        options: mitmproxy's options by name; only `isartor_...` that are not None are looked at. Texts are parsed.
        flags: command-line flags by the setting's name; those that are None are not given.

    Raises:
        ConfigError: unknown setting, wrong type or value, unreadable file; one sentence.
    """
    return build(gather(file=file, environ=environ, options=options or {}, flags=flags or {}))


def gather(
    *, file: Path | None, environ: Mapping[str, str], options: Mapping[str, object], flags: Mapping[str, object]
) -> Source:
    """What all sources together say, with where each value comes from. Arguments and errors as for `load`."""
    said = merge(from_environ(environ), from_options(options), from_flags(flags))
    if file is None and environ.get(CONFIG_VARIABLE):
        file = absolute(environ[CONFIG_VARIABLE])
    if file is None:
        file = absolute(said["home"].value if "home" in said and said["home"].value else DEFAULT_HOME) / "config.toml"
        if not file.is_file():
            return said
    return merge(from_file(file), said)


def merge(*sources: Source) -> Source:
    """Join sources; the later one wins where two say something."""
    joined: dict[str, Found] = {}
    for source in sources:
        joined.update(source)
    return joined


def build(source: Source) -> Config:
    """The settings: what `source` says, and the defaults for the rest."""
    config: Config = _section(Config, {name: found.value for name, found in source.items()}, "")
    return config


def override(config: Config, source: Source) -> Config:
    """`config`, but for what `source` says."""
    return _overridden(config, {name: found.value for name, found in source.items()}, "")


def _overridden[T: Any](section: T, values: Mapping[str, Any], prefix: str) -> T:
    changes: dict[str, Any] = {}
    for each in fields(section):
        name, value = prefix + each.name, getattr(section, each.name)
        if is_dataclass(value):
            changes[each.name] = _overridden(value, values, f"{name}.")
        elif name in values:
            changes[each.name] = values[name]
    return replace(section, **changes)


def _section(schema: type[Any], values: Mapping[str, Any], prefix: str) -> Any:
    types = get_type_hints(schema)
    given: dict[str, Any] = {}
    for each in fields(schema):
        name = prefix + each.name
        if is_dataclass(types[each.name]):
            given[each.name] = _section(types[each.name], values, f"{name}.")
        elif name in values:
            given[each.name] = values[name]
    return schema(**given)


def from_file(path: Path) -> Source:
    """What a TOML file says."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The config file {path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"The config file {path} is not UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"The config file {path} is not valid TOML: {error}.") from None
    return {
        name: _found(_key(name, where=f"the config file {path}"), value, source=f"the config file {path}")
        for name, value in _flat(document, "")
    }


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        full = prefix + name
        if isinstance(value, dict) and full not in by_name() and any(k.startswith(f"{full}.") for k in by_name()):
            yield from _flat(value, f"{full}.")
        else:
            yield full, value


def from_environ(environ: Mapping[str, str]) -> Source:
    """What the environment says. Names that go on with a second underscore belong to another program of this name."""
    names = {key.env: key for key in keys()}
    said: dict[str, Found] = {}
    for variable, text in environ.items():
        if not variable.startswith("ISARTOR_") or variable.startswith("ISARTOR__") or variable in _NOT_SETTINGS:
            continue
        if variable not in names:
            raise ConfigError(
                f"The environment variable {variable} is no setting of Isartor{_nearest(variable, names)}."
            )
        key = names[variable]
        said[key.name] = _found(key, text, source=f"the environment variable {variable}", text=True)
    return said


def from_options(options: Mapping[str, object]) -> Source:
    """What mitmproxy's options say."""
    names = {key.option: key for key in keys()}
    said: dict[str, Found] = {}
    for option, value in options.items():
        if not option.startswith("isartor_") or value is None:
            continue
        if option not in names:
            raise ConfigError(f"The mitmproxy option {option} is no setting of Isartor{_nearest(option, names)}.")
        key = names[option]
        said[key.name] = _found(key, value, source=f"the mitmproxy option {option}", text=True)
    return said


def from_flags(flags: Mapping[str, object]) -> Source:
    """What the command line says."""
    return {
        name: _found(_key(name, where="the command line"), value, source="the command line", text=True)
        for name, value in flags.items()
        if value is not None
    }


def _key(name: str, *, where: str) -> Key:
    key = by_name().get(name)
    if key is None:
        raise ConfigError(f"In {where}, `{name}` is no setting of Isartor{_nearest(name, by_name())}.")
    return key


def _found(key: Key, value: object, *, source: str, text: bool = False) -> Found:
    """Check `value`; with `text`, a string is how the source writes a value of any type."""
    try:
        return Found(check(key, parse(key, value) if text and isinstance(value, str) else value), source)
    except BadValue as bad:
        # Where the name of a key belongs, the key itself may stand.
        hidden = key.secret or key.name.rpartition(".")[2] == "key"
        shown = "***" if hidden else _LOGIN.sub("//***@", as_text(bad.value if bad.at else value))
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        raise ConfigError(f"In {source}, `{key.name}{bad.at}` is `{shown}`, but it {_sentence(bad)}.") from None


def _sentence(bad: BadValue) -> str:
    text = str(bad)
    return text if text.startswith(("needs", "must")) else f"does not fit: {text}"


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; the nearest is {near[0]}" if near else ""
