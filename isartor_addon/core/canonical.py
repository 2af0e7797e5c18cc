"""The part of a request body that has meaning, written one way only.

Two bodies that ask the same come out the same here; two that differ in anything that may shape the answer do not.
The walk touches the body's known skeleton (turns, parts, system blocks, tool definitions) and takes everything below
as it is: tool arguments, tool results' data and schemas are never looked into.

This runs on every request, so a turn or part that holds nothing to leave out is passed on as it is, not copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from isartor_addon.core.bookkeeping import held, inside, is_bookkeeping
from isartor_addon.core.client import Volatile
from isartor_addon.core.prepared import Where, prepared
from isartor_addon.core.prompt import Json

SHORTEST_ID = 8
"""Shorter ids ("call_1") are renamed where they stand as ids, but are not sought in other texts."""

_CARRIES = ("content", "parts", "call_id", "output", "tools", "encrypted_content")
"""What makes an item of a conversation say all by itself, so that its `id` only names it. Without any of these
(`item_reference`) the id points at what the provider holds, and is meaning."""
_CALLS = frozenset({"tool_calls", "tool_call_id", "call_id", "output"})
_PLACES: Mapping[Json, Where] = {"system": "system", "developer": "system", "user": "user", "tool": "tool"}
_TEXTS = frozenset({"text", "input_text", "output_text"})


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a wire keeps its conversation."""

    turns: str
    """The field that holds the conversation."""
    content: str = "content"
    """The field of a turn that holds its parts."""
    system: str = ""
    """The field with instructions kept apart from the turns."""
    mode: frozenset[str] = frozenset({"stream"})
    """Fields that only choose how the answer is delivered."""
    alone: str = ""
    """The field that may hold a single text in place of a conversation (Ollama's `prompt`)."""
    goes_on: bool = False
    """Whether the model is to go on with a text rather than to answer it."""
    envelope: str = ""
    """The field inside which all this stands, if there is one (Gemini's `v1internal`)."""


@dataclass(slots=True)
class Canonical:
    """Result of `canonical`."""

    body: dict[str, Json]
    """What of the body has meaning. Parts of it may be the body's own objects: nobody changes them."""
    call_ids: dict[str, str]
    """Name to value: the ids of tool calls in order of appearance, where they can be sought in texts: long
    ones that are no words (some programs take the tool's name for the call's id)."""


def canonical(body: Mapping[str, Json], shape: Shape, volatile: Volatile) -> Canonical:
    """
    Find what `body` means.

    Args:
        body: the decoded request.
        shape: where this wire keeps things.
        volatile: what to leave out.
    """
    walk = _Walk(shape, volatile)
    kept = walk.envelope(body) if shape.envelope and shape.envelope in body else walk.body(body)
    return Canonical(kept, {name: value for value, name in walk.call_ids.items() if _can_be_sought(value)})


def _can_be_sought(call_id: str) -> bool:
    return len(call_id) >= SHORTEST_ID and not call_id.replace("_", "").isalpha()


def written(value: Json, run_ids: Mapping[str, str]) -> bytes:
    """
    Write `value` as JSON with sorted keys, with the name of a run's id wherever its value stands.

    A name stands between NUL bytes, which JSON never holds. What could be a number, and what stands after a backslash
    (in JSON the `n` of a line's end is a letter), is not touched.

    Raises:
        TypeError: the value is nested more than 254 levels deep.
    """
    data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    for name, run_id in sorted(run_ids.items(), key=_longest_first):
        sought = orjson.dumps(run_id)[1:-1]
        if sought.strip(b"0123456789.+-eE") and sought in data and b"\\" + sought not in data:
            data = data.replace(sought, b"\x00%b\x00" % name.encode())
    return data


def _longest_first(named: tuple[str, str]) -> int:
    return -len(named[1])


class _CallIds(dict[str, str]):
    """Ids of tool calls to their names: `call0`, `call1` ... in order of appearance."""

    def __missing__(self, value: str) -> str:
        name = self[value] = f"call{len(self)}"
        return name


class _Walk:
    __slots__ = ("call_ids", "content", "left_out", "plain", "shape", "text", "volatile")

    def __init__(self, shape: Shape, volatile: Volatile) -> None:
        table = prepared(volatile)
        self.shape = shape
        self.content = shape.content
        self.volatile = volatile
        self.text = table.text
        self.plain = table.plain
        self.left_out = table.left_out
        self.call_ids = _CallIds()

    def envelope(self, body: Mapping[str, Json]) -> dict[str, Any]:
        kept = self.fields(body)
        inner = body[self.shape.envelope]
        kept[self.shape.envelope] = self.body(inner) if isinstance(inner, dict) else inner
        return kept

    def body(self, body: Mapping[str, Json]) -> dict[str, Any]:
        kept = self.fields(body)
        shape = self.shape
        turns = kept.get(shape.turns)
        if isinstance(turns, str):
            turns = [{"role": "user", shape.content: turns}]
        if isinstance(turns, list):
            turn = self.turn
            kept[shape.turns] = [turn(each) if each.__class__ is dict else each for each in turns]
        if shape.system and shape.system in kept:
            kept[shape.system] = self.system(kept[shape.system])
        tools = kept.get("tools")
        if isinstance(tools, list):
            kept["tools"] = [self.without(tool) if isinstance(tool, dict) else tool for tool in tools]
        return kept

    def fields(self, body: Mapping[str, Json]) -> dict[str, Any]:
        volatile, mode = self.volatile, self.shape.mode
        kept: dict[str, Any] = {}
        for name, value in body.items():
            if name in volatile.body or name in mode:
                continue
            if is_bookkeeping(name, value):
                if pointer := held(name, value):
                    kept[name] = pointer
                continue
            if name == "metadata" or name in volatile.inside:
                value = inside(value, volatile.inside.get(name, frozenset()))
                if value == {}:
                    continue
            kept[name] = value
        return kept

    def without(self, part: dict[str, Json]) -> dict[str, Any]:
        names = self.volatile.part
        return part if names.isdisjoint(part) else {name: value for name, value in part.items() if name not in names}

    def system(self, value: Json) -> Json:
        if isinstance(value, list):
            prefixes = self.volatile.system_blocks
            if prefixes:
                value = [block for block in value if not _is_left_out(_text_of(block), prefixes)]
            return self.parts(value, "system")
        if isinstance(value, dict) and isinstance(value.get("parts"), list):
            return {**value, "parts": self.parts(value["parts"], "system")}
        if isinstance(value, str):
            return self.text(value, "system")
        return value

    def turn(self, turn: dict[str, Json]) -> dict[str, Any]:
        kept = turn if self.plain.issuperset(turn) else self.turn_fields(turn)
        role = kept.get("role")
        place = _PLACES.get(role, "reply") if role.__class__ is str else "reply"
        content = kept.get(self.content)
        if content.__class__ is list:
            content = self.parts(content, place)
        elif content.__class__ is str and place != "reply":
            text = self.text(content, place)
            content = None if text is content else text
        else:
            content = None
        calls = role != "user" and not _CALLS.isdisjoint(kept)
        if kept is turn and (calls or content is not None):
            kept = turn.copy()
        if content is not None:
            kept[self.content] = content
        return self.calls(kept) if calls else kept

    def turn_fields(self, turn: dict[str, Json]) -> dict[str, Any]:
        volatile = self.volatile.turn
        if "id" in volatile and "id" in turn and _is_its_id(turn):
            volatile -= {"id"}
        kept = {k: v for k, v in turn.items() if k not in volatile and not is_bookkeeping(k, v)}
        if "metadata" in kept:
            kept["metadata"] = inside(kept["metadata"], frozenset())
            if kept["metadata"] == {}:
                del kept["metadata"]
        return kept

    def calls(self, kept: dict[str, Any]) -> dict[str, Any]:
        """A turn that calls tools or answers for one: what names a call is renamed."""
        calls = kept.get("tool_calls")
        if calls.__class__ is list:
            renamed = self.renamed
            kept["tool_calls"] = [renamed(call, "id") for call in calls]
        if "tool_call_id" in kept:
            kept["tool_call_id"] = self.call_id(kept["tool_call_id"])
        if "call_id" in kept:
            kept["call_id"] = self.call_id(kept["call_id"])
        output = kept.get("output")
        if output.__class__ is str:
            kept["output"] = self.text(output, "tool")
        elif output.__class__ is list:
            kept["output"] = self.parts(output, "tool")
        return kept

    def parts(self, parts: list[Json], place: Where) -> Json:
        """The parts of a turn; one text alone is the same as its words."""
        left_out = self.left_out
        kept: list[Json] = []
        for part in parts:
            if part.__class__ is dict:
                for name in left_out:
                    if name in part:
                        part = {field: value for field, value in part.items() if field != name}
                words = part.get("text")
                if words.__class__ is str:
                    text = self.text(words, place)
                    if text is not words:
                        part = {**part, "text": text}
                elif place != "tool":
                    part = self.part(part)
            kept.append(part)
        if len(kept) == 1 and kept[0].__class__ is dict:
            only = kept[0]
            if len(only) == 2 and only.get("type") in _TEXTS and isinstance(only.get("text"), str):
                return only["text"]
        return kept

    def part(self, part: dict[str, Json]) -> dict[str, Any]:
        """A part that is no text: what names a call is renamed."""
        kind = part.get("type")
        if "tool_use_id" in part:
            kept = part.copy()
            kept["tool_use_id"] = self.call_id(part["tool_use_id"])
            content = part.get("content")
            if content.__class__ is list:
                kept["content"] = self.parts(content, "tool")
            elif content.__class__ is str:
                kept["content"] = self.text(content, "tool")
            return kept
        if kind.__class__ is str and kind.endswith("tool_use"):
            call: dict[str, Any] = self.renamed(part, "id")
            return call
        for name in ("functionCall", "functionResponse"):
            if isinstance(part.get(name), dict):
                return {**part, name: self.function(part[name])}
        return part

    def function(self, function: dict[str, Json]) -> dict[str, Any]:
        kept: dict[str, Any] = self.renamed(function, "id")
        response = kept.get("response")
        if isinstance(response, dict):
            kept = kept.copy()
            kept["response"] = {k: self.text(v, "tool") if isinstance(v, str) else v for k, v in response.items()}
        return kept

    def renamed(self, value: Json, field: str) -> Any:
        """A copy of an object, with the call's id in `field` renamed."""
        if value.__class__ is not dict or value.get(field).__class__ is not str:
            return value
        kept = value.copy()
        kept[field] = self.call_ids[kept[field]]
        return kept

    def call_id(self, value: Json) -> Json:
        return self.call_ids[value] if value.__class__ is str else value


def _is_its_id(item: Mapping[str, Json]) -> bool:
    """Whether an item's `id` says what no other field does: what it points at, or which call it answers."""
    return not any(item.get(name) for name in _CARRIES) or ("output" in item and "call_id" not in item)


def _is_left_out(text: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a system block is one of those that a table names. These are one line: what has more says more."""
    return text.startswith(prefixes) and "\n" not in text


def _text_of(block: Json) -> str:
    text = block.get("text") if isinstance(block, dict) else block
    return text if isinstance(text, str) else ""
