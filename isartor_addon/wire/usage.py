"""What a body says of usage that is no Reply: one that was cut, one that reports an error, one with several choices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import orjson

from isartor_addon.core.errors import BadReply
from isartor_addon.core.prompt import Json
from isartor_addon.core.reply import Usage, tier_of
from isartor_addon.wire.base import Mode, Wire
from isartor_addon.wire.json_array import Elements
from isartor_addon.wire.lines import Lines
from isartor_addon.wire.openai_responses_stream import Objects
from isartor_addon.wire.sse import Reader


def usage_so_far(wire: Wire, mode: Mode, content: bytes) -> Usage | None:
    """
    The last that was said, field by field; None where nothing was.

    Only what bears the wire's mark is decoded, and nothing in the body makes this fail.
    """
    if wire.usage_mark not in content:
        return None
    told: dict[str, Json] = {}
    tier = ""
    for piece in _pieces(mode, content):
        if wire.usage_mark not in piece:
            continue
        with suppress(orjson.JSONDecodeError):
            body = orjson.loads(piece)
            said = wire.told_usage(body) if isinstance(body, dict) else None
            if isinstance(said, dict):
                told |= {name: value for name, value in said.items() if value is not None}
                inner = body.get("response")
                tier = tier_of(body, inner if isinstance(inner, dict) else {}, told) or tier
    usage = said_something(wire.read_usage(told))
    return replace(usage, tier=tier) if usage is not None else None


def said_something(usage: Usage) -> Usage | None:
    """`usage`, or None where it counts nothing."""
    return None if usage.counts == Usage(tier=usage.tier) else usage


def _pieces(mode: Mode, content: bytes) -> Iterator[bytes]:
    """The objects of a body, as text, up to where it stops being one."""
    with suppress(BadReply):
        match mode:
            case "json":
                yield content
            case "sse" | "sse+usage":
                reader = Reader()
                for event in (*reader.feed(content), *reader.finish()):
                    yield event.data
            case "ndjson":
                lines = Lines()
                yield from (*lines.feed(content), *lines.finish())
            case "array":
                yield from Elements().feed(content)
            case "ws":
                yield from Objects().texts(content)
