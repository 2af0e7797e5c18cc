"""Connecting to a host that has several addresses, of which some may be dead (RFC 8305, "Happy Eyeballs").

asyncio can do so itself, but in Python before 3.12.7 not where tasks begin eagerly (CPython issue 124309), as mitmproxy
has them do.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from itertools import zip_longest
from typing import Any, Final

NEXT_S: Final = 0.25
"""How long one address is waited for before the next is tried as well (RFC 8305, 5)."""

type Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""What a look-up gives: family, kind, protocol, a name, and an address of that family."""


async def connected(host: str, port: int) -> socket.socket:
    """
    A socket that is connected to `host`, by the first of its addresses that answers.

    Raises:
        OSError: none does; the last one's error.
        UnicodeError: the name cannot be looked up.
    """
    loop = asyncio.get_running_loop()
    waiting = in_turn(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    trying: set[asyncio.Task[socket.socket]] = set()
    error: BaseException | None = OSError(f"{host} has no address")
    try:
        while waiting or trying:
            if waiting:
                trying.add(loop.create_task(_connect(waiting.pop(0))))
            patience_s = NEXT_S if waiting else None
            done, _ = await asyncio.wait(trying, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                trying.discard(task)
                error = task.exception()
                if error is None:
                    trying |= done - {task}
                    return task.result()
    finally:
        for task in trying:
            task.cancel()
            task.add_done_callback(_close)
    assert error is not None
    raise error


def in_turn(found: Iterable[Found]) -> list[Found]:
    """The addresses in their order, but the two families in turn: where one is dead, it is soon the other's."""
    found = list(found)
    first = [each for each in found if each[0] == found[0][0]]
    other = [each for each in found if each[0] != found[0][0]]
    return [each for pair in zip_longest(first, other) for each in pair if each is not None]


async def _connect(to: Found) -> socket.socket:
    family, kind, protocol, _, address = to
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made


def _close(task: asyncio.Task[socket.socket]) -> None:
    """Close a connection that came too late."""
    with suppress(OSError, asyncio.CancelledError):
        task.result().close()
