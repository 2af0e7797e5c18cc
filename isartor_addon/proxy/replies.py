"""What becomes of a provider's reply, or of a live answer of ours: told, teed, learned, shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from mitmproxy import http

from isartor_addon.assemble import MIB
from isartor_addon.core.expense import FREE, NOBODY
from isartor_addon.core.recording import ANSWERED_BY, ANSWERED_MODEL
from isartor_addon.core.reply import Usage
from isartor_addon.pipeline import Pipeline
from isartor_addon.proxy import convert, native
from isartor_addon.proxy.afterwards import Afterwards
from isartor_addon.proxy.passing import Passing, Sent
from isartor_addon.proxy.show import show, show_trail
from isartor_addon.proxy.splice import Splices
from isartor_addon.proxy.tasks import Tasks
from isartor_addon.proxy.tee import Tee
from isartor_addon.wire.usage import usage_so_far

SUMMARIES = {
    "stream": "shared with an identical request",
    "forward": "passed on",
    "hit": "hit, replayed at a pace",
    "relay": "could not be relayed",
}


class Replies:
    """Ends what `Requests` let go on."""

    def __init__(
        self,
        tasks: Tasks,
        splices: Splices,
        *,
        alone: Callable[[], bool],
        unseen: Callable[[], bool],
        afterwards: Afterwards,
    ) -> None:
        """
        Args:
            tasks: holds what runs in the background.
            splices: gives streams a short way.
            alone: whether nobody but us has a say in what becomes of a reply.
            unseen: whether, besides, nobody looks at what a flow shows when it ends.
            afterwards: does what can wait.
        """
        self._tasks = tasks
        self._splices = splices
        self._alone = alone
        self._unseen = unseen
        self._afterwards = afterwards

    def begin(self, flow: http.HTTPFlow, response: http.Response, passing: Passing) -> None:
        """The head of the reply is here: say what happened, let a stream stream, learn a success."""
        opened = passing.opened
        if opened is not None:
            passing.layer = opened.layer
        deflected = passing.layer != convert.PROVIDER_TAG
        answered = deflected and response.status_code < 400  # else it is a refusal, which has no age
        age_s = ((opened.age_s if opened else None) or 0) if answered else None
        told = convert.said(passing.exchange, layer=passing.layer, deflected=deflected, age_s=age_s)
        convert.tell(response, {**told, **(opened.told if opened else {})})
        if deflected:
            if passing.outcome == "relay":
                passing.house.pipeline.lost(passing.exchange, "all providers failed")
            response.stream = response.stream or self._splices.follow(flow, passing.house.config.streams)
        elif response.status_code < 300 and response.status_code != 101:
            passing.unlearned = _unlearnable(flow, response, passing)
            if passing.unlearned:
                passing.house.pipeline.lost(passing.exchange, passing.unlearned)
            self._tee(flow, response, passing)

    def end(self, flow: http.HTTPFlow, response: http.Response, passing: Passing) -> None:
        """The reply has gone by."""
        house, exchange = passing.house, passing.exchange
        try:
            self._learn(flow, response, passing)
        except Exception:
            house.pipeline.lost(exchange, "a fault of ours")
            raise
        finally:
            passing.restore(flow)
        show(flow, exchange, passing.outcome, _summary(passing))
        _record(passing, response.status_code)
        if passing.tee is None:
            _enter(passing, response.status_code, _said(response, passing))
        show_trail(flow, exchange)

    def broken(self, flow: http.HTTPFlow, passing: Passing) -> None:
        """The connection to the client or to the provider broke."""
        if passing.tee is not None:
            passing.tee.cut("the stream was cut")
        elif passing.layer == convert.PROVIDER_TAG:
            passing.house.pipeline.lost(passing.exchange, "no reply")
        passing.restore(flow)
        _record(passing, 0)
        if passing.tee is None:
            _enter(passing, 0, None)
        show_trail(flow, passing.exchange)

    def _tee(self, flow: http.HTTPFlow, response: http.Response, passing: Passing) -> None:
        exchange = passing.exchange
        content_type = response.headers.get("content-type", "").lower()
        mode = _mode_of(content_type, exchange.mode)
        house, status = passing.house, response.status_code
        passing.tee = Tee(
            exchange,
            Pipeline((), house.clock) if passing.unlearned else house.pipeline,
            mode=mode,
            encodings="" if passing.native else response.headers.get("content-encoding", ""),
            headers=convert.kept_headers(
                response,
                (*exchange.route.wire.request_id_headers, *((ANSWERED_BY, ANSWERED_MODEL) if passing.opened else ())),
            ),
            limit=house.config.body_limit_mb * MIB,
            background=self._tasks.start,
            account=lambda usage, cut: _enter(passing, status, usage, cut=cut),
            # A stream's terminal event comes before its end: there is time then.
            later=partial(self._afterwards.put, exchange.identity.key) if mode == "json" and self._unseen() else None,
        )
        if passing.opened is not None:
            passing.tee.told = passing.opened.usage
        if mode == "json" or passing.native:
            # mitmproxy holds a whole reply back until every addon has seen it. Where none may change it, the client
            # has it before we check and file it.
            if passing.tee is not None and not passing.native and not response.stream and self._alone():
                response.stream = passing.stream = passing.tee
            return
        if callable(response.stream):  # another addon's; it goes on working, on what has come from us
            response.stream = passing.stream = _in_turn(passing.tee, response.stream)
        else:
            response.stream = passing.stream = self._splices.follow(flow, passing.house.config.streams, passing.tee)

    def _learn(self, flow: http.HTTPFlow, response: http.Response, passing: Passing) -> None:
        tee = passing.tee
        if passing.native:
            usage = native.answer_as_native(response)
            if tee is not None:
                tee.told = lambda: usage
        if tee is None:
            if passing.layer == convert.PROVIDER_TAG and not passing.unlearned:
                passing.house.pipeline.lost(passing.exchange, f"the provider answered {response.status_code}")
        elif passing.stream is response.stream and response.raw_content is None:
            if not self._unseen():
                response.content = b"".join(tee.chunks)
        elif response.stream or flow.server_conn.timestamp_start is None:
            tee.cut("another addon answered or took the stream")
        else:
            tee(response.raw_content or b"")
            tee(b"")


def _record(passing: Passing, status: int) -> None:
    """Have the journal remember it, once it is known whether the reply is learned."""
    record = partial(passing.house.journal.record, passing.exchange, layer=passing.layer, status=status)
    if passing.tee is None:
        record()
    else:
        passing.tee.then(record)


def _enter(passing: Passing, status: int, usage: Usage | None, *, cut: bool = False) -> None:
    """Enter in the ledger what was used; a relay knows it better than the body that it gives."""
    opened, enter = passing.opened, passing.house.accounts.enter
    if passing.outcome == "relay" and (opened is None or opened.in_vain):
        enter(passing.exchange, layer=NOBODY, status=status, usage=FREE)
        return
    known = opened.usage() if opened is not None else None
    enter(passing.exchange, layer=passing.layer, status=status, usage=known or usage, partial=cut)


def _said(response: http.Response, passing: Passing) -> Usage | None:
    """What an error says of usage."""
    if passing.layer != convert.PROVIDER_TAG:
        return None
    return usage_so_far(passing.exchange.route.wire, "json", response.get_content(strict=False) or b"")


def _summary(passing: Passing) -> str:
    opened = passing.opened
    if passing.outcome != "relay" or opened is None:
        return SUMMARIES[passing.outcome]
    if opened.age_s is not None:
        return f"all providers failed; an answer that is {opened.age_s} s old"
    who = opened.told.get("x-isartor-provider", "nobody")
    return f"relayed, answered by {who}" if opened.status < 300 else f"relayed, refused by {who}"


def _in_turn(tee: Tee | None, then: Callable[[bytes], Iterable[bytes] | bytes]) -> Callable[[bytes], Any]:
    """Show the provider's bytes to `tee` before another addon has them."""

    def stream(data: bytes) -> Iterable[bytes] | bytes:
        return then(tee(data) if tee is not None else data)

    return stream


def _unlearnable(flow: http.HTTPFlow, response: http.Response, passing: Passing) -> str:
    """Why a success is no answer to what was asked; empty where it may be one."""
    if response.status_code != 200:  # part of one, or the promise of one
        return f"the provider answered {response.status_code}"
    if passing.sent is not None and not passing.sent.asks_the_same(Sent.of(flow.request)):
        return "another addon changed the request"
    return ""


def _mode_of(content_type: str, asked: str) -> str:
    """How a reply is delivered, by its content type: providers do not always do as asked."""
    if content_type.startswith("text/event-stream"):
        return asked if asked.startswith("sse") else "sse"
    if "ndjson" in content_type or "jsonl" in content_type:
        return "ndjson"
    return asked if asked in ("array", "ndjson") else "json"
