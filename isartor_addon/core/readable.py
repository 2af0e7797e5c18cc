"""Prompts and replies as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from isartor_addon.core.prompt import Document, Image, Opaque, Part, Prompt, Text, Thinking, ToolCall, ToolResult
from isartor_addon.core.reply import Reply, Usage


def readable_prompt(prompt: Prompt) -> str:
    """The prompt as text: model and settings, tools by name, then the conversation."""
    return "\n".join(_prompt_lines(prompt)) + "\n"


def readable_reply(reply: Reply) -> str:
    """The reply as text: what was said and called, why it stopped, and its tokens."""
    lines = list(_parts(reply.parts))
    stop = reply.stop.reason if reply.stop.raw in ("", reply.stop.reason) else f"{reply.stop.reason} ({reply.stop.raw})"
    lines += ["", f"-- {reply.model or 'model not named'}, stopped: {stop}{_usage(reply.usage)}"]
    return "\n".join(lines) + "\n"


def _prompt_lines(prompt: Prompt) -> Iterator[str]:
    sampling = prompt.sampling
    settings = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
    }
    said = [f"{name} {value}" for name, value in settings.items() if value is not None]
    yield ", ".join([f"-- {prompt.model or 'model not named'}", *said])
    if prompt.tools:
        yield f"-- tools: {', '.join(tool.name or '?' for tool in prompt.tools)}"
    if prompt.system:
        yield "\n[system]"
        yield from _parts(prompt.system)
    for turn in prompt.turns:
        yield f"\n[{turn.role}]"
        yield from _parts(turn.parts)


def _parts(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        match part:
            case Text(text):
                yield text
            case Thinking(text):
                yield f"(thinking) {text or '(not shown)'}"
            case ToolCall(id, name, arguments):
                yield f"(calls {name}{f' as {id}' if id else ''}) {arguments}"
            case ToolResult(call_id, inner):
                yield f"({'error' if part.is_error else 'result'} of {part.name or call_id})"
                yield from _parts(inner)
            case Image() | Document():
                where = part.url[:200] if part.url else f"{len(part.data) * 3 // 4} bytes"
                yield f"({type(part).__name__.lower()} {part.media_type} {where})"
            case Opaque(_, value):
                kind = value.get("type") if isinstance(value, dict) else None
                yield f"({kind or 'other content'})"
            case _:
                assert_never(part)


def _usage(usage: Usage) -> str:
    counts = {
        "in": usage.input,
        "out": usage.output,
        "cache read": usage.cache_read,
        "cache written": usage.cache_write,
        "reasoning": usage.reasoning,
    }
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"; tokens: {said}" if said else ""
