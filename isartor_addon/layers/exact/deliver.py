"""A recording, delivered the way it is asked for now.

Same mode: the recorded bytes, verbatim. Another mode (JSON where a stream was recorded, or the reverse): rendered from
the neutral reply. Where ids of the recorded run stand in the answer, the ids of the present run are put.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from isartor_addon.core.exchange import Exchange
from isartor_addon.core.recording import Recording
from isartor_addon.core.replay import changed_ids, substitute, substitute_reply

if TYPE_CHECKING:
    from isartor_addon.core.reply import Reply
    from isartor_addon.wire.base import Mode


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
