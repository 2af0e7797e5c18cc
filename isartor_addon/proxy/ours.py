"""Whose a flow is: ours by its host or the door, served by its path, sent by whom."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from mitmproxy import connection, ctx, http
from mitmproxy.proxy import mode_specs

from isartor_addon import wire
from isartor_addon.core.exchange import WayOut
from isartor_addon.core.reach import is_loopback
from isartor_addon.intake import Sender
from isartor_addon.proxy import convert
from isartor_addon.wire.base import Route
from isartor_addon.wire.hosts import HostTable

DOOR = "isartor_door"
"""In a flow's metadata: it came to the proxy's own port, and was given its provider's address."""


def is_ours(flow: http.HTTPFlow, hosts: HostTable) -> bool:
    """Whether the flow goes to a provider. Whoever runs a reverse proxy has said so."""
    if isinstance(flow.client_conn.proxy_mode, mode_specs.ReverseMode) or DOOR in flow.metadata:
        return True
    return hosts.matches(flow.request.host, flow.request.port)


def routes_of(flow: http.HTTPFlow) -> tuple[Route, ...]:
    """What the flow's request line may mean; none for paths that we do not serve."""
    request = flow.request
    path, _, query = request.path.partition("?")
    if query:
        return wire.find(request.method, request.host, path, convert.query_of(query))
    return _routes_without_query(request.method, request.host, path)


def sender_of(flow: http.HTTPFlow) -> Sender:
    """Who sent it; see `core/caller.py` for what that decides."""
    user = flow.metadata.get("proxyauth")
    peer = flow.client_conn.peername
    local = peer is not None and _is_loopback(peer[0])
    return Sender(trusted=local and not user, user=user[0] if user else "")


def way_out_of(client: connection.Client) -> WayOut | None:
    """The proxy by which mitmproxy sends on what comes over a connection; None: it asks servers itself."""
    mode = client.proxy_mode
    if not isinstance(mode, mode_specs.UpstreamMode):
        return None
    host, port = mode.address
    return WayOut(f"{mode.scheme}://{f'[{host}]' if ':' in host else host}:{port}", ctx.options.upstream_auth or "")


def content_length(request: http.Request) -> int:
    """The size that the request announces, in bytes; 0 where it does not."""
    fields = request.headers.fields  # asking `headers` by name takes three times as long
    value = next((value for name, value in fields if name.lower() == b"content-length"), b"")
    return int(value) if value.isdigit() else 0


def is_ip(host: str) -> bool:
    """Whether a host is an address and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def _routes_without_query(method: str, host: str, path: str) -> tuple[Route, ...]:
    """Looked up by two hooks for every request. What has a query is not kept: it may hold a credential."""
    return wire.find(method, host, path, {})


_is_loopback = lru_cache(maxsize=256)(is_loopback)
