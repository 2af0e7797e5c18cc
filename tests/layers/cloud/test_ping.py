"""Pings: whom they reach, what they show, and what the answers mean."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as changed
from urllib.parse import urlsplit

import pytest

from isartor_addon.core.errors import Lost
from isartor_addon.layers.cloud.keys import CLIENT, Key
from isartor_addon.layers.cloud.ping import Pinged, ping
from isartor_addon.layers.cloud.provider import Provider, list_target, may_see_key
from tests.layers.cloud.test_provider import CONFIGURED

KEY = Key("vault:k", "sk-0123456789abcdef")


@dataclass
class Net:
    """The network: answers everybody the same."""

    status: int = 200
    body: bytes = b"{}"
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    async def get(self, url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Write down who was asked."""
        self.asked.append((url, headers))
        if not self.status:
            raise Lost("connect", "connection refused")
        return self.status, self.body


def pinged(provider: Provider, key: Key | None, net: Net) -> Pinged:
    """Ping once."""
    return asyncio.run(ping(provider, key, net.get))


@pytest.mark.parametrize("provider", CONFIGURED.values(), ids=lambda provider: provider.name)
def test_a_key_is_shown_to_its_own_host_only(provider: Provider) -> None:
    """Each provider of the catalogue is asked for its models at a host of its own, and only there is the key shown."""
    net = Net()
    assert pinged(provider, KEY, net).well
    ((url, headers),) = net.asked
    assert may_see_key(provider, urlsplit(url).hostname or "")
    assert KEY.secret in "".join(headers.values())
    assert url.endswith(("/models", "/api/tags"))
    assert "{" not in url


def test_a_key_is_not_shown_elsewhere() -> None:
    """A provider whose address is not one of its hosts gets neither key nor request."""
    net = Net()
    strayed = changed(CONFIGURED["openai"], base_url="https://evil.example/v1")
    result = pinged(strayed, KEY, net)
    assert (False, []) == (result.well, net.asked)
    assert KEY.secret not in result.said


@pytest.mark.parametrize("key", [None, Key(CLIENT, "")])
def test_without_a_key_of_ours_none_is_shown(key: Key | None) -> None:
    """Local servers, and providers that get the client's own key, are asked without."""
    net = Net(401)
    assert Pinged("openai", "", True, "is there, and wants a key (401)") == pinged(CONFIGURED["openai"], key, net)
    assert {} == net.asked[0][1]


@pytest.mark.parametrize(
    ("status", "body", "well", "said"),
    [
        (200, b"{}", True, "takes the key"),
        (401, b"{}", False, "refuses the key (401)"),
        (403, b"{}", False, "refuses the key (403)"),
        (404, b"", True, "is there, but lists no models (404)"),
        (302, b"", False, "302"),
        (500, b'{"error": {"message": "boom"}}', False, "500 boom"),
        (0, b"", False, "connection refused"),
    ],
)
def test_what_answers_mean(status: int, body: bytes, well: bool, said: str) -> None:
    """An answer says whether the provider is there and whether it takes the key; a redirect is not followed."""
    net = Net(status, body)
    assert Pinged("openai", "vault:k", well, said) == pinged(CONFIGURED["openai"], KEY, net)
    assert 1 == len(net.asked)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("openai", "https://api.openai.com/v1/models"),
        ("anthropic", "https://api.anthropic.com/v1/models"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/models"),
        ("ollama", "http://127.0.0.1:11434/api/tags"),
    ],
)
def test_addresses(name: str, url: str) -> None:
    """Models are listed where each wire has them."""
    assert url == list_target(CONFIGURED[name])
