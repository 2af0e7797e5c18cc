"""Names of mitmproxy's servers that its addon interface does not promise; `internals.py` has those of its layers."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.master import Master
from mitmproxy.proxy import mode_servers

from isartor_addon.proxy.rehearsal import first_fault

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Serves one connection until it ends."""
type Open = Callable[[], Awaitable[list[Any]]]
"""Opens a mode's servers as mitmproxy does."""
type Listen = Callable[[str, Open, Serve], Awaitable[list[Any]]]
"""
Gives a mode's servers: objects with `sockets` and `close()`, as `asyncio.Server`. Called with the mode's specification.
"""


def listen_by(listen: Listen) -> None:
    """Have `listen` open the servers of modes that listen on TCP, for as long as this process lives."""
    original = mode_servers.AsyncioServerInstance.listen
    opening: set[int] = set()

    async def replaced(instance: Any, host: str, port: int) -> list[Any]:
        if id(instance) in opening:  # for port 0 it calls itself with another
            return await original(instance, host, port)

        async def open_() -> list[Any]:
            opening.add(id(instance))
            try:
                return await original(instance, host, port)
            finally:
                opening.discard(id(instance))

        return await listen(instance.mode.full_spec, open_, instance.handle_stream)

    mode_servers.AsyncioServerInstance.listen = replaced  # type: ignore[method-assign, assignment]


def rehearse_servers() -> str:
    """Why `listen_by` does not work with this mitmproxy, empty if it does."""
    return first_fault(_faults)


def _faults() -> Iterable[str]:
    server = mode_servers.AsyncioServerInstance
    asked = tuple(inspect.signature(server.listen).parameters)
    served = tuple(inspect.signature(server.handle_stream).parameters)
    yield "" if asked == ("self", "host", "port") else "it listens otherwise"
    yield "" if served[:3] == ("self", "reader", "writer") else "it serves otherwise"
    coroutines = inspect.iscoroutinefunction(server.listen) and inspect.iscoroutinefunction(server.handle_stream)
    yield "" if coroutines else "it listens otherwise"


def unsent(master: Master) -> int:
    """Bytes that clients have not taken yet; 0 where that cannot be found out."""
    return sum(
        entry.writer.transport.get_write_buffer_size()
        for entry in _clients(master)
        if isinstance(entry.writer, asyncio.StreamWriter)
    )


def hang_up(master: Master) -> list[asyncio.Task[Any]]:
    """Close the connections of all clients, as mitmproxy does with silent ones; what serves them, and ends soon."""
    tasks = [entry.handler for entry in _clients(master) if entry.handler is not None]
    for task in tasks:
        task.cancel("the proxy stops")
    return tasks


def _clients(master: Master) -> list[Any]:
    """Where mitmproxy reads from and writes to clients; empty where that cannot be found out."""
    server = master.addons.get("proxyserver")
    if not isinstance(server, Proxyserver):
        return []
    try:
        found = [connection.transports.get(connection.client) for connection in tuple(server.connections.values())]
        return [entry for entry in found if entry is not None and (entry.handler, entry.writer)]
    except AttributeError:
        return []
