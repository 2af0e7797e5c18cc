"""The ways in which a reply can go from the provider's wire and mode to the client's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from isartor_addon.core.reply import Delta, Finished, join
from isartor_addon.wire.base import Decoder, Mode, Wire
from isartor_addon.wire.lines import LIMIT
from isartor_addon.wire.sse import Reader
from isartor_addon.wire.translation.ask import Offered
from isartor_addon.wire.translation.replies import Plain
from isartor_addon.wire.translation.tellers import teller

_REFRAMED: Final = frozenset({"ws", "array"})
"""Modes whose pieces are the data of the events of `sse`, in other frames."""


_EVENT_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_ENDS: Final[Mapping[str, tuple[bytes, ...]]] = {"sse": _EVENT_ENDS, "sse+usage": _EVENT_ENDS, "ndjson": (b"\n",)}
"""What ends an event, by mode."""
_LONGEST_END: Final = 4
"""Bytes."""


class Way(Protocol):
    """How one reply goes over."""

    carries: bool
    """Whether the provider's own words go on; else they are told anew from what has been read."""

    def tell(self, data: bytes, deltas: Sequence[Delta], *, closing: bool) -> list[bytes]:
        """
        What the client gets for the provider's next bytes.

        Args:
            data: the bytes.
            deltas: what has been read from them.
            closing: whether they have ended.

        Raises:
            Untranslatable: the client's wire cannot say it.
            BadReply: it is no reply of the provider's wire.
        """


class Verbatim:
    """Same wire, same mode: the bytes as they came. Events go on whole, so that an error can follow one that is cut."""

    carries = True

    def __init__(self, mode: Mode) -> None:
        self._ends = _ENDS.get(mode, ())
        self._held = bytearray()

    def tell(self, data: bytes, deltas: Sequence[Delta], *, closing: bool) -> list[bytes]:
        """See `Way`."""
        held = self._held
        looked_at = max(0, len(held) - _LONGEST_END + 1)
        held += data
        end = len(held)
        if self._ends and not closing and end <= LIMIT:
            found = ((held.rfind(mark, looked_at), len(mark)) for mark in self._ends)
            end = max(place + size if place >= 0 else 0 for place, size in found)
        given = bytes(held[:end])
        del held[:end]
        return [given] if given else []


class Reframed:
    """Same wire, the same events in other frames: messages of a WebSocket, elements of an array."""

    carries = True

    def __init__(self, mode: Mode) -> None:
        self._array = mode == "array"
        self._reader = Reader()
        self._begun = False

    def tell(self, data: bytes, deltas: Sequence[Delta], *, closing: bool) -> list[bytes]:
        """See `Way`."""
        events = self._reader.finish() if closing else self._reader.feed(data)
        pieces = [self._framed(event.data) for event in events if event.data != b"[DONE]"]
        return [*pieces, b"]"] if closing and self._array else pieces

    def _framed(self, data: bytes) -> bytes:
        if not self._array:
            return data
        head, self._begun = (b",\r\n" if self._begun else b"["), True
        return head + data


class Retold:
    """Same wire, another mode: read to its end and written in that mode, with all that only this wire knows."""

    carries = False

    def __init__(self, wire: Wire, mode: Mode) -> None:
        self._wire = wire
        self._mode: Mode = mode
        self._deltas: list[Delta] = []

    def tell(self, data: bytes, deltas: Sequence[Delta], *, closing: bool) -> list[bytes]:
        """See `Way`."""
        self._deltas += deltas
        if not any(isinstance(delta, Finished) for delta in deltas):
            return []
        return list(self._wire.write(self._mode, join(self._deltas)))


class Translated:
    """Another wire: read, and told anew as it comes."""

    carries = False

    def __init__(self, source: Wire, target: Wire, mode: Mode, offered: Offered) -> None:
        self._plain = Plain(source, target.name, offered)
        self._teller = teller(target, mode)

    def tell(self, data: bytes, deltas: Sequence[Delta], *, closing: bool) -> list[bytes]:
        """See `Way`."""
        plain = (each for delta in deltas for each in self._plain.take(delta))
        return [piece for each in plain for piece in self._teller.tell(each)]


def way(source: Wire, source_mode: Mode, target: Wire, target_mode: Mode, offered: Offered) -> Way:
    """
    The way between two ends.

    Raises:
        Untranslatable: there is none.
    """
    if source.name != target.name:
        return Translated(source, target, target_mode, offered)
    if source_mode == target_mode:
        return Verbatim(target_mode)
    if source_mode == "sse" and target_mode in _REFRAMED:
        return Reframed(target_mode)
    return Retold(target, target_mode)


def stream_decoder(source: Wire, mode: Mode, way: Way) -> Decoder:
    """
    Who reads a stream: live, or exact where the reply is written again when it is whole.

    Raises:
        Untranslatable: the wire does not stream in `mode`.
    """
    return source.decoder(mode) if isinstance(way, Retold) else source.live(mode)
