"""A request that has been read and has not ended: what the later hooks must know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import connection, http

from isartor_addon.assemble import House
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.outcome import Opened
from isartor_addon.proxy.relay import Ticket
from isartor_addon.proxy.tee import Tee


@dataclass(frozen=True, slots=True)
class Sent:
    """What of a request its answer depends on, as we let it go on."""

    path: str
    """Without the query."""
    body: bytes | None

    @classmethod
    def of(cls, request: http.Request) -> Sent:
        """Read it off a request."""
        return cls(request.path.partition("?")[0], request.raw_content)

    def asks_the_same(self, other: Sent) -> bool:
        """
        Whether `other` is the same question.

        Where it is sent is another matter: to another host or below another path leads to the same model.
        """
        one_way = self.path.endswith(other.path) or other.path.endswith(self.path)
        return one_way and self.body == other.body


@dataclass(slots=True)
class Passing:
    """One flow between `request` and its end."""

    exchange: Exchange
    house: House
    """Who was asked, and so is to be told what becomes of it: there is another one when a setting has changed since."""
    layer: str
    """Who answers: `l3` is the provider."""
    outcome: str
    """A key of `show.MARKS`."""
    sent: Sent | None = None
    """What was let go on to the provider."""
    unlearned: str = ""
    """Why its reply is not learned, as the layers have been told; empty where it may be."""
    tee: Tee | None = None
    """Learns the reply."""
    stream: Callable[[bytes], bytes] | bool | None = None
    """What the reply streams through, where that is the tee."""
    asked: http.Request | None = None
    """What the client asked, where the flow was sent elsewhere for the answer; put back for display at the end."""
    ticket: Ticket | None = None
    """Where the relay answers: what for."""
    native: bool = False
    """Whether a native prompt went to a provider as a chat request."""

    @property
    def opened(self) -> Opened | None:
        """How the relay's answer begins, where there is one and it has begun."""
        return self.ticket.opened if self.ticket is not None else None

    def restore(self, flow: http.HTTPFlow) -> None:
        """Let the flow show what the client asked."""
        if self.asked is not None:
            flow.request = self.asked
            flow.server_conn = connection.Server(address=(self.asked.host, self.asked.port))
