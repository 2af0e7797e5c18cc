"""Stop the proxy of this home directory, and wait until it is gone. Without one there is nothing to do.

New connections are refused at once; requests in flight may finish, for `drain_s` seconds at most.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from isartor_addon.cli.settings import add_settings, config_of
from isartor_addon.config.places import places
from isartor_addon.store.running import read_running

_TIMEOUT_S = 15.0
"""Beyond the time that it takes to finish what is in flight."""
_PAUSE_S = 0.05


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Stop it."""
    state = places(config_of(arguments)).state
    running = read_running(state)
    if running is None:
        print("isartor: no proxy is running", file=sys.stderr)
        return 0
    os.kill(running.pid, signal.SIGTERM)
    patience_s = running.drain_s + _TIMEOUT_S
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if read_running(state) is None:
            print(f"stopped (pid {running.pid})")
            return 0
        time.sleep(_PAUSE_S)
    print(f"isartor: the proxy (pid {running.pid}) has not stopped after {patience_s:.0f} s", file=sys.stderr)
    return 1
