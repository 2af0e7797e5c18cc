"""Say whether the proxy runs, where, since when, and what it has answered.

Exit code 3 when no proxy is running.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import Any

from isartor_addon.cli.printing import print_fields, print_json
from isartor_addon.cli.settings import add_settings, config_of, duration, shelf_fields
from isartor_addon.config.places import Places, places
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import TrustError
from isartor_addon.store.running import Running, read_running

NOT_RUNNING = 3


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    config = config_of(arguments)
    at = places(config)
    running = read_running(at.state)
    if arguments.json:
        print_json(_document(config, at, running))
    elif running is None:
        print("not running (`isartor up` starts the proxy)")
    else:
        print_fields(_fields(config, at, running))
    return 0 if running else NOT_RUNNING


def _document(config: Config, at: Places, running: Running | None) -> dict[str, Any]:
    if running is None:
        return {"running": False, "ca": _fingerprint(at)}
    shown = {name: value for name, value in asdict(running).items() if name not in ("token", "web")}
    return {
        "running": True,
        **shown,
        "uptime_s": round(time.time() - running.started, 1),
        "ca": _fingerprint(at),
        "cache": {} if running.cassette else _cache(config, at),
    }


def _fields(config: Config, at: Places, running: Running) -> dict[str, object]:
    fields: dict[str, object] = {
        "running": f"pid {running.pid}, version {running.version}, up for {duration(time.time() - running.started)}",
    }
    if len(running.workers) > 1:
        fields["workers"] = f"{len(running.workers)} (pids {', '.join(map(str, running.workers))})"
    for listener in running.listeners:
        fields[listener.mode] = f"{listener.host}:{listener.port}"
    if running.web:
        fields["mitmweb"] = running.web
    fields["ca"] = _fingerprint(at) or "none"
    if running.cassette:
        return fields | {"cassette": running.cassette}
    cache = _cache(config, at)
    return fields | ({f"cache {name}": value for name, value in shelf_fields(cache).items()} if cache else {})


def _fingerprint(at: Places) -> str:
    from isartor_addon.trust.authority import read_authority

    try:
        authority = read_authority(at.ca)
    except TrustError as error:
        return str(error)
    return f"sha256:{authority.fingerprint}" if authority else ""


def _cache(config: Config, at: Places) -> dict[str, Any]:
    """What the store says of itself; nothing where nothing has been stored."""
    if not at.cache.is_dir():
        return {}
    from isartor_addon.assemble import open_shelf

    with open_shelf(config) as shelf:
        return dict(shelf.stats())
