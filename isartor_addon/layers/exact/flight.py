"""Single-flight: identical requests in flight share one call to the provider.

The first is the leader and goes on to the provider; the others follow. A follower that wants the answer delivered the
way the leader gets it may read along; any other waits for the end. When the leader is lost, a follower takes its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Literal

from isartor_addon.core.errors import BadReply
from isartor_addon.core.live_body import LiveBody
from isartor_addon.core.reply import Usage

Ended = Literal["landed", "lost", "outdone"]
"""How it ended: with an answer that is stored, without one, or with a later layer's answer to the leader."""
State = Literal["waiting", "streaming"] | Ended


class Flight:
    """One call to the provider and those who wait for it."""

    def __init__(self, leader: str, mode: str, started: float, *, run_ids: Mapping[str, str]) -> None:
        self.leader = leader
        self.mode = mode
        self.run_ids = run_ids
        """The leader's own ids, by name; its answer may say them."""
        self.started = started
        """Monotonic, seconds."""
        self.headers: tuple[tuple[str, str], ...] = ()
        self.whole = False
        """Whether the reply has come to its end, and is being checked: it lands, or is lost, any moment."""
        self.leased = False
        """Whether other processes wait for it too."""
        self.usage: Usage | None = None
        """What the provider counted, once it has landed."""
        self._ended: Ended | None = None
        self._body = LiveBody()
        self._changed: asyncio.Event | None = None
        """Set at the next change; there is one only while somebody waits for it."""

    @property
    def awaited(self) -> bool:
        """Whether a follower waits for what comes next."""
        return self._changed is not None

    @property
    def state(self) -> State:
        """How far it is."""
        if self._ended is not None:
            return self._ended
        return "streaming" if self._body.chunks else "waiting"

    def began(self, headers: tuple[tuple[str, str], ...], body: LiveBody) -> None:
        """The reply's head is here, and `body` is to come."""
        self.headers, self._body = headers, body
        if self._changed is not None:
            body.changed = self._turn

    def end(self, state: Ended) -> None:
        """Nothing more will come."""
        self._ended = state
        self._turn()

    def _turn(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = self._body.changed = None

    async def _change(self) -> None:
        self._changed = self._changed or asyncio.Event()
        self._body.changed = self._turn
        await self._changed.wait()

    async def settled(self, *, streaming: bool) -> State:
        """Wait for the end, or with `streaming` for the first bytes."""
        while self.state == "waiting" or (self.state == "streaming" and not streaming):
            await self._change()
        return self.state

    async def read(self) -> AsyncGenerator[bytes]:
        """
        Give the reply from its first byte, then live.

        Raises:
            BadReply: the leader was lost before the end.
        """
        sent = 0
        while True:
            while sent < len(self._body.chunks):
                sent += 1
                yield self._body.chunks[sent - 1]
            if self.state == "landed":
                return
            if self.state == "lost":
                raise BadReply("the shared call to the provider was cut")
            await self._change()
