"""Print the file for `mitmdump -s`, for a mitmproxy that runs elsewhere and does not know our name."""

from __future__ import annotations

import argparse
from pathlib import Path

import isartor_addon


def arguments(parser: argparse.ArgumentParser) -> None:
    """There are no flags."""


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    print(Path(isartor_addon.__file__).with_name("addon.py"))
    return 0
