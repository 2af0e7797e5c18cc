"""Where Isartor keeps its files. Nothing is made before somebody asks for it; what is made is private to the user."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from isartor_addon.config.schema import Config

DEFAULT_HOME = "~/.isartor"


@dataclass(frozen=True, slots=True)
class Places:
    """
    Paths below one home directory.

    Attributes:
        home: absolute; need not exist.
        cache: where the store is.
    """

    home: Path
    cache: Path

    @property
    def ca(self) -> Path:
        """The directory of the certificate authority; mitmproxy's `confdir` under `isartor up`."""
        return self.home / "ca"

    @property
    def semantic(self) -> Path:
        """The directory of the semantic layer: its index and its evidence."""
        return self.cache / "semantic"

    @property
    def certificate(self) -> Path:
        """The root that clients trust."""
        return self.ca / "mitmproxy-ca-cert.pem"

    @property
    def bundle(self) -> Path:
        """Every root this machine trusts, and ours."""
        return self.ca / "isartor-bundle.pem"

    @property
    def config(self) -> Path:
        """The config file."""
        return self.home / "config.toml"

    @property
    def journal(self) -> Path:
        """The directory of the journal."""
        return self.home / "journal"

    @property
    def ledger(self) -> Path:
        """The directory of the ledger."""
        return self.home / "ledger"

    @property
    def secret(self) -> Path:
        """The key with which credentials are hashed to callers."""
        return self.home / "secret"

    @property
    def state(self) -> Path:
        """What a running proxy says of itself; see `store/running.py`."""
        return self.home / "run.json"

    @property
    def log(self) -> Path:
        """The log of a proxy in the background."""
        return self.home / "isartor.log"


def places(config: Config) -> Places:
    """The places that `config` names."""
    home = absolute(config.home or DEFAULT_HOME)
    return Places(home, absolute(config.cache.directory) if config.cache.directory else home / "cache")


def absolute(path: str) -> Path:
    """`path` with `~` and the current directory filled in; nothing is looked up on disk."""
    return Path(os.path.abspath(Path(path).expanduser()))
