"""What verbs share: where settings come from, and how durations and a store are said."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isartor_addon.config.keys import keys
from isartor_addon.config.load import Source, build, gather
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import ConfigError

MIB = 1 << 20
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the flags every verb has that reads settings."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the config file (default: config.toml at home)")
    parser.add_argument("--home", metavar="DIR", help="where Isartor keeps its files (default: ~/.isartor)")


def source_of(
    arguments: argparse.Namespace, *, flags: Mapping[str, object] | None = None, settings: Sequence[str] = ()
) -> Source:
    """
    What all sources say.

    Args:
        arguments: of a parser that `add_settings` has seen.
        flags: further settings by name.
        settings: `isartor_...=value`, as given to `--set`.

    Raises:
        ConfigError: one of them is wrong.
    """
    return gather(
        file=arguments.config,
        environ=os.environ,
        options=_options_of(settings),
        flags={"home": arguments.home, **(flags or {})},
    )


def config_of(arguments: argparse.Namespace) -> Config:
    """The settings that hold. Raises ConfigError."""
    return build(source_of(arguments))


def _options_of(settings: Sequence[str]) -> dict[str, object]:
    lists = {key.option for key in keys() if key.type == "list"}
    options: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting}: needs a value, as in `--set {setting}=...`.")
        if name in lists and not value.lstrip().startswith("["):
            options[name] = [*options.get(name, []), *filter(None, (item.strip() for item in value.split(",")))]
        else:
            options[name] = value
    return options


def seconds(text: str) -> float:
    """Read a duration: `90`, `90s`, `15m`, `2h`, `7d`, `1w`. For argparse."""
    found = re.fullmatch(r"([0-9]{1,9})([smhdw]?)", text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"`{text}` is no duration: write 90s, 15m, 2h, 7d or 1w")
    return float(found[1]) * _UNITS[found[2] or "s"]


def duration(total: float) -> str:
    """A duration for people: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    minutes, hours, days = int(total) // 60, int(total) // 3600, int(total) // 86400
    if minutes < 1:
        return f"{int(total)} s"
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days < 1 else f"{days} d {hours % 24} h"


def shelf_fields(stats: Mapping[str, Any]) -> dict[str, object]:
    """What a store says of itself, for people. What it has in memory says nothing in a command's own process."""
    size = f"{stats['bytes'] / MIB:.1f} MiB"
    return {
        "answers": f"{stats['entries']} ({stats['pinned']} pinned)",
        "size": f"{size} of {stats['limit'] / MIB:.0f} MiB" if stats["limit"] else size,
        "hits": stats["hits"],
        "misses": stats["misses"],
        "learned": stats["stored"],
        "state": ": ".join(filter(None, (stats["state"], stats["reason"]))),
    }


def program() -> str:
    """How this command is called from the user's shell: by its name if that finds it, else by its path."""
    called = Path(sys.argv[0])
    if called.name != "isartor" or shutil.which("isartor") == str(called.absolute()):
        return "isartor"
    return shlex.quote(str(called.absolute()))
