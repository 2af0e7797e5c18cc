"""A request that has been read and has not ended: what the later hooks must know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import connection, http

from isartor_addon.assemble import House
from isartor_addon.core.exchange import Exchange
from isartor_addon.proxy.tee import Tee


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
    tee: Tee | None = None
    """Learns the reply."""
    stream: Callable[[bytes], bytes] | bool | None = None
    """What the reply streams through, where that is the tee."""
    asked: http.Request | None = None
    """What the client asked, where the flow was sent elsewhere for the answer; put back for display at the end."""
    native: bool = False
    """Whether a native prompt went to a provider as a chat request."""

    def restore(self, flow: http.HTTPFlow) -> None:
        """Let the flow show what the client asked."""
        if self.asked is not None:
            flow.request = self.asked
            flow.server_conn = connection.Server(address=(self.asked.host, self.asked.port))
