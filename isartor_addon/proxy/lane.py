"""The fast lane: what can be answered from memory is answered below mitmproxy's HTTP layer.

On every HTTP/1 connection it reads one request at a time, while the HTTP layer is idle. If the layers of the house have
an answer at once, its bytes are written; otherwise the bytes that came, untouched, go on to the HTTP layer, which does
with all hooks what it does without us. What is read is read by mitmproxy's parser and by our own hooks, on a flow that
nobody else sees; a byte-identical repeat is not read again (`memo.py`).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Protocol

from mitmproxy import ctx, http
from mitmproxy.proxy import commands, events, layer

from isartor_addon.assemble import House
from isartor_addon.core.errors import BadControl, ClientMistake
from isartor_addon.core.exchange import Exchange, Request
from isartor_addon.core.outcome import Answer
from isartor_addon.pipeline import describe_fault
from isartor_addon.proxy import coding, convert, internals
from isartor_addon.proxy.display import Display
from isartor_addon.proxy.gate import Gate
from isartor_addon.proxy.memo import Known, Memo
from isartor_addon.proxy.ours import is_ours, routes_of
from isartor_addon.proxy.request_reader import Head, RequestReader
from isartor_addon.proxy.requests import Requests, put_answer
from isartor_addon.proxy.tasks import Tasks
from isartor_addon.wire.base import Route

logger = logging.getLogger(__name__)

_NOT_OURS = frozenset({b"expect", b"upgrade", b"transfer-encoding"})
"""Headers of requests that mitmproxy's own layer deals with."""
_FRAMING = frozenset({"connection", "transfer-encoding"})
"""Headers that no recording of ours holds, and that would change how an answer is sent."""
LARGEST = 1024 * 1024
"""Requests with larger bodies, in bytes, take mitmproxy's own way, whose memory they fill anyway."""


class Hooks(Protocol):
    """Our addon, as far as the lane needs it."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Find out whose a request is."""


class Lane:
    """The addon that puts the lane under HTTP layers. It must stand behind mitmproxy's own `next_layer`."""

    name = "isartor_lane"

    def __init__(
        self,
        house: Callable[[], House],
        *,
        requests: Requests,
        prepare: Callable[[http.HTTPFlow], None],
        gate: Gate,
        display: Display,
    ) -> None:
        """
        Args:
            house: what serves requests now.
            requests: reads requests.
            prepare: our hook `requestheaders`.
            gate: says when to step aside.
            display: takes the flows that are to be shown.
        """
        self.house = house
        self.requests = requests
        self.prepare = prepare
        self.gate = gate
        self.display = display
        self.memo = Memo()

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """A layer has been chosen."""
        below = internals.http_layer_in(nextlayer.layer)
        if below is not None and below.context.client.transport_protocol == "tcp":
            _Connection(self, below)

    def configure(self, updated: set[str]) -> None:
        """Options have changed: what was read may be read otherwise now."""
        self.memo.clear()
        self.gate.reconsider()


def lay(hooks: Hooks, house: Callable[[], House], *, requests: Requests, tasks: Tasks) -> Lane | None:
    """Add the lane to the running mitmproxy, if it can be; None and a warning if not."""
    if fault := internals.rehearse(ctx.options):
        logger.warning("this mitmproxy is built otherwise (%s): the fast lane stays off, answers take longer", fault)
        return None
    gate = Gate(hooks, lambda: house().config.lane)
    lane = Lane(house, requests=requests, prepare=hooks.requestheaders, gate=gate, display=Display(tasks))
    # Scripts stand before mitmproxy's own `next_layer`; this one must stand behind it.
    ctx.master.addons.add(lane)
    return lane


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the head of a request says."""

    flow: http.HTTPFlow
    """Nobody else has seen it."""
    request: Request
    routes: tuple[Route, ...]
    closes: bool
    """Whether the connection ends with the answer."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """What is to be written, and the flow to show."""

    data: bytes
    closes: bool
    flow: http.HTTPFlow | None


class _Connection:
    """The lane under one HTTP layer."""

    def __init__(self, lane: Lane, below: internals.HttpLayer) -> None:
        self._lane = lane
        self._below = below
        self._client = below.context.client
        self._reader = RequestReader(self._read_head)
        self._closed = False
        self._server: object = None
        self._place = sha256()
        self._pass_on = internals.place_before(below, self._step)

    def _step(self, event: events.Event) -> internals.Commands:
        """Everything that happens goes to the layer below, but for what the lane reads."""
        if not isinstance(event, events.ConnectionEvent) or event.connection is not self._client:
            yield from self._pass_on(event)
        elif self._closed:
            return
        elif isinstance(event, events.DataReceived) and self._may_read():
            yield from self._read(event.data)
        else:
            if self._reader:
                yield from self._hand_over()
            yield from self._pass_on(event)

    def _may_read(self) -> bool:
        return internals.is_idle(self._below) and self._lane.gate.is_open()

    def _read(self, data: bytes) -> internals.Commands:
        reader = self._reader
        if not reader and (known := self._lane.memo.get(self._digest(data))) is not None:
            # All of it is one request that was read before.
            if (answered := self._answer(lambda: self._repeat(known, data))) is None:
                yield from self._pass_on(events.DataReceived(self._client, data))
            else:
                yield from self._write(answered)
            return
        goes_on = reader.take(data)
        while goes_on and (head := reader.head) is not None and reader.whole:
            raw = reader.request()
            if (answered := self._answer(partial(self._look_up, raw, head))) is None:
                break
            yield from self._write(answered)
            if self._closed:
                reader.all()
                return
            goes_on = reader.next()
        else:
            if goes_on:
                return
        yield from self._hand_over()

    def _hand_over(self) -> internals.Commands:
        """Let the layer below have what was held back."""
        yield from self._pass_on(events.DataReceived(self._client, self._reader.all()))

    def _write(self, answered: _Answered) -> internals.Commands:
        yield commands.SendData(self._client, answered.data)
        if answered.flow is not None:
            self._lane.display.show(answered.flow)
        if answered.closes:
            self._closed = True
            yield commands.CloseConnection(self._client)

    def _answer(self, find: Callable[[], _Answered | None]) -> _Answered | None:
        if self._lane.gate.watched and self._lane.display.is_full:
            return None
        try:
            return find()
        except Exception as error:
            logger.warning("%s; the request takes mitmproxy's own way", describe_fault(error))
            return None

    def _read_head(self, head: bytes) -> Head[_Asked] | None:
        try:
            flow = internals.read_head(self._below, head)
            size = internals.body_size(flow.request)
        except ValueError:
            return None
        names = {name.lower() for name, _ in flow.request.headers.fields}
        if not size or size > LARGEST or flow.request.http_version != "HTTP/1.1" or not names.isdisjoint(_NOT_OURS):
            return None
        self._lane.prepare(flow)
        if flow.response is not None or flow.request.stream or not is_ours(flow, self._lane.house().hosts):
            return None
        routes = routes_of(flow)
        if not routes:
            return None
        return Head(len(head), size, _Asked(flow, convert.request_of(flow), routes, internals.closes(flow.request)))

    def _look_up(self, raw: bytes, head: Head[_Asked]) -> _Answered | None:
        """Answer a request that has been gathered."""
        digest, asked = self._digest(raw), head.meaning
        if (known := self._lane.memo.get(digest)) is not None:
            return self._repeat(known, raw)
        asked.flow.request.raw_content = raw[head.size :]
        try:
            exchange = self._lane.requests.read(asked.flow, asked.request, asked.routes)
        except (BadControl, ClientMistake, coding.Undecodable, coding.BodyTooLarge):
            return None
        answer = self._peek(exchange)
        if answer is None:
            exchange.trail.clear()
            self._lane.requests.foresee(asked.request, exchange, self._client)
            return None
        self._lane.memo.put(digest, exchange, head_size=head.size, closes=asked.closes)
        return self._answered(exchange, answer, asked.closes, asked.flow if self._lane.gate.watched else None)

    def _repeat(self, known: Known, raw: bytes) -> _Answered | None:
        """Answer a request that was read before."""
        lane = self._lane
        exchange = known.exchange.again(id=str(uuid.uuid4()), started=lane.house().clock.time())
        answer = self._peek(exchange)
        if answer is None:
            return None
        flow = None
        if lane.gate.watched:
            flow = internals.read_head(self._below, raw[: known.head_size])
            flow.id = exchange.id
            flow.request.raw_content = raw[known.head_size :]
            lane.prepare(flow)
        return self._answered(exchange, answer, known.closes, flow)

    def _peek(self, exchange: Exchange) -> Answer | None:
        outcome = self._lane.house().pipeline.peek(exchange)
        if not isinstance(outcome, Answer) or any(name.lower() in _FRAMING for name, _ in outcome.headers):
            return None
        return outcome

    def _answered(self, exchange: Exchange, answer: Answer, closes: bool, flow: http.HTTPFlow | None) -> _Answered:
        house = self._lane.house()
        told = convert.said(exchange, layer=answer.layer, deflected=True, age_s=answer.age_s)
        data = convert.written_response(answer.status, answer.body, answer.headers, told)
        if flow is not None:
            flow.request.timestamp_end = exchange.started
            convert.strip_control(flow.request, tenant_header=house.config.tenant_header)
            put_answer(flow, exchange, answer)
        house.journal.record(exchange, layer=answer.layer, status=answer.status)
        return _Answered(data, closes, flow)

    def _digest(self, data: bytes) -> bytes:
        """The bytes of a request, and all of the connection that its reading depends on."""
        server = self._below.context.server
        if (server.address, server.tls) != self._server:
            self._server = (server.address, server.tls)
            client = self._client
            came_by = (
                client.peername and client.peername[0],
                client.sockname,
                client.proxy_mode.full_spec,
                client.tls,
                client.sni,
            )
            self._place = sha256(repr((self._below.mode, self._server, came_by)).encode())
        state = self._place.copy()
        state.update(data)
        return state.digest()
