"""Turns of a conversation, put into the one order that every wire can say.

Wires differ in what one message holds: Anthropic puts tool results beside a user's words, Responses makes an item of
every call, chat a message of every result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Document, Image, Part, Role, Text, ToolCall, ToolResult, Turn
from isartor_addon.wire.translation.ids import made

SEPARATOR: Final = "\n\n"
"""Between texts that one wire keeps apart and another has as one."""


def arranged(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Split tool results from words, and join what follows each other in one role; empty turns go."""
    found: list[Turn] = []
    for turn in turns:
        for piece in _split(turn):
            if found and found[-1].role == piece.role:
                found[-1] = replace(found[-1], parts=(*found[-1].parts, *piece.parts))
            else:
                found.append(piece)
    return tuple(found)


def _split(turn: Turn) -> Iterator[Turn]:
    results = tuple(part for part in turn.parts if isinstance(part, ToolResult))
    others = tuple(part for part in turn.parts if not isinstance(part, ToolResult))
    if results:
        yield Turn("tool", results)
    if others:
        role: Role = {"tool": "user", "developer": "system"}.get(turn.role, turn.role)  # type: ignore[assignment]
        yield Turn(role, others)


def text_of(parts: Iterable[Part]) -> str:
    """
    The words of parts that are nothing but words.

    Raises:
        Untranslatable: there is something else.
    """
    texts: list[str] = []
    for part in parts:
        if not isinstance(part, Text):
            raise Untranslatable(f"a {type(part).__name__} where only text can be said")
        texts.append(part.text)
    return SEPARATOR.join(text for text in texts if text)


def result_text(result: ToolResult) -> str:
    """A tool result's words for wires that have no mark for a failure."""
    text = text_of(part for part in result.parts if isinstance(part, Text))
    return f"Error: {text}" if result.is_error and not text.startswith("Error") else text


def shown(results: Iterable[ToolResult]) -> tuple[Part, ...]:
    """What tools gave back besides words, for wires where only a user can show it, each said whose it is."""
    parts: list[Part] = []
    for result in results:
        others = [part for part in result.parts if isinstance(part, Image | Document)]
        if others:
            parts += [Text(f"The tool call {result.call_id} gave this:"), *others]
    return tuple(parts)


def split_system(turns: tuple[Turn, ...]) -> tuple[tuple[Part, ...], tuple[Turn, ...]]:
    """
    The instructions before everything else, and the turns after them.

    An instruction that stands later is a user's text between marks there, as coding tools write such themselves: these
    wires have no place for it, and where it stands is part of what it says.
    """
    first = turns[0].parts if turns and turns[0].role == "system" else ()
    rest = turns[1:] if first else turns
    return first, arranged(_reminder(turn) if turn.role == "system" else turn for turn in rest)


def _reminder(turn: Turn) -> Turn:
    return Turn("user", (Text(f"<system-reminder>\n{text_of(turn.parts)}\n</system-reminder>"),))


def calls_of(turn: Turn) -> tuple[ToolCall, ...]:
    """The tool calls of a turn."""
    return tuple(part for part in turn.parts if isinstance(part, ToolCall))


def with_ids(turns: list[Turn]) -> list[Turn]:
    """
    Give ids to calls that have none, and to results the id of the first call of their name that waits for one.

    For wires that need none (Gemini, Ollama). The same conversation gets the same ids, however often it is read.

    Raises:
        Untranslatable: a result has no call.
    """
    waiting: list[tuple[str, str]] = []
    found: list[Turn] = []
    for number, turn in enumerate(turns):
        parts: list[Part] = []
        for place, part in enumerate(turn.parts):
            if isinstance(part, ToolCall):
                part = part if part.id else replace(part, id=made("call", str(number), str(place), part.name))
                waiting.append((part.name, part.id))
            elif isinstance(part, ToolResult):
                part = part if part.call_id else replace(part, call_id=_call_for(part.name, waiting))
                waiting = [each for each in waiting if each[1] != part.call_id]
                part = replace(part, name="")
            parts.append(part)
        found.append(replace(turn, parts=tuple(parts)))
    return found


def _call_for(name: str, waiting: list[tuple[str, str]]) -> str:
    call_id = next((each for tool, each in waiting if tool == name), None)
    if call_id is None:
        raise Untranslatable("a tool's result without its call")
    return call_id
