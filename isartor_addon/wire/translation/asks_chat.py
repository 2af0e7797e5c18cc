"""Reads a request of OpenAI chat as an `Ask`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.core.prompt import (
    Document,
    Image,
    Json,
    Part,
    Prompt,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from isartor_addon.wire.fields import asked, rest
from isartor_addon.wire.translation import custom
from isartor_addon.wire.translation.ask import Ask, Choice, Format, Function, Own
from isartor_addon.wire.translation.efforts import effort_of
from isartor_addon.wire.translation.left_out import CHAT, leave
from isartor_addon.wire.translation.turns import arranged

_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_MODES: Final = ("auto", "none", "required")


def read(prompt: Prompt) -> Ask:
    """
    Read what `OpenAIChat.parse` gave.

    Raises:
        ClientMistake: a setting has a type the wire does not allow.
        Untranslatable: it says what no other wire can.
    """
    extra = dict(prompt.extra)
    for name in _LIMITS:  # their value is in `sampling`
        extra.pop(name, None)
    if isinstance(extra.get("stop"), str):
        del extra["stop"]
    parallel, effort = extra.pop("parallel_tool_calls", None), _take_effort(extra)
    leave(CHAT, "body", extra)
    tools, own = _tools(prompt.tools)
    choice, tools = choose(prompt.tool_choice, tools, _named)
    return Ask(
        turns=arranged(_turn(turn) for turn in prompt.turns),
        tools=tools,
        choice=choice,
        parallel=parallel if isinstance(parallel, bool) else None,
        sampling=prompt.sampling,
        format=_format(prompt.response_format),
        effort=effort_of(effort),
        offered=own,
    )


def _take_effort(extra: dict[str, Json]) -> Json:
    """OpenAI's `reasoning_effort`, or OpenRouter's `reasoning.effort`."""
    effort, reasoning = extra.pop("reasoning_effort", None), extra.get("reasoning")
    if effort is None and isinstance(reasoning, dict) and reasoning.keys() == {"effort"}:
        del extra["reasoning"]
        effort = reasoning["effort"]
    if effort is not None and effort_of(effort) is None:
        raise Untranslatable(f"the reasoning effort {effort!r} is not known")
    return effort


def _turn(turn: Turn) -> Turn:
    leave(
        CHAT,
        "turn",
        turn.extra,
        known=("content", "tool_calls") if turn.extra.get("tool_calls") == [] else ("content",),
    )
    return Turn(turn.role, tuple(part for each in turn.parts for part in _part(each)))


def _part(part: Part) -> tuple[Part, ...]:
    match part:
        case Text(text, extra):
            leave(CHAT, "part", extra, known=("field",))
            return (Text(text),)
        case Image(extra=extra):
            held = extra.get("image_url")
            leave(CHAT, "part", {**rest(extra, ("image_url",)), **(held if isinstance(held, dict) else {})})
            return (replace(part, extra={}),)
        case Document(extra=extra):
            leave(CHAT, "part", extra)
            return (replace(part, extra={}),)
        case ToolCall():
            return (_call(part),)
        case ToolResult():
            inner = tuple(found for each in part.parts for found in _part(each))
            return (replace(part, parts=inner, extra={}),)
        case Thinking():
            return ()  # a foreign model's: see `left_out.REASONING`
        case _:
            raise Untranslatable("content that only OpenAI chat has")


def _call(call: ToolCall) -> ToolCall:
    if not call.id:
        raise Untranslatable("a tool call without an id (function_call)")
    if call.extra.get("type") == "custom":
        return ToolCall(call.id, call.name, custom.wrapped(call.arguments))
    leave(CHAT, "part", call.extra)
    return ToolCall(call.id, call.name, call.arguments)


def _tools(tools: tuple[Tool, ...]) -> tuple[tuple[Function, ...], dict[str, Own]]:
    functions: list[Function] = []
    own: dict[str, Own] = {}
    for tool in tools:
        if not tool.name:
            raise Untranslatable(f"a tool of type {tool.extra.get('type')}")
        extra = rest(tool.extra, ("strict", "outer"))
        outer = tool.extra.get("outer")
        leave(CHAT, "tool", outer if isinstance(outer, dict) else {})
        if extra.pop("type", None) == "custom":
            own[tool.name] = Own(tool.name, custom=True)
            functions.append(custom.as_function(tool.name, tool.description, extra.pop("format", None)))
        else:
            strict = tool.extra.get("strict")
            functions.append(
                Function(tool.name, tool.description, tool.schema, strict if isinstance(strict, bool) else None)
            )
        leave(CHAT, "tool", {name: value for name, value in extra.items() if value != ""})
    return tuple(functions), own


def choose(
    value: Json, tools: tuple[Function, ...], named: Callable[[dict[str, Json]], str]
) -> tuple[Choice | None, tuple[Function, ...]]:
    """
    Read OpenAI's `tool_choice`.

    Returns:
        The choice and the tools it leaves.

    Raises:
        ClientMistake: it is none.
        Untranslatable: it names what is no function or custom tool.
    """
    if value is None:
        return None, tools
    if value in _MODES:
        return Choice(value), tools
    if not isinstance(value, dict):
        raise ClientMistake("tool_choice must be auto, none, required or an object")
    if value.get("type") == "allowed_tools":
        held = value.get("allowed_tools")
        allowed = held if isinstance(held, dict) else value
        names = {named(asked.object(tool, "tool_choice.tools")) for tool in asked.items(allowed.get("tools"), "tools")}
        mode = allowed.get("mode", "auto")
        if mode not in _MODES:
            raise ClientMistake("tool_choice.mode must be auto or required")
        return Choice(mode), tuple(tool for tool in tools if tool.name in names)
    return Choice("named", named(value)), tools


def _named(value: dict[str, Json]) -> str:
    kind = value.get("type")
    if kind not in ("function", "custom"):
        raise Untranslatable(f"a choice of {kind}")
    return asked.text(asked.object(value.get(kind), "tool_choice").get("name"), "tool_choice.name")


def _format(value: Json) -> Format | None:
    if value is None:
        return None
    kind = asked.object(value, "response_format").get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return Format()
    if kind != "json_schema":
        raise Untranslatable(f"a response format of type {kind}")
    return schema_format(asked.object(value.get("json_schema"), "response_format.json_schema"))


def schema_format(told: dict[str, Json]) -> Format:
    """
    Read OpenAI's description of a schema.

    Raises:
        ClientMistake: there is none.
    """
    name, description, strict = told.get("name"), told.get("description"), told.get("strict")
    return Format(
        schema=asked.object(told.get("schema"), "the schema of the answer"),
        name=name if isinstance(name, str) else "",
        description=description if isinstance(description, str) else "",
        strict=strict if isinstance(strict, bool) else None,
    )
