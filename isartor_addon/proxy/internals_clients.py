"""The client's side of a connection inside mitmproxy, found when it is safe to take; see `internals_streams.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from mitmproxy import connection
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy import context, events, layer, server
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import _http1

from isartor_addon.proxy import internals_streams
from isartor_addon.proxy.internals import HttpLayer, is_idle, server_in, tunnel_in
from isartor_addon.proxy.internals_streams import ABOVE, Cipher, covers, wake_child_of


@dataclass(slots=True)
class Access:
    """A client's connection, down to the HTTP layer that reads its requests."""

    connections: server.ConnectionHandler
    below: HttpLayer
    reading: _http1.Http1Server
    client_tls: tls.TLSLayer | None
    io: server.ConnectionIO

    @property
    def cipher(self) -> Cipher | None:
        """The TLS with the client."""
        return Cipher(self.client_tls.tls) if self.client_tls is not None else None

    @property
    def transport(self) -> asyncio.Transport:
        """The socket to the client."""
        return self.io.writer.transport  # type: ignore[union-attr, return-value]

    def is_free(self) -> bool:
        """Whether mitmproxy has answered all that came, and waits for the next request."""
        reader = self.io.reader
        return (
            is_idle(self.reading)
            and not self.below._paused
            and isinstance(reader, asyncio.StreamReader)
            and not reader._buffer  # type: ignore[attr-defined]
            and reader._waiter is not None  # type: ignore[attr-defined]
            and not reader._waiter.done()  # type: ignore[attr-defined]
        )

    def note_activity(self) -> None:
        """Something has come."""
        self.connections.timeout_watchdog.register_activity()

    async def give_back(self) -> None:
        """Wake the HTTP layer, as if something had come."""
        if self.client_tls is not None:
            wake_child_of(self.client_tls)
        await self.connections.server_event(events.DataReceived(self.below.context.client, b""))


def find(master: Master, below: HttpLayer) -> Access | None:
    """What leads from the client's socket to an HTTP layer; None where it is of another kind."""
    client, layers = below.context.client, below.context.layers
    handler = master.addons.get("proxyserver").connections.get(client.id)
    reading = server_in(below)
    if handler is None or reading is None or below not in layers:
        return None
    above = layers[: layers.index(below)]
    if any(not _hands_on(each) for each in above):
        return None
    client_tls = [each for each in above if isinstance(each, tls.ClientTLSLayer)]
    io = handler.transports.get(client)
    if not covers(client_tls, client) or io is None or not isinstance(io.writer, asyncio.StreamWriter):
        return None
    return Access(handler, below, reading, client_tls[0] if client_tls else None, io)


def _hands_on(above: layer.Layer) -> bool:
    """Whether a layer does nothing but hand on what the client sends, but for TLS."""
    if type(above) not in ABOVE or above._paused or above.debug is not None:
        return False
    return not isinstance(above, http_layers.HttpLayer) or tunnel_in(above) is not None


def rehearse(options: Options) -> str:
    """Look at a connection that there is not; why it does not work, empty if it does."""
    try:
        return next(filter(None, (internals_streams.rehearse(options), *_faults(options))), "")
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _faults(options: Options) -> Iterable[str]:
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=0.0)
    below = http_layers.HttpLayer(context.Context(client, options), http_layers.HTTPMode.transparent)
    said = list(below.handle_event(events.Start()))
    reading = server_in(below)
    if said or reading is None:
        yield "the HTTP layer begins otherwise"
        return
    reader = asyncio.StreamReader()
    handler = server.SimpleConnectionHandler.__new__(server.SimpleConnectionHandler)
    handler.timeout_watchdog = server.TimeoutWatchdog(600, asyncio.Event().wait)
    at = Access(handler, below, reading, None, server.ConnectionIO(reader=reader))
    yield "a client is free that nobody waits for" if at.is_free() else ""
    reader._waiter = asyncio.get_running_loop().create_future()  # type: ignore[attr-defined]
    at.note_activity()
    yield "" if at.is_free() and tunnel_in(below) is None else "a client is not free when it should be"
    yield "" if hasattr(server.ConnectionHandler, "server_event") else "connections take events otherwise"
