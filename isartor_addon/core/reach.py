"""Where connections may lead while nothing is to leave: to this machine, and to hosts that the operator has named."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from isartor_addon.core.hosts import Hosts


class Reach:
    """Says where a connection may lead."""

    def __init__(self, *, offline: bool = False, hosts: Iterable[str] = ()) -> None:
        """
        Args:
            offline: whether anything is held back at all.
            hosts: what may be reached all the same; see `core/hosts.py`. Who names a host says that it is private:
                names are not looked up to see.
        """
        self.offline = offline
        self._named = Hosts(hosts)

    def allows(self, host: str, port: int) -> bool:
        """Whether a connection to `host` (a name or an address) at `port` may be made."""
        if not self.offline:
            return True
        host = host.lower().strip("[]").rstrip(".")
        return is_loopback(host) or self._named.matches(host, port)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, as its name or address says."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost"  # `x.localhost` is looked up by some systems, outside
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
