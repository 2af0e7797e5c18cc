"""Show the providers that chains may ask: their keys, and how they fare in the running proxy.

Each worker process of a proxy knows what it has seen itself; one of them answers. `--ping` asks each provider for its
models, with each of its keys, from this command: a key is shown to its own provider's hosts and to nobody else.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import http.client
import json
from collections.abc import Iterator
from typing import Any

from isartor_addon import roster
from isartor_addon.cli.printing import print_json, print_table
from isartor_addon.cli.settings import add_settings, config_of, duration
from isartor_addon.config.places import places
from isartor_addon.config.schema import Config
from isartor_addon.store.running import USER, Running, read_running

_PATIENCE_S = 5.0
_DONE, _UNWELL = 0, 1


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_settings(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="show the catalogue instead")
    what.add_argument("--ping", action="store_true", help="ask each of them whether it is there and takes its keys")
    parser.add_argument("--json", action="store_true", help="print for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print it; with `--ping` the exit code is 1 when one of them is not well."""
    if arguments.all:
        return _catalogue(as_json=arguments.json)
    config = config_of(arguments)
    if arguments.ping:
        return _ping(config, as_json=arguments.json)
    running = read_running(places(config).state)
    seen = _ask(running) if running else None
    document = seen or roster.configured(config)
    if arguments.json:
        print_json({"running": seen is not None, **document})
        return _DONE
    rows = list(_rows(document))
    if not document["providers"]:
        print("no providers besides the clients' own (`[[providers]]` and `[[chain]]` in the settings)")
    if rows:
        print_table([("PROVIDER", "WIRE", "KEYS", "MODEL", "STATE", "CALLS", "LAST ERROR"), *rows])
    if seen is None:
        print("(no proxy is running: nobody has been asked)")
    return _DONE


def _ask(running: Running) -> dict[str, Any] | None:
    """The running proxy's word; None where it has none."""
    connection = http.client.HTTPConnection(running.proxy, timeout=_PATIENCE_S)
    login = base64.b64encode(f"{USER}:{running.token}".encode()).decode()
    try:
        connection.request("GET", "/debug/providers", headers={"proxy-authorization": f"Basic {login}"})
        response = connection.getresponse()
        document: dict[str, Any] = json.loads(response.read())
        return document if response.status == http.HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _rows(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for each in document["providers"]:
        keys = ", ".join(map(_key, each["keys"])) or ("missing" if each["missing_key"] else "none needed")
        for number, model in enumerate(each["models"] or [{}]):
            first = (each["name"], each["wire"], keys) if number == 0 else ("", "", "")
            yield (*first, *_health(model))
    for each in document["clients"]:
        yield (each["host"], "(clients' own)", "the client's", *_health(each))


def _key(key: dict[str, Any]) -> str:
    shown = f"{key['name']} {key['masked']}".rstrip()
    return shown if key["standing"] == "ready" else f"{shown} ({key['standing']} for {duration(key['ready_in_s'])})"


def _health(model: dict[str, Any]) -> tuple[str, ...]:
    if not model:
        return ("", "not asked yet", "", "")
    state = model["breaker"]
    if state == "open":
        state = f"open for {duration(model['tried_again_in_s'])}"
    if model["behind"]:
        state += f", asked later ({model['behind']})"
    latency = "" if model["latency_ms"] is None else f", {model['latency_ms']:.0f} ms"
    calls = f"{model['successes']} good, {model['failures']} failed{latency}"
    error = f"{model['last_error']} ({duration(model['last_error_ago_s'])} ago)" if model["last_error"] else ""
    return (model["model"], state, calls, error)


def _catalogue(*, as_json: bool) -> int:
    known = roster.known()
    if as_json:
        print_json(known)
    else:
        print_table([("PROVIDER", "WIRE", "MODEL", "ADDRESS"), *(_entry(each) for each in known)])
    return _DONE


def _entry(known: dict[str, str]) -> tuple[str, ...]:
    return (known["name"], known["wire"], known["model"] or "-", known["base_url"] or "(yours)")


def _ping(config: Config, *, as_json: bool) -> int:
    pinged = asyncio.run(roster.ping_all(config))
    if as_json:
        print_json([{"provider": p.provider, "key": p.key, "well": p.well, "said": p.said} for p in pinged])
    else:
        print_table([(p.provider, p.key, "well" if p.well else "NOT WELL", p.said) for p in pinged])
    return _DONE if all(p.well for p in pinged) else _UNWELL
