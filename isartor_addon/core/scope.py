"""The compatibility key of a request, and the words that may be said otherwise.

Two requests are of one scope when they are the same in everything but the user's last words: caller, provider, model,
settings, instructions, tools, schema, every turn before, and what the tool puts around the words. It is found from the
canonical form, so what does not count in the exact key does not count here.

A request is unfit for being answered in other words when that is not sure: better no scope than a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from isartor_addon.core.canonical import Shape
from isartor_addon.core.client import Wrapping
from isartor_addon.core.identity import Identity, digest
from isartor_addon.core.prompt import Json

LARGEST = 256 * 1024
"""Bytes of a canonical request; what is larger is more than a question."""
LONGEST = 500
"""Characters. What is longer is a question with its material, which nearness in meaning cannot tell apart."""

_RUN_ID = "\ufdd0".encode()
"""Stands for the NUL beside a run's id, which JSON cannot hold; no character ever."""
_HOLE = "\ufdd1"
"""Stands for the words; no character ever."""
_TEXTS = frozenset({"text", "input_text"})
_INSTRUCTIONS = frozenset({"system", "developer"})
_CHOICES = ("n", "best_of", "candidateCount", "num_choices")
_SAYS_MORE = frozenset({"images", "suffix", "context", "raw"})
"""Fields beside a single text that say what is done with it."""
_MARKUP = re.compile(r"<([A-Za-z][\w.-]*)(?:\s[^<>]*)?>.*</\1\s*>", re.S)
_PARAGRAPHS = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a request is fixed, and what may be said in other words."""

    key: str = ""
    """64 hex digits; empty when the request is unfit."""
    words: str = field(default="", repr=False)
    """The user's last words, without what their tool puts around them."""
    unfit: str = ""
    """Why this may not be answered in other words; empty when it may."""


def offers_tools(body: Mapping[str, Json], shape: Shape) -> bool:
    """Whether the model may call tools: a cheap look at the body as received."""
    inner = body.get(shape.envelope) if shape.envelope else None
    body = inner if isinstance(inner, dict) else body
    if body.get("tools") or body.get("functions"):
        return True
    turns = body.get(shape.turns)
    return isinstance(turns, list) and any(isinstance(turn, dict) and turn.get("tools") for turn in turns)


def find_scope(identity: Identity, *, caller: str, operation: str, shape: Shape, wrapping: Wrapping) -> Scope:
    """
    Find the scope of a request.

    Args:
        identity: the request's.
        caller: who the provider bills.
        operation: what the provider is to do.
        shape: where the wire keeps its conversation.
        wrapping: what the request's tool puts around the user's words.
    """
    try:
        words, rest = _apart(identity, operation=operation, shape=shape, wrapping=wrapping)
    except _Unfit as unfit:
        return Scope(unfit=str(unfit))
    return Scope(digest(caller.encode(), rest), words)


class _Unfit(Exception):
    """Its message is the reason."""


def _apart(identity: Identity, *, operation: str, shape: Shape, wrapping: Wrapping) -> tuple[str, bytes]:
    """The words, and the request without them."""
    if identity.uncacheable:
        raise _Unfit(identity.uncacheable)
    if operation != "generate":
        raise _Unfit(f"it asks to {operation}")
    if shape.goes_on:
        raise _Unfit("a text is to go on, and nothing is asked")
    if not identity.canonical or len(identity.canonical) > LARGEST:
        raise _Unfit("the request is too large")
    asked = orjson.loads(identity.canonical.replace(b"\x00", _RUN_ID))
    body = asked["body"]
    inner = body.get(shape.envelope) if shape.envelope else None
    body = inner if isinstance(inner, dict) else body
    _one_choice(body)
    if shape.turns not in body and shape.alone and isinstance(body.get(shape.alone), str):
        turn, field = body, shape.alone
        if not _SAYS_MORE.isdisjoint(body):
            raise _Unfit("the prompt is more than a text")
    else:
        turn, field = _last_turn(body.get(shape.turns)), shape.content
    words = _cut_out(turn, field, wrapping)
    return words, orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)


def _one_choice(body: Mapping[str, Json]) -> None:
    settings = body.get("generationConfig")
    for said in (body, settings if isinstance(settings, dict) else {}):
        if any(said.get(name) not in (None, 1) for name in _CHOICES) or said.get("echo"):
            raise _Unfit("several choices are asked for")


def _last_turn(turns: Json) -> dict[str, Json]:
    """The user's last turn; only instructions may follow it."""
    for turn in reversed(turns) if isinstance(turns, list) else ():
        if not isinstance(turn, dict):
            break
        role = turn.get("role", "user")
        if role == "user" and turn.get("type", "message") == "message":
            return turn
        if role not in _INSTRUCTIONS:
            break
    raise _Unfit("the last turn is not the user's")


def _cut_out(turn: dict[str, Json], field: str, wrapping: Wrapping) -> str:
    """Put a hole in the turn where the words are, and give them."""
    content = turn.get(field)
    if isinstance(content, str):
        before, words, after = unwrap(content, wrapping)
        turn[field] = before + _HOLE + after
        return _checked(words)
    found: list[tuple[dict[str, Json], str, str, str]] = []
    for part in content if isinstance(content, list) else ():
        if (
            not isinstance(part, dict)
            or not isinstance(part.get("text"), str)
            or part.get("type", "text") not in _TEXTS
        ):
            raise _Unfit("the last turn is more than text")
        before, words, after = unwrap(part["text"], wrapping)
        if words:
            found.append((part, before, words, after))
    if len(found) > 1:
        raise _Unfit("the user's words cannot be told from what is put around them")
    for part, before, words, after in found:
        part["text"] = before + _HOLE + after
        return _checked(words)
    raise _Unfit("there are no words")


def _checked(words: str) -> str:
    if not words:
        raise _Unfit("there are no words")
    if _RUN_ID.decode() in words:
        raise _Unfit("the words hold an id of the run")
    if len(words) > LONGEST or _PARAGRAPHS.search(words):
        raise _Unfit("the words are more than a question")
    if _MARKUP.search(words):
        raise _Unfit("the user's words cannot be told from what is put around them")
    return words


def unwrap(text: str, wrapping: Wrapping) -> tuple[str, str, str]:
    """
    Tell the user's words from what their tool puts around them.

    Returns:
        What stands before the words, the words without white space around them, what stands after them.
    """
    begin, end = 0, len(text)
    moved = True
    while moved:
        begin, end, moved = _step(text, begin, end, wrapping)
    return text[:begin].rstrip(), text[begin:end], text[end:].lstrip()


def _step(text: str, begin: int, end: int, wrapping: Wrapping) -> tuple[int, int, bool]:
    """Go past one thing that is none of the words, at either end."""
    was = begin, end
    while begin < end and text[begin].isspace():
        begin += 1
    while begin < end and text[end - 1].isspace():
        end -= 1
    for tag in wrapping.blocks:
        opening, closing = f"<{tag}>", f"</{tag}>"
        if text.startswith(opening, begin, end) and (found := text.find(closing, begin, end)) >= 0:
            begin = found + len(closing)
        elif text.endswith(closing, begin, end) and (found := text.rfind(opening, begin, end)) >= 0:
            end = found
    for tag in wrapping.around:
        opening, closing = f"<{tag}>", f"</{tag}>"
        if text.startswith(opening, begin, end) and text.find(closing, begin, end) == end - len(closing):
            begin, end = begin + len(opening), end - len(closing)
    for pattern in wrapping.lines:
        if line := pattern.match(text, begin, end):
            begin = line.end()
    return begin, end, (begin, end) != was
