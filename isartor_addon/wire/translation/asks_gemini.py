"""Reads a request of Gemini as an `Ask`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import (
    Document,
    Image,
    Json,
    Opaque,
    Part,
    Prompt,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from isartor_addon.wire.fields import asked, rest
from isartor_addon.wire.translation.ask import Ask, Choice, Effort, Format, Function
from isartor_addon.wire.translation.efforts import effort_of, effort_of_budget
from isartor_addon.wire.translation.left_out import GEMINI, USUAL_TOP_K, leave
from isartor_addon.wire.translation.schemas import json_schema
from isartor_addon.wire.translation.turns import arranged, with_ids

_CONFIG: Final = ("generationConfig", "generation_config")
_READ: Final = (
    *("temperature", "topP", "top_p", "topK", "top_k", "maxOutputTokens", "max_output_tokens"),
    *("stopSequences", "stop_sequences", "seed", "responseMimeType", "response_mime_type"),
    *("responseSchema", "response_schema", "responseJsonSchema", "response_json_schema"),
    *("thinkingConfig", "thinking_config"),
)
"""Fields of the configuration that are read elsewhere."""
_SKELETON: Final = (*("toolConfig", "tool_config", "contents", "tools", "systemInstruction", "system_instruction"),)
"""Fields of the body that hold the form of what was taken out of them."""
_HELD: Final = frozenset({"inlineData", "inline_data", "fileData", "file_data", "functionCall", "functionResponse"})
_HELD_SNAKE: Final = frozenset({"function_call", "function_response"})


def read(prompt: Prompt) -> Ask:
    """
    Read what `Gemini.parse` gave.

    Raises:
        ClientMistake: a setting has a type the wire does not allow.
        Untranslatable: it says what no other wire can.
    """
    extra = dict(prompt.extra)
    config: dict[str, Json] = next((extra.pop(name) for name in _CONFIG if isinstance(extra.get(name), dict)), {})
    leave(GEMINI, "generationConfig", config, known=_READ)
    _check_skeleton(extra)
    leave(GEMINI, "body", extra, known=_SKELETON)
    tools = tuple(map(_tool, prompt.tools))
    choice, tools = _choice(prompt.tool_choice, tools)
    system = (Turn("system", prompt.system),) if prompt.system else ()
    return Ask(
        turns=arranged(with_ids([_turn(turn) for turn in (*system, *prompt.turns)])),
        tools=tools,
        choice=choice,
        sampling=_sampling(prompt.sampling),
        format=_format(config),
        effort=_effort(config),
    )


def read_internal(prompt: Prompt) -> Ask:
    """
    Read what `GeminiInternal.parse` gave: the same in an envelope.

    Raises:
        ClientMistake, Untranslatable: as `read`.
    """
    leave(GEMINI, "envelope", rest(prompt.extra, ("request",)))
    return read(replace(prompt, extra=prompt.extra["request"]))


def _sampling(sampling: Sampling) -> Sampling:
    """Without a `topK` that Gemini's models have unasked; its own tool names it in every request."""
    return replace(sampling, top_k=None) if sampling.top_k == USUAL_TOP_K else sampling


def _check_skeleton(extra: Mapping[str, Json]) -> None:
    """What `tools` and the system instruction hold beside what was taken out of them."""
    groups = extra.get("tools") or ()
    if not isinstance(groups, list | tuple):
        raise Untranslatable("tools that are no list")
    for group in groups:
        left = (
            rest(group, ("functionDeclarations", "function_declarations")) if isinstance(group, dict) else {"?": group}
        )
        names = [name for name, value in left.items() if value is not None]
        if names or (isinstance(group, dict) and group.get("functionDeclarations")):
            raise Untranslatable(f"a tool that Google runs ({', '.join(names)})")
    for name in ("systemInstruction", "system_instruction"):
        held = extra.get(name)
        leave(GEMINI, "turn", rest(held, ("role", "parts")) if isinstance(held, dict) else {})


def _turn(turn: Turn) -> Turn:
    leave(GEMINI, "turn", turn.extra, known=("role", "parts"))
    return Turn(turn.role, tuple(found for part in turn.parts for found in _part(part)))


def _part(part: Part) -> tuple[Part, ...]:
    match part:
        case Thinking():
            return ()  # a foreign model's: see `left_out.REASONING`
        case Opaque(value=value):
            if value.get("thought") is True:
                return ()
            raise Untranslatable(f"a part of Gemini's own: {', '.join(value)}")
        case Text(text, extra):
            leave(GEMINI, "part", extra)
            return (Text(text),)
        case Image(extra=extra) | Document(extra=extra) | ToolCall(extra=extra) | ToolResult(extra=extra):
            left = {name: value for name, value in extra.items() if name not in _HELD | _HELD_SNAKE}
            leave(GEMINI, "part", left)
            for name in _HELD | _HELD_SNAKE:
                held = extra.get(name)
                _check_held(held if isinstance(held, dict) else {})
            return (replace(part, extra={}),)


def _check_held(held: Mapping[str, Json]) -> None:
    """What is left of a part's own field; an empty text there only tells its spelling."""
    for name, value in held.items():
        spelling = value == "" or name == "response"
        if not spelling and value is not None and name not in ("displayName", "display_name", "willContinue", "args"):
            raise Untranslatable(f"{name} of a part of Gemini's")


def _tool(tool: Tool) -> Function:
    left = {name: value for name, value in tool.extra.items() if value not in ({}, "") and name != "tools"}
    leave(GEMINI, "tool", left)
    if not tool.name:
        raise Untranslatable("a function without a name")
    spelled = any(name in tool.extra for name in ("parametersJsonSchema", "parameters_json_schema"))
    return Function(tool.name, tool.description, tool.schema if spelled else json_schema(tool.schema))


def _choice(value: Json, tools: tuple[Function, ...]) -> tuple[Choice | None, tuple[Function, ...]]:
    if value is None:
        return None, tools
    told = asked.object(value, "toolConfig")
    held = told.get("functionCallingConfig") or told.get("function_calling_config") or {}
    leave(GEMINI, "toolConfig", rest(told, ("functionCallingConfig", "function_calling_config")))
    config = asked.object(held, "functionCallingConfig")
    names = config.get("allowedFunctionNames") or config.get("allowed_function_names") or []
    mode = config.get("mode") or "AUTO"
    if len(names) > 1 or (names and mode != "ANY"):
        tools = tuple(tool for tool in tools if tool.name in asked.items(names, "allowedFunctionNames"))
    match mode:
        case "AUTO" | "MODE_UNSPECIFIED" | "VALIDATED":
            return Choice("auto"), tools
        case "NONE":
            return Choice("none"), tools
        case "ANY":
            return (Choice("named", names[0]) if len(names) == 1 else Choice("required")), tools
    raise Untranslatable(f"the mode {mode} of calling functions")


def _format(config: Mapping[str, Json]) -> Format | None:
    def said_as(*names: str) -> Json:
        return next((config[name] for name in names if config.get(name) is not None), None)

    kind = said_as("responseMimeType", "response_mime_type")
    schema = said_as("responseJsonSchema", "response_json_schema")
    if schema is None:
        schema = json_schema(said_as("responseSchema", "response_schema"))
    if kind in (None, "text/plain") and schema is None:
        return None
    if kind not in (None, "application/json"):
        raise Untranslatable(f"an answer of type {kind}")
    return Format(schema)


def _effort(config: Mapping[str, Json]) -> Effort | None:
    held = config.get("thinkingConfig") or config.get("thinking_config")
    if held is None:
        return None
    told = asked.object(held, "thinkingConfig")
    leave(
        GEMINI, "thinkingConfig", told, known=("thinkingBudget", "thinkingLevel", "thinking_budget", "thinking_level")
    )
    level = told.get("thinkingLevel") or told.get("thinking_level")
    if level is not None:
        effort = effort_of(str(level).lower())
        return effort if effort != "none" else None
    budget = told.get("thinkingBudget", told.get("thinking_budget"))
    return effort_of_budget(asked.integer(budget, "thinkingBudget")) if budget is not None else None
