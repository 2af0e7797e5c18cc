"""Show every setting that holds, and who says so: the default, the config file or the environment."""

from __future__ import annotations

import argparse

from isartor_addon.cli.printing import print_json
from isartor_addon.cli.settings import add_settings, source_of
from isartor_addon.config.explain import explain, table
from isartor_addon.config.load import build
from isartor_addon.config.places import places
from isartor_addon.layers.cloud.configured import chains_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_settings(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print for programs")
    form.add_argument("--table", action="store_true", help="print what can be set, as a Markdown table")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    if arguments.table:
        print(table(), end="")
        return 0
    source = source_of(arguments)
    config = build(source)
    chains_of(config)  # raises what is wrong with providers and chains
    effective = explain(source)
    if arguments.json:
        print_json({each.key.name: {"value": each.shown, "source": each.source} for each in effective})
        return 0
    print(f"# home: {places(config).home}")
    names = max(len(each.key.name) for each in effective)
    for each in effective:
        print(f"{each.key.name:<{names}} = {each.shown}  # {each.source}")
    return 0
