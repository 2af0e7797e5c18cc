"""The fast lane: what can be answered from memory is answered below mitmproxy's HTTP layer.

On every HTTP/1 connection it reads one request at a time, while the HTTP layer is idle. If the layers of the house have
an answer at once, its bytes are written; otherwise the bytes that came, untouched, go on to the HTTP layer, which does
with all hooks what it does without us (`lane_connection.py`). What is read is read by mitmproxy's parser and by our own
hooks, on a flow that nobody else sees; what comes again is not read again (`memo.py`, `alike.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mitmproxy import http
from mitmproxy.proxy import layer

from isartor_addon.assemble import House
from isartor_addon.proxy import internals
from isartor_addon.proxy.alike import Alike
from isartor_addon.proxy.display import Display
from isartor_addon.proxy.gate import Gate
from isartor_addon.proxy.lane_connection import LaneConnection
from isartor_addon.proxy.memo import Memo, Openings
from isartor_addon.proxy.requests import Requests
from isartor_addon.proxy.shortcut import Shortcuts


class Hooks(Protocol):
    """Our addon, as far as the lane needs it."""

    def prepare(self, flow: http.HTTPFlow) -> None:
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
        shortcuts: Shortcuts,
    ) -> None:
        """
        Args:
            house: what serves requests now.
            requests: reads requests.
            prepare: what our hook `requestheaders` does with a flow.
            gate: says when to step aside.
            display: takes the flows that are to be shown.
            shortcuts: lead bytes here past mitmproxy's layers.
        """
        self.house = house
        self.requests = requests
        self.prepare = prepare
        self.gate = gate
        self.display = display
        self.shortcuts = shortcuts
        self.memo = Memo()
        self.openings = Openings(self.memo)
        self.alike = Alike(self.memo)

    def step_aside(self) -> None:
        """Answer nothing any more."""
        self.gate.shut()

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """A layer has been chosen."""
        below = internals.http_layer_in(nextlayer.layer)
        if below is not None and below.context.client.transport_protocol == "tcp":
            LaneConnection(self, below)

    def configure(self, updated: set[str]) -> None:
        """Options have changed: what was read may be read otherwise now."""
        self.memo.clear()
        self.openings.clear()
        self.alike.clear()
        self.requests.forget_read()
        self.gate.reconsider()
