"""The addon: what mitmproxy calls, and in what order things happen to a request.

`requestheaders` says whose it is, `request` asks the pipeline, `responseheaders` tees the provider's reply, `response`
or `error` ends it. Any fault of ours lets the request go on to the provider as it came.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mitmproxy import connection, ctx, dns, exceptions, http, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs, server_hooks

from isartor_addon import assemble
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import IsartorError
from isartor_addon.pipeline import describe_fault
from isartor_addon.proxy import allocator, convert, loops, models, offline, options, views
from isartor_addon.proxy.afterwards import Afterwards
from isartor_addon.proxy.commands import Commands
from isartor_addon.proxy.door import Door
from isartor_addon.proxy.lay import Table, ask_fewer, lay
from isartor_addon.proxy.ours import content_length, is_ip, is_ours, routes_of, sender_of
from isartor_addon.proxy.passing import Passing
from isartor_addon.proxy.relay import Relay
from isartor_addon.proxy.replies import Replies
from isartor_addon.proxy.requests import Requests
from isartor_addon.proxy.sockets import Sockets
from isartor_addon.proxy.splice import Splices
from isartor_addon.proxy.tasks import Tasks
from isartor_addon.wire.pass_only import is_pass_only

if TYPE_CHECKING:
    from isartor_addon.proxy.lane import Lane

logger = logging.getLogger(__name__)

STREAM_UPLOADS = 1024 * 1024
"""Request bodies on paths that are not ours are streamed from this size on, in bytes."""


class Isartor:
    """The prompt firewall as a mitmproxy addon."""

    house: assemble.House
    """What serves requests; set by `configure`. No property: mitmproxy reads all attributes of an addon before."""

    def __init__(self, config: Config | None = None, *, ends: loops.Ends | None = None) -> None:
        """
        Args:
            config: the settings but for mitmproxy's options; None: from the config file and the environment.
            ends: where several processes serve one port, what they share to know their own connections by.
        """
        self._given = config
        self._open = False
        self._tasks = Tasks()
        self._relay = Relay(self._tasks)
        self._loops = loops.Loops(ends)
        self._passing: dict[str, Passing] = {}
        self._flows: set[str] = set()
        """What has begun and has not ended, by flow id, whoever's it is."""
        self._closing = False
        self._afterwards = Afterwards()
        self._requests = Requests(
            lambda: self.house,
            tasks=self._tasks,
            relay=self._relay,
            passing=self._passing,
            afterwards=self._afterwards,
            alone=self._is_alone,
        )
        self._splices = Splices(self._tasks)
        self._replies = Replies(
            self._tasks, self._splices, alone=self._is_alone, unseen=self._is_unseen, afterwards=self._afterwards
        )
        self._sockets = Sockets(lambda: self.house, self._tasks, peek=self._requests.peek)
        self._lane: Lane | None = None
        self._table: Table | None = None

    # --- life ---------------------------------------------------------------------------------------------------------

    def load(self, loader: Loader) -> None:
        """Declare options, commands and the view of prompts."""
        allocator.set_bounds()
        options.register(loader)
        ctx.master.commands.collect_commands(Commands(lambda: self.house))
        views.register()

    def configure(self, updated: set[str]) -> None:
        """Build the house, and build it anew when a setting changes."""
        if self._table is not None:
            self._table.forget()
        if self._open and not any(name.startswith("isartor_") for name in updated):
            return
        try:
            house = assemble.build(options.read(self._given), is_own=loops.is_own)
        except IsartorError as error:  # such as a cassette that cannot be read
            raise exceptions.OptionsError(str(error)) from error
        if self._open:
            self._afterwards.do_all()
            self.house.close()
        self.house, self._open = house, True

    def running(self) -> None:
        """Warn of options that spoil what we are for."""
        if ctx.options.connection_strategy != "lazy":
            logger.warning("connection_strategy=eager calls the provider even for answers from here: set it to lazy")
        if self._given is None and self.house.config.token and not ctx.options.proxyauth:
            logger.warning("isartor_token counts under `isartor up` only; here it is mitmproxy's option proxyauth")
        self._lane = lay(self, lambda: self.house, requests=self._requests, tasks=self._tasks)
        self._table = ask_fewer(lambda: self.house)
        self._tasks.start(allocator.keep_giving_back())

    def _is_alone(self) -> bool:
        return self._lane is not None and self._lane.gate.is_alone()

    def _is_unseen(self) -> bool:
        return self._lane is not None and self._lane.gate.is_unseen()

    def in_flight(self) -> int:
        """How many answers are on their way, those inside sockets among them."""
        return len(self._flows) + self._sockets.owed()

    def close_after_answers(self) -> None:
        """From now on let HTTP/1 clients ask nothing more on a connection that has an answer (RFC 9112, 9.6)."""
        self._closing = True
        if self._lane is not None:
            self._lane.step_aside()  # it sends no such header

    def done(self) -> None:
        """Finish what is being written."""
        if self._table is not None:
            self._table.remove()
            self._table = None
        if self._lane is not None:
            ctx.master.addons.remove(self._lane)
            self._lane = None
        self._relay.close()
        self._afterwards.do_all()
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
        elif not data.context.server.connected and is_ip(address[0]) and data.client_hello.sni:
            # A client that resolves names itself (socks5, transparent) gives an address, which mitmproxy would write
            # into the leaf beside the name, and our CA may sign for no address.
            data.context.server.address = (data.client_hello.sni, address[1])

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """While a cassette is replayed nothing leaves this machine, and offline nothing but what may."""
        if self._relay.is_own(data.server.address):
            return
        if self.house.replaying:
            data.server.error = "isartor replays a cassette: no connection leaves this machine"
        elif reason := offline.held_back(data.server, self.house.reach):
            data.server.error = reason

    def dns_request(self, flow: dns.DNSFlow) -> None:
        """Offline nobody is asked for a name either."""
        if self.house.reach.offline or self.house.replaying:
            flow.response = offline.no_name(flow.request)

    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Remember connections that may lead back here."""
        self._loops.connected(data.server)

    def server_disconnected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Forget them."""
        self._loops.disconnected(data.server)

    def client_disconnected(self, client: connection.Client) -> None:
        """Wake what waits on behalf of this client."""
        self._requests.left(client)

    # --- requests -----------------------------------------------------------------------------------------------------

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """A request begins."""
        self._flows.add(flow.id)
        self.prepare(flow)

    def prepare(self, flow: http.HTTPFlow) -> None:
        """Find out whose the request is, and let bodies that we do not read stream."""
        if flow.response is not None:  # refused for want of the proxy's token
            return
        if self._loops.come_round(flow.client_conn):
            loops.refuse(flow)
            return
        try:
            if Door.is_addressed(flow):
                self._requests.enter_door(flow)
            elif not is_ours(flow, self.house.hosts):
                return
            if not isinstance(flow.client_conn.proxy_mode, mode_specs.UpstreamMode):  # there it may be the next proxy's
                flow.request.headers.pop("proxy-authorization", None)
            size, own = content_length(flow.request), self.house.config.own_headers
            if routes_of(flow):
                # An option such as stream_large_bodies=1m would take the prompt past us.
                large = size > self.house.config.body_limit_mb * assemble.MIB and flow.response is None
                flow.request.stream = large
                if large:
                    convert.strip_control(flow.request, own=own)
            elif not Sockets.is_upgrade(convert.request_of(flow)):
                convert.strip_own(flow.request, own=own)
                # Both sides of a binary RPC may wait for each other: it must flow while it is being sent.
                rpc = is_pass_only(flow.request.headers.get("content-type", ""))
                if (rpc or size > STREAM_UPLOADS) and flow.response is None:
                    flow.request.stream = True
        except Exception as error:
            self._fault(flow, error)

    async def request(self, flow: http.HTTPFlow) -> None:
        """Ask the pipeline; answer, refuse, hand over to the relay, or let the request pass."""
        if flow.response is not None or flow.error is not None or flow.request.stream:
            return
        try:
            if models.ASKED in flow.metadata:
                flow.response = await models.answer(self.house)
            elif is_ours(flow, self.house.hosts):
                request = convert.request_of(flow)
                if routes := routes_of(flow):
                    await self._requests.serve(flow, request, routes)
                elif Sockets.is_upgrade(request):
                    self._sockets.upgrade(flow, request, sender_of(flow))
                elif not self.house.reach.allows(request.host, request.port):
                    offline.refuse(flow)
        except Exception as error:
            self._fault(flow, error)

    # --- replies ------------------------------------------------------------------------------------------------------

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Let streams stream, and learn from them as they go by."""
        response = flow.response
        if response is None:
            return
        if self._closing and not flow.request.is_http2:
            response.headers["connection"] = "close"
        try:
            if passing := self._passing.get(flow.id):
                self._replies.begin(flow, response, passing)
            elif "isartor" not in flow.metadata and response.status_code != 101 and is_ours(flow, self.house.hosts):
                response.stream = response.stream or self._splices.follow(flow, self.house.config.streams)
        except Exception as error:
            self._fault(flow, error)

    def response(self, flow: http.HTTPFlow) -> None:
        """The reply has gone by."""
        self._flows.discard(flow.id)
        if flow.websocket is None:
            self._sockets.end(flow)
        passing = self._ended(flow)
        if passing is None or flow.response is None:
            return
        try:
            self._replies.end(flow, flow.response, passing)
        except Exception as error:
            self._fault(flow, error)

    def error(self, flow: http.HTTPFlow) -> None:
        """The connection to the client or to the provider broke."""
        self._flows.discard(flow.id)
        self._sockets.end(flow)
        if passing := self._ended(flow):
            self._replies.broken(flow, passing)

    def _ended(self, flow: http.HTTPFlow) -> Passing | None:
        passing = self._passing.pop(flow.id, None)
        if passing is not None and passing.ticket is not None:
            self._relay.give_back(passing.ticket)
        return passing

    # --- WebSockets ---------------------------------------------------------------------------------------------------

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """A message goes by."""
        await self._sockets.message(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """A socket closes."""
        self._sockets.end(flow)

    def _fault(self, flow: http.HTTPFlow, error: Exception) -> None:
        """Fail open: the request goes on; log and mark say so."""
        logger.warning("%s; the request goes on to the provider", describe_fault(error))
        flow.marked = ":warning:"
        flow.comment = f"isartor: {type(error).__name__}; the request went on to the provider"
        convert.strip_control(flow.request, own=self.house.config.own_headers)
