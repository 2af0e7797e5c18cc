"""Print what to export so that tools use the proxy and trust its CA.

  eval "$(isartor env)"                       bash, zsh
  isartor env --shell fish | source           fish
  isartor env --shell powershell | Out-String | Invoke-Expression

`isartor env --unset` prints how to go back: what was set before is put back. Tools that look at none of these variables
can be given a base URL instead: http://127.0.0.1:8080/v1 and its like.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import PurePath

from isartor_addon.cli.exports import SAVED, SHELLS, Shell, Target, exports, saved, without_exports, write
from isartor_addon.cli.printing import print_json
from isartor_addon.cli.settings import add_settings, config_of
from isartor_addon.clients import CLIENTS
from isartor_addon.config.places import Places, places
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import ConfigError
from isartor_addon.store.running import Running, read_running

DEFAULT_PROXY = "127.0.0.1:8080"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_settings(parser)
    parser.add_argument("--shell", choices=SHELLS, help="whose syntax to print (default: that of $SHELL)")
    parser.add_argument("--unset", action="store_true", help="print how to go back")
    parser.add_argument("--json", action="store_true", help="print the variables as a JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print the exports."""
    environ = os.environ
    before = without_exports(environ)
    config = config_of(arguments)
    at = places(config)
    running = read_running(at.state)
    variables: Mapping[str, str | None] = exports(target_of(config, at, running), before, CLIENTS.values())
    if arguments.unset:
        variables = {**dict.fromkeys(variables), **saved(environ), SAVED: None}
    elif running is None:
        print("isartor: no proxy is running yet: `isartor up`", file=sys.stderr)
    if arguments.json:
        print_json(variables)
    else:
        sys.stdout.write(write(variables, arguments.shell or shell_of(environ)))
    return 0


def shell_of(environ: Mapping[str, str]) -> Shell:
    """The shell that probably reads what we print."""
    name = PurePath(environ.get("SHELL", "")).name
    return next((shell for shell in SHELLS if shell == name), "powershell" if sys.platform == "win32" else "bash")


def target_of(config: Config, at: Places, running: Running | None) -> Target:
    """
    The running proxy, or the one that `isartor up` would start.

    Raises:
        ConfigError: the one that runs is no HTTP proxy.
        TrustError: there is no CA yet, and none can be made.
    """
    if running is not None and not running.proxy:
        modes = ", ".join(listener.mode for listener in running.listeners)
        raise ConfigError(
            f"the proxy that runs (pid {running.pid}, {modes}) has no mode `regular` for HTTPS_PROXY to name."
        )
    _ensure_certificates(config, at)
    if running is None:
        return Target(DEFAULT_PROXY, at.certificate, at.bundle, config.token)
    return Target(running.proxy, at.certificate, at.bundle, running.token)


def _ensure_certificates(config: Config, at: Places) -> None:
    """Make the CA and the bundle if there are none; `isartor up` keeps them up to date."""
    if at.certificate.is_file() and at.bundle.is_file():
        return
    from isartor_addon.trust.authority import ensure_authority
    from isartor_addon.trust.bundle import combined_bundle
    from isartor_addon.wire.hosts import domains

    ensure_authority(at.ca, domains(config.hosts))
    combined_bundle(at.ca, without_exports(os.environ))
