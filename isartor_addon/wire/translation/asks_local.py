"""Reads requests of Ollama's chat and of the native form as an `Ask`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Image, Json, Part, Prompt, Text, Thinking, Tool, ToolCall, ToolResult, Turn
from isartor_addon.wire.fields import rest
from isartor_addon.wire.translation.ask import Ask, Effort, Format, Function
from isartor_addon.wire.translation.efforts import effort_of
from isartor_addon.wire.translation.left_out import NATIVE, OLLAMA, leave
from isartor_addon.wire.translation.media import sniffed
from isartor_addon.wire.translation.turns import arranged, with_ids

_SAMPLING: Final = ("temperature", "top_p", "top_k", "seed", "num_predict", "stop")


def read_native(prompt: Prompt) -> Ask:
    """
    Read what `Native.parse` gave.

    Raises:
        Untranslatable: it says more than a text.
    """
    leave(NATIVE, "body", prompt.extra)
    return Ask(turns=arranged(prompt.turns))


def read_ollama(prompt: Prompt) -> Ask:
    """
    Read what `Ollama.parse` gave.

    Raises:
        Untranslatable: it is no chat, or says what no other wire can.
    """
    extra = dict(prompt.extra)
    if "prompt" in extra:
        raise Untranslatable("a generate request of Ollama's")
    options, think = extra.pop("options", None), extra.pop("think", None)
    leave(OLLAMA, "options", rest(options, _SAMPLING) if isinstance(options, dict) else {})
    leave(OLLAMA, "body", extra)
    sampling = prompt.sampling
    if sampling.max_tokens is not None and sampling.max_tokens < 0:  # no limit
        sampling = replace(sampling, max_tokens=None)
    return Ask(
        turns=arranged(with_ids([_turn(turn) for turn in prompt.turns])),
        tools=tuple(map(_tool, prompt.tools)),
        sampling=sampling,
        format=_format(prompt.response_format),
        effort=_effort(think),
    )


def _effort(think: Json) -> Effort | None:
    return "none" if think is False else effort_of(think)


def _turn(turn: Turn) -> Turn:
    leave(OLLAMA, "turn", rest(turn.extra, ("content",)))
    return Turn(turn.role, tuple(found for part in turn.parts for found in _part(part)))


def _part(part: Part) -> tuple[Part, ...]:
    match part:
        case Text(text):
            return (Text(text),)
        case Image():
            return (sniffed(part),)
        case Thinking():
            return ()  # a foreign model's: see `left_out.REASONING`
        case ToolCall(extra=extra):
            leave(OLLAMA, "part", _flat(extra))
            return (replace(part, extra={}),)
        case ToolResult():
            inner = tuple(found for each in part.parts for found in _part(each))
            return (replace(part, parts=inner, extra={}),)
        case _:
            raise Untranslatable("content of Ollama's own")


def _flat(extra: Mapping[str, Json]) -> dict[str, Json]:
    held = extra.get("function")
    return {**rest(extra, ("function",)), **(held if isinstance(held, dict) else {})}


def _tool(tool: Tool) -> Function:
    if not tool.name:
        raise Untranslatable(f"a tool of type {tool.extra.get('type')}")
    leave(OLLAMA, "tool", tool.extra)
    return Function(tool.name, tool.description, tool.schema)


def _format(value: Json) -> Format | None:
    if value in (None, ""):
        return None
    return Format() if value == "json" else Format(value)
