"""Gemini: streams. Whole replies are in `gemini_reply.py`.

A stream has no terminal event: it is complete when a `finishReason` has been read and the body has ended. Nothing
earlier will do: usage and grounding may come after the `finishReason`, and older models say one in every chunk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import orjson

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Part, Text, Thinking
from isartor_addon.core.reply import Delta, Reply
from isartor_addon.wire import sse
from isartor_addon.wire.fields import loads_object
from isartor_addon.wire.gemini_parts import write_part
from isartor_addon.wire.gemini_reply import Growing, response
from isartor_addon.wire.json_array import Elements

_PIECE: Final = 256
"""Characters of text that one chunk of an encoded stream carries."""


class _Stream(ABC):
    """Reads the objects of an answer, however they are framed."""

    def __init__(self, envelope: str) -> None:
        self._answer = Growing(envelope)

    @property
    def done(self) -> bool:
        """Never: only the end of the body ends the answer."""
        return False

    def feed(self, data: bytes) -> list[Delta]:
        """
        Take the next bytes; give what they complete.

        Raises:
            BadReply: this is no stream of this wire, or the provider reports an error in it.
            Untranslatable: it holds several candidates, or arguments in pieces.
        """
        return self._take(self._objects(data))

    def close(self) -> list[Delta]:
        """
        The bytes have ended.

        Raises:
            BadReply: the answer is not complete.
        """
        return [*self._take(self._last()), self._answer.finish()]

    def _take(self, objects: Sequence[bytes]) -> list[Delta]:
        return [delta for each in objects for delta in self._answer.take(loads_object(each))]

    @abstractmethod
    def _objects(self, data: bytes) -> Sequence[bytes]:
        """The objects that the next bytes complete."""

    @abstractmethod
    def _last(self) -> Sequence[bytes]:
        """Those that the end of the bytes completes."""


class EventStream(_Stream):
    """Reads `alt=sse`."""

    def __init__(self, envelope: str) -> None:
        super().__init__(envelope)
        self._reader = sse.Reader()

    def _objects(self, data: bytes) -> Sequence[bytes]:
        return [event.data for event in self._reader.feed(data)]

    def _last(self) -> Sequence[bytes]:
        return [event.data for event in self._reader.finish()]


class ArrayStream(_Stream):
    """Reads the JSON array that grows where `alt=sse` is not asked."""

    def __init__(self, envelope: str) -> None:
        super().__init__(envelope)
        self._elements = Elements()

    def _objects(self, data: bytes) -> Sequence[bytes]:
        return self._elements.feed(data)

    def _last(self) -> Sequence[bytes]:
        if not self._elements.closed:
            raise BadReply("the reply's array is not closed")
        return ()


def chunks(reply: Reply, envelope: str) -> Iterator[bytes]:
    """
    Write a reply as the JSON objects of a stream.

    Raises:
        Untranslatable: a part cannot be said on this wire.
    """
    pieces = [piece for part in reply.parts for piece in _pieces(part)]
    for number, piece in enumerate(pieces or [None], 1):
        yield _written(reply, [] if piece is None else [piece], envelope=envelope, last=number >= len(pieces))


def chunk(reply: Reply, envelope: str, *, last: bool) -> bytes:
    """
    Write one JSON object of a stream that comes live.

    Args:
        reply: what this object says.
        envelope: the field in which it stands, empty for none.
        last: whether it also says why the answer ends and what it cost.

    Raises:
        Untranslatable: a part cannot be said on this wire.
    """
    return _written(reply, [write_part(part) for part in reply.parts], envelope=envelope, last=last)


def _written(reply: Reply, parts: list[dict[str, Json]], *, envelope: str, last: bool) -> bytes:
    try:
        return orjson.dumps(response(reply, parts, envelope=envelope, last=last))
    except orjson.JSONEncodeError as error:
        raise Untranslatable(f"the reply cannot be written: {error}") from error


def _pieces(part: Part) -> Iterator[dict[str, Json]]:
    """The part in the pieces in which a stream says it; what belongs to the whole part stands in the last."""
    match part:
        case Text(text) | Thinking(text) if len(text) > _PIECE:
            cuts = range(0, len(text), _PIECE)
            for at in cuts[:-1]:
                piece = text[at : at + _PIECE]
                yield {"text": piece, "thought": True} if isinstance(part, Thinking) else {"text": piece}
            yield write_part(replace(part, text=text[cuts[-1] :]))
        case _:
            yield write_part(part)
