"""Requests of the OpenAI chat completions API, read and written without loss; messages: `openai_chat_messages.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.core.prompt import (
    Json,
    Prompt,
    Sampling,
    Tool,
    Turn,
)
from isartor_addon.wire.fields import asked, rest
from isartor_addon.wire.openai_chat_messages import read_turn, write_turn

_LIMITS: Final = ("max_completion_tokens", "max_tokens")


def parse(body: Mapping[str, Json], model: str) -> Prompt:
    """
    Read a request.

    Args:
        body: the decoded body.
        model: the model asked for, from the body or the path.

    Raises:
        ClientMistake: a field has a type the wire does not allow.
    """
    extra = rest(body, ("messages",))
    if isinstance(body.get("model"), str):
        del extra["model"]
    messages = asked.objects(body.get("messages"), "messages")
    stream = body.get("stream")
    if stream is True:
        del extra["stream"]
    elif stream is not None and stream is not False:
        raise ClientMistake("stream must be a boolean")
    return Prompt(
        model=model,
        turns=tuple(read_turn(message, f"messages[{number}]") for number, message in enumerate(messages)),
        tools=_tools(extra),
        tool_choice=_unless_null(extra, "tool_choice"),
        sampling=_sampling(extra),
        response_format=_unless_null(extra, "response_format"),
        stream=stream is True,
        extra=extra,
    )


def render(prompt: Prompt) -> dict[str, Json]:
    """
    Write a request body.

    Raises:
        Untranslatable: the prompt holds content that this wire cannot say.
    """
    body = dict(prompt.extra)
    if prompt.model:
        body["model"] = prompt.model
    system = [Turn("system", prompt.system)] if prompt.system else []
    body["messages"] = [message for turn in (*system, *prompt.turns) for message in write_turn(turn)]
    if prompt.tools:
        body["tools"] = [_write_tool(tool) for tool in prompt.tools]
    if prompt.tool_choice is not None:
        body["tool_choice"] = prompt.tool_choice
    if prompt.response_format is not None:
        body["response_format"] = prompt.response_format
    if prompt.stream:
        body["stream"] = True
    _write_sampling(prompt.sampling, body)
    return body


def _unless_null(extra: dict[str, Json], name: str) -> Json:
    return extra.pop(name) if extra.get(name) is not None else None


def _sampling(extra: dict[str, Json]) -> Sampling:
    numbers: dict[str, Any] = {}
    for name in ("temperature", "top_p", "top_k", "seed"):
        if extra.get(name) is not None:
            read = asked.integer if name in ("top_k", "seed") else asked.number
            numbers[name] = read(extra.pop(name), name)
    for name in _LIMITS:  # both stay in extra: which of the two names was used matters to the provider
        if extra.get(name) is not None:
            numbers.setdefault("max_tokens", asked.integer(extra[name], name))
    stop = extra.get("stop")
    if isinstance(stop, str):  # stays in extra: text, not a list of one
        numbers["stop"] = (stop,)
    elif stop:
        numbers["stop"] = tuple(asked.text(each, "stop") for each in asked.items(extra.pop("stop"), "stop"))
    return Sampling(**numbers)


def _write_sampling(sampling: Sampling, body: dict[str, Json]) -> None:
    for name in ("temperature", "top_p", "top_k", "seed"):
        value = getattr(sampling, name)
        if value is not None:
            body[name] = value
    if sampling.max_tokens is not None:
        # OpenAI's reasoning models refuse `max_tokens`, so the newer name stands where the prompt names none.
        spelled = (name for name in _LIMITS if body.get(name) is not None)
        body[next(spelled, _LIMITS[0])] = sampling.max_tokens
    if sampling.stop and (body.get("stop"),) != sampling.stop:
        body["stop"] = list(sampling.stop)


def _tools(extra: dict[str, Json]) -> tuple[Tool, ...]:
    return tuple(_tool(tool) for tool in asked.objects(extra.pop("tools"), "tools")) if extra.get("tools") else ()


def _tool(tool: dict[str, Json]) -> Tool:
    kind = str(tool.get("type"))
    inner = tool.get(kind) if kind in ("function", "custom") else None
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str) or not inner["name"]:
        return Tool(name="", extra=tool)
    if not inner.keys().isdisjoint(("type", "outer")):
        return Tool(name="", extra=tool)
    extra = rest(inner, ("name",))
    description, schema = extra.get("description"), extra.get("parameters")
    if isinstance(description, str) and description:
        del extra["description"]
    else:
        description = ""
    if isinstance(schema, dict) and kind == "function":
        del extra["parameters"]
    else:
        schema = None
    outer = rest(tool, ("type", kind))
    if outer:
        extra["outer"] = outer
    if kind == "custom":
        extra["type"] = "custom"
    return Tool(name=inner["name"], description=description, schema=schema, extra=extra)


def _write_tool(tool: Tool) -> dict[str, Json]:
    if not tool.name:  # a tool of a kind unknown here, kept whole
        return dict(tool.extra)
    kind = tool.extra.get("type", "function")
    if kind not in ("function", "custom"):
        raise Untranslatable(f"a tool of type {kind}")
    inner: dict[str, Json] = {"name": tool.name, **rest(tool.extra, ("type", "outer"))}
    if tool.description:
        inner["description"] = tool.description
    if tool.schema is not None:
        inner["parameters"] = tool.schema
    return {"type": kind, kind: inner, **tool.extra.get("outer", {})}
