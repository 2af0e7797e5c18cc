"""From a request to what becomes of it: answered, refused, handed to the relay, or passed on to its provider."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from mitmproxy import connection, http

from isartor_addon import __version__, wire
from isartor_addon.assemble import MIB, House
from isartor_addon.core.errors import BadControl, ClientMistake, NotRecorded
from isartor_addon.core.exchange import Exchange, Request
from isartor_addon.core.outcome import Answer, Outcome, Refuse, Relayed, Stream
from isartor_addon.intake import Sender, read_body
from isartor_addon.proxy import coding, convert, debug, models, native
from isartor_addon.proxy.afterwards import Afterwards
from isartor_addon.proxy.door import Door
from isartor_addon.proxy.ours import DOOR, sender_of, way_out_of
from isartor_addon.proxy.passing import Passing, Sent
from isartor_addon.proxy.relay import Relay
from isartor_addon.proxy.show import show
from isartor_addon.proxy.tasks import Tasks
from isartor_addon.wire.base import Route

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the head of a request says, and who says it."""

    request: Request
    routes: tuple[Route, ...]
    """What it may mean."""
    by_door: bool
    """Whether it came to the proxy's own port."""
    sender: Sender


def asked_by(flow: http.HTTPFlow, request: Request, routes: tuple[Route, ...]) -> Asked:
    """What the head of `flow` says; our hook `requestheaders` has seen it."""
    return Asked(request, routes, DOOR in flow.metadata, sender_of(flow))


class Requests:
    """Serves requests."""

    def __init__(
        self,
        house: Callable[[], House],
        *,
        tasks: Tasks,
        relay: Relay,
        passing: dict[str, Passing],
        afterwards: Afterwards,
        alone: Callable[[], bool],
    ) -> None:
        """
        Args:
            house: who is asked now.
            tasks: holds what runs in the background.
            relay: gives answers that take their time.
            passing: those that went on and have not ended, by flow id.
            afterwards: does what can wait.
            alone: whether nobody but us has a say in what becomes of a request.
        """
        self._house = house
        self._afterwards = afterwards
        self._alone = alone
        self._tasks = tasks
        self._relay = relay
        self._passing = passing
        self._waiting: dict[str, set[asyncio.Task[Outcome | None]]] = {}
        """What is being asked on behalf of a client connection, by its id; only for connections that ever waited."""
        self._read_before: dict[str, tuple[Request, Exchange]] = {}
        """What the lane has read, by client connection; see `foresee`."""

    def enter_door(self, flow: http.HTTPFlow) -> None:
        """Give a request to the proxy's own port its provider's address, or answer it here."""
        house, request = self._house(), flow.request
        if request.path.partition("?")[0] == "/healthz":
            flow.response = convert.json_response(200, b'{"status":"ok","version":"%b"}' % __version__.encode())
            return
        if debug.is_for_us(request):
            flow.response = debug.answer(flow, house)
            return
        if models.is_for_us(request, replaying=house.replaying):
            flow.metadata[models.ASKED] = True
            return
        target = Door(house.config.door).target(request.path, anthropic="anthropic-version" in request.headers)
        if target is None:
            error = wire.openai_chat.WIRE.error(404, "not_found", "isartor: no such path")
            flow.response = convert.json_response(404, error)
            return
        request.scheme, request.host, request.port, request.path = target.scheme, target.host, target.port, target.path
        flow.metadata[DOOR] = True

    async def serve(self, flow: http.HTTPFlow, request: Request, routes: tuple[Route, ...]) -> None:
        """Read the request, ask the layers, and do as the first of them says."""
        house = self._house()
        try:
            exchange = self._foreseen(flow, request) or self.read(
                asked_by(flow, request, routes), id=flow.id, raw=flow.request.raw_content or b""
            )
        except BadControl as error:
            _refuse(flow, routes[0], error)
            return
        except (ClientMistake, coding.Undecodable, coding.BodyTooLarge) as error:
            self._pass_unread(flow, routes[0], error)
            return
        convert.strip_control(flow.request, own=house.config.own_headers)
        if flow.is_replay == "request" and exchange.control.cache in ("use", "exact"):  # by hand, in mitmproxy
            exchange.control = replace(exchange.control, cache="refresh")
        if exchange.control.wrong is not None:
            self._afterwards.do_all()
            await asyncio.to_thread(house.correct, exchange)
        outcome = self.peek(exchange)
        if outcome is None:
            outcome = await self._ask_unless_left(flow, exchange, house=house)
        try:
            self._apply(flow, exchange, outcome=outcome, house=house)
        except Exception:
            house.pipeline.lost(exchange, "a fault of ours")
            raise

    def peek(self, exchange: Exchange) -> Outcome | None:
        """What can be answered at once from memory, after what waits to be learned of the same request."""
        self._afterwards.catch_up(exchange.identity.key)
        return self._house().pipeline.peek(exchange)

    def left(self, client: connection.Client) -> None:
        """Give up what is being asked on behalf of a client that has left."""
        self._read_before.pop(client.id, None)
        for asking in self._waiting.pop(client.id, ()):
            asking.cancel()

    def foresee(self, request: Request, exchange: Exchange, client: connection.Client) -> None:
        """Take what the lane has read of a request that it then hands over, so that it is not read twice."""
        self._read_before[client.id] = request, exchange

    def _foreseen(self, flow: http.HTTPFlow, request: Request) -> Exchange | None:
        before, exchange = self._read_before.pop(flow.client_conn.id, (None, None))
        if exchange is None or before != request or exchange.raw != flow.request.raw_content:
            return None
        exchange.id = flow.id
        return exchange

    def forget_read(self) -> None:
        """A setting has changed, so that what was read may be read otherwise now."""
        self._read_before.clear()

    def read(self, asked: Asked, *, id: str, raw: bytes) -> Exchange:
        """
        Decode and read a request.

        Args:
            asked: what its head says.
            id: of the flow.
            raw: the body as it was received.

        Raises:
            BadControl: a control header holds none of its values.
            ClientMistake, Undecodable, BodyTooLarge: it cannot be read.
        """
        house, request = self._house(), asked.request
        limit = house.config.body_limit_mb * MIB
        raw = coding.decode(raw, request.headers.get("content-encoding", ""), limit=limit)
        body, route = read_body(asked.routes, raw)
        if route.wire is wire.native.WIRE and asked.by_door:
            target = Door(house.config.door).native_target()
            request = replace(request, scheme=target.scheme, host=target.host, port=target.port)
        exchange = house.intake.read(request, route, body, id=id, started=house.clock.time(), sender=asked.sender)
        exchange.raw = raw
        return exchange

    async def _ask_unless_left(self, flow: http.HTTPFlow, exchange: Exchange, *, house: House) -> Outcome | None:
        """Ask the layers, for as long as the client is there to hear it."""
        asking = self._tasks.start(house.pipeline.ask(exchange))
        if not asking.done():
            waiting = self._waiting.setdefault(flow.client_conn.id, set())
            waiting.add(asking)
            await asyncio.wait({asking})
            waiting.discard(asking)
        if asking.cancelled():
            house.pipeline.lost(exchange, "the client left")
            return None
        return asking.result()

    def _apply(self, flow: http.HTTPFlow, exchange: Exchange, *, outcome: Outcome | None, house: House) -> None:
        match outcome:
            case Answer():
                put_answer(flow, exchange, outcome)
                house.journal.record(exchange, layer=outcome.layer, status=outcome.status)
                house.accounts.enter(exchange, layer=outcome.layer, status=outcome.status, usage=outcome.usage)
            case Stream() | Relayed():
                label = "relay" if isinstance(outcome, Relayed) else "stream" if outcome.age_s is None else "hit"
                passing = Passing(exchange, house, outcome.layer, label, asked=flow.request)
                exchange.way_out = way_out_of(flow.client_conn)
                at_once = isinstance(outcome, Relayed) and self._alone()
                passing.ticket = self._relay.hand_over(flow, exchange, outcome, at_once=at_once)
                self._passing[flow.id] = passing
                self._afterwards.soon()
            case Refuse():
                told = convert.said(exchange, layer=outcome.layer, deflected=True)
                _refuse(flow, exchange.route, outcome.error, told)
                show(flow, exchange, "refuse", str(outcome.error))
                house.journal.record(exchange, layer=outcome.layer, status=outcome.error.status)
                house.accounts.enter(exchange, layer=outcome.layer, status=outcome.error.status)
            case None:
                self._forward(flow, exchange, house=house)

    def _forward(self, flow: http.HTTPFlow, exchange: Exchange, *, house: House) -> None:
        exchange.note(convert.PROVIDER_TAG, "forward")
        passing = Passing(exchange, house, convert.PROVIDER_TAG, "forward")
        self._passing[flow.id] = passing
        if exchange.route.wire is wire.native.WIRE and DOOR in flow.metadata:
            passing.asked, passing.native = flow.request.copy(), True
            door = house.config.door
            target = Door(door).native_target()
            native.send_as_chat(flow, exchange, target=target, default_model=door.native_model)
        passing.sent = Sent.of(flow.request)
        self._afterwards.soon()

    def _pass_unread(self, flow: http.HTTPFlow, route: Route, error: Exception) -> None:
        """A request that we cannot read goes on as it came; the provider says what is wrong with it."""
        logger.debug("a request passes unread: %s", type(error).__name__)
        if self._house().replaying:
            _refuse(flow, route, NotRecorded(f"isartor: {error} (the cassette is being replayed)"))
            return
        convert.strip_control(flow.request, own=self._house().config.own_headers)


def put_answer(flow: http.HTTPFlow, exchange: Exchange, answer: Answer) -> None:
    """Give `flow` the answer, and show where it comes from."""
    told = convert.said(exchange, layer=answer.layer, deflected=True, age_s=answer.age_s)
    flow.response = convert.make_response(answer.status, answer.body, answer.headers, {**told, **answer.told})
    show(flow, exchange, "hit", f"{answer.layer} hit, {answer.age_s} s old")


def _refuse(flow: http.HTTPFlow, route: Route, error: ClientMistake, told: dict[str, str] | None = None) -> None:
    body = route.wire.error(error.status, error.code, str(error))
    flow.response = convert.json_response(error.status, body, told)
