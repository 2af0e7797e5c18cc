"""This process's place among the workers of one proxy; see `workers/supervisor.py` for the whole."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from isartor_addon.proxy.accept import SharedServer
from isartor_addon.proxy.internals_servers import Open, Serve, listen_by, rehearse_servers
from isartor_addon.store.running import Running
from isartor_addon.workers.channel import Channel, Gone
from isartor_addon.workers.ends import Ends
from isartor_addon.workers.tally import Tally

_WAITING = 1024
"""Connections that may wait to be taken."""


class Seat:
    """One worker's."""

    def __init__(self, spec: str) -> None:
        """
        Args:
            spec: what the supervisor gave: `NUMBER:COUNT:CHANNEL:TALLY:ENDS`, the last three file descriptors.
        """
        number, count, channel, tally, ends = map(int, spec.split(":"))
        self.number = number
        os.set_inheritable(channel, False)
        self._channel = Channel(socket.socket(fileno=channel))
        self._tally = Tally(tally, count)
        os.close(tally)
        self.ends = Ends(ends, number=number, count=count)
        """Of this proxy's own connections, those of all workers."""
        os.close(ends)
        self._port: dict[str, list[socket.socket]] = {}
        """The open sockets of each mode."""
        self.opens = False
        """Whether this process opens the port, and the others get it from here."""
        self._alone = ""

    def wait(self) -> None:
        """
        Wait until the port is open, or it is this process that is to open it.

        Raises:
            SystemExit: the supervisor is gone.
        """
        try:
            message, sockets = next(iter(self._channel.receive()))
        except Gone:
            raise SystemExit(1) from None
        for mode, each in zip(message["modes"], sockets, strict=True):
            # Python takes it for a blocking one, and one process that makes it so makes it so for all.
            each.setblocking(False)
            self._port.setdefault(mode, []).append(each)
        self.opens = not sockets
        self._alone = rehearse_servers()
        if not self._alone:
            listen_by(self._listen)
        _number_records(self.number)

    def tell(self, running: Running) -> None:
        """Say that this process is up."""
        modes = [mode for mode, sockets in self._port.items() for _ in sockets]
        sockets = [each for sockets in self._port.values() for each in sockets]
        message: dict[str, Any] = {"up": asdict(running)}
        if self._alone:
            message["alone"] = f"this mitmproxy's servers are not as known ({self._alone})"
        with_port = self.opens and not self._alone
        try:
            self._channel.send(message | ({"modes": modes} if with_port else {}), sockets if with_port else ())
        except Gone:
            return

    def on_orphaned(self, act: Callable[[], None]) -> None:
        """Call `act` when the supervisor is gone."""
        loop = asyncio.get_running_loop()

        def hear() -> None:
            try:
                list(self._channel.receive())
            except Gone:
                loop.remove_reader(self._channel.fileno())
                act()

        loop.add_reader(self._channel.fileno(), hear)

    def leave(self) -> None:
        """Take no more connections."""
        self._tally.leave(self.number)

    async def _listen(self, mode: str, open_: Open, serve: Serve) -> list[Any]:
        if self.opens:
            self._port[mode] = await _opened(open_)
        self._tally.come(self.number)
        return [SharedServer(self._port[mode], serve, tally=self._tally, number=self.number)]


async def _opened(open_: Open) -> list[socket.socket]:
    """Have mitmproxy open a port, and take it over from it. What it opens for UDP is closed: that cannot be shared."""
    sockets = []
    for server in await open_():
        if isinstance(server, asyncio.Server):
            sockets += [each.dup() for each in server.sockets]
        server.close()
    for each in sockets:
        each.setblocking(False)
        each.listen(_WAITING)
    return sockets


def _number_records(number: int) -> None:
    """Put the worker's number before everything that is logged, mitmproxy's own included."""
    make = logging.getLogRecordFactory()

    def numbered(*args: Any, **fields: Any) -> logging.LogRecord:
        record = make(*args, **fields)
        record.msg = f"[{number}] {record.msg}"
        return record

    logging.setLogRecordFactory(numbered)
