"""What is sent to one target for one exchange: address, headers, body, and how the reply is to be read.

To the client's own provider everything goes as the client sent it, with the client's own credentials, which go nowhere
else. To any other provider goes what belongs to the request, and that provider's own key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote, urlsplit

import orjson

from isartor_addon.core.errors import KeyWithheld
from isartor_addon.core.exchange import Exchange, Request
from isartor_addon.core.reach import is_loopback
from isartor_addon.layers.cloud.features import require
from isartor_addon.layers.cloud.keys import Key
from isartor_addon.layers.cloud.plan import Target
from isartor_addon.layers.cloud.provider import ALL, Provider, auth_headers, may_see_key, request_target
from isartor_addon.wire import WIRES
from isartor_addon.wire.translate import Offered, offered, translate_request

if TYPE_CHECKING:
    from isartor_addon.wire.base import Mode, Wire

_OF_THE_CONNECTION: Final = frozenset(
    "connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding "
    "upgrade expect host content-length content-encoding accept-encoding".split()
)
"""Headers that say something about one connection or about how a body is packed (RFC 9110, 7.6.1)."""
_CREDENTIALS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_OURS: Final = "x-isartor-"
_STREAMED: Final[Mapping[str, Mode]] = {"ollama": "ndjson"}
"""Wires that do not stream server-sent events."""
_ACCOUNT: Final = frozenset({"openai-organization", "openai-project"})
"""Headers that select behaviour and name an account of the client's own provider."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to one target."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    wire: Wire
    """In which it is asked."""
    mode: Mode
    """How it is asked to answer."""
    offered: Offered | None = None
    """The client's tools, where they had to be put in another wire's words."""


def outgoing(exchange: Exchange, target: Target, key: Key | None, *, private: frozenset[str]) -> Outgoing:
    """
    Write the request.

    Args:
        key: what to show; None: nothing of ours.
        private: request headers that are said to us alone, lower case.

    Raises:
        Untranslatable, ClientMistake: the provider's wire cannot say it.
        KeyWithheld: the key may not go where the request would.
    """
    if target.provider is None:
        return _to_own(exchange, target.model, private)
    return _to(exchange, target.provider, target.model, key)


def _to_own(exchange: Exchange, model: str, private: frozenset[str]) -> Outgoing:
    request, route = exchange.request, exchange.route
    mode = cast("Mode", exchange.mode)
    body = translate_request(route, exchange.body, route.wire, model=model, stream=mode != "json")
    same = body == exchange.body and exchange.raw
    headers = {
        name: value
        for name, value in request.headers.items()
        if name not in _OF_THE_CONNECTION and name not in private and not name.startswith(_OURS)
    }
    said = headers.get("cache-control", "").lower()
    if "no-cache" in said or "no-store" in said:  # to us
        del headers["cache-control"]
    path = request.path
    if route.model and model != route.model:
        path = path.replace(f"/{quote(route.model, safe='')}:", f"/{quote(model, safe='')}:", 1)
    return Outgoing(_url(request, path), headers, exchange.raw if same else orjson.dumps(body), route.wire, mode)


def _url(request: Request, path: str) -> str:
    host = f"[{request.host}]" if ":" in request.host else request.host
    query = f"?{request.query_string}" if request.query_string else ""
    return f"{request.scheme}://{host}:{request.port}{path}{query}"


def _to(exchange: Exchange, provider: Provider, model: str, key: Key | None) -> Outgoing:
    route, streams = exchange.route, exchange.mode != "json"
    wire = WIRES[provider.wire_for(route.wire.name)]
    if provider.takes != ALL:
        require(provider, route.wire.parse(route, exchange.body))
    body = translate_request(route, exchange.body, wire, model=model, stream=streams)
    url = request_target(provider, model, stream=streams, wire=wire.name)
    same_wire = wire.name == route.wire.name
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if streams else "application/json",
        "user-agent": exchange.request.headers.get("user-agent", "isartor"),
        **(_selecting(exchange, wire) if same_wire else {}),
        **provider.headers,
        **_key(exchange, provider, key, url),
    }
    return Outgoing(
        url,
        headers,
        orjson.dumps(body),
        wire,
        _mode(exchange, wire, body, streams=streams),
        None if same_wire else offered(route, exchange.body),
    )


def _selecting(exchange: Exchange, wire: Wire) -> dict[str, str]:
    """The client's headers that say how it wants to be answered."""
    asked = exchange.request.headers
    return {name: asked[name] for name in wire.headers if name in asked and name not in _ACCOUNT}


def _mode(exchange: Exchange, wire: Wire, body: Mapping[str, object], *, streams: bool) -> Mode:
    if not streams:
        return "json"
    if wire.name == exchange.route.wire.name and exchange.mode != "array":
        return cast("Mode", exchange.mode)
    return "sse+usage" if "stream_options" in body else _STREAMED.get(wire.name, "sse")


def _key(exchange: Exchange, provider: Provider, key: Key | None, url: str) -> Mapping[str, str]:
    if key is None:
        return {}
    if not key.is_clients:
        if _is_foreign_page(exchange.request.headers.get("origin", "")):
            raise KeyWithheld("keys of ours are not for the pages of other sites")
        return auth_headers(provider, key.secret, url=url)
    parts = urlsplit(url)
    if parts.scheme != "https" or not may_see_key(provider, parts.hostname or ""):
        raise KeyWithheld(f"the client's own key is not sent to {parts.hostname}")
    if not may_see_key(provider, exchange.request.host):
        raise KeyWithheld(f"the client's own key is another provider's than {provider.name}'s")
    asked = exchange.request.headers
    return {name: asked[name] for name in _CREDENTIALS if name in asked}


def _is_foreign_page(origin: str) -> bool:
    """
    Whether a request comes from a web page that is none of this machine's, as its `Origin` says (RFC 6454, 7).

    Browsers let any page send requests to a proxy on this machine, though not read the answers; one could spend what
    our keys pay for. `null` may be anybody. Apps that are made of pages have schemes of their own (`vscode-webview:`),
    which no web page can have.
    """
    scheme, _, rest = origin.lower().partition("://")
    if scheme not in ("http", "https"):
        return scheme == "null"
    host = rest.rpartition("]")[0] or rest.partition(":")[0]
    return not is_loopback(host.strip("["))
