"""Says an `Ask` to a provider of OpenAI Responses."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from isartor_addon.core.prompt import Document, Image, Json, Part, Prompt, Text, Tool, ToolCall, ToolResult, Turn
from isartor_addon.wire.openai_responses import WIRE
from isartor_addon.wire.translation.ask import Ask, Choice, Format, Function
from isartor_addon.wire.translation.bodies_chat import described
from isartor_addon.wire.translation.efforts import openai_word
from isartor_addon.wire.translation.ids import fitting
from isartor_addon.wire.translation.left_out import RESPONSES
from isartor_addon.wire.translation.limits import within
from isartor_addon.wire.translation.media import as_text, public
from isartor_addon.wire.translation.turns import result_text, text_of

_NOTHING: Final = {"type": "object", "properties": {}}


def write(ask: Ask, *, model: str, stream: bool) -> dict[str, Json]:
    """
    Write the body. Nothing is stored at the provider: the client keeps its conversation itself.

    Raises:
        Untranslatable: it cannot be said on this wire.
    """
    extra: dict[str, Json] = {"store": False}
    if ask.parallel is not None and ask.tools:
        extra["parallel_tool_calls"] = ask.parallel
    effort = openai_word(ask.effort, model)
    if effort:
        extra["reasoning"] = {"effort": effort}
    system = ask.turns[0].parts if ask.turns and ask.turns[0].role == "system" else ()
    turns = ask.turns[1:] if system else ask.turns
    return WIRE.render(
        Prompt(
            model=model,
            turns=tuple(_turn(turn) for turn in turns),
            system=(Text(text_of(system)),) if system else (),
            tools=tuple(map(_tool, ask.tools)),
            tool_choice=_choice(ask.choice) if ask.tools else None,
            sampling=replace(ask.sampling, max_tokens=within(ask.sampling.max_tokens, model)),
            response_format=_format(ask.format),
            stream=stream,
            extra=extra,
        )
    )


def _turn(turn: Turn) -> Turn:
    role = "developer" if turn.role == "system" else turn.role
    return Turn(role, tuple(_part(part, turn.role) for part in turn.parts))


def _part(part: Part, role: str) -> Part:
    part = as_text(part)
    match part:
        case Text(text):
            # The type makes a list of it: a plain string among others would be one as well.
            return Text(text, {"type": "output_text" if role == "assistant" else "input_text"})
        case ToolCall(call_id, name, arguments):
            return ToolCall(fitting(call_id, RESPONSES), name, arguments or "{}")
        case ToolResult(call_id, parts):
            return ToolResult(fitting(call_id, RESPONSES), _output(part, parts))
        case Image():
            return public(part)
        case Document():
            named = part if part.name or part.url else Document(part.data, part.media_type, name="document.pdf")
            return public(named)
        case _:
            return part


def _output(result: ToolResult, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """A string where there is only text, which is what older models and compatible servers know."""
    others = tuple(_part(part, "tool") for part in parts if not isinstance(part, Text))
    text = result_text(result)
    return (Text(text, {"type": "input_text"}), *others) if others else (Text(text),)


def _tool(tool: Function) -> Tool:
    # Unsaid it would be true here, and a schema that is not strict would be refused.
    return Tool(tool.name, tool.description, tool.schema or _NOTHING, {"strict": tool.strict or False})


def _choice(choice: Choice | None) -> Json:
    if choice is None:
        return None
    return {"type": "function", "name": choice.name} if choice.mode == "named" else choice.mode


def _format(form: Format | None) -> Json:
    if form is None:
        return None
    return {"type": "json_object"} if form.schema is None else {"type": "json_schema", **described(form)}
