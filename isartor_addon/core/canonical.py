"""The part of a request body that has meaning, written one way only.

Two bodies that ask the same give the same bytes here; two that differ in anything that may shape the answer do not.
The walk touches the body's known skeleton (turns, parts, system blocks, tool definitions) and copies everything below
as it is: tool arguments, tool results' data and schemas are never looked into.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from isartor_addon.core.client import Place, TextRule, Volatile
from isartor_addon.core.prompt import Json

SHORTEST_ID = 8
"""Shorter ids ("call_1") are renamed where they stand as ids, but are not sought in other texts."""

_BOOKKEEPING = re.compile(
    r"(?:session|request|trace|span|run|turn|conversation|thread|correlation|interaction|invocation|prompt|message|"
    r"client|task|parent|idempotency|x)?_?(?:session|request|trace|span|run|turn|conversation|thread|correlation|"
    r"interaction|invocation|message|task|idempotency)_?(?:id|key|uuid)|nonce|time_?stamp(?:_?ms)?|(?:created|sent)_?(?:at|time)",
    re.I,
)
_ID = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9_.:+\-]{12,128}")


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
    envelope: str = ""
    """The field inside which all this stands, if there is one (Gemini's `v1internal`)."""


@dataclass(slots=True)
class Canonical:
    """Result of `canonical`."""

    data: bytes
    """JSON with sorted keys. A NUL byte, which JSON never holds, marks where a run's id stood."""
    run_ids: dict[str, str] = field(default_factory=dict)
    """Name to value: the ids of this run that the data names by name."""


def canonical(body: Mapping[str, Json], shape: Shape, volatile: Volatile, run_ids: Mapping[str, str]) -> Canonical:
    """
    Write `body` down to what it means.

    Args:
        body: the decoded request.
        shape: where this wire keeps things.
        volatile: what to leave out.
        run_ids: ids this run declares, by name.
    """
    walk = _Walk(shape, volatile)
    kept = walk.envelope(body) if shape.envelope else walk.body(body)
    data = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
    ids = dict(run_ids)
    for name, value in run_ids.items():
        data = data.replace(orjson.dumps(value)[1:-1], b"\x00%b\x00" % name.encode())
    for number, value in enumerate(walk.call_ids):
        if len(value) >= SHORTEST_ID:
            ids[f"call{number}"] = value
    return Canonical(data, ids)


class _Walk:
    def __init__(self, shape: Shape, volatile: Volatile) -> None:
        self.shape = shape
        self.volatile = volatile
        self.call_ids: dict[str, str] = {}
        self.rules: dict[Place, tuple[TextRule, ...]] = {
            place: tuple(rule for rule in volatile.text if rule.place == place) for place in ("system", "user", "tool")
        }

    def envelope(self, body: Mapping[str, Json]) -> dict[str, Any]:
        kept = self.fields(body)
        inner = body.get(self.shape.envelope)
        if isinstance(inner, dict):
            kept[self.shape.envelope] = self.body(inner)
        return kept

    def body(self, body: Mapping[str, Json]) -> dict[str, Any]:
        kept = self.fields(body)
        shape = self.shape
        turns = kept.get(shape.turns)
        if isinstance(turns, str):
            kept[shape.turns] = turns = [{"role": "user", shape.content: turns}]
        if isinstance(turns, list):
            kept[shape.turns] = [self.turn(turn) if isinstance(turn, dict) else turn for turn in turns]
        if shape.system and shape.system in kept:
            kept[shape.system] = self.system(kept[shape.system])
        if self.volatile.part and isinstance(kept.get("tools"), list):
            kept["tools"] = [self.without(tool, self.volatile.part) for tool in kept["tools"]]
        return kept

    def fields(self, body: Mapping[str, Json]) -> dict[str, Any]:
        volatile, mode = self.volatile, self.shape.mode
        kept: dict[str, Any] = {}
        for name, value in body.items():
            if name in volatile.body or name in mode or is_bookkeeping(name, value):
                continue
            if name in volatile.inside or name == "metadata":
                value = self.inside(value, volatile.inside.get(name, frozenset()))
                if value == {}:
                    continue
            kept[name] = value
        return kept

    @staticmethod
    def inside(value: Json, names: frozenset[str]) -> Json:
        if not isinstance(value, dict):
            return value
        return {k: v for k, v in value.items() if k not in names and not is_bookkeeping(k, v)}

    @staticmethod
    def without(value: Json, names: frozenset[str]) -> Json:
        if not isinstance(value, dict) or names.isdisjoint(value):
            return value
        return {k: v for k, v in value.items() if k not in names}

    def system(self, value: Json) -> Json:
        if isinstance(value, list):
            prefixes = self.volatile.system_blocks
            if prefixes:
                value = [block for block in value if not _text_of(block).startswith(prefixes)]
            return self.parts(value, "system")
        if isinstance(value, dict) and isinstance(value.get("parts"), list):
            return {**value, "parts": self.parts(value["parts"], "system")}
        if isinstance(value, str):
            return self.text(value, "system")
        return value

    def turn(self, turn: dict[str, Json]) -> dict[str, Any]:
        kept = {k: v for k, v in turn.items() if k not in self.volatile.turn and not is_bookkeeping(k, v)}
        role = kept.get("role")
        place: Place = "system" if role in ("system", "developer") else "tool" if role == "tool" else "user"
        for name in ("call_id", "tool_call_id"):
            if isinstance(kept.get(name), str):
                kept[name] = self.call_id(kept[name])
        calls = kept.get("tool_calls")
        if isinstance(calls, list):
            kept["tool_calls"] = [
                {**call, "id": self.call_id(call["id"])}
                if isinstance(call, dict) and isinstance(call.get("id"), str)
                else call
                for call in calls
            ]
        content = kept.get(self.shape.content)
        if isinstance(content, str):
            kept[self.shape.content] = self.text(content, place)
        elif isinstance(content, list):
            kept[self.shape.content] = self.parts(content, place)
        output = kept.get("output")
        if isinstance(output, str):
            kept["output"] = self.text(output, "tool")
        elif isinstance(output, list):
            kept["output"] = self.parts(output, "tool")
        return kept

    def parts(self, parts: list[Json], place: Place) -> Json:
        kept = [self.part(part, place) if isinstance(part, dict) else part for part in parts]
        if len(kept) == 1 and isinstance(kept[0], dict):
            only = kept[0]
            if (
                len(only) == 2
                and only.get("type") in ("text", "input_text", "output_text")
                and isinstance(only.get("text"), str)
            ):
                return only["text"]
        return kept

    def part(self, part: dict[str, Json], place: Place) -> dict[str, Any]:
        kept: dict[str, Any] = self.without(part, self.volatile.part)
        kind = kept.get("type")
        text = kept.get("text")
        if isinstance(text, str) and self.rules[place]:
            kept = {**kept, "text": self.text(text, place)}
        if isinstance(kind, str) and kind.endswith("tool_use") and isinstance(kept.get("id"), str):
            return {**kept, "id": self.call_id(kept["id"])}
        if isinstance(kept.get("tool_use_id"), str):
            kept = {**kept, "tool_use_id": self.call_id(kept["tool_use_id"])}
            content = kept.get("content")
            if isinstance(content, list):
                kept["content"] = self.parts(content, "tool")
            elif isinstance(content, str):
                kept["content"] = self.text(content, "tool")
            return kept
        for name in ("functionCall", "functionResponse"):
            if isinstance(kept.get(name), dict):
                kept = {**kept, name: self.function(kept[name])}
        return kept

    def function(self, function: dict[str, Json]) -> dict[str, Any]:
        kept = dict(function)
        if isinstance(kept.get("id"), str):
            kept["id"] = self.call_id(kept["id"])
        response = kept.get("response")
        if isinstance(response, dict) and self.rules["tool"]:
            kept["response"] = {k: self.text(v, "tool") if isinstance(v, str) else v for k, v in response.items()}
        return kept

    def call_id(self, value: str) -> str:
        return self.call_ids.setdefault(value, f"call{len(self.call_ids)}")

    def text(self, text: str, place: Place) -> str:
        for rule in self.rules[place]:
            if rule.hint in text:
                text = rule.pattern.sub(rule.replacement, text)
        return text


def _text_of(block: Json) -> str:
    text = block.get("text") if isinstance(block, dict) else block
    return text if isinstance(text, str) else ""


def is_bookkeeping(name: str, value: Json) -> bool:
    """
    Whether a field of the body, of its `metadata` or of a turn only tells one run from another.

    Both must say so: the name (a session, request, trace, turn ... id, a nonce, a time stamp) and the value (an id of
    at least 12 characters with a digit in it, or a time). Anything else counts as meaning.
    """
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return False
    if name[-2:].lower() not in ("id", "ey", "ce", "mp", "ms", "at", "me") or _BOOKKEEPING.fullmatch(name) is None:
        return False
    return value > 1_000_000_000 if not isinstance(value, str) else _ID.fullmatch(value) is not None
