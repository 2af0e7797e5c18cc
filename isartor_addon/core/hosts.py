"""Hosts as settings name them: `llm.lan`, `.lan` for a domain and all below it, each with `:port` for one port."""

from __future__ import annotations

from collections.abc import Iterable


class Hosts:
    """A set of hosts. A look-up costs a set test or two."""

    def __init__(self, patterns: Iterable[str]) -> None:
        said = [pattern.strip().lower().rstrip(".") for pattern in patterns]
        self._exact = frozenset(pattern for pattern in said if not pattern.startswith("."))
        self._below = frozenset(pattern[1:] for pattern in said if pattern.startswith("."))

    def matches(self, host: str, port: int) -> bool:
        """Whether `host`, a name or an address, is among them at `port`."""
        host = host.lower().rstrip(".")
        if host in self._exact or f"{host}:{port}" in self._exact:
            return True
        while host:
            if host in self._below or f"{host}:{port}" in self._below:
                return True
            host = host.partition(".")[2]
        return False
