"""Responses over WebSocket, as Codex and Copilot speak it: hits are answered inside the socket, misses learned from it.

A message is answered here only while the provider owes this socket nothing, so that answers never mix; the provider's
side of the socket simply hears nothing of it. What the conversation was is kept by `wire/responses_chain.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from mitmproxy import ctx, http
from mitmproxy.websocket import WebSocketMessage

from isartor_addon.assemble import MIB, House
from isartor_addon.core.exchange import Exchange, Request
from isartor_addon.core.outcome import Answer, Outcome, Refuse
from isartor_addon.core.reply import Usage
from isartor_addon.intake import Intake, Sender
from isartor_addon.pipeline import describe_fault
from isartor_addon.proxy import convert
from isartor_addon.proxy.show import show
from isartor_addon.proxy.tasks import Tasks
from isartor_addon.proxy.tee import Tee
from isartor_addon.wire import openai_responses
from isartor_addon.wire.responses_chain import Chain, Create, error_message, fate, in_lane, read_create
from isartor_addon.wire.usage import usage_so_far

logger = logging.getLogger(__name__)

_BETA = "openai-beta"


@dataclass(slots=True)
class _Socket:
    request: Request
    """The upgrade."""
    sender: Sender
    chain: Chain = field(default_factory=Chain)
    owed: int = 0
    """Responses that the provider still owes."""
    asked: Create | None = None
    last: tuple[House, Exchange] | None = None
    """The request that was read last, and who served it."""
    sent: tuple[WebSocketMessage, bytes] | None = None
    """The message that asks it, and what it said when we let it go on."""
    tee: Tee | None = None
    """Learns the response in flight; None while two are, for then nobody can tell whose an event is."""
    answered: int = 0
    passed: int = 0


class Sockets:
    """All open sockets of the Responses wire."""

    def __init__(self, house: Callable[[], House], tasks: Tasks, *, peek: Callable[[Exchange], Outcome | None]) -> None:
        """
        Args:
            house: in force now.
            tasks: what runs besides.
            peek: what can be answered at once from memory.
        """
        self._house = house
        self._tasks = tasks
        self._peek = peek
        self._open: dict[str, _Socket] = {}

    def upgrade(self, flow: http.HTTPFlow, request: Request, sender: Sender) -> None:
        """
        A client asks for a socket: let it open, or send the client to HTTP with a 426 (RFC 9110, 15.5.22).

        A socket leads to one provider. Where a chain may be for a request in it, which may then go to another, it is
        HTTP; offline also, as there is no provider to keep a socket with.
        """
        house = self._house()
        passes = house.reach.allows(request.host, request.port) and not house.may_be_relayed(request)
        if passes and house.config.websocket == "native" and not house.config.cassette:
            self._open[flow.id] = _Socket(_as_over_http(request), sender)
            convert.strip_control(flow.request, own=house.config.own_headers)
            return
        body = openai_responses.WIRE.error(426, "isartor_use_http", "isartor: use HTTP")
        flow.response = convert.json_response(426, body, {"upgrade": "HTTP/1.1", "connection": "Upgrade"})

    @staticmethod
    def is_upgrade(request: Request) -> bool:
        """Whether a request asks for a socket of this wire."""
        wants = request.headers.get("upgrade", "").lower() == "websocket"
        return wants and openai_responses.is_socket_path(request.path)

    async def message(self, flow: http.HTTPFlow) -> None:
        """A message has come whole, from either side."""
        socket = self._open.get(flow.id)
        assert flow.websocket is not None
        message = flow.websocket.messages[-1]
        if socket is None or message.injected:
            return
        try:
            if message.from_client:
                await self._from_client(flow, socket, message)
            else:
                self._from_server(socket, message.content)
        except Exception as error:
            logger.warning("%s; the message goes on", describe_fault(error))

    def owed(self) -> int:
        """How many responses are on their way."""
        return sum(socket.owed for socket in self._open.values())

    def end(self, flow: http.HTTPFlow) -> None:
        """The socket is closed, or never opened."""
        socket = self._open.pop(flow.id, None)
        if socket is not None and socket.tee is not None:
            socket.tee.cut("the socket closed")

    async def _from_client(self, flow: http.HTTPFlow, socket: _Socket, message: WebSocketMessage) -> None:
        create = read_create(message.content)
        if create is None:
            return
        house = self._house()
        exchange = self._read(house, flow, socket, create)
        if exchange is not None:
            socket.last = house, exchange
        if exchange is None or socket.owed:
            message.content = socket.chain.outgoing(create, message.content)
            self._pass_unlearned(socket)
            return
        outcome = self._peek(exchange) or await house.pipeline.ask(exchange)
        try:
            self._apply(house, socket, create, exchange=exchange, outcome=outcome, flow=flow, message=message)
        except Exception:
            house.pipeline.lost(exchange, "a fault of ours")
            raise
        told = f"{socket.answered} answered from here, {socket.passed} passed on"
        show(flow, exchange, "hit" if socket.answered else "forward", told)

    def _apply(
        self,
        house: House,
        socket: _Socket,
        create: Create,
        *,
        exchange: Exchange,
        outcome: Outcome | None,
        flow: http.HTTPFlow,
        message: WebSocketMessage,
    ) -> None:
        match outcome:
            case Answer():
                self._inject(flow, message, outcome.chunks)
                socket.chain.learn(create, outcome.chunks, local=True)
                socket.answered += 1
                house.journal.record(exchange, layer=outcome.layer, status=outcome.status)
                house.accounts.enter(exchange, layer=outcome.layer, status=outcome.status, usage=outcome.usage)
            case Refuse():
                error = outcome.error
                self._inject(flow, message, (error_message(error.status, error.code, str(error)),))
                house.journal.record(exchange, layer=outcome.layer, status=error.status)
                house.accounts.enter(exchange, layer=outcome.layer, status=error.status)
            case _:
                self._forward(house, socket, create, exchange=exchange, message=message)

    @staticmethod
    def _read(house: House, flow: http.HTTPFlow, socket: _Socket, create: Create) -> Exchange | None:
        route = openai_responses.WIRE.route("POST", socket.request.host, socket.request.path, socket.request.query)
        if route is None:
            return None
        intake: Intake = house.intake
        body = socket.chain.body(create)
        exchange = intake.read(
            socket.request, route, body, id=flow.id, started=house.clock.time(), sender=socket.sender
        )
        exchange.mode = "ws"
        return exchange

    def _forward(
        self, house: House, socket: _Socket, create: Create, *, exchange: Exchange, message: WebSocketMessage
    ) -> None:
        exchange.raw = message.content
        message.content = socket.chain.outgoing(create, message.content)
        exchange.note(convert.PROVIDER_TAG, "forward")
        house.journal.record(exchange, layer=convert.PROVIDER_TAG, status=200)
        socket.passed += 1
        socket.owed = 1
        socket.asked = create
        socket.sent = message, message.content
        socket.tee = Tee(
            exchange,
            house.pipeline,
            mode="ws",
            encodings="",
            headers=(("content-type", openai_responses.WIRE.content_type("sse")),),
            limit=house.config.body_limit_mb * MIB,
            background=self._tasks.start,
            account=partial(_enter, house, exchange),
        )

    def _pass_unlearned(self, socket: _Socket) -> None:
        """A second request while one is in flight: both pass, neither is learned."""
        socket.passed += 1
        socket.owed += 1
        if socket.tee is not None:
            socket.tee.cut("another request on the same socket", account=False)
            socket.tee = None

    def _from_server(self, socket: _Socket, content: bytes) -> None:
        if not socket.owed or in_lane(content):
            return
        ending = fate(content)
        tee = socket.tee
        if socket.sent is not None:
            message, said = socket.sent
            socket.sent = None
            if tee is not None and message.content != said:
                tee.cut("another addon changed the request", account=False)
                socket.tee = tee = None
        if tee is not None:
            tee(content)
        if not ending:
            return
        socket.owed -= 1
        socket.tee = None
        if tee is None and socket.last is not None:  # whose it is cannot be told; what it used can
            _enter(*socket.last, usage_so_far(openai_responses.WIRE, "ws", content), False)
        if tee is None or socket.asked is None:
            return
        if ending == "complete":
            socket.chain.learn(socket.asked, tuple(tee.chunks), local=False)
            tee(b"")
        else:
            tee.cut("the provider reports a failure")

    @staticmethod
    def _inject(flow: http.HTTPFlow, message: WebSocketMessage, chunks: tuple[bytes, ...]) -> None:
        """Answer in the provider's place. The hook holds the socket: what is injected comes after it, in order."""
        message.drop()
        for chunk in chunks:
            ctx.master.commands.call("inject.websocket", flow, True, chunk, True)


def _enter(house: House, exchange: Exchange, usage: Usage | None, cut: bool) -> None:
    house.accounts.enter(exchange, layer=convert.PROVIDER_TAG, status=200, usage=usage, partial=cut)


def _as_over_http(request: Request) -> Request:
    """The upgrade without the header that only asks for a socket: what it asks is the same over HTTP."""
    headers = dict(request.headers)
    if headers.get(_BETA, "").startswith("responses_websockets"):
        del headers[_BETA]
    return replace(request, headers=headers)
