"""Run one tool so that it uses the proxy and trusts its CA.

  isartor run -- claude -p "hello"

The tool takes this process's place, so its exit code and all signals are its own. There must be a proxy: with `--up`
one is started in the background if there is none, and stays (other tools may be using it) until `isartor stop`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys

from isartor_addon.cli.env import target_of
from isartor_addon.cli.exports import exports, without_exports
from isartor_addon.cli.settings import add_settings, config_of
from isartor_addon.clients import CLIENTS
from isartor_addon.config.places import places
from isartor_addon.store.running import read_running

NOT_RUNNING = 3
CANNOT_EXECUTE = 126
NOT_FOUND = 127


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_settings(parser)
    parser.add_argument("--up", action="store_true", help="start the proxy in the background if there is none")
    parser.add_argument("--port", metavar="PORT", help="the port of the proxy that --up starts (default: 8080)")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- TOOL ...", help="the tool and its arguments")


def run(arguments: argparse.Namespace) -> int:
    """Become the tool."""
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        print("isartor: which tool? As in `isartor run -- claude -p hello`", file=sys.stderr)
        return 2
    config = config_of(arguments)
    at = places(config)
    running = read_running(at.state)
    if running is None and arguments.up:
        from isartor_addon.cli.up import start_detached

        running = start_detached(at, _up_flags(arguments))
        print(f"isartor: started a proxy at {running.proxy} (pid {running.pid})", file=sys.stderr)
    if running is None:
        print(
            "isartor: no proxy is running: `isartor up --detach` first, or `isartor run --up -- ...`", file=sys.stderr
        )
        return NOT_RUNNING
    before = without_exports(os.environ)
    return _become(command, {**before, **exports(target_of(config, at, running), before, CLIENTS.values())})


def _up_flags(arguments: argparse.Namespace) -> list[str]:
    flags = []
    if arguments.config:
        flags += ["--config", str(arguments.config.absolute())]
    if arguments.home:
        flags += ["--home", arguments.home]
    if arguments.port:
        flags += ["--port", arguments.port]
    return flags


def _become(command: list[str], environ: dict[str, str]) -> int:
    path = shutil.which(command[0], path=environ.get("PATH"))
    if path is None:
        print(f"isartor: {command[0]}: command not found", file=sys.stderr)
        return NOT_FOUND
    try:
        if sys.platform == "win32":
            # There is no exec there: this process waits, and Ctrl-C reaches both.
            return subprocess.run([path, *command[1:]], env=environ, check=False).returncode  # noqa: S603 - the user's own
        sys.stdout.flush()
        # Python ignores these, and a program that takes its place would go on ignoring them.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execve(path, command, environ)  # noqa: S606 - the user's own command
    except OSError as error:
        print(f"isartor: {command[0]}: {error.strerror}", file=sys.stderr)
        return CANNOT_EXECUTE
