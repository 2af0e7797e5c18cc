"""Put the present run's ids where the recorded run's stand in an answer.

A recorded stream is changed byte by byte where an id stands in one piece. Where it came in pieces (a tool's arguments,
streamed a few characters at a time), bytes cannot show it; the decoded reply does, and the stream is written anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Opaque, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply


def changed_ids(recorded: Mapping[str, str], present: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The ids, by name, of the recorded run and of the present one, as far as both have them and they differ."""
    if not recorded:
        return {}, {}
    names = [name for name, value in recorded.items() if value and present.get(name, value) != value]
    return {name: recorded[name] for name in names}, {name: present[name] for name in names}


def named(content: bytes, ids: Mapping[str, str], reply: Reply | None) -> dict[str, str]:
    """
    Those of `ids` that a recorded body says somewhere, in one piece or in several.

    Only these need to be kept with a recording: one that names none is replayed as it is.

    Args:
        content: the whole body.
        ids: by name.
        reply: what the body says, None where only its own bytes can say it.
    """
    if not ids:
        return {}
    said = "\n".join(map(_said, reply.parts)) if reply else ""
    return {name: value for name, value in ids.items() if value in said or _escaped(value) in content}


def substitute(
    chunks: tuple[bytes, ...], old: Mapping[str, str], new: Mapping[str, str], *, read: Callable[[bytes], Reply]
) -> tuple[bytes, ...] | None:
    """
    Swap the ids in a recorded body; all at once, so that none is swapped twice.

    Args:
        chunks: the body in the pieces in which it is replayed; their number stays.
        old: the recorded run's ids by name.
        new: the present run's, under the same names.
        read: decodes a whole body of this kind; where it cannot, only what stands in one piece is swapped.

    Returns:
        The new pieces (the same tuple when there is nothing to do), or None when bytes do not show every place: then
        the reply must be written anew from `substitute_reply`.
    """
    swap = _Swap(old, new)
    if not swap.pairs:
        return chunks
    content = b"".join(chunks)
    swapped = swap.chunks(chunks, content)
    reply = _readable(content, read)
    if reply is None:
        return swapped
    now = reply if swapped is chunks else _readable(b"".join(swapped), read)
    return swapped if now is not None and now.parts == swap.reply(reply).parts else None


def substitute_reply(reply: Reply, old: Mapping[str, str], new: Mapping[str, str]) -> Reply:
    """
    Swap the ids in a reply: in words, tool arguments, opaque content and the fields beside them.

    Thinking that its provider has signed stays as it is: changed, it would be refused in the next turn.
    """
    swap = _Swap(old, new)
    return swap.reply(reply) if swap.pairs else reply


def _readable(content: bytes, read: Callable[[bytes], Reply]) -> Reply | None:
    try:
        return read(content)
    except (BadReply, Untranslatable):
        return None


class _Swap:
    def __init__(self, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        self.pairs = {value: new[name] for name, value in old.items() if value and name in new and new[name] != value}
        """Old value to new value."""
        longest_first = sorted(self.pairs, key=len, reverse=True)
        # An id that goes on is another id. Before it anything may stand: in JSON text `\n` is a letter.
        self.words = re.compile(f"(?:{'|'.join(map(re.escape, longest_first))})(?![A-Za-z0-9])")
        self.raw_pairs = {_escaped(value): _escaped(present) for value, present in self.pairs.items()}
        raw = b"|".join(re.escape(_escaped(value)) for value in longest_first)
        self.raw = re.compile(b"(?:%b)(?![A-Za-z0-9])" % raw)

    def chunks(self, chunks: tuple[bytes, ...], content: bytes) -> tuple[bytes, ...]:
        found = [(match.start(), match.end(), self.raw_pairs[match.group()]) for match in self.raw.finditer(content)]
        if not found:
            return chunks
        pieces: list[bytes] = []
        begin = done = 0
        places = iter(found)
        place = next(places, None)
        for chunk in chunks:
            end = begin + len(chunk)
            piece = []
            # An id that runs over the end of a piece goes into the piece where it begins.
            while place is not None and place[0] < end:
                piece += [content[done : place[0]], place[2]]
                done = place[1]
                place = next(places, None)
            piece.append(content[done:end])
            done = max(done, end)
            pieces.append(b"".join(piece))
            begin = end
        return tuple(pieces)

    def reply(self, reply: Reply) -> Reply:
        return replace(reply, parts=tuple(self.part(part) for part in reply.parts))

    def part(self, part: Part) -> Part:
        match part:
            case Thinking() if part.signature:
                return part
            case Text() | Thinking():
                return replace(part, text=self.text(part.text), extra=self.json(dict(part.extra)))
            case ToolCall():
                return replace(part, arguments=self.text(part.arguments), extra=self.json(dict(part.extra)))
            case Opaque():
                return replace(part, value=self.json(part.value))
            case _:
                return part

    def text(self, text: str) -> str:
        return self.words.sub(lambda match: self.pairs[match.group()], text)

    def json(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(inner) for inner in value]
        if isinstance(value, dict):
            return {name: self.json(inner) for name, inner in value.items()}
        return value


def _escaped(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]


def _said(part: Part) -> str:
    match part:
        case Text(text, extra) | Thinking(text, _, extra):
            return text + _json_text(extra)
        case ToolCall():
            return part.arguments + _json_text(part.extra)
        case Opaque():
            return _json_text(part.value)
        case _:
            return ""


def _json_text(value: Json) -> str:
    return orjson.dumps(value).decode() if value else ""
