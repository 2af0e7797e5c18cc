"""Says an `Ask` to a provider of Anthropic messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import (
    Document,
    Image,
    Json,
    Part,
    Prompt,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from isartor_addon.wire.anthropic_messages import WIRE
from isartor_addon.wire.fields import arguments_object, arguments_text
from isartor_addon.wire.translation.ask import Ask, Choice, Format, Function
from isartor_addon.wire.translation.efforts import anthropic_fields
from isartor_addon.wire.translation.ids import fitting
from isartor_addon.wire.translation.left_out import MESSAGES
from isartor_addon.wire.translation.limits import ANTHROPIC_UNSAID, most, within
from isartor_addon.wire.translation.media import PDF, as_text, public
from isartor_addon.wire.translation.turns import calls_of, split_system

_CHOICES: Final = {"auto": "auto", "required": "any", "none": "none", "named": "tool"}
_NOTHING: Final = {"type": "object", "properties": {}}


def write(ask: Ask, *, model: str, stream: bool) -> dict[str, Json]:
    """
    Write the body.

    Raises:
        Untranslatable: it cannot be said on this wire.
    """
    system, turns = split_system(ask.turns)
    # Anthropic wants to know the tools that were called earlier, also where none may be called now.
    names = dict.fromkeys(call.name for turn in turns for call in calls_of(turn)) if not ask.tools else ()
    called = tuple(map(Function, names))
    extra = anthropic_fields(ask.effort, model)
    forced = ask.choice is not None and ask.choice.mode in ("required", "named")
    if extra.get("thinking") == {"type": "adaptive"} and (forced or ask.sampling.temperature not in (None, 1)):
        del extra["thinking"]  # Anthropic refuses both together with thinking
    return WIRE.render(
        Prompt(
            model=model,
            turns=_with_results(turns),
            system=tuple(found for part in system for found in _content(part)),
            tools=tuple(map(_tool, ask.tools or called)),
            tool_choice=_choice(ask.choice, ask.parallel) if ask.tools else {"type": "none"} if called else None,
            sampling=_sampling(ask.sampling, model),
            response_format=_format(ask.format),
            stream=stream,
            extra=extra,
        )
    )


def _with_results(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Results stand in a user's message, before the words of the same."""
    found: list[Turn] = []
    for turn in turns:
        parts = tuple(each for part in turn.parts for each in _content(part))
        if not parts:
            continue
        role: Role = "assistant" if turn.role == "assistant" else "user"
        if found and found[-1].role == role:
            found[-1] = replace(found[-1], parts=(*found[-1].parts, *parts))
        else:
            found.append(Turn(role, parts))
    return tuple(found)


def _content(part: Part) -> tuple[Part, ...]:
    part = as_text(part) if isinstance(part, Document) and part.media_type != "text/plain" else part
    match part:
        case Text(text):
            return (part,) if text.strip() else ()  # Anthropic refuses text of blanks only, which says nothing
        case Image():
            return (public(part),)
        case Document(data=data, media_type=media_type):
            if data and media_type not in (PDF, "text/plain"):
                raise Untranslatable(f"Anthropic reads no documents of type {media_type}")
            public(part)
            return (replace(part, extra={"source": {"type": "text"}} if media_type != PDF and data else {}),)
        case ToolCall(call_id, name, arguments):
            return (ToolCall(fitting(call_id, MESSAGES), name, arguments_text(arguments_object(arguments))),)
        case ToolResult(call_id, parts):
            inner = tuple(found for each in parts for found in _content(each))
            return (ToolResult(fitting(call_id, MESSAGES), inner, is_error=part.is_error, extra=_form(inner)),)
        case _:
            raise Untranslatable(f"Anthropic has no place for a {type(part).__name__}")


def _form(parts: tuple[Part, ...]) -> dict[str, Json]:
    """That a single text is to be a string."""
    return {"content": ""} if len(parts) == 1 and isinstance(parts[0], Text) else {}


def _tool(tool: Function) -> Tool:
    strict: dict[str, Json] = {"strict": True} if tool.strict else {}
    return Tool(tool.name, tool.description, tool.schema or _NOTHING, strict)


def _choice(choice: Choice | None, parallel: bool | None) -> Json:
    mode = choice.mode if choice else "auto"
    if choice is None and parallel is None:
        return None
    told: dict[str, Json] = {"type": _CHOICES[mode]}
    if choice and choice.mode == "named":
        told["name"] = choice.name
    if parallel is False and mode != "none":
        told["disable_parallel_tool_use"] = True
    return told


def _sampling(sampling: Sampling, model: str) -> Sampling:
    if sampling.seed is not None:
        raise Untranslatable("Anthropic has no seed")
    if sampling.temperature is not None and sampling.temperature > 1:
        raise Untranslatable("Anthropic's temperature ends at 1")
    limit = within(sampling.max_tokens, model) or most(model) or ANTHROPIC_UNSAID
    # Newer models take temperature or top_p, not both; a top_p of 1 cuts nothing off, which is the default.
    top_p = None if sampling.temperature is not None and sampling.top_p == 1 else sampling.top_p
    return replace(sampling, max_tokens=limit, top_p=top_p)


def _format(form: Format | None) -> Json:
    if form is None:
        return None
    if form.schema is None:
        raise Untranslatable("Anthropic writes JSON only after a schema")
    return {"output_config": {"format": {"type": "json_schema", "schema": form.schema}}}
