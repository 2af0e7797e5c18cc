"""The addon: what mitmproxy calls, and in what order things happen to a request.

`requestheaders` says whose it is, `request` asks the pipeline, `responseheaders` tees the provider's reply, `response`
or `error` ends it. Any fault of ours lets the request go on to the provider as it came.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from dataclasses import replace
from functools import lru_cache

from mitmproxy import connection, ctx, exceptions, http, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs, server_hooks

from isartor_addon import __version__, assemble, wire
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import BadControl, ClientMistake, IsartorError, NotRecorded
from isartor_addon.core.exchange import Exchange, Request
from isartor_addon.core.outcome import Answer, Outcome, Refuse, Stream
from isartor_addon.intake import Sender, read_body
from isartor_addon.pipeline import describe_fault
from isartor_addon.proxy import coding, convert, models, native, options, views
from isartor_addon.proxy.commands import Commands
from isartor_addon.proxy.door import Door
from isartor_addon.proxy.passing import Passing
from isartor_addon.proxy.relay import Relay
from isartor_addon.proxy.show import show, show_trail
from isartor_addon.proxy.sockets import Sockets
from isartor_addon.proxy.tasks import Tasks
from isartor_addon.proxy.tee import Tee
from isartor_addon.wire.base import Route

logger = logging.getLogger(__name__)

STREAM_UPLOADS = 1024 * 1024
"""Request bodies on paths that are not ours are streamed from this size on, in bytes."""


class Isartor:
    """The prompt firewall as a mitmproxy addon."""

    house: assemble.House
    """What serves requests; set by `configure`. No property: mitmproxy reads all attributes of an addon before."""

    def __init__(self, config: Config | None = None) -> None:
        """
        Args:
            config: the settings; None: from the config file, the environment and mitmproxy's options.
        """
        self._given = config
        self._open = False
        self._tasks = Tasks()
        self._relay = Relay(self._tasks)
        self._sockets = Sockets(lambda: self.house, self._tasks)
        self._passing: dict[str, Passing] = {}
        self._leaving: dict[str, asyncio.Event] = {}
        """Set when a client connection closes, by its id; only for connections that wait for something."""

    # --- life ---------------------------------------------------------------------------------------------------------

    def load(self, loader: Loader) -> None:
        """Declare options, commands and the view of prompts."""
        options.register(loader)
        ctx.master.commands.collect_commands(Commands(lambda: self.house))
        views.register()

    def configure(self, updated: set[str]) -> None:
        """Build the house, and build it anew when a setting changes."""
        if self._open and not any(name.startswith("isartor_") for name in updated):
            return
        try:
            house = assemble.build(self._given or options.read())
        except IsartorError as error:  # such as a cassette that cannot be read
            raise exceptions.OptionsError(str(error)) from error
        if self._open:
            self.house.close()
        self.house, self._open = house, True
        self._door = Door(house.config.door)

    def running(self) -> None:
        """Warn of options that spoil what we are for."""
        if ctx.options.connection_strategy != "lazy":
            logger.warning("connection_strategy=eager calls the provider even for answers from here: set it to lazy")

    def done(self) -> None:
        """Finish what is being written."""
        self._relay.close()
        self._tasks.cancel()
        if self._open:
            self.house.close()
            self._open = False

    # --- connections --------------------------------------------------------------------------------------------------

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Open the TLS of LLM hosts only; all other connections are handed through untouched."""
        if isinstance(data.context.client.proxy_mode, mode_specs.ReverseMode):
            return
        address = data.context.server.address
        if address is None:  # TLS to the proxy's own port: the base-URL door
            return
        host = data.client_hello.sni or address[0]
        if not self.house.hosts.matches(host, address[1]):
            data.ignore_connection = True
        elif not data.context.server.connected and _is_ip(address[0]) and data.client_hello.sni:
            # A client that resolves names itself (socks5, transparent) gives an address, which mitmproxy would write
            # into the leaf beside the name, and our CA may sign for no address.
            data.context.server.address = (data.client_hello.sni, address[1])

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """While a cassette is replayed nothing leaves this machine."""
        if self._replays() and not self._relay.is_own(data.server.address):
            data.server.error = "isartor replays a cassette: no connection leaves this machine"

    def client_disconnected(self, client: connection.Client) -> None:
        """Wake what waits on behalf of this client."""
        if leaving := self._leaving.pop(client.id, None):
            leaving.set()

    # --- requests -----------------------------------------------------------------------------------------------------

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Find out whose the request is, and let bodies that we do not read stream."""
        try:
            if Door.is_addressed(flow):
                self._enter_door(flow)
            elif not self._is_ours(flow):
                return
            size = _content_length(flow.request)
            if self._routes(flow):
                limit = self.house.config.body_limit_mb * assemble.MIB
                # An option such as stream_large_bodies=1m would take the prompt past us.
                flow.request.stream = size > limit
            elif "upgrade" not in flow.request.headers:
                convert.strip_own(flow.request, tenant_header=self.house.config.tenant_header)
                if size > STREAM_UPLOADS and flow.response is None:
                    flow.request.stream = True
        except Exception as error:
            self._fault(flow, error)

    async def request(self, flow: http.HTTPFlow) -> None:
        """Ask the pipeline; answer, refuse, hand over to the relay, or let the request pass."""
        if flow.response is not None or flow.error is not None or flow.request.stream:
            return
        try:
            if "isartor_models" in flow.metadata:
                flow.response = await models.answer(self.house)
                return
            if not self._is_ours(flow):
                return
            request = convert.request_of(flow)
            if routes := self._routes(flow):
                await self._serve(flow, request, routes)
            elif Sockets.is_upgrade(request):
                self._sockets.upgrade(flow, request, _sender_of(flow))
        except Exception as error:
            self._fault(flow, error)

    async def _serve(self, flow: http.HTTPFlow, request: Request, routes: tuple[Route, ...]) -> None:
        house = self.house
        try:
            exchange = self._read(flow, request, routes)
        except BadControl as error:
            self._refuse(flow, routes[0], error)
            return
        except (ClientMistake, coding.Undecodable, coding.BodyTooLarge) as error:
            self._pass_unread(flow, routes[0], error)
            return
        convert.strip_control(flow.request, tenant_header=house.config.tenant_header)
        outcome = house.pipeline.peek(exchange)
        if outcome is None:
            outcome = await self._ask_unless_left(flow, exchange)
        self._apply(flow, exchange, outcome)

    def _read(self, flow: http.HTTPFlow, request: Request, routes: tuple[Route, ...]) -> Exchange:
        """Decode and read the request."""
        house = self.house
        raw = flow.request.raw_content or b""
        limit = house.config.body_limit_mb * assemble.MIB
        raw = coding.decode(raw, request.headers.get("content-encoding", ""), limit=limit)
        body, route = read_body(routes, raw)
        if route.wire is wire.native.WIRE and "isartor_door" in flow.metadata:
            target = self._door.native_target()
            request = replace(request, scheme=target.scheme, host=target.host, port=target.port)
        started, sender = house.clock.time(), _sender_of(flow)
        exchange = house.intake.read(request, route, body, id=flow.id, started=started, sender=sender)
        exchange.raw = raw
        return exchange

    async def _ask_unless_left(self, flow: http.HTTPFlow, exchange: Exchange) -> Outcome | None:
        """Ask the layers, for as long as the client is there to hear it."""
        asking = self._tasks.start(self.house.pipeline.ask(exchange))
        leaving = self._leaving.setdefault(flow.client_conn.id, asyncio.Event())
        left = self._tasks.start(leaving.wait())
        await asyncio.wait({asking, left}, return_when=asyncio.FIRST_COMPLETED)
        left.cancel()
        if asking.done():
            outcome: Outcome | None = asking.result()
            return outcome
        asking.cancel()
        self.house.pipeline.lost(exchange, "the client left")
        return None

    def _apply(self, flow: http.HTTPFlow, exchange: Exchange, outcome: Outcome | None) -> None:
        match outcome:
            case Answer():
                told = convert.said(exchange, layer=outcome.layer, deflected=True, age_s=outcome.age_s)
                body = outcome.chunks[0] if len(outcome.chunks) == 1 else b"".join(outcome.chunks)
                flow.response = convert.make_response(outcome.status, body, outcome.headers, told)
                show(flow, exchange, "hit", f"{outcome.layer} hit, {outcome.age_s} s old")
                self._end(flow, exchange, layer=outcome.layer, status=outcome.status)
            case Stream():
                asked = flow.request
                self._relay.hand_over(flow, outcome, exchange.route.wire)
                self._passing[flow.id] = Passing(exchange, outcome.layer, "stream", asked=asked)
            case Refuse():
                self._refuse(
                    flow, exchange.route, outcome.error, convert.said(exchange, layer=outcome.layer, deflected=True)
                )
                show(flow, exchange, "refuse", str(outcome.error))
                self._end(flow, exchange, layer=outcome.layer, status=outcome.error.status)
            case None:
                self._forward(flow, exchange)

    def _forward(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        exchange.note(convert.PROVIDER_TAG, "forward")
        passing = Passing(exchange, convert.PROVIDER_TAG, "forward")
        self._passing[flow.id] = passing
        if exchange.route.wire is wire.native.WIRE and "isartor_door" in flow.metadata:
            passing.asked, passing.native = flow.request.copy(), True
            native.send_as_chat(
                flow, exchange, target=self._door.native_target(), default_model=self.house.config.door.native_model
            )

    def _refuse(
        self, flow: http.HTTPFlow, route: Route, error: ClientMistake, told: dict[str, str] | None = None
    ) -> None:
        body = route.wire.error(error.status, error.code, str(error))
        flow.response = convert.json_response(error.status, body, told)

    def _pass_unread(self, flow: http.HTTPFlow, route: Route, error: Exception) -> None:
        """A request that we cannot read goes on as it came; the provider says what is wrong with it."""
        logger.debug("a request passes unread: %s", type(error).__name__)
        if self._replays():
            self._refuse(flow, route, NotRecorded(f"isartor: {error} (the cassette is being replayed)"))
            return
        convert.strip_control(flow.request, tenant_header=self.house.config.tenant_header)

    def _enter_door(self, flow: http.HTTPFlow) -> None:
        """Give a request to the proxy's own port its provider's address, or answer it here."""
        request = flow.request
        if request.path.partition("?")[0] == "/healthz":
            flow.response = convert.json_response(200, b'{"status":"ok","version":"%b"}' % __version__.encode())
            return
        if models.is_for_us(request, replaying=self._replays()):
            flow.metadata["isartor_models"] = True
            return
        target = self._door.target(request.path, anthropic="anthropic-version" in request.headers)
        if target is None:
            flow.response = convert.json_response(
                404, wire.openai_chat.WIRE.error(404, "not_found", "isartor: no such path")
            )
            return
        request.scheme, request.host, request.port, request.path = target.scheme, target.host, target.port, target.path
        flow.metadata["isartor_door"] = True

    # --- replies ------------------------------------------------------------------------------------------------------

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Let streams stream, and learn from them as they go by."""
        if flow.response is None:
            return
        try:
            passing = self._passing.get(flow.id)
            if passing is None:
                if "isartor" not in flow.metadata and flow.response.status_code != 101 and self._is_ours(flow):
                    flow.response.stream = True
                return
            self._tell(flow.response, passing)
            if passing.layer != convert.PROVIDER_TAG:
                flow.response.stream = True
            elif flow.response.status_code < 300 and flow.response.status_code != 101:
                self._tee(flow, flow.response, passing)
        except Exception as error:
            self._fault(flow, error)

    def response(self, flow: http.HTTPFlow) -> None:
        """The reply has gone by."""
        if flow.websocket is None:
            self._sockets.end(flow)
        passing = self._passing.pop(flow.id, None)
        if passing is None or flow.response is None:
            return
        try:
            self._finish(flow, flow.response, passing)
        except Exception as error:
            self._fault(flow, error)

    def error(self, flow: http.HTTPFlow) -> None:
        """The connection to the client or to the provider broke."""
        self._sockets.end(flow)
        passing = self._passing.pop(flow.id, None)
        if passing is None:
            return
        if passing.tee is not None:
            passing.tee.cut("the stream was cut")
        elif passing.layer == convert.PROVIDER_TAG:
            self.house.pipeline.lost(passing.exchange, "no reply")
        passing.restore(flow)
        self._end(flow, passing.exchange, layer=passing.layer, status=0)
        show_trail(flow, passing.exchange)

    def _tell(self, response: http.Response, passing: Passing) -> None:
        deflected = passing.layer != convert.PROVIDER_TAG
        told = convert.said(passing.exchange, layer=passing.layer, deflected=deflected, age_s=0 if deflected else None)
        for name, value in told.items():
            response.headers[name] = value

    def _tee(self, flow: http.HTTPFlow, response: http.Response, passing: Passing) -> None:
        exchange = passing.exchange
        content_type = response.headers.get("content-type", "").lower()
        mode = _mode_of(content_type, exchange.mode)
        passing.tee = Tee(
            exchange,
            self.house.pipeline,
            mode=mode,
            encodings=response.headers.get("content-encoding", ""),
            headers=convert.kept_headers(response, exchange.route.wire.request_id_headers),
            limit=self.house.config.body_limit_mb * assemble.MIB,
            background=self._tasks.start,
        )
        if mode != "json" and not passing.native:
            response.stream = passing.tee

    def _finish(self, flow: http.HTTPFlow, response: http.Response, passing: Passing) -> None:
        exchange, tee = passing.exchange, passing.tee
        if passing.native:
            native.answer_as_native(response)
        if tee is None:
            if passing.layer == convert.PROVIDER_TAG:
                self.house.pipeline.lost(exchange, f"the provider answered {response.status_code}")
        elif response.stream is tee and response.raw_content is None:
            response.content = b"".join(tee.chunks)
        elif response.stream or flow.server_conn.timestamp_start is None:
            tee.cut("another addon answered or took the stream")
        else:
            tee(response.raw_content or b"")
            tee(b"")
        passing.restore(flow)
        show(
            flow,
            exchange,
            passing.outcome,
            "shared with an identical request" if passing.outcome == "stream" else "passed on",
        )
        self._end(flow, exchange, layer=passing.layer, status=response.status_code)
        show_trail(flow, exchange)

    # --- WebSockets ---------------------------------------------------------------------------------------------------

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """A message goes by."""
        await self._sockets.message(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """A socket closes."""
        self._sockets.end(flow)

    # --- common -------------------------------------------------------------------------------------------------------

    def _replays(self) -> bool:
        return self.house.replaying

    def _is_ours(self, flow: http.HTTPFlow) -> bool:
        if isinstance(flow.client_conn.proxy_mode, mode_specs.ReverseMode) or "isartor_door" in flow.metadata:
            return True
        return self.house.hosts.matches(flow.request.host, flow.request.port)

    @staticmethod
    def _routes(flow: http.HTTPFlow) -> tuple[Route, ...]:
        request = flow.request
        path, _, query = request.path.partition("?")
        if query:
            return wire.find(request.method, request.host, path, convert.query_of(query))
        return _routes_without_query(request.method, request.host, path)

    def _end(self, flow: http.HTTPFlow, exchange: Exchange, *, layer: str, status: int) -> None:
        self.house.journal.record(exchange, layer=layer, status=status)

    def _fault(self, flow: http.HTTPFlow, error: Exception) -> None:
        """Fail open: the request goes on; log and mark say so."""
        logger.warning("%s; the request goes on to the provider", describe_fault(error))
        flow.marked = ":warning:"
        flow.comment = f"isartor: {type(error).__name__}; the request went on to the provider"
        convert.strip_control(flow.request, tenant_header=self.house.config.tenant_header)


def _sender_of(flow: http.HTTPFlow) -> Sender:
    """Who sent it; see `core/caller.py` for what that decides."""
    user = flow.metadata.get("proxyauth")
    peer = flow.client_conn.peername
    local = peer is not None and _is_loopback(peer[0])
    return Sender(trusted=local and not user, user=user[0] if user else "")


@lru_cache(maxsize=256)
def _routes_without_query(method: str, host: str, path: str) -> tuple[Route, ...]:
    """Looked up by two hooks for every request. What has a query is not kept: it may hold a credential."""
    return wire.find(method, host, path, {})


@lru_cache(maxsize=256)
def _is_loopback(host: str) -> bool:
    return _is_ip(host) and ipaddress.ip_address(host).is_loopback


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _content_length(request: http.Request) -> int:
    fields = request.headers.fields  # asking `headers` by name takes three times as long
    value = next((value for name, value in fields if name.lower() == b"content-length"), b"")
    return int(value) if value.isdigit() else 0


def _mode_of(content_type: str, asked: str) -> str:
    """How a reply is delivered, by its content type: providers do not always do as asked."""
    if content_type.startswith("text/event-stream"):
        return asked if asked.startswith("sse") else "sse"
    if "ndjson" in content_type or "jsonl" in content_type:
        return "ndjson"
    return asked if asked in ("array", "ndjson") else "json"


__all__ = ["Isartor"]
