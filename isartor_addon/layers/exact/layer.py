"""The exact cache: answers what was asked before in the same words, learns what the provider says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial

from isartor_addon.core.errors import NotRecorded
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.core.identity import ANYONE, key_for
from isartor_addon.core.live_body import LiveBody
from isartor_addon.core.outcome import Answer, Outcome, Refuse, Stream
from isartor_addon.core.recording import Entry, Recording
from isartor_addon.core.replay import changed_ids
from isartor_addon.core.scope import Scope
from isartor_addon.layers.base import Layer
from isartor_addon.layers.delivery import Delivery, parted
from isartor_addon.layers.exact.again import Again
from isartor_addon.layers.exact.flight import Ended, Flight
from isartor_addon.layers.ports import Answers, Clock, Leases

LONGEST_FLIGHT_S = 1800.0
"""A call that has been under way for longer is no longer waited for."""
GRACE_S = 0.025
"""How long a request for a stream waits for another process that asks the same: until an answer that has just ended is
written down. Another process's stream cannot be read along, and waiting for its end would cost the first byte: nobody's
first byte is to be later than without us.
"""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long answers are served, in seconds; patterns as in `fnmatch`, the first that fits counts."""

    default: int
    by_model: Mapping[str, int] = field(default_factory=dict)
    by_host: Mapping[str, int] = field(default_factory=dict)

    def of(self, exchange: Exchange) -> int:
        """The lifetime of an answer to `exchange`."""
        if exchange.control.ttl_s is not None:
            return exchange.control.ttl_s
        for patterns, name in ((self.by_model, exchange.model), (self.by_host, exchange.request.host)):
            for pattern, ttl_s in patterns.items():
                if fnmatchcase(name, pattern):
                    return ttl_s
        return self.default


class ExactLayer(Layer):
    """L1a."""

    tag = "l1a"

    def __init__(
        self,
        answers: Answers,
        *,
        clock: Clock,
        lifetimes: Lifetimes,
        again: str,
        single_flight: bool,
        replay_only: bool,
        delivery: Delivery,
        leases: Leases | None = None,
        stale_s: int = 0,
    ) -> None:
        self._leases = leases
        self._answers = answers
        self._clock = clock
        self._lifetimes = lifetimes
        self._again = Again(again)
        self._delivery = delivery
        self._single_flight = single_flight
        self._replay_only = replay_only
        self._stale_s = stale_s
        self._flights: dict[str, Flight] = {}
        """Who asks joins one of these; by key of what is asked."""
        self._led: dict[tuple[str, str], Flight] = {}
        """The same by their leaders' calls, also those that have lasted so long that nobody joins them any more."""

    def peek(self, exchange: Exchange) -> Outcome | None:
        """Answer from memory."""
        if not self._may_look(exchange) or self._delivery.takes_time(exchange):
            return None
        entry = self._answers.peek(exchange.identity.key)
        asked = self._asked(exchange)
        if entry is None or self._again.due(*asked):
            return None
        answer = self._answer(entry, exchange)
        if answer is not None:
            self._again.count(*asked)
        return answer

    async def ask(self, exchange: Exchange) -> Outcome | None:
        """Answer from the store, or from an identical request that is being answered right now."""
        if not self._may_look(exchange):
            exchange.note(self.tag, "skip", exchange.identity.uncacheable or exchange.control.cache)
            return self._missing(exchange, exchange.identity.uncacheable)
        if self._again.count(*self._asked(exchange)) and not self._only(exchange):
            exchange.note(self.tag, "skip", "asked again: a fresh answer")
            exchange.control = replace(exchange.control, cache="refresh")  # no later layer is to have an old one
            return None
        while True:
            entry = await self._stored(exchange)
            answer = self._answer(entry, exchange) if entry else None
            if answer is not None:
                return answer
            if refusal := self._missing(exchange, "no answer to this request is stored"):
                return refusal
            if self._stale_s and exchange.spare is None:
                exchange.spare = await self._old(exchange)
            flight = self._flights.get(exchange.identity.key) if self._single_flight else None
            if flight is None or self._clock.monotonic() - flight.started > LONGEST_FLIGHT_S:
                return await self._lead(exchange)
            if flight.whole:  # it is quicker to wait for it than to follow it
                await flight.settled(streaming=False)
                continue
            if exchange.mode == "ws":  # while one message waits, the whole socket would
                exchange.note(self.tag, "miss")
                return None
            followed = await self._follow(flight, exchange)
            if followed is not None:
                return followed
            if flight.state == "outdone":  # all of the crowd at once, and not each as the next leader
                exchange.note(self.tag, "miss")
                return None

    def began(self, exchange: Exchange, headers: tuple[tuple[str, str], ...], body: LiveBody) -> None:
        """The shared call is being answered: its followers may read along."""
        if flight := self._led.get(exchange.call):
            flight.began(headers, body)

    def ended(self, exchange: Exchange) -> None:
        """Who asks now waits for what is about to land."""
        if flight := self._led.get(exchange.call):
            flight.whole = True

    def awaited(self, exchange: Exchange) -> bool:
        """Whether followers wait for its end."""
        flight = self._led.get(exchange.call)
        return flight is not None and flight.awaited

    def learn(self, exchange: Exchange, recording: Recording) -> None:
        """Store the answer and let followers have it."""
        state: Ended = "lost"
        try:
            if reason := self._not_storable(exchange):
                exchange.note(self.tag, "not-stored", reason)
            else:
                if flight := self._led.get(exchange.call):
                    flight.usage = recording.usage
                self._file(exchange, recording)
                state = "landed"
        finally:  # whatever happens, nobody is to wait for what does not come
            self._land(exchange, state)

    def _file(self, exchange: Exchange, recording: Recording) -> None:
        now, identity = self._clock.time(), exchange.identity
        scope = exchange.scope or Scope()
        expires = now + self._lifetimes.of(exchange)
        entry = Entry(
            key=identity.key,
            content=identity.content,
            caller=exchange.caller,
            recording=recording,
            host=exchange.request.host,
            model=exchange.model,
            client=exchange.client.name,
            created=now,
            expires=expires,
            kept=expires + self._stale_s if self._stale_s else 0.0,
            fingerprint=exchange.fingerprint or Fingerprint(),
            scope=scope.key,
            words=scope.words,
        )
        flight = self._led.get(exchange.call)
        if self._leases is not None and flight is not None and flight.leased:
            flight.leased = False  # other processes find the answer on disk only: they wait until it is there
            self._answers.put(entry, partial(self._leases.drop, identity.key))
        else:
            self._answers.put(entry)
        exchange.note(self.tag, "stored")

    def lost(self, exchange: Exchange, reason: str) -> None:
        """Let a follower take over."""
        exchange.note(self.tag, "not-stored", reason)
        self._land(exchange, "lost")

    def outdone(self, exchange: Exchange) -> None:
        """Let the followers go on to the layer that has answered their leader."""
        self._land(exchange, "outdone")

    def _may_look(self, exchange: Exchange) -> bool:
        wanted = self._replay_only or exchange.control.cache in ("use", "exact", "only")
        return wanted and not exchange.identity.uncacheable

    def _asked(self, exchange: Exchange) -> tuple[str, str, float]:
        return exchange.session, exchange.identity.key, self._clock.monotonic()

    def _only(self, exchange: Exchange) -> bool:
        return self._replay_only or exchange.control.cache == "only"

    def _missing(self, exchange: Exchange, reason: str) -> Refuse | None:
        """The refusal, where nothing but a stored answer will do."""
        if not self._only(exchange):
            return None
        why = "the cassette is being replayed" if self._replay_only else "x-isartor-cache: only"
        return Refuse(
            self.tag, NotRecorded(f"isartor: {reason or 'not to be cached'} ({why}; key {exchange.identity.short})")
        )

    async def _stored(self, exchange: Exchange) -> Entry | None:
        identity = exchange.identity
        entry = await self._answers.get(identity.key)
        if entry is None and self._answers.imported:
            entry = await self._answers.get(key_for(ANYONE, identity.content))
        # While the disk was read, somebody else may have asked, been answered, and landed.
        return entry or self._answers.peek(identity.key)

    async def _old(self, exchange: Exchange) -> Answer | None:
        """An answer that is too old, for when all providers fail."""
        entry = await self._answers.expired(exchange.identity.key)
        return self._delivery.spare(entry, exchange, tag=self.tag) if entry is not None else None

    def _answer(self, entry: Entry, exchange: Exchange) -> Answer | Stream | None:
        answer = self._delivery.answer(entry, exchange, tag=self.tag)
        if answer is not None:  # what is the same needs no digests of its own
            exchange.fingerprint = entry.fingerprint
        return answer

    async def _lead(self, exchange: Exchange) -> Answer | Stream | None:
        """Go first; the answer, if another process that asked the same was quicker."""
        if self._single_flight:
            identity = exchange.identity
            flight = Flight(exchange.id, exchange.mode, self._clock.monotonic(), run_ids=identity.run_ids)
            self._flights[identity.key] = self._led[exchange.call] = flight
            answer = await self._await_others(flight, exchange) if self._leases is not None else None
            if answer is not None:
                self._land(exchange, "landed")
                return answer
        exchange.note(self.tag, "miss")
        return None

    async def _await_others(self, flight: Flight, exchange: Exchange) -> Answer | Stream | None:
        """Get the lease, if need be when another process has let go of it; the answer that it has stored."""
        assert self._leases is not None
        key = exchange.identity.key
        flight.leased = self._leases.take(key)
        if flight.leased:
            return None
        flight.leased = await self._leases.wait(key, LONGEST_FLIGHT_S if exchange.mode == "json" else GRACE_S)
        entry = await self._stored(exchange)
        return self._answer(entry, exchange) if entry is not None else None

    async def _follow(self, flight: Flight, exchange: Exchange) -> Stream | None:
        """Wait with the leader; None when the store is to be asked (again)."""
        readable = exchange.mode == flight.mode and exchange.mode != "json" and not _says_other_ids(flight, exchange)
        if await flight.settled(streaming=readable) != "streaming":
            return None
        exchange.note(self.tag, "stream", f"shares the call of {flight.leader}")

        def chunks() -> AsyncGenerator[bytes]:
            return flight.read()

        headers, by = parted(flight.headers)
        return Stream(self.tag, chunks, headers, told=by, usage=lambda: flight.usage)

    def _land(self, exchange: Exchange, state: Ended) -> None:
        if flight := self._led.pop(exchange.call, None):
            if self._flights.get(exchange.identity.key) is flight:
                del self._flights[exchange.identity.key]
            if flight.leased and self._leases is not None:
                self._leases.drop(exchange.identity.key)
            flight.end(state)

    def _not_storable(self, exchange: Exchange) -> str:
        if not exchange.control.store:
            return "the request says no-store"
        if self._lifetimes.of(exchange) <= 0:
            return "its lifetime is 0"
        return exchange.identity.uncacheable


def _says_other_ids(flight: Flight, exchange: Exchange) -> bool:
    """
    Whether the leader's stream may name an id of its run in whose place this run has another.

    Such a place is found in a whole answer only. An id of the run that the request does not name, no answer can.
    """
    recorded, _ = changed_ids(flight.run_ids, exchange.identity.run_ids)
    canonical = exchange.identity.canonical
    return any(name.startswith("call") or b"\x00%b\x00" % name.encode() in canonical for name in recorded)
