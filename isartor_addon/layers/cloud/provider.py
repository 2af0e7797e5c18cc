"""A provider as a value: where it is, which wires it speaks there, how it wants its key, and where that key may go."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal
from urllib.parse import quote, urlsplit

from isartor_addon.core.errors import KeyWithheld

Auth = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "none"]
Feature = Literal["tools", "images", "documents", "json_schema"]

ALL: frozenset[Feature] = frozenset({"tools", "images", "documents", "json_schema"})
"""Every feature; a user's own provider is taken at its word."""
PATHS: Mapping[str, str] = {
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "anthropic_messages": "/v1/messages",
    "gemini": "/v1beta/models/{model}:{method}",
    "ollama": "/api/chat",
}
"""The wires in which a provider can be asked, and the path each has after the base URL where nothing else is said."""
_LISTS = (
    ("/chat/completions", "/models"),
    ("/responses", "/models"),
    ("/messages", "/models"),
    ("/models/{model}:{method}", "/models"),
    ("/api/chat", "/api/tags"),
)
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_LOCAL_NAMES = (".local", ".internal", ".lan", ".home.arpa", ".localhost")


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody who answers prompts."""

    name: str
    base_url: str
    """Without a slash at the end; may hold `{names}` that `parameters` of `[[providers]]` fill."""
    wire: str
    """The wire it is asked in by a client whose own it does not speak."""
    auth: Auth = "bearer"
    hosts: tuple[str, ...] = ()
    """Where its keys may be sent: `api.example.com`, `.example.com` for all hosts below a domain."""
    default_model: str = ""
    """What is asked for where the client's model is not one of `models`; empty: the client's model."""
    models: tuple[str, ...] = ()
    """Patterns of the models that it knows by the name clients give them."""
    takes: frozenset[Feature] = ALL
    """What it can be asked for besides words; see `features.py`."""
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Sent with every request, names in lower case. Never a credential."""
    paths: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Further wires it speaks, and where its paths are not those of `PATHS`."""

    @property
    def local(self) -> bool:
        """Whether it is on this machine or in a private network."""
        return is_local(urlsplit(self.base_url).hostname or "")

    def speaks(self, wire: str) -> bool:
        """Whether it can be asked in `wire`, so that nothing need be translated."""
        return wire == self.wire or wire in self.paths

    def wire_for(self, asked: str) -> str:
        """The wire to ask it in, for a client that speaks `asked`."""
        return asked if self.speaks(asked) else self.wire

    def model_for(self, asked: str) -> str:
        """The model to ask it for, where the client asked for `asked`."""
        knows = any(fnmatchcase(asked, pattern) for pattern in self.models)
        return asked if knows or not self.default_model else self.default_model


def request_target(provider: Provider, model: str, *, stream: bool, wire: str | None = None) -> str:
    """
    The URL to send a request to.

    Args:
        model: Gemini, Vertex and Azure have it in the path.
        wire: in which it is asked; None: its own.

    Raises:
        KeyError: it does not speak that wire.
    """
    wire = wire or provider.wire
    if not provider.speaks(wire):
        raise KeyError(wire)
    path = provider.paths.get(wire, PATHS[wire])
    method = "streamGenerateContent" if stream else "generateContent"
    path = path.replace("{model}", quote(model, safe="")).replace("{method}", method)
    if wire == "gemini" and stream:
        path += "?alt=sse"
    return provider.base_url.removesuffix(f"/{path.split('/')[1]}") + path


def list_target(provider: Provider) -> str:
    """The URL at which a provider lists its models, in the manner of its wire."""
    path = provider.paths.get(provider.wire, PATHS[provider.wire])
    for end, instead in _LISTS:
        path = path.replace(end, instead)
    return provider.base_url.removesuffix(f"/{path.split('/')[1]}") + path


def auth_headers(provider: Provider, secret: str, *, url: str) -> Mapping[str, str]:
    """
    The headers that show `secret` to `provider`, names in lower case.

    Args:
        url: where the request is about to be sent.

    Raises:
        KeyWithheld: `url` is not one of the provider's hosts, or would carry the key in clear text to another machine.
    """
    if provider.auth == "none" or not secret:
        return {}
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not may_see_key(provider, host):
        raise KeyWithheld(f"the key of {provider.name} is not sent to {host}")
    if parts.scheme != "https" and not is_local(host):
        raise KeyWithheld(f"the key of {provider.name} is not sent over plain HTTP to {host}")
    if provider.auth == "bearer":
        return {"authorization": f"Bearer {secret}"}
    return {provider.auth: secret}


def may_see_key(provider: Provider, host: str) -> bool:
    """Whether `host` is one of the provider's own."""
    host = host.lower().rstrip(".")
    return any(host == own or (own.startswith(".") and host.endswith(own)) for own in provider.hosts)


def is_local(host: str) -> bool:
    """Whether a host is this machine or lies in a private network, as far as its name tells."""
    host = host.lower().strip("[]").rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        named = "." not in host and not _NUMBER.fullmatch(host)  # `134744072` is 8.8.8.8 to whoever connects
        return bool(host) and (named or host.endswith(_LOCAL_NAMES))
    return address.is_loopback or address.is_private or address.is_link_local
