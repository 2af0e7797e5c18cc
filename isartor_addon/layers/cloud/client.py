"""The HTTP client of the chain: asks providers, and nobody else, and gives what they say as it comes.

What is sent is what the caller says, without a header, cookie, credential or redirect of the library's own; the
environment's proxies, which may be this one, are not looked at. Whoever leaves `ask` early ends the call: the
connection is closed, or over HTTP/2 the stream reset, before `ask` returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from isartor_addon.core.errors import Lost
from isartor_addon.core.exchange import WayOut
from isartor_addon.core.reach import Reach, is_loopback

if TYPE_CHECKING:
    import httpcore2

POOL_S = 30.0
"""How long a request waits for a connection when all are in use."""

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

    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response
        self.status: int = response.status
        self.fields = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers
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
        from isartor_addon.layers.cloud.network import FAULTS, lost

        pieces = _pieces(self._response)
        if self.headers.get("content-encoding", "identity") != "identity":
            pieces = _decoded(self._response, pieces)
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece
        except FAULTS as error:
            raise lost(error) from error


async def _pieces(response: httpcore2.Response) -> AsyncGenerator[bytes]:
    async for piece in cast("AsyncIterable[bytes]", response.stream):
        yield piece


async def _decoded(response: httpcore2.Response, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Without the content encoding, which few providers use unasked."""
    import httpx2

    class Body(httpx2.AsyncByteStream):
        def __aiter__(self) -> AsyncIterator[bytes]:
            return pieces

    async with aclosing(pieces):
        async for piece in httpx2.Response(response.status, headers=response.headers, stream=Body()).aiter_bytes():
            yield piece


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
        self._egress = WayOut(terms.proxy, terms.proxy_login) if terms.proxy else None
        self._pools: dict[WayOut | None, httpcore2.AsyncConnectionPool] = {}
        """By the proxy through which they ask; None: through none."""
        self._asking = 0
        self._closed = False
        self.closing: asyncio.Task[None] | None = None
        """Ends when all connections are closed, once there is nothing more to wait for."""

    @asynccontextmanager
    async def ask(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        method: str = "POST",
        way_out: WayOut | None = None,
    ) -> AsyncGenerator[Received]:
        """
        Send `body` to `url`.

        Args:
            url: whole, with its query.
            headers: everything that is sent but `host` and `content-length`.
            body: the whole of it.
            way_out: the proxy through which it leaves this machine where the terms name none.

        Raises:
            Lost: there is no reply.
        """
        request = _request(method, url, headers, body, terms=self._terms)
        host = request.url.host.decode("ascii").strip("[]")
        by = None if is_loopback(host) else self._egress or way_out
        for name, at in ((host, request.url.origin.port), *((_address(by),) if by else ())):
            if not self._reach.allows(name, at):
                raise Lost("offline", f"offline: {name} is not among the hosts that may be reached")
        self._asking += 1
        try:
            response = await self._send(request, by)
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

    async def _send(self, request: httpcore2.Request, by: WayOut | None) -> httpcore2.Response:
        from isartor_addon.layers.cloud.network import FAULTS, lost, open_pool

        try:
            if by not in self._pools:
                self._pools[by] = open_pool(self._terms, by, is_own=self._is_own)
            return await self._pools[by].handle_async_request(request)
        except FAULTS as error:
            raise lost(error) from error
        except OSError as error:  # a certificate that cannot be read
            raise Lost("connect", type(error).__name__) from error

    def _close_if_idle(self) -> None:
        if self._closed and not self._asking and self._pools:
            pools, self._pools = tuple(self._pools.values()), {}
            self.closing = asyncio.get_running_loop().create_task(_close_all(pools))


def _address(by: WayOut) -> Address:
    url = urlsplit(by.url)
    return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes, *, terms: Terms) -> httpcore2.Request:
    import httpcore2
    import httpx2

    # Compressed pieces of a stream may wait for more to be compressed with.
    sent = {**headers, "accept-encoding": "identity"}
    timeout = {"connect": terms.connect_s, "read": terms.silence_s, "write": terms.silence_s, "pool": POOL_S}
    parsed = httpx2.URL(url)
    return httpcore2.Request(
        method,
        httpcore2.URL(scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path),
        headers=[
            (b"host", parsed.netloc),
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()),
            *([(b"content-length", b"%d" % len(body))] if body or method == "POST" else []),
        ],
        content=body,
        extensions={"timeout": timeout},
    )


async def _close_all(pools: tuple[httpcore2.AsyncConnectionPool, ...]) -> None:
    for each in pools:
        await each.aclose()
