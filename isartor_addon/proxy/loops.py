"""Requests that come back to this proxy: a name may lead here that nobody knows to be ours.

mitmproxy refuses to connect to its own addresses, but not to a name that resolves to one (this machine's in the local
network; a web page's whose name server says 127.0.0.1). Such a request would go round until no file is left to open.
"""

from __future__ import annotations

from typing import Protocol

from mitmproxy import connection, ctx, http

from isartor_addon.proxy import convert

_EVERY = ("0.0.0.0", "::")  # noqa: S104 - compared with, nothing is bound here


def is_own(address: tuple[str, int]) -> bool:
    """Whether this proxy listens at `address`, which is one of this machine."""
    servers = ctx.master.addons.get("proxyserver")
    listening = [each for server in getattr(servers, "servers", ()) for each in server.listen_addrs]
    return any(each[1] == address[1] and each[0] in (address[0], *_EVERY) for each in listening)


class Ends(Protocol):
    """A set of ends of connections, each an address and a port; of several processes, where these serve one port."""

    def add(self, end: tuple[str, int], /) -> None:
        """Take it in."""

    def discard(self, end: tuple[str, int], /) -> None:
        """Take it out, if it is there."""

    def __contains__(self, end: object, /) -> bool:
        """Whether it is there."""


class Loops:
    """Knows this proxy's own connections to this machine, by their ends."""

    def __init__(self, own: Ends | None = None) -> None:
        self._own: Ends = set() if own is None else own

    def connected(self, server: connection.Server) -> None:
        """
        A connection is open; nothing has been sent over it yet.

        Only one to an address of ours leads back here. No other is remembered: its own end does not name it, since the
        system gives one port to several connections that lead to different places.
        """
        end, other = server.sockname, server.peername
        if end and other and end[0] == other[0] and server.via is None and is_own((other[0], other[1])):
            self._own.add((end[0], end[1]))

    def disconnected(self, server: connection.Server) -> None:
        """It is closed."""
        if server.sockname:
            self._own.discard((server.sockname[0], server.sockname[1]))

    def come_round(self, client: connection.Client) -> bool:
        """Whether a client's connection is one of them."""
        peer = client.peername
        return peer is not None and (peer[0], peer[1]) in self._own


def refuse(flow: http.HTTPFlow) -> None:
    """Answer a request that has come round (RFC 5842, 7.2)."""
    said = b'{"error":{"message":"isartor: the host of this request is this proxy itself"}}'
    flow.response = convert.json_response(508, said)
