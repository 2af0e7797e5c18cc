"""Reads a request of Anthropic messages as an `Ask`."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.core.prompt import (
    Document,
    Image,
    Json,
    Opaque,
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
from isartor_addon.wire.translation.ask import Ask, Choice, ChoiceMode, Effort, Format, Function
from isartor_addon.wire.translation.efforts import effort_of, effort_of_budget
from isartor_addon.wire.translation.left_out import MESSAGES, leave
from isartor_addon.wire.translation.turns import arranged

_CHOICES: Final[dict[str, ChoiceMode]] = {"auto": "auto", "any": "required", "none": "none", "tool": "named"}
_NOTHING: Final = {"type": "object", "properties": {}}


def read(prompt: Prompt) -> Ask:
    """
    Read what `AnthropicMessages.parse` gave.

    Raises:
        ClientMistake: a setting has a type the wire does not allow.
        Untranslatable: it says what no other wire can.
    """
    extra = dict(prompt.extra)
    effort = _take_effort(extra, prompt.turns)
    leave(MESSAGES, "body", extra)
    choice, parallel = _choice(prompt.tool_choice)
    system = (Turn("system", prompt.system),) if prompt.system else ()
    return Ask(
        turns=arranged(_turn(turn) for turn in (*system, *prompt.turns)),
        tools=tuple(map(_tool, prompt.tools)),
        choice=choice,
        parallel=parallel,
        sampling=prompt.sampling,
        format=_format(prompt.response_format),
        effort=effort,
    )


def _take_effort(extra: dict[str, Json], turns: tuple[Turn, ...]) -> Effort | None:
    """What the last turn that names an effort says, else the body; without one, what its thinking is to cost."""
    thinking, config = extra.pop("thinking", None), extra.pop("output_config", None)
    told = [config, *(turn.extra.get("output_config") for turn in turns)]
    words = [each["effort"] for each in told if isinstance(each, dict) and each.get("effort") is not None]
    for each in told:
        leave(MESSAGES, "body", rest(each, ("effort",)) if isinstance(each, dict) else {})
    kind = asked.object(thinking, "thinking").get("type") if thinking is not None else None
    if kind == "disabled":
        return "none"
    if words:
        effort = effort_of(words[-1])
        if effort is None:
            raise Untranslatable(f"the effort {words[-1]!r} is not known")
        return effort
    if kind == "enabled":
        return effort_of_budget(asked.integer(thinking.get("budget_tokens"), "thinking.budget_tokens"))
    return None


def _choice(value: Json) -> tuple[Choice | None, bool | None]:
    if value is None:
        return None, None
    told = asked.object(value, "tool_choice")
    mode = _CHOICES.get(asked.text(told.get("type"), "tool_choice.type"))
    if mode is None:
        raise ClientMistake("tool_choice.type must be auto, any, tool or none")
    name = asked.text(told.get("name"), "tool_choice.name") if mode == "named" else ""
    single = told.get("disable_parallel_tool_use")
    return Choice(mode, name), not single if isinstance(single, bool) else None


def _format(value: Json) -> Format | None:
    if value is None:
        return None
    config = value.get("output_config")
    told = asked.object(value.get("output_format") or (config or {}).get("format"), "the format of the answer")
    if told.get("type") != "json_schema":
        raise Untranslatable(f"an output format of type {told.get('type')}")
    return Format(asked.object(told.get("schema"), "the schema of the answer"), strict=True)


def _turn(turn: Turn) -> Turn:
    leave(MESSAGES, "turn", turn.extra, known=("content", "output_config"))
    return Turn(turn.role, tuple(part for each in turn.parts for part in _part(each)))


def _part(part: Part) -> tuple[Part, ...]:
    match part:
        case Text(text, extra):
            leave(MESSAGES, "part", extra)
            return (Text(text),)
        case Image(extra=extra) | ToolCall(extra=extra):
            leave(MESSAGES, "part", extra)
            return (replace(part, extra={}),)
        case Document():
            return _document(part)
        case ToolResult(extra=extra):
            leave(MESSAGES, "part", extra, known=("content",))
            inner = tuple(found for each in part.parts for found in _part(each))
            return (replace(part, parts=inner, extra={}),)
        case Thinking():
            return ()  # only the model that signed it takes it back: see `left_out.REASONING`
        case Opaque(value=value):
            return _opaque(value)


def _opaque(value: Json) -> tuple[Part, ...]:
    kind = value.get("type")
    if kind in ("thinking", "redacted_thinking"):
        return ()
    if kind == "tool_reference":  # found by a search for tools; all of them have been told from the start
        return (Text(f"The tool {value.get('tool_name')} can be called."),)
    raise Untranslatable(f"a {kind} block")


def _document(part: Document) -> tuple[Part, ...]:
    extra = rest(part.extra, ("source", "context", "citations"))
    citations, context = part.extra.get("citations"), part.extra.get("context")
    if citations not in (None, {}, {"enabled": False}):
        raise Untranslatable("citations of a document")
    leave(MESSAGES, "part", extra)
    before = (Text(context),) if isinstance(context, str) and context else ()
    return (*before, replace(part, extra={}))


def _tool(tool: Tool) -> Function:
    extra = rest(tool.extra, ("strict", "input_examples"))
    kind = extra.get("type")
    if not tool.name or (kind is not None and kind != "custom"):
        raise Untranslatable(f"a tool of type {kind}, which Anthropic defines or runs")
    leave(MESSAGES, "tool", {name: value for name, value in extra.items() if value != ""})
    examples, strict = tool.extra.get("input_examples"), tool.extra.get("strict")
    if examples:
        raise Untranslatable("examples of a tool's input")
    return Function(tool.name, tool.description, tool.schema or _NOTHING, strict if isinstance(strict, bool) else None)
