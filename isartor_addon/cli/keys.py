"""Keep providers' keys in the vault of this home directory: `set` stores one, `list` names them, `remove` forgets one.

The key itself is asked for, or read from standard input when that is no terminal; it is never a word of the command.
Settings name it as `vault:NAME`. A running proxy knows it after its next start.
"""

from __future__ import annotations

import argparse
import getpass
import re
import sys

from isartor_addon.assemble import open_vault
from isartor_addon.cli.printing import print_json
from isartor_addon.cli.settings import add_settings, config_of
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEY = re.compile(r"[\x21-\x7e]+")
_LONGEST = 65536


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their flags."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, meaning in (("set", "store a key, in place of any other of that name"), ("remove", "forget a key")):
        action = actions.add_parser(name, help=meaning)
        action.add_argument("name", metavar="NAME", help="as in `vault:NAME`")
        add_settings(action)
    shown = actions.add_parser("list", help="name all keys, and who uses them")
    add_settings(shown)
    shown.add_argument("--json", action="store_true", help="print for programs")


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    config = config_of(arguments)
    match arguments.action:
        case "set":
            return _set(config, arguments.name)
        case "remove":
            return _remove(config, arguments.name)
        case _:
            return _list(config, as_json=arguments.json)


def _set(config: Config, name: str) -> int:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"`{name}` is no name for a key: use letters, digits, `.`, `_`, `-`.")
    said = getpass.getpass(f"key for {name}: ") if sys.stdin.isatty() else sys.stdin.read(_LONGEST)
    key = said.strip()
    if not _KEY.fullmatch(key):
        raise ConfigError(f"What was given for `{name}` is no key: it must be one word of printable ASCII.")
    open_vault(config).put(name, key)
    print(f'stored; name it in the settings as `key = "vault:{name}"`')
    return 0


def _remove(config: Config, name: str) -> int:
    if not open_vault(config).remove(name):
        print(f"there is no key {name}", file=sys.stderr)
        return 1
    print(f"removed {name}")
    return 0


def _list(config: Config, *, as_json: bool) -> int:
    used: dict[str, list[str]] = {name: [] for name in open_vault(config).names()}
    for table in config.providers:
        for source in table.key:
            kind, _, name = source.partition(":")
            if kind == "vault" and name in used:
                used[name].append(table.name)
    if as_json:
        print_json([{"name": name, "providers": providers} for name, providers in used.items()])
        return 0
    width = max(map(len, used), default=0)
    for name, providers in used.items():
        print(f"{name:<{width}}  {', '.join(providers) or '(not used)'}")
    if not used:
        print("no keys (`isartor keys set NAME` stores one)")
    return 0
