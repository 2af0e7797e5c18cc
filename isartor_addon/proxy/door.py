"""The base-URL door: requests addressed to the proxy's own port, for SDKs that set a base URL.

A request is addressed to the proxy itself when its host is the address the client connected to. Its path says which
provider is meant; from there on it is a request like any other.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from mitmproxy import http
from mitmproxy.proxy import mode_specs

from isartor_addon.config.schema import Door as DoorConfig

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - names, nothing is bound here
_SPOKEN_TO = (mode_specs.RegularMode, mode_specs.UpstreamMode, mode_specs.Socks5Mode)
"""Modes in which clients know the proxy's own address. In others the address they connected to is their server's."""
_ANTHROPIC = ("/v1/messages", "/v1/complete")
_GEMINI = ("/v1beta/", "/v1alpha/", "/upload/v1beta/", "/v1/models/")
_OLLAMA = ("/api/chat", "/api/generate", "/api/embed", "/api/tags", "/api/show", "/api/ps", "/api/version")
_BARE_OPENAI = ("/chat/completions", "/responses", "/completions", "/embeddings")
_NATIVE = "/api/v1/chat"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request to the door goes on to."""

    scheme: str
    host: str
    port: int
    path: str


class Door:
    """Finds the provider that a path on the proxy's own port stands for."""

    def __init__(self, config: DoorConfig) -> None:
        self._config = config
        self._prefixes = {
            "openai": config.openai,
            "anthropic": config.anthropic,
            "gemini": config.gemini,
            "ollama": config.ollama,
            **config.prefixes,
        }

    @staticmethod
    def is_addressed(flow: http.HTTPFlow) -> bool:
        """Whether the client speaks to the proxy itself and not through it."""
        own = flow.client_conn.sockname
        if own is None or flow.request.port != own[1] or not isinstance(flow.client_conn.proxy_mode, _SPOKEN_TO):
            return False
        host = flow.request.host.strip("[]").lower()
        return host in _LOCAL or _same_address(host, own[0])

    def target(self, path: str, *, anthropic: bool = False) -> Target | None:
        """
        The provider's address for `path` (with its query).

        Args:
            anthropic: whether the client speaks Anthropic's API (`/v1/models` exists in both).
        """
        first, _, rest = path.removeprefix("/").partition("/")
        if base := self._prefixes.get(first):
            return _join(base, f"/{rest}")
        config = self._config
        bare = path.partition("?")[0]
        if bare.startswith(_ANTHROPIC) or (anthropic and bare.startswith("/v1/")):
            return _join(config.anthropic, path)
        if bare.startswith(_GEMINI) and (":" in bare or not bare.startswith("/v1/")):
            return _join(config.gemini, path)
        if bare == _NATIVE:
            return _join(config.openai, path)
        if bare.startswith(_OLLAMA):
            return _join(config.ollama, path)
        if bare.startswith("/v1internal:"):
            return _join("https://cloudcode-pa.googleapis.com", path)
        if bare.startswith("/v1/"):
            return _join(config.openai, path)
        if bare in _BARE_OPENAI:
            return _join(config.openai, f"/v1{path}")
        return None

    def native_target(self) -> Target:
        """Where a native prompt goes: the OpenAI-compatible provider."""
        return _join(self._config.openai, "/v1/chat/completions")


def _join(base: str, path: str) -> Target:
    url = urlsplit(base)
    port = url.port or (443 if url.scheme == "https" else 80)
    return Target(url.scheme, url.hostname or "", port, url.path.rstrip("/") + path)


def _same_address(host: str, own: str) -> bool:
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(own.partition("%")[0])
    except ValueError:
        return False
