"""Move recordings between machines: `export` writes the store's answers to a file, without callers and credentials;
`import` puts them into the store, where every caller of this machine finds them.

`isartor up --cassette FILE --replay` answers from such a file only.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from isartor_addon.assemble import open_shelf
from isartor_addon.cli.printing import print_json
from isartor_addon.cli.settings import add_settings, config_of, seconds
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import ConfigError
from isartor_addon.store.carry import export, import_
from isartor_addon.store.cassette import Cassette


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their flags."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    out = actions.add_parser("export", help="write stored answers to FILE")
    out.add_argument("--model", default="", metavar="PATTERN", help="only of these models")
    out.add_argument("--host", default="", metavar="PATTERN", help="only of these providers")
    into = actions.add_parser("import", help="put the recordings of FILE into the store")
    into.add_argument("--ttl", type=seconds, metavar="TIME", help="how long they are served (default: cache.ttl_s)")
    for each in (out, into):
        each.add_argument("file", type=Path, metavar="FILE")
        add_settings(each)
        each.add_argument("--json", action="store_true", help="print for programs")


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    config = config_of(arguments)
    count = _export(arguments, config) if arguments.action == "export" else _import(arguments, config)
    if arguments.json:
        print_json({"recordings": count, "file": str(arguments.file)})
    else:
        direction = "to" if arguments.action == "export" else "from"
        print(f"{count} recording{'' if count == 1 else 's'} {direction} {arguments.file}")
    return 0


def _export(arguments: argparse.Namespace, config: Config) -> int:
    with open_shelf(config) as shelf:
        return export(shelf, arguments.file, model=arguments.model, host=arguments.host)


def _import(arguments: argparse.Namespace, config: Config) -> int:
    ttl = config.cache.ttl_s if arguments.ttl is None else arguments.ttl
    with open_shelf(config) as shelf:
        if isinstance(shelf, Cassette):
            raise ConfigError(
                f"The setting `cassette` names {config.cassette}; recordings are imported into the cache."
            )
        return import_(arguments.file, shelf, expires=time.time() + ttl)
