"""The part of a request body that has meaning, written one way only.

Two bodies that ask the same come out the same here; two that differ in anything that may shape the answer do not.
The walk touches the body's known skeleton (turns, parts, system blocks, tool definitions) and takes everything below
as it is: tool arguments, tool results' data and schemas are never looked into.

This runs on every request, so a turn or part that holds nothing to leave out is passed on as it is, not copied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from isartor_addon.core.client import Place, TextRule, Volatile
from isartor_addon.core.prompt import Json

SHORTEST_ID = 8
"""Shorter ids ("call_1") are renamed where they stand as ids, but are not sought in other texts."""

_BOOKKEEPING = re.compile(
    r"(?:(?:session|request|trace|span|run|turn|conversation|thread|correlation|interaction|invocation|prompt|message|"
    r"client|task|parent|idempotency|x)_?)?(?:session|request|trace|span|run|turn|conversation|thread|correlation|"
    r"interaction|invocation|message|task|idempotency)_?(?:id|key|uuid)|nonce|time_?stamp(?:_?ms)?|(?:created|sent)_?(?:at|time)",
    re.I,
)
_ENDINGS = frozenset({"id", "ey", "ce", "mp", "ms", "at", "me"})
"""The last two letters of all names that `_BOOKKEEPING` knows: a quick test."""
_ID = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9_.:+\-]{12,128}")
_PLAIN = frozenset(
    "role content parts type name id call_id tool_call_id tool_calls output status arguments input namespace summary "
    "encrypted_content refusal images thinking tool_name".split()
)
"""Fields of a turn whose names are no bookkeeping."""
_CARRIES = ("content", "parts", "call_id", "output", "tools", "encrypted_content")
"""What makes an item of a conversation say all by itself, so that its `id` only names it. Without any of these
(`item_reference`) the id points at what the provider holds, and is meaning."""
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
    envelope: str = ""
    """The field inside which all this stands, if there is one (Gemini's `v1internal`)."""


@dataclass(slots=True)
class Canonical:
    """Result of `canonical`."""

    body: dict[str, Json]
    """What of the body has meaning. Parts of it may be the body's own objects: nobody changes them."""
    call_ids: dict[str, str]
    """Name to value: the ids of tool calls in order of appearance, where they are long enough to be sought in texts."""


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
    return Canonical(kept, {name: value for value, name in walk.call_ids.items() if len(value) >= SHORTEST_ID})


def written(value: Json, run_ids: Mapping[str, str]) -> bytes:
    """
    Write `value` as JSON with sorted keys, with the name of a run's id wherever its value stands.

    A name stands between NUL bytes, which JSON never holds.

    Raises:
        TypeError: the value is nested more than 254 levels deep.
    """
    data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    for name, run_id in sorted(run_ids.items(), key=_longest_first):
        data = data.replace(orjson.dumps(run_id)[1:-1], b"\x00%b\x00" % name.encode())
    return data


def _longest_first(named: tuple[str, str]) -> int:
    return -len(named[1])


class _Walk:
    __slots__ = ("call_ids", "content", "plain", "rules", "shape", "volatile")

    def __init__(self, shape: Shape, volatile: Volatile) -> None:
        self.shape = shape
        self.content = shape.content
        self.volatile = volatile
        self.plain = _PLAIN - volatile.turn
        self.call_ids: dict[str, str] = {}
        self.rules: dict[Place, tuple[TextRule, ...]] = {"system": (), "user": (), "tool": ()}
        for rule in volatile.text:
            self.rules[rule.place] += (rule,)

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
            kept[shape.turns] = [turn(each) if isinstance(each, dict) else each for each in turns]
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
            if name in volatile.body or name in mode or is_bookkeeping(name, value):
                continue
            if name == "metadata" or name in volatile.inside:
                value = inside(value, volatile.inside.get(name, frozenset()))
                if value == {}:
                    continue
            kept[name] = value
        return kept

    def without(self, part: dict[str, Json]) -> dict[str, Any]:
        names = self.volatile.part
        if names.isdisjoint(part):
            return part
        return {name: value for name, value in part.items() if name not in names}

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
        if not turn.keys() <= self.plain:
            turn = self.turn_fields(turn)
        role = turn.get("role")
        place: Place = "user"
        if role == "tool":
            place = "tool"
        elif role in ("system", "developer"):
            place = "system"
        changed: dict[str, Any] = {}
        content = turn.get(self.content)
        if isinstance(content, list):
            changed[self.content] = self.parts(content, place)
        elif isinstance(content, str) and self.rules[place]:
            changed[self.content] = self.text(content, place)
        if role != "user":
            self.calls(turn, changed)
        return {**turn, **changed} if changed else turn

    def turn_fields(self, turn: dict[str, Json]) -> dict[str, Any]:
        volatile = self.volatile.turn
        if "id" in volatile and "id" in turn and not any(turn.get(name) for name in _CARRIES):
            volatile -= {"id"}
        kept = {k: v for k, v in turn.items() if k not in volatile and not is_bookkeeping(k, v)}
        if "metadata" in kept:
            kept["metadata"] = inside(kept["metadata"], frozenset())
            if kept["metadata"] == {}:
                del kept["metadata"]
        return kept

    def calls(self, turn: dict[str, Any], changed: dict[str, Any]) -> None:
        calls = turn.get("tool_calls")
        if isinstance(calls, list):
            changed["tool_calls"] = [
                {**call, "id": self.call_id(call["id"])} if isinstance(call, dict) and "id" in call else call
                for call in calls
            ]
        for name in ("tool_call_id", "call_id"):
            if name in turn:
                changed[name] = self.call_id(turn[name])
        output = turn.get("output")
        if isinstance(output, str):
            changed["output"] = self.text(output, "tool")
        elif isinstance(output, list):
            changed["output"] = self.parts(output, "tool")

    def parts(self, parts: list[Json], place: Place) -> Json:
        """The parts of a turn; one text alone is the same as its words."""
        kept = [self.part(part, place) if isinstance(part, dict) else part for part in parts]
        if len(kept) == 1 and isinstance(kept[0], dict):
            only = kept[0]
            if len(only) == 2 and only.get("type") in _TEXTS and isinstance(only.get("text"), str):
                return only["text"]
        return kept

    def part(self, part: dict[str, Json], place: Place) -> dict[str, Any]:
        names = self.volatile.part
        if not names.isdisjoint(part):
            part = {name: value for name, value in part.items() if name not in names}
        text = part.get("text")
        if isinstance(text, str):
            if not self.rules[place]:
                return part
            plain = self.text(text, place)
            return part if plain is text else {**part, "text": plain}
        if place == "tool":
            return part
        if "tool_use_id" in part:
            return self.tool_result(part)
        if "id" in part and isinstance(part.get("type"), str) and part["type"].endswith("tool_use"):
            return {**part, "id": self.call_id(part["id"])}
        for name in ("functionCall", "functionResponse"):
            if isinstance(part.get(name), dict):
                return {**part, name: self.function(part[name])}
        return part

    def tool_result(self, part: dict[str, Json]) -> dict[str, Any]:
        kept = {**part, "tool_use_id": self.call_id(part["tool_use_id"])}
        content = kept.get("content")
        if isinstance(content, list):
            kept["content"] = self.parts(content, "tool")
        elif isinstance(content, str) and self.rules["tool"]:
            kept["content"] = self.text(content, "tool")
        return kept

    def function(self, function: dict[str, Json]) -> dict[str, Any]:
        kept = dict(function)
        if "id" in kept:
            kept["id"] = self.call_id(kept["id"])
        response = kept.get("response")
        if isinstance(response, dict) and self.rules["tool"]:
            kept["response"] = {k: self.text(v, "tool") if isinstance(v, str) else v for k, v in response.items()}
        return kept

    def call_id(self, value: Json) -> Json:
        if not isinstance(value, str):
            return value
        return self.call_ids.setdefault(value, f"call{len(self.call_ids)}")

    def text(self, text: str, place: Place) -> str:
        for rule in self.rules[place]:
            if rule.starts:
                found = rule.pattern.match(text) if text.startswith(rule.hint) else None
                if found:
                    text = found.expand(rule.replacement) + text[found.end() :]
            elif rule.hint in text:
                text = rule.pattern.sub(rule.replacement, text)
        return text


def _text_of(block: Json) -> str:
    text = block.get("text") if isinstance(block, dict) else block
    return text if isinstance(text, str) else ""


def inside(value: Json, names: frozenset[str]) -> Json:
    """The fields of an object that count: neither in `names` nor bookkeeping. What is no object stays as it is."""
    if not isinstance(value, dict):
        return value
    return {k: v for k, v in value.items() if k not in names and not is_bookkeeping(k, v) and not _session_user(k, v)}


def _session_user(name: str, value: Json) -> bool:
    """Whether this is Anthropic's `metadata.user_id` as coding tools fill it: account, device and session in one text.
    A plain user id tells one person from another, and counts.
    """
    return name == "user_id" and isinstance(value, str) and "session" in value


def is_bookkeeping(name: str, value: Json) -> bool:
    """
    Whether a field of the body, of its `metadata` or of a turn only tells one run from another.

    Both must say so: the name (a session, request, trace, turn ... id, a nonce, a time stamp) and the value (an id of
    at least 12 characters with a digit in it, or a time). Anything else counts as meaning.
    """
    if name[-2:].lower() not in _ENDINGS or not isinstance(value, str | int | float) or isinstance(value, bool):
        return False
    if _BOOKKEEPING.fullmatch(name) is None:
        return False
    return value > 1_000_000_000 if not isinstance(value, str) else _ID.fullmatch(value) is not None
