"""Fear: a host that could be reached is not, since the first of its addresses is dead; or a connection is left open."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from isartor_addon.layers.cloud import dial

type Address = tuple[str, int]
V4, V6 = socket.AF_INET, socket.AF_INET6


@contextmanager
def listening() -> Iterator[tuple[socket.socket, Address]]:
    """Something that can be connected to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server, server.getsockname()


@contextmanager
def refusing() -> Iterator[Address]:
    """An address where nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield nobody.getsockname()


@contextmanager
def silent() -> Iterator[Address]:
    """An address that neither takes a connection nor refuses it: its queue is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()


def known_as(monkeypatch: pytest.MonkeyPatch, *addresses: Address) -> None:
    """Have the system look a name up so."""
    found = [(V4, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def connect(*, eager: bool = False) -> Address:
    """Connect to the host; where that led."""

    async def story() -> Address:
        if eager:
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with asyncio.timeout(20):
            with await dial.connected("host.test", 1) as made:
                to: Address = made.getpeername()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*left, return_exceptions=True)
        return to

    return asyncio.run(story())


@pytest.mark.parametrize("eager", [False, True], ids=["lazy", "eager"])
def test_a_dead_address_is_passed_by(monkeypatch: pytest.MonkeyPatch, *, eager: bool) -> None:
    """One that refuses, and one that says nothing, which is not waited for; also where tasks begin eagerly."""
    with listening() as (_, good), refusing() as refused, silent() as nobody:
        for order in ((refused, good), (nobody, good), (nobody, refused, good), (good, refused)):
            known_as(monkeypatch, *order)
            assert connect(eager=eager) == good


def test_where_all_are_dead_the_last_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused is refused, and a name without an address is an error, too."""
    with refusing() as one, refusing() as other:
        known_as(monkeypatch, one, other)
        with pytest.raises(ConnectionRefusedError):
            connect()
    known_as(monkeypatch)
    with pytest.raises(OSError, match="no address"):
        connect()


def test_who_stops_waiting_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts that are under way end with whoever wanted them."""

    async def story() -> int:
        calling = asyncio.ensure_future(dial.connected("host.test", 1))
        for _ in range(20):
            await asyncio.sleep(0)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        return len(asyncio.all_tasks()) - 1

    with silent() as nobody:
        known_as(monkeypatch, nobody)
        assert asyncio.run(story()) <= 1  # the one attempt is being cancelled


def test_families_take_turns() -> None:
    """After the first address comes one of the other family, whatever the order of the look-up."""
    found = [(family, socket.SOCK_STREAM, 6, "", name) for family, name in ((V6, "a"), (V6, "b"), (V6, "c"), (V4, "d"))]
    assert [each[4] for each in dial.in_turn(found)] == ["a", "d", "b", "c"]
