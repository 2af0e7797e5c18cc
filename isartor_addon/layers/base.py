"""What the pipeline asks of a layer."""

from __future__ import annotations

from typing import ClassVar

from isartor_addon.core.exchange import Exchange
from isartor_addon.core.live_body import LiveBody
from isartor_addon.core.outcome import Outcome
from isartor_addon.core.recording import Recording


class Layer:
    """One stage of the descent. Every method has a default that does nothing: a layer overrides what concerns it."""

    tag: ClassVar[str]
    """As it stands in trails and headers: `l1a`."""

    def peek(self, exchange: Exchange) -> Outcome | None:
        """Answer at once from memory, in some tens of microseconds, or say None without prejudice to `ask`."""
        return None

    async def ask(self, exchange: Exchange) -> Outcome | None:
        """Answer, refuse, or None to let it go on."""
        return None

    def outdone(self, exchange: Exchange) -> None:
        """This layer has let it go on, and a later one has answered or refused: there will be nothing to learn."""

    def began(self, exchange: Exchange, headers: tuple[tuple[str, str], ...], body: LiveBody) -> None:
        """The provider's successful reply to a forwarded exchange begins; `headers` are those that are replayed."""

    def ended(self, exchange: Exchange) -> None:
        """That reply has come to its end; whether it is good is being found out, and told by `learn` or `lost`."""

    def awaited(self, exchange: Exchange) -> bool:
        """Whether somebody waits for that reply to be learned."""
        return False

    def learn(self, exchange: Exchange, recording: Recording) -> None:
        """That reply is complete and good."""

    def lost(self, exchange: Exchange, reason: str) -> None:
        """That reply failed, was cut, or is not worth keeping; also when the client left."""
