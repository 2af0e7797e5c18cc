"""Says an `Ask` to a provider of OpenAI chat.

It is written so that compatible servers understand it too: instructions are `system` messages, what is only text is a
string, and `max_completion_tokens` is for OpenAI's reasoning models, which refuse `max_tokens`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Document, Image, Json, Part, Prompt, Text, Tool, ToolCall, ToolResult, Turn
from isartor_addon.wire.openai_chat import WIRE
from isartor_addon.wire.translation.ask import Ask, Choice, Format, Function
from isartor_addon.wire.translation.efforts import openai_word
from isartor_addon.wire.translation.ids import MISTRAL, fitting
from isartor_addon.wire.translation.left_out import CHAT
from isartor_addon.wire.translation.limits import within
from isartor_addon.wire.translation.media import PDF, as_text, public
from isartor_addon.wire.translation.turns import calls_of, result_text, shown, text_of

_NEW_LIMIT: Final = re.compile(r"(?:.*/)?(?:o[1-9](?![a-z0-9])|gpt-[5-9]|codex-)")
_MISTRAL: Final = re.compile(r"(?:open-)?(?:mistral|mixtral|ministral|codestral|devstral|magistral|pixtral)[^/]*")
"""Models by the names that Mistral's own API has for them. It refuses `stream_options`, says unasked what a stream
cost, and takes call ids of nine letters and digits only."""
FORMAT_NAME: Final = "answer"
"""OpenAI wants a name for a schema; other wires have none."""
_NOTHING: Final = {"type": "object", "properties": {}}


def write(ask: Ask, *, model: str, stream: bool) -> dict[str, Json]:
    """
    Write the body.

    Raises:
        Untranslatable: it cannot be said on this wire.
    """
    if ask.sampling.top_k is not None:
        raise Untranslatable("OpenAI chat has no top_k")
    extra: dict[str, Json] = {}
    ids = MISTRAL if _MISTRAL.fullmatch(model) else CHAT
    if stream and ids != MISTRAL:  # without it a stream does not say what it cost
        extra["stream_options"] = {"include_usage": True}
    if ask.parallel is not None and ask.tools:
        extra["parallel_tool_calls"] = ask.parallel
    effort = openai_word(ask.effort, model)
    if effort:
        extra["reasoning_effort"] = effort
    if ask.sampling.max_tokens is not None and not _NEW_LIMIT.match(model):
        extra["max_tokens"] = 0  # the name under which the limit is written
    return WIRE.render(
        Prompt(
            model=model,
            turns=tuple(each for turn in ask.turns for each in _turns(turn, ids)),
            tools=tuple(map(_tool, ask.tools)),
            tool_choice=_choice(ask.choice) if ask.tools else None,
            sampling=replace(ask.sampling, max_tokens=within(ask.sampling.max_tokens, model)),
            response_format=_format(ask.format),
            stream=stream,
            extra=extra,
        )
    )


def _turns(turn: Turn, ids: str) -> Iterator[Turn]:
    match turn.role:
        case "tool":
            results = [part for part in turn.parts if isinstance(part, ToolResult)]
            for result in results:
                told = (Text(result_text(result)),)
                yield Turn("tool", (ToolResult(fitting(result.call_id, ids), told),))
            seen = shown(results)
            if seen:
                yield Turn("user", tuple(map(_content, seen)))
        case "assistant":
            yield _answer(turn, ids)
        case _:
            parts = tuple(map(_content, turn.parts))
            plain = all(isinstance(part, Text) for part in parts)
            yield Turn(turn.role, (Text(text_of(parts)),) if plain else parts)


def _answer(turn: Turn, ids: str) -> Turn:
    calls = tuple(ToolCall(fitting(call.id, ids), call.name, call.arguments or "{}") for call in calls_of(turn))
    text = text_of(part for part in turn.parts if not isinstance(part, ToolCall))
    if not text:
        return Turn("assistant", calls, {"content": None} if calls else {"content": ""})
    return Turn("assistant", (Text(text), *calls))


def _content(part: Part) -> Part:
    part = as_text(part)
    if isinstance(part, Document) and (part.url or part.media_type != PDF):
        raise Untranslatable("OpenAI chat reads PDF documents by value only")
    if isinstance(part, Document) and not part.name:
        part = Document(part.data, part.media_type, name="document.pdf")
    return public(part) if isinstance(part, Image | Document) else part


def _tool(tool: Function) -> Tool:
    strict: dict[str, Json] = {"strict": tool.strict} if tool.strict is not None else {}
    return Tool(tool.name, tool.description, tool.schema or _NOTHING, strict)


def _choice(choice: Choice | None) -> Json:
    if choice is None:
        return None
    return {"type": "function", "function": {"name": choice.name}} if choice.mode == "named" else choice.mode


def _format(form: Format | None) -> Json:
    if form is None:
        return None
    return {"type": "json_object"} if form.schema is None else {"type": "json_schema", "json_schema": described(form)}


def described(form: Format) -> dict[str, Json]:
    """A schema with the name that OpenAI wants for it."""
    told: dict[str, Json] = {"name": form.name or FORMAT_NAME, "schema": form.schema}
    if form.description:
        told["description"] = form.description
    return told if form.strict is None else {**told, "strict": form.strict}
