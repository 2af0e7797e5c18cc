"""The fast lane under one HTTP layer: one client's connection, request by request; see `lane.py`."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from hashlib import sha256
from random import getrandbits
from typing import TYPE_CHECKING

from mitmproxy.proxy import commands, events

from isartor_addon.core.errors import BadControl, ClientMistake
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.outcome import Answer
from isartor_addon.pipeline import describe_fault
from isartor_addon.proxy import coding, convert, internals
from isartor_addon.proxy.memo import Noted, Opening
from isartor_addon.proxy.ours import is_ours, routes_of
from isartor_addon.proxy.request_reader import Head, RequestReader, may_begin
from isartor_addon.proxy.requests import asked_by, put_answer
from isartor_addon.proxy.splice import Watch
from isartor_addon.proxy.tee import Tee

if TYPE_CHECKING:
    from mitmproxy import http

    from isartor_addon.proxy.lane import Lane

logger = logging.getLogger(__name__)

_NOT_OURS = frozenset({b"expect", b"upgrade", b"transfer-encoding"})
"""Headers of requests that mitmproxy's own layer deals with."""
_FRAMING = frozenset({"connection", "transfer-encoding"})
"""Headers that no recording of ours holds, and that would change how an answer is sent."""
LARGEST = 1024 * 1024
"""Requests with larger bodies, in bytes, take mitmproxy's own way, whose memory they fill anyway."""


@dataclass(slots=True)
class _Answered:
    """What is to be written, and whether the connection ends with it."""

    data: bytes
    closes: bool


class LaneConnection:
    """The lane under one HTTP layer."""

    def __init__(self, lane: Lane, below: internals.HttpLayer) -> None:
        self._lane = lane
        self._below = below
        self._client = below.context.client
        self._reader = RequestReader[Opening](self._read_head)
        self._closed = False
        self._missed = False
        """Whether what is held back was found to be no repeat, and the layer below has not got it yet."""
        self._tunnel: internals.Tunnel | None = None
        self._server: internals.Http1Server | None = None
        self._upstream: object = None
        self._place = b""
        self._answered_now: list[tuple[Exchange, Answer]] = []
        """What has been answered and is not in the books yet."""
        self._pass_on = internals.place_before(below, self._step)

    def _step(self, event: events.Event) -> internals.Commands:
        """Everything that happens goes to the layer below, but for what the lane reads."""
        if not isinstance(event, events.ConnectionEvent):
            yield from self._complete(event)
        elif event.connection is not self._client:
            yield from self._pass_on(event)
        elif self._closed:
            return
        elif isinstance(event, events.DataReceived) and self._tunnel is not None:
            yield from self._tunnel.lead(event, self._pass_on)
        elif isinstance(event, events.DataReceived) and not self._missed and self._may_read():
            yield from self._read(event.data)
        else:
            if self._reader:
                yield from self._hand_over()
            yield from self._pass_on(event)
            self._tunnel = internals.tunnel_in(self._below)

    def _complete(self, event: events.Event) -> internals.Commands:
        """What mitmproxy was waiting for is done. That a reply streams is no news where it does so because of us."""
        reply = internals.begun_reply(event)
        if reply is not None and isinstance(reply.stream, Tee | Watch):
            yield from internals.without_notice(self._pass_on(event))
        else:
            yield from self._pass_on(event)

    def _may_read(self) -> bool:
        if self._server is None:
            self._server = internals.server_in(self._below)
        return self._server is not None and internals.is_idle(self._server) and self._lane.gate.is_open()

    def _read(self, data: bytes) -> internals.Commands:
        answers, rest = self._gather(data)
        self.settle()
        for answered in answers:
            yield commands.SendData(self._client, answered.data)
            if answered.closes:
                self._closed = True
                self._reader.all()
                yield commands.CloseConnection(self._client)
                return
        if rest:
            yield from self._hand_over()
        elif answers:
            self._lane.shortcuts.open_soon(self._below, self)

    def take(self, data: bytes) -> tuple[list[bytes], bool]:
        """The same for bytes that come by the short way; see `Answers`."""
        if not self._may_read():
            self._reader.hold(data)
            self._missed = True
            return [], True
        answers, rest = self._gather(data, may_close=False)
        return [answered.data for answered in answers], rest

    def settle(self) -> None:
        """Enter what has been answered into the books."""
        house = self._lane.house()
        for exchange, answer in self._answered_now:
            try:
                house.journal.record(exchange, layer=answer.layer, status=answer.status)
                house.accounts.enter(exchange, layer=answer.layer, status=answer.status, usage=answer.usage)
            except Exception as error:
                logger.warning("%s; an answer is not in the books", describe_fault(error))
        self._answered_now.clear()

    def _gather(self, data: bytes, *, may_close: bool = True) -> tuple[list[_Answered], bool]:
        """Take more bytes; the answers that are due, and whether the layer below must have what is held."""
        reader = self._reader
        answers: list[_Answered] = []
        goes_on = reader.take(data)
        while goes_on and (head := reader.head) is not None and reader.whole:
            if head.meaning.closes and not may_close:
                return answers, True
            if (answered := self._find(head)) is None:
                goes_on = False
                break
            answers.append(answered)
            if answered.closes:
                return answers, False
            goes_on = reader.next()
        self._missed = not goes_on
        return answers, not goes_on

    def _hand_over(self) -> internals.Commands:
        """Let the layer below have what was held back."""
        self._missed = False
        yield from self._pass_on(events.DataReceived(self._client, self._reader.all()))

    def _find(self, head: Head[Opening]) -> _Answered | None:
        """Look for the answer to a request that has been gathered; a fault of ours is none."""
        if self._lane.gate.watched and self._lane.display.is_full:
            return None
        try:
            return self._look_up(head)
        except Exception as error:
            logger.warning("%s; the request takes mitmproxy's own way", describe_fault(error))
            return None

    def _read_head(self, head: bytes) -> Head[Opening] | None:
        openings, place = self._lane.openings, self._place_now()
        opening = openings.get(place, head)
        if opening is None:
            try:
                opening = self._open(head)
            except (ValueError, AssertionError):  # mitmproxy will say what it does not like
                return None
            except Exception as error:
                logger.warning("%s; the request takes mitmproxy's own way", describe_fault(error))
                return None
            if opening is None:
                return None
            openings.put(place, head, opening)
        return Head(len(head), opening.body_size, opening) if opening.body_size <= LARGEST else None

    def _open(self, head: bytes) -> Opening | None:
        if not may_begin(head):
            return None
        flow = internals.read_head(self._below, head)
        request = flow.request
        size = internals.body_size(request)
        names = {name.lower() for name, _ in request.headers.fields}
        if not size or size > LARGEST or request.http_version != "HTTP/1.1" or not names.isdisjoint(_NOT_OURS):
            return None
        self._lane.prepare(flow)
        if flow.response is not None or request.stream or not is_ours(flow, self._lane.house().hosts):
            return None
        routes = routes_of(flow)
        if not routes:
            return None
        asked = asked_by(flow, convert.request_of(flow), routes)
        return Opening(asked, size, internals.closes(request), self._lane.memo.key(asked))

    def _look_up(self, head: Head[Opening]) -> _Answered | None:
        lane, opening, digest = self._lane, head.meaning, self._reader.body_digest()
        known = lane.memo.get(opening.key + digest)
        if known is None:
            raw = self._reader.body()
            known = lane.alike.get(opening.key, raw)
            if known is None:
                return self._look_up_new(head, digest, raw)
        exchange = known.again(id=_new_id(), started=lane.house().clock.time())
        request = opening.asked.request
        if request.headers != known.request.headers:
            exchange.request = replace(known.request, headers=request.headers)
        answer = self._peek(exchange)
        return None if answer is None else self._answered(head, exchange, answer)

    def _look_up_new(self, head: Head[Opening], digest: bytes, raw: bytes) -> _Answered | None:
        """The same for a request that was not read before."""
        lane, asked = self._lane, head.meaning.asked
        noted = Noted(asked.request.headers)
        try:
            exchange = lane.requests.read(
                replace(asked, request=replace(asked.request, headers=noted)), id=_new_id(), raw=raw
            )
        except (BadControl, ClientMistake, coding.Undecodable, coding.BodyTooLarge):
            return None
        exchange.request = replace(exchange.request, headers=asked.request.headers)
        answer = self._peek(exchange)
        if answer is None:
            exchange.trail.clear()
            lane.requests.foresee(asked.request, exchange, self._client)
            return None
        if lane.memo.put(asked, digest, exchange, noted):
            lane.openings.clear()
        else:
            lane.alike.put(head.meaning.key, raw, exchange)
        return self._answered(head, exchange, answer)

    def _peek(self, exchange: Exchange) -> Answer | None:
        outcome = self._lane.requests.peek(exchange)
        if not isinstance(outcome, Answer):
            return None
        for name, _ in outcome.headers:
            if name.lower() in _FRAMING:
                return None
        return outcome

    def _answered(self, head: Head[Opening], exchange: Exchange, answer: Answer) -> _Answered:
        told = convert.said(exchange, layer=answer.layer, deflected=True, age_s=answer.age_s)
        data = convert.written_response(answer.status, answer.body, answer.headers, {**told, **answer.told})
        if self._lane.gate.watched:
            self._lane.display.show(self._flow(head, exchange, answer))
        self._answered_now.append((exchange, answer))
        return _Answered(data, head.meaning.closes)

    def _flow(self, head: Head[Opening], exchange: Exchange, answer: Answer) -> http.HTTPFlow:
        """The flow that the hooks would have made."""
        raw = self._reader.request()
        flow = internals.read_head(self._below, raw[: head.size])
        flow.id = exchange.id
        flow.request.raw_content = raw[head.size :]
        flow.request.timestamp_start = flow.request.timestamp_end = exchange.started
        self._lane.prepare(flow)
        convert.strip_control(flow.request, own=self._lane.house().config.own_headers)
        put_answer(flow, exchange, answer)
        return flow

    def _place_now(self) -> bytes:
        """A digest of all of the connection that the reading of a head depends on."""
        server = self._below.context.server
        if (server.address, server.tls) != self._upstream:
            self._upstream = (server.address, server.tls)
            client = self._client
            peer = client.peername and client.peername[0]
            came_by = (peer, client.sockname, client.proxy_mode.full_spec, client.tls, client.sni)
            self._place = sha256(repr((self._below.mode, self._upstream, came_by)).encode()).digest()
        return self._place


def _new_id() -> str:
    return f"{getrandbits(128):032x}"  # names a flow, guards nothing
