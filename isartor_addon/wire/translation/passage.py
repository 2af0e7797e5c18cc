"""One reply on its way from a provider to a client: the provider's bytes in, the client's bytes out."""

from __future__ import annotations

from typing import Final

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Text, Thinking
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Reply, Started, Usage, join, later_usage
from isartor_addon.wire.base import Decoder, Mode, Wire, loads_reply
from isartor_addon.wire.translation.ask import Offered
from isartor_addon.wire.translation.replies import Plain, deltas_of
from isartor_addon.wire.translation.tellers import Teller, teller

_LIMIT: Final = 256 * 1024 * 1024
"""Bytes of a JSON reply."""


class Passage:
    """
    Carries one reply over.

    Same wire and mode: the bytes as they came, and a decoder only watches. Else they are read, and told anew as they
    come. JSON is read, and told, when it is whole.
    """

    def __init__(
        self,
        source: Wire,
        source_mode: Mode,
        target: Wire,
        target_mode: Mode,
        *,
        offered: Offered | None = None,
    ) -> None:
        """
        Begin.

        Args:
            source: the provider's wire, and how it answers.
            source_mode: see `wire.base`.
            target: the client's wire, and how it wants the answer.
            target_mode: see `wire.base`.
            offered: what `translate.offered` says of the request; without it custom tools stay functions.

        Raises:
            Untranslatable: one of the wires does not stream so.
        """
        self.started = False
        """Whether the first content (text, thinking, a tool call) has come."""
        self._decoder: Decoder | None = _Whole(source) if source_mode == "json" else source.live(source_mode)
        self._deltas: list[Delta] = []
        self._done = False
        self._closed = False
        self._teller: Teller | None = None
        if (source.name, source_mode) != (target.name, target_mode):
            self._plain = Plain(source, target.name, offered or {})
            self._teller = teller(target, target_mode)

    @property
    def done(self) -> bool:
        """Whether the answer is complete: its terminal event has been read."""
        return self._done

    @property
    def reply(self) -> Reply | None:
        """The reply as the provider's wire said it, once it is complete; None where only its bytes can say it."""
        return join(self._deltas) if self._done and self._deltas else None

    @property
    def usage(self) -> Usage:
        """What it has cost, as far as that has been said."""
        usage = Usage()
        for delta in self._deltas:
            if isinstance(delta, Started | Finished):
                usage = later_usage(usage, delta.usage)
        return usage

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the provider's next bytes; give the client's.

        Raises:
            BadReply: the provider reports an error, or this is no reply of its wire.
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
        verbatim = [data] if data else []
        if self._decoder is None or (closing and self._closed):
            return verbatim
        self._closed = closing
        try:
            deltas = self._decoder.close() if closing else self._decoder.feed(data)
        except Untranslatable:
            if self._teller is not None:
                raise
            # Only the bytes themselves can say it, and they go on.
            self._decoder, self._deltas, self.started, self._done = None, [], True, True
            return verbatim
        told = [piece for delta in deltas for piece in self._one(delta)]
        self._done = self._done or self._decoder.done or closing
        return told if self._teller is not None else verbatim

    def _one(self, delta: Delta) -> list[bytes]:
        self._deltas.append(delta)
        self.started = self.started or _is_content(delta)
        if self._teller is None:
            return []
        return [piece for each in self._plain.take(delta) for piece in self._teller.tell(each)]


def _is_content(delta: Delta) -> bool:
    match delta:
        case PartStarted(part=Text(text) | Thinking(text)) | PartGrew(text=text):
            return bool(text)
        case PartStarted():
            return True
    return False


class _Whole:
    """Reads a reply that is one JSON object."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def done(self) -> bool:
        """Never: only the end shows that nothing more comes."""
        return False

    def feed(self, data: bytes) -> list[Delta]:
        """Keep the bytes; `BadReply` where they are too many."""
        self._size += len(data)
        if self._size > _LIMIT:
            raise BadReply(f"the reply has more than {_LIMIT} bytes")
        self._pieces.append(data)
        return []

    def close(self) -> list[Delta]:
        """Read all; see `Wire.read_reply`."""
        reply = self._wire.read_reply(loads_reply(b"".join(self._pieces)))
        return list(deltas_of(reply))
