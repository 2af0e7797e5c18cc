"""What only one process can do."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_MODES = frozenset({"wireguard", "local", "tun", "osproxy", "dns"})
"""Modes without a TCP port of their own that processes could share."""
_DATAGRAMS = frozenset({"http3", "quic", "dtls", "udp", "dns"})
"""What a reverse proxy speaks over UDP only."""
_OPTIONS = frozenset(
    {"save_stream_file", "hardump", "rfile", "client_replay", "server_replay", "mode", "server", "listen_port"}
)
"""mitmproxy options for one process: their files have one writer, their flows are in one memory."""


def why_alone(*, modes: Sequence[str], options: Sequence[str], web: bool, cassette: bool) -> str:
    """
    Why the proxy must be one process, in words; empty if it need not be.

    Args:
        modes: as mitmproxy spells them.
        options: `name=value` of mitmproxy.
        web: whether mitmweb is wanted.
        cassette: whether one is used.
    """
    if sys.platform == "win32":
        return "this system cannot share a port between processes"
    if web:
        return "mitmweb shows the requests of one process"
    if cassette:
        return "a cassette belongs to one process"
    for mode in modes:
        name, _, data = mode.partition("@")[0].partition(":")
        if name.lower() in _MODES or (name.lower() == "reverse" and data.partition(":")[0] in _DATAGRAMS):
            return f"mode {name} has no port that processes could share"
    for option in options:
        if option.partition("=")[0] in _OPTIONS:
            return f"{option.partition('=')[0]} is for one process"
    return ""


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
