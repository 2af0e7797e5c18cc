"""Says an `Ask` to a provider of Gemini. The model and the way of delivery stand in the path, so the body has
neither.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Document, Image, Json, Part, Prompt, Text, Tool, ToolCall, ToolResult, Turn
from isartor_addon.wire.fields import arguments_object, arguments_text
from isartor_addon.wire.gemini import WIRE
from isartor_addon.wire.translation.ask import Ask, Choice, Format, Function
from isartor_addon.wire.translation.efforts import gemini_config
from isartor_addon.wire.translation.limits import within
from isartor_addon.wire.translation.media import public, typed
from isartor_addon.wire.translation.turns import shown, split_system, text_of

_UNSIGNED: Final = re.compile(r"(?:.*/)?gemini-[12]\b")
"""Models that take calls without a signature."""
SKIP: Final = "skip_thought_signature_validator"
"""What Google documents for calls that another model made; without any signature newer models refuse them."""
_MODES: Final = {"auto": "AUTO", "required": "ANY", "none": "NONE", "named": "ANY"}


def write(ask: Ask, *, model: str, stream: bool) -> dict[str, Json]:
    """
    Write the body.

    Raises:
        Untranslatable: it cannot be said on this wire.
    """
    if ask.parallel is False and ask.tools and not (ask.choice and ask.choice.mode == "none"):
        raise Untranslatable("Gemini cannot be kept from calling several tools at once")
    system, turns = split_system(ask.turns)
    names = {call.id: call.name for turn in turns for call in turn.parts if isinstance(call, ToolCall)}
    thinking = gemini_config(ask.effort, model)
    return WIRE.render(
        Prompt(
            model=model,
            turns=tuple(_turn(turn, names, signed=not _UNSIGNED.match(model)) for turn in turns),
            system=system,
            tools=tuple(map(_tool, ask.tools)),
            tool_choice=_choice(ask.choice) if ask.tools else None,
            sampling=replace(ask.sampling, max_tokens=within(ask.sampling.max_tokens, model)),
            response_format=_format(ask.format),
            extra={"generationConfig": {"thinkingConfig": thinking}} if thinking else {},
        )
    )


def _turn(turn: Turn, names: dict[str, str], *, signed: bool) -> Turn:
    if turn.role == "tool":
        results = [part for part in turn.parts if isinstance(part, ToolResult)]
        told = [_told(each, names) for each in results]
        return Turn("user", (*told, *(_part(part) for part in shown(results))))
    parts = [_part(part) for part in turn.parts if part != Text("")]
    first = next((place for place, part in enumerate(parts) if isinstance(part, ToolCall)), None)
    if first is not None and signed:
        call = parts[first]
        assert isinstance(call, ToolCall)
        parts[first] = ToolCall(call.id, call.name, call.arguments, {"thoughtSignature": SKIP})
    return Turn(turn.role, tuple(parts))


def _told(result: ToolResult, names: dict[str, str]) -> ToolResult:
    """A result as the field of a response that says whether the tool failed."""
    text = text_of(part for part in result.parts if isinstance(part, Text))
    form = {"functionResponse": {"response": {"error" if result.is_error else "output": ""}}}
    return ToolResult(result.call_id, (Text(text),), _name(result, names), result.is_error, form)


def _name(result: ToolResult, names: dict[str, str]) -> str:
    name = names.get(result.call_id)
    if name is None:
        raise Untranslatable("a tool's result without its call")
    return name


def _part(part: Part) -> Part:
    match part:
        case Text():
            return part
        case Image() | Document():
            return _file(part)
        case ToolCall(call_id, name, arguments):
            return ToolCall(call_id, name, arguments_text(arguments_object(arguments)))
        case _:
            raise Untranslatable(f"Gemini has no place for a {type(part).__name__}")


def _file(part: Image | Document) -> Part:
    told = typed(public(part))
    if isinstance(told, Document):
        return Document(told.data, told.media_type, told.url)
    return told


def _tool(tool: Function) -> Tool:
    spelled: dict[str, Json] = {"parametersJsonSchema": {}} if tool.schema is not None else {}
    return Tool(tool.name, tool.description, tool.schema, spelled)


def _choice(choice: Choice | None) -> Json:
    if choice is None:
        return None
    config: dict[str, Json] = {"mode": _MODES[choice.mode]}
    if choice.mode == "named":
        config["allowedFunctionNames"] = [choice.name]
    return {"functionCallingConfig": config}


def _format(form: Format | None) -> Json:
    if form is None:
        return None
    schema = {"responseJsonSchema": form.schema} if form.schema is not None else {}
    return {"responseMimeType": "application/json", **schema}
