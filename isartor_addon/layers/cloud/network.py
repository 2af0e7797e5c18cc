"""How the client of the chain reaches its providers: connections of asyncio itself, for httpcore2's pool.

The library's own way leads through anyio, which for every piece of a stream waits for the event loop several times and
sets up several scopes. Each of them was small, and together they were half of the time that the relay takes.
"""

# ruff: noqa: ASYNC109 (the library's interface names time-outs so)
from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

import httpcore2
import httpx2

from isartor_addon.core.errors import Lost
from isartor_addon.core.exchange import WayOut
from isartor_addon.layers.cloud import dial
from isartor_addon.layers.cloud.resets import teach

if TYPE_CHECKING:
    from isartor_addon.layers.cloud.client import Address, Terms

FAULTS: Final = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
    httpx2.DecodingError,
)
"""What goes wrong on the way to a provider and back."""
IDLE_S: Final = 15.0
"""How long a connection is kept for the next request: less than servers do, so that none is used as it dies."""
ENOUGH: Final = 64 * 1024
"""Bytes that are sent at once; fewer are gathered until the next read, or the event loop's next turn: a request's head
and body are one packet then, and one record of TLS.
"""
_TALKATIVE: Final = ("httpx2", "httpcore2", "hpack")
"""Libraries that describe every step in the log, which takes as long as the step, and headers with it."""


def open_pool(terms: Terms, by: WayOut | None, *, is_own: Callable[[Address], bool]) -> httpcore2.AsyncConnectionPool:
    """
    The connections of one client.

    Args:
        terms: how providers are reached.
        by: the proxy by which; None: by none.
        is_own: see `Network`.

    Raises:
        OSError: the file of certificates cannot be read.
    """
    for name in _TALKATIVE:  # under mitmproxy, which listens to everything
        logging.getLogger(name).setLevel(logging.WARNING)
    context = httpx2.create_ssl_context(trust_env=False)
    if terms.ca_file:
        context.load_verify_locations(terms.ca_file)
    return httpcore2.AsyncConnectionPool(
        ssl_context=context,
        proxy=None if by is None else _proxy(by, context),
        max_connections=terms.connections,
        max_keepalive_connections=terms.connections,
        keepalive_expiry=IDLE_S,
        http2=terms.http2 and teach(),
        network_backend=Network(is_own),
    )


def _proxy(by: WayOut, context: ssl.SSLContext) -> httpcore2.Proxy:
    user, _, password = by.login.partition(":")
    return httpcore2.Proxy(
        by.url,
        ssl_context=context if by.url.startswith("https:") else None,
        auth=(user.encode(), password.encode()) if user else None,
    )


def lost(error: Exception) -> Lost:
    """What a fault means for the request; one of `FAULTS`."""
    kind: Literal["connect", "timeout", "cut", "garbled"]
    match error:
        case httpcore2.ConnectError() | httpcore2.ConnectTimeout() | httpcore2.PoolTimeout() | httpcore2.ProxyError():
            kind = "connect"
        case httpcore2.TimeoutException():
            kind = "timeout"
        case httpx2.DecodingError() | httpcore2.LocalProtocolError() | httpcore2.UnsupportedProtocol():
            kind = "garbled"
        case _:
            kind = "cut"
    return Lost(kind, type(error).__name__)


class Network(httpcore2.AsyncNetworkBackend):
    """Opens connections. A new one that leads back to this proxy is not used."""

    def __init__(self, is_own: Callable[[tuple[str, int]], bool]) -> None:
        """
        Args:
            is_own: whether an address of this machine is one at which this proxy listens.
        """
        self._is_own = is_own

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: object = None,
        socket_options: Any = None,
    ) -> httpcore2.AsyncNetworkStream:
        """
        Connect; nothing is said yet.

        Raises:
            Lost: the address is this proxy's own.
        """
        with _told_as(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(sock=await dial.connected(host, port))
        own, other = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        if own and other and own[0] == other[0] and self._is_own((other[0], other[1])):
            writer.transport.abort()
            raise Lost("loop", "the address of this provider is this proxy itself")
        return _Stream(reader, writer)


class _Stream(httpcore2.AsyncNetworkStream):
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._unsent: list[bytes] = []
        self._size = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, once something has; nothing at the end."""
        self._flush()
        with _told_as(httpcore2.ReadTimeout, httpcore2.ReadError):
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`, once there is room for it; whoever is cancelled here has sent it all the same."""
        if not buffer:
            return
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(buffer)
        self._size += len(buffer)
        if self._size < ENOUGH:
            return
        self._flush()
        with _told_as(httpcore2.WriteTimeout, httpcore2.WriteError):
            async with asyncio.timeout(timeout):
                await self._writer.drain()

    def _flush(self) -> None:
        if self._unsent:
            unsent = b"".join(self._unsent)
            self._unsent.clear()
            self._size = 0
            self._writer.write(unsent)

    async def aclose(self) -> None:
        """Close at once: nobody waits for the other side to agree."""
        self._writer.transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Go on with TLS over this connection."""
        try:
            with _told_as(httpcore2.ConnectTimeout, httpcore2.ConnectError):
                async with asyncio.timeout(timeout):
                    await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except BaseException:
            self._writer.transport.abort()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        """What the pool asks for; an idle connection with something to read is one that the other side ends."""
        if info == "is_readable":
            return self._reader.at_eof() or self._writer.transport.is_closing()
        return self._writer.get_extra_info(info)


@contextmanager
def _told_as(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    """Say in httpcore2's words what has gone wrong."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except (OSError, UnicodeError) as error:  # a name that cannot be written
        raise broken(str(error)) from error
