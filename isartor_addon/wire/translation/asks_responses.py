"""Reads a request of OpenAI Responses as an `Ask`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from isartor_addon.core.errors import Untranslatable
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
from isartor_addon.wire.translation import custom
from isartor_addon.wire.translation.ask import Ask, Effort, Format, Function, Own
from isartor_addon.wire.translation.asks_chat import choose, schema_format
from isartor_addon.wire.translation.efforts import effort_of
from isartor_addon.wire.translation.left_out import RESPONSES, leave
from isartor_addon.wire.translation.turns import arranged

_STATE: Final = ("previous_response_id", "conversation", "prompt")
"""Fields that stand for content which only the provider has."""
_CUSTOM: Final = ("custom_tool_call", "custom_tool_call_output")


def read(prompt: Prompt) -> Ask:
    """
    Read what `OpenAIResponses.parse` gave.

    Raises:
        ClientMistake: a setting has a type the wire does not allow.
        Untranslatable: it says what no other wire can.
    """
    extra = dict(prompt.extra)
    for name in _STATE:
        if extra.get(name) is not None:
            raise Untranslatable(f"{name} stands for what the provider has kept")
    extra.pop("input", None)  # said again by the turns
    parallel, effort = extra.pop("parallel_tool_calls", None), _effort(extra.pop("reasoning", None))
    text = extra.pop("text", None)
    leave(RESPONSES, "text", text if isinstance(text, dict) else {})
    leave(RESPONSES, "body", extra)
    tools = _Tools()
    tools.add(prompt.tools)
    turns = [turn for item in prompt.turns for turn in _turn(item, tools)]
    system = (Turn("system", prompt.system),) if prompt.system else ()
    choice, functions = choose(prompt.tool_choice, tuple(tools.functions), _named)
    return Ask(
        turns=arranged((*system, *turns)),
        tools=functions,
        choice=choice,
        parallel=parallel if isinstance(parallel, bool) else None,
        sampling=prompt.sampling,
        format=_format(prompt.response_format),
        effort=effort,
        offered=tools.own,
    )


def _effort(value: Json) -> Effort | None:
    if value is None:
        return None
    told = asked.object(value, "reasoning")
    leave(RESPONSES, "reasoning", rest(told, ("effort",)))
    effort = effort_of(told.get("effort"))
    if effort is None and told.get("effort") is not None:
        raise Untranslatable(f"the reasoning effort {told['effort']!r} is not known")
    return effort


@dataclass(slots=True)
class _Tools:
    """The tools of a request, wherever it keeps them: in `tools`, in namespaces, in an item (Codex)."""

    functions: list[Function] = field(default_factory=list)
    own: dict[str, Own] = field(default_factory=dict)

    def add(self, tools: Iterable[Tool], namespace: str = "") -> None:
        """Add tools; `Untranslatable` for those that OpenAI runs, and where two have one name."""
        for tool in tools:
            kind = tool.extra.get("type", "function")
            if kind == "namespace" and not namespace:
                self._add_namespace(tool)
            elif kind == "custom":
                description, form = tool.extra.get("description"), tool.extra.get("format")
                told = custom.as_function(tool.name, description if isinstance(description, str) else "", form)
                known = ("type", "name", "description", "format")
                self._add(told, rest(tool.extra, known), Own(tool.name, namespace, custom=True))
            elif kind == "function":
                strict = tool.extra.get("strict")
                told = Function(tool.name, tool.description, tool.schema, strict if isinstance(strict, bool) else None)
                self._add(told, rest(tool.extra, ("strict",)), Own(tool.name, namespace))
            else:
                raise Untranslatable(f"a tool of type {kind}, which OpenAI defines or runs")

    def _add_namespace(self, tool: Tool) -> None:
        inner = asked.objects(tool.extra.get("tools"), "tools of a namespace")
        leave(RESPONSES, "tool", rest(tool.extra, ("type", "name", "description", "tools")))
        self.add(map(_tool, inner), tool.name)

    def _add(self, told: Function, left: dict[str, Json], own: Own) -> None:
        leave(RESPONSES, "tool", {name: value for name, value in left.items() if value != ""})
        taken = {function.name for function in self.functions}
        if told.name in taken:
            told = replace(told, name=f"{own.namespace}__{told.name}")
        if told.name in taken:
            raise Untranslatable(f"two tools of the name {told.name}")
        self.functions.append(told)
        if own != Own(told.name):
            self.own[told.name] = own

    def named(self, own: Own) -> str:
        """What a tool is called as a function."""
        return next((name for name, each in self.own.items() if each == own), own.name)


def _tool(tool: dict[str, Json]) -> Tool:
    """A tool of a namespace, as the wire reads those of `tools`."""
    kind, name = tool.get("type"), tool.get("name")
    if kind != "function":
        return Tool(name if isinstance(name, str) else "", extra=tool)
    description = tool.get("description")
    extra = rest(tool, ("type", "name", "description", "parameters"))
    told = description if isinstance(description, str) else ""
    return Tool(asked.text(name, "name of a tool"), told, tool.get("parameters"), extra)


def _turn(turn: Turn, tools: _Tools) -> list[Turn]:
    leave(RESPONSES, "turn", rest(turn.extra, ("type",)))
    parts = [found for part in turn.parts for found in _part(part, tools)]
    return [Turn(turn.role, tuple(parts))] if parts else []


def _part(part: Part, tools: _Tools) -> tuple[Part, ...]:
    match part:
        case Text(text, extra):
            leave(RESPONSES, "part", rest(extra, ("type", "message")))
            return (Text(text),)
        case Image(extra=extra) | Document(extra=extra):
            leave(RESPONSES, "part", extra)
            return (replace(part, extra={}),)
        case ToolCall():
            return (_call(part, tools),)
        case ToolResult(extra=extra):
            leave(RESPONSES, "part", rest(extra, ("type",)))
            inner = tuple(found for each in part.parts for found in _part(each, tools))
            return (replace(part, parts=inner, extra={}),)
        case Thinking():
            return ()  # only the model that wrote it takes it back: see `left_out.REASONING`
        case Opaque(value=value):
            return _opaque(value, tools)


def _call(call: ToolCall, tools: _Tools) -> ToolCall:
    extra = rest(call.extra, ("type", "namespace"))
    leave(RESPONSES, "part", extra)
    namespace = call.extra.get("namespace")
    is_custom = call.extra.get("type") == _CUSTOM[0]
    own = Own(call.name, namespace if isinstance(namespace, str) else "", custom=is_custom)
    return ToolCall(call.id, tools.named(own), custom.wrapped(call.arguments) if is_custom else call.arguments)


def _opaque(value: Json, tools: _Tools) -> tuple[Part, ...]:
    kind = value.get("type")
    if kind == "additional_tools":
        leave(RESPONSES, "turn", rest(value, ("type", "role", "tools")))
        tools.add(map(_tool, asked.objects(value.get("tools"), "tools of an item")))
        return ()
    if kind == "refusal":
        return (Text(asked.text(value.get("refusal"), "refusal")),)
    if kind == "reasoning":
        return ()
    raise Untranslatable(f"an item of type {kind}")


def _named(value: dict[str, Json]) -> str:
    if value.get("type") not in ("function", "custom"):
        raise Untranslatable(f"a choice of {value.get('type')}")
    return asked.text(value.get("name"), "tool_choice.name")


def _format(value: Json) -> Format | None:
    if value is None:
        return None
    told = asked.object(value, "text.format")
    match told.get("type"):
        case "text":
            return None
        case "json_object":
            return Format()
        case "json_schema":
            return schema_format(told)
    raise Untranslatable(f"a text format of type {told.get('type')}")
