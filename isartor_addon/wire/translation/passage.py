"""One reply on its way from a provider to a client: the provider's bytes in, the client's bytes out."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Final

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Text, Thinking
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Started, Usage, later_usage, tier_of
from isartor_addon.wire.base import Decoder, Mode, Wire, loads_reply
from isartor_addon.wire.translation.ask import Offered
from isartor_addon.wire.translation.replies import deltas_of
from isartor_addon.wire.translation.ways import Retold, stream_decoder, way

LIMIT: Final = 64 * 1024 * 1024
"""Bytes of a reply that are held, where nobody says otherwise."""


class Passage:
    """
    Carries one reply over.

    Same wire and mode: the bytes as they came, and a decoder only watches. Another wire: they are read, and told anew
    as they come. JSON is read, and told, when it is whole; one that is too long to be held goes on unread where its
    bytes are what the client gets, and elsewhere is no reply. What has been handed on is not kept.
    """

    def __init__(
        self,
        source: Wire,
        source_mode: Mode,
        target: Wire,
        target_mode: Mode,
        *,
        offered: Offered | None = None,
        limit: int = LIMIT,
    ) -> None:
        """
        Begin.

        Args:
            source: the provider's wire, and how it answers.
            source_mode: see `wire.base`.
            target: the client's wire, and how it wants the answer.
            target_mode: see `wire.base`.
            offered: what `translate.offered` says of the request; without it custom tools stay functions.
            limit: bytes of a reply that are held, where it must be whole before any of it can be told.

        Raises:
            Untranslatable: one of the wires does not stream so.
        """
        self.started = False
        """Whether the first content (text, thinking, a tool call) has come."""
        self._way = way(source, source_mode, target, target_mode, offered or {})
        self._decoder: Decoder | None = (
            _Whole(source, limit) if source_mode == "json" else stream_decoder(source, source_mode, self._way)
        )
        self._room = limit if isinstance(self._way, Retold) else sys.maxsize
        self._usage = Usage()
        self._done = False
        self._closed = False
        self._only_bytes = False

    @property
    def done(self) -> bool:
        """Whether the answer is complete: its terminal event has been read."""
        return self._done

    @property
    def usage(self) -> Usage:
        """What it has cost, as far as that has been said."""
        return self._usage

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the provider's next bytes; give the client's.

        Raises:
            BadReply: the provider reports an error, or this is no reply of its wire. Where its bytes go on as they are,
                only before the answer has begun; `done` does not come true, then.
            Untranslatable: it says what the client's wire cannot.
        """
        return self._take(data, closing=False)

    def close(self) -> list[bytes]:
        """
        The provider's bytes have ended; give what is left for the client.

        Raises:
            BadReply: the reply is not complete.
            Untranslatable: it says what the client's wire cannot.
        """
        return self._take(b"", closing=True)

    def _take(self, data: bytes, *, closing: bool) -> list[bytes]:
        if self._closed:
            return []
        self._closed = closing
        self._room -= len(data)
        if self._room < 0:
            raise BadReply("the reply is too long to be told in another mode")
        deltas = self._read(data, closing=closing)
        for delta in deltas:
            if isinstance(delta, Started | Finished):
                tier = tier_of(delta.extra, delta.usage.extra) or self._usage.tier
                self._usage = replace(later_usage(self._usage, delta.usage), tier=tier)
        self.started = self.started or any(map(_is_content, deltas))
        told = self._way.tell(data, deltas, closing=closing)
        if self._decoder is not None:
            self._done = self._done or self._decoder.done or closing
        return told

    def _read(self, data: bytes, *, closing: bool) -> list[Delta]:
        """What the bytes say, as far as the way needs it."""
        if self._decoder is None:
            self._done = self._done or (closing and self._only_bytes)
            return []
        try:
            return self._decoder.close() if closing else self._decoder.feed(data)
        except Untranslatable:
            if not self._way.carries:
                raise
            # Only the bytes themselves can say it, and they go on.
            self._decoder, self._usage, self.started, self._only_bytes = None, Usage(), True, True
            self._done = closing
        except BadReply:
            # Until the answer has begun, another provider can give it. Afterwards a client of the same wire hears what
            # it would have heard without us, an error event among it.
            if closing or not (self._way.carries and self.started):
                raise
            self._decoder = None
        return []


def _is_content(delta: Delta) -> bool:
    match delta:
        case PartStarted(part=Text(text) | Thinking(text)) | PartGrew(text=text):
            return bool(text)
        case PartStarted():
            return True
    return False


class _Whole:
    """Reads a reply that is one JSON object."""

    def __init__(self, wire: Wire, limit: int) -> None:
        self._wire = wire
        self._pieces: list[bytes] = []
        self._limit = self._left = limit

    @property
    def done(self) -> bool:
        """Never: only the end shows that nothing more comes."""
        return False

    def feed(self, data: bytes) -> list[Delta]:
        """Keep the bytes; `Untranslatable` where they are too many."""
        self._left -= len(data)
        if self._left < 0:
            raise Untranslatable(f"the reply has more than {self._limit} bytes")
        self._pieces.append(data)
        return []

    def close(self) -> list[Delta]:
        """Read all; see `Wire.read_reply`."""
        reply = self._wire.read_reply(loads_reply(b"".join(self._pieces)))
        return list(deltas_of(reply))
