"""Where connections may lead while nothing is to leave: to this machine, and to hosts that the operator has named."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


class Reach:
    """Says where a connection may lead."""

    def __init__(self, *, offline: bool = False, hosts: Iterable[str] = ()) -> None:
        """
        Args:
            offline: whether anything is held back at all.
            hosts: what may be reached all the same: `llm.lan`, `.lan` for a domain and all below it, `10.0.0.7`, each
                with `:port` for one port. Who names a host says that it is private: names are not looked up to see.
        """
        self.offline = offline
        patterns = [host.strip().lower().rstrip(".") for host in hosts]
        self._exact = frozenset(pattern for pattern in patterns if not pattern.startswith("."))
        self._below = frozenset(pattern[1:] for pattern in patterns if pattern.startswith("."))

    def allows(self, host: str, port: int) -> bool:
        """Whether a connection to `host` (a name or an address) at `port` may be made."""
        if not self.offline:
            return True
        host = host.lower().strip("[]").rstrip(".")
        return is_loopback(host) or self._is_named(host, port)

    def _is_named(self, host: str, port: int) -> bool:
        if host in self._exact or f"{host}:{port}" in self._exact:
            return True
        while host:
            if host in self._below or f"{host}:{port}" in self._below:
                return True
            host = host.partition(".")[2]
        return False


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, as its name or address says."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost"  # `x.localhost` is looked up by some systems, outside
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
