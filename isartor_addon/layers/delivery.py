"""A stored answer, delivered the way it is asked for now.

Same mode: the recorded bytes, verbatim. Another mode (JSON where a stream was recorded, or the reverse): rendered from
the neutral reply. Where ids of the recorded run stand in the answer, the ids of the present run are put.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.outcome import Answer, Stream
from isartor_addon.core.recording import ANSWERED_BY, ANSWERED_MODEL, Entry, Recording
from isartor_addon.core.replay import changed_ids, substitute, substitute_reply
from isartor_addon.layers.pace import AT_ONCE, Pace
from isartor_addon.layers.ports import Clock

if TYPE_CHECKING:
    from isartor_addon.core.reply import Reply
    from isartor_addon.wire.base import Mode


class Delivery:
    """Makes answers of entries, for whichever layer has found one."""

    def __init__(self, clock: Clock, *, pace: str = AT_ONCE) -> None:
        """
        Args:
            clock: time.
            pace: how fast stored streams are replayed; see `Pace`.
        """
        self._clock = clock
        self._pace = Pace(pace)

    def takes_time(self, exchange: Exchange) -> bool:
        """Whether the answer to `exchange` is given at a pace."""
        return self._pace.applies(exchange)

    def answer(
        self, entry: Entry, exchange: Exchange, *, tag: str, note: str = "", told: Mapping[str, str] | None = None
    ) -> Answer | Stream | None:
        """
        The answer of `entry` to `exchange`; None, with a note, where it is too old or cannot be said so.

        Args:
            entry: fresh.
            exchange: who asks.
            tag: the layer's.
            note: for the trail.
            told: further response headers.
        """
        age_s = max(0, int(self._clock.time() - entry.created))
        ttl_s = exchange.control.ttl_s
        if ttl_s is not None and age_s >= ttl_s and not entry.pinned:
            exchange.note(tag, "miss", f"the stored answer is {age_s} s old")
            return None
        try:
            answer = self._made(entry, exchange, tag=tag, age_s=age_s, told=told)
        except (BadReply, Untranslatable) as error:
            exchange.note(tag, "miss", f"the stored answer cannot be given as {exchange.mode}: {error}")
            return None
        exchange.note(tag, "hit", note)
        exchange.answered_by = answer.told.get(ANSWERED_BY, "")
        exchange.answered_model = answer.told.get(ANSWERED_MODEL, "")
        return self._pace.slow(answer, entry.recording, exchange)

    def spare(self, entry: Entry, exchange: Exchange, *, tag: str) -> Answer | None:
        """
        The answer of an entry that is too old, for when everything else fails; None where it cannot be said so, or is
        older than the request allows.
        """
        ttl_s = exchange.control.ttl_s
        age_s = max(0, int(self._clock.time() - entry.created))
        if ttl_s is not None and age_s >= ttl_s:
            return None
        try:
            return self._made(entry, exchange, tag=tag, age_s=age_s)
        except (BadReply, Untranslatable):
            return None

    def _made(
        self, entry: Entry, exchange: Exchange, *, tag: str, age_s: int, told: Mapping[str, str] | None = None
    ) -> Answer:
        recording = entry.recording
        chunks = deliver(recording, exchange)
        recorded, by = parted(recording.headers)
        headers = _headers(recorded, recording.mode, exchange)
        return Answer(tag, chunks, headers, recording.status, age_s, {**by, **told} if told else by, recording.usage)


def parted(recorded: tuple[tuple[str, str], ...]) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
    """The headers that a provider gave, and those that say which one it was."""
    by = {name: value for name, value in recorded if name in (ANSWERED_BY, ANSWERED_MODEL)}
    return (tuple(field for field in recorded if field[0] not in by) if by else recorded), by


def _headers(recorded: tuple[tuple[str, str], ...], mode: str, exchange: Exchange) -> tuple[tuple[str, str], ...]:
    if mode == exchange.mode:
        return recorded
    kept = tuple(header for header in recorded if header[0] != "content-type")
    return (("content-type", exchange.route.wire.content_type(exchange.mode)), *kept)


def deliver(recording: Recording, exchange: Exchange) -> tuple[bytes, ...]:
    """
    Write `recording` as `exchange` asks for it.

    Raises:
        BadReply, Untranslatable: the recording cannot be said in the mode asked for.
    """
    old, new = changed_ids(recording.run_ids, exchange.identity.run_ids)
    same_mode = recording.mode == exchange.mode
    if same_mode and not old:
        return recording.chunks
    wire = exchange.route.wire

    def read(content: bytes) -> Reply:
        return wire.read(cast("Mode", recording.mode), content)

    if same_mode:
        chunks = substitute(recording.chunks, old, new, read=read)
        if chunks is not None:
            return chunks
    reply = substitute_reply(read(recording.content), old, new)
    return wire.write(cast("Mode", exchange.mode), reply)
