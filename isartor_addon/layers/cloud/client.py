"""The HTTP client of the chain: asks providers, and nobody else, and gives what they say as it comes.

What is sent is what the caller says, without a header, cookie, credential or redirect of the library's own; the
environment's proxies, which may be this one, are not looked at. Whoever leaves `ask` early ends the call: the
connection is closed, or over HTTP/2 the stream reset, before `ask` returns.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from isartor_addon.core.errors import Lost
from isartor_addon.core.reach import Reach, is_loopback

if TYPE_CHECKING:
    import httpx2

IDLE_S = 15.0
"""How long a connection is kept for the next request: less than servers do, so that none is used as it dies."""
POOL_S = 30.0
"""How long a request waits for a connection when all are in use."""

_TALKATIVE = ("httpx2", "httpcore2", "hpack")
"""Libraries that describe every step in the log, which takes as long as the step, and headers with it."""

type Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Terms:
    """How providers are reached."""

    connect_s: float = 10.0
    silence_s: float = 300.0
    """The longest silence, before the first byte or between two."""
    connections: int = 200
    http2: bool = False
    proxy: str = ""
    """A proxy for everything that leaves this machine; empty: none."""
    proxy_login: str = field(default="", repr=False)
    """What to show it, `user:password`."""
    ca_file: str = ""
    """Certificates to trust besides those of public authorities, PEM; empty: none."""


class Received:
    """A reply whose head is here."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.status: int = response.status_code
        self.fields = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers.raw
        )
        """All headers, names in lower case; their bytes as Latin-1, which is how they go on."""
        self.headers: Mapping[str, str] = dict(self.fields)
        """The last of each name."""

    async def chunks(self) -> AsyncGenerator[bytes]:
        """
        The body as it comes, content encoding removed.

        Raises:
            Lost: it does not come to its end, or is not encoded as it says.
        """
        import httpx2

        try:
            async for chunk in self._response.aiter_bytes():
                yield chunk
        except httpx2.HTTPError as error:
            raise _lost(error) from error


def _nobody(_: Address) -> bool:
    return False


class Client:
    """Asks over pooled connections. For one event loop; connects to nothing until it is first asked."""

    def __init__(
        self, terms: Terms, reach: Reach, *, is_own: Callable[[Address], bool] = lambda address: False
    ) -> None:
        """
        Args:
            terms: how providers are reached.
            reach: where a connection may lead at all.
            is_own: whether an address of this machine is one at which this proxy listens: a request would come round.
        """
        self._terms = terms
        self._reach = reach
        self._is_own = is_own
        self._transports: dict[bool, httpx2.AsyncHTTPTransport] = {}
        """By whether it asks through the proxy."""
        self._asking = 0
        self._closed = False
        self.closing: asyncio.Task[None] | None = None
        """Ends when all connections are closed, once there is nothing more to wait for."""

    @asynccontextmanager
    async def ask(
        self, url: str, headers: Mapping[str, str], body: bytes, *, method: str = "POST"
    ) -> AsyncGenerator[Received]:
        """
        Send `body` to `url`.

        Args:
            url: whole, with its query.
            headers: everything that is sent but `host` and `content-length`.
            body: the whole of it.

        Raises:
            Lost: there is no reply.
        """
        import httpx2

        timeout = httpx2.Timeout(
            self._terms.silence_s, connect=self._terms.connect_s, write=self._terms.silence_s, pool=POOL_S
        )
        extensions = {"timeout": timeout.as_dict(), "trace": self._look}
        # Compressed pieces of a stream may wait for more to be compressed with.
        sent = {**headers, "accept-encoding": "identity"}
        request = httpx2.Request(
            method,
            url,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
            content=body,
            extensions=extensions,
        )
        host, port = request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80)
        proxied = bool(self._terms.proxy) and not is_loopback(host)
        for name, at in ((host, port), *((self._proxy_address(),) if proxied else ())):
            if not self._reach.allows(name, at):
                raise Lost("offline", f"offline: {name} is not among the hosts that may be reached")
        self._asking += 1
        try:
            response = await self._send(request, proxied=proxied)
            try:
                yield Received(response)
            finally:
                await response.aclose()
        finally:
            self._asking -= 1
            self._close_if_idle()

    def close(self) -> None:
        """Close all connections once nobody is being asked any more."""
        self._closed = True
        self._close_if_idle()

    async def _send(self, request: httpx2.Request, *, proxied: bool) -> httpx2.Response:
        import httpx2

        if proxied not in self._transports:
            self._transports[proxied] = self._open(proxied=proxied)
        try:
            response = await self._transports[proxied].handle_async_request(request)
        except httpx2.HTTPError as error:
            raise _lost(error) from error
        except OSError as error:  # a name that cannot be written, a certificate that cannot be read
            raise Lost("connect", type(error).__name__) from error
        response.request = request
        return response

    def _proxy_address(self) -> Address:
        url = urlsplit(self._terms.proxy)
        return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)

    def _open(self, *, proxied: bool) -> httpx2.AsyncHTTPTransport:
        import httpx2

        from isartor_addon.layers.cloud.resets import teach

        for name in _TALKATIVE:  # under mitmproxy, which listens to everything
            logging.getLogger(name).setLevel(logging.WARNING)
        terms = self._terms
        context = httpx2.create_ssl_context(trust_env=False)
        if terms.ca_file:
            context.load_verify_locations(terms.ca_file)
        limits = httpx2.Limits(
            max_connections=terms.connections, max_keepalive_connections=terms.connections, keepalive_expiry=IDLE_S
        )
        return httpx2.AsyncHTTPTransport(
            verify=context,
            trust_env=False,
            http2=terms.http2 and teach(),
            limits=limits,
            proxy=_proxy(terms, context) if proxied else None,
        )

    async def _look(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by the library at every step; a new connection that leads back here is not used."""
        if event != "connection.connect_tcp.complete":
            return
        stream = info["return_value"]
        own, other = stream.get_extra_info("client_addr"), stream.get_extra_info("server_addr")
        if own and other and own[0] == other[0] and self._is_own((other[0], other[1])):
            await stream.aclose()
            raise Lost("loop", "the address of this provider is this proxy itself")

    def _close_if_idle(self) -> None:
        if self._closed and not self._asking and self._transports:
            transports, self._transports = tuple(self._transports.values()), {}
            self.closing = asyncio.get_running_loop().create_task(_close_all(transports))


async def _close_all(transports: tuple[httpx2.AsyncHTTPTransport, ...]) -> None:
    for each in transports:
        await each.aclose()


def _proxy(terms: Terms, context: ssl.SSLContext) -> httpx2.Proxy:
    import httpx2

    user, _, password = terms.proxy_login.partition(":")
    return httpx2.Proxy(
        terms.proxy,
        ssl_context=context if terms.proxy.startswith("https:") else None,
        auth=(user, password) if user else None,
    )


def _lost(error: httpx2.HTTPError) -> Lost:
    """What a fault of the connection means for the request."""
    import httpx2

    kind: Literal["connect", "timeout", "cut", "garbled"]
    match error:
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.PoolTimeout() | httpx2.ProxyError():
            kind = "connect"
        case httpx2.TimeoutException():
            kind = "timeout"
        case httpx2.DecodingError() | httpx2.LocalProtocolError() | httpx2.UnsupportedProtocol():
            kind = "garbled"
        case _:
            kind = "cut"
    return Lost(kind, type(error).__name__)
