"""Gemini: the body of a request.

Losslessness: see `gemini_parts.py`. `generationConfig` stays in `extra` whole; writing changes in it what was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from isartor_addon.core.errors import ClientMistake
from isartor_addon.core.prompt import Json, Part, Prompt, Sampling, Text, Tool, Turn
from isartor_addon.wire.fields import asked, rest
from isartor_addon.wire.gemini_parts import read_parts, read_turn, write_parts, write_turn

_SAMPLING: Final[Mapping[str, tuple[str, str]]] = {
    "temperature": ("temperature", "temperature"),
    "top_p": ("topP", "top_p"),
    "top_k": ("topK", "top_k"),
    "max_tokens": ("maxOutputTokens", "max_output_tokens"),
    "stop": ("stopSequences", "stop_sequences"),
    "seed": ("seed", "seed"),
}
_FORMAT: Final = frozenset(
    {
        "responseMimeType",
        "response_mime_type",
        "responseSchema",
        "response_schema",
        "responseJsonSchema",
        "response_json_schema",
        "responseFormat",
        "response_format",
    }
)
_SCHEMAS: Final = ("parameters", "parametersJsonSchema", "parameters_json_schema")


def read_body(body: Mapping[str, Json]) -> Prompt:
    """
    Read a request, without its model and mode: they stand in the path.

    Raises:
        ClientMistake: `contents`, the system instruction or the configuration has a type the wire does not allow.
    """
    extra = dict(body)
    config = _config(extra)
    return Prompt(
        model="",
        turns=_take_turns(extra),
        system=_take_system(extra),
        tools=_take_tools(extra),
        tool_choice=_take_choice(extra),
        sampling=_read_sampling(config),
        response_format={name: value for name, value in config.items() if name in _FORMAT} or None,
        extra=extra,
    )


def write_body(prompt: Prompt) -> dict[str, Json]:
    """
    Write a request.

    Raises:
        Untranslatable: the prompt holds another wire's opaque content.
    """
    body = dict(prompt.extra)
    contents = [write_turn(turn) for turn in prompt.turns]
    if contents:
        body["contents"] = contents[0] if body.get("contents") == {} and len(contents) == 1 else contents
    _put_system(body, prompt.system)
    _put_tools(body, prompt.tools)
    if prompt.tool_choice is not None:
        snake = "tool_config" in body and "toolConfig" not in body
        body["tool_config" if snake else "toolConfig"] = prompt.tool_choice
    _put_config(body, prompt)
    return body


def _take_turns(extra: dict[str, Json]) -> tuple[Turn, ...]:
    contents = extra.get("contents")
    if not contents:
        return ()
    if isinstance(contents, dict):
        extra["contents"] = {}
        return (read_turn(contents, "contents"),)
    del extra["contents"]
    turns = asked.objects(contents, "contents")
    return tuple(read_turn(content, f"contents[{number}]") for number, content in enumerate(turns))


def _take_system(extra: dict[str, Json]) -> tuple[Part, ...]:
    name = "system_instruction" if "systemInstruction" not in extra else "systemInstruction"
    value = extra.get(name)
    if not value:
        return ()
    if isinstance(value, str):
        extra[name] = ""
        return (Text(value),)
    content = asked.object(value, name)
    parts, form = read_parts(content, name)
    extra[name] = {**rest(content, ("parts",)), **form}
    return parts


def _put_system(body: dict[str, Json], system: tuple[Part, ...]) -> None:
    if not system:
        return
    name = (
        "system_instruction"
        if "systemInstruction" not in body and "system_instruction" in body
        else "systemInstruction"
    )
    held = body.get(name)
    only = system[0]
    if held == "" and len(system) == 1 and isinstance(only, Text) and not only.extra:
        body[name] = only.text
    else:
        body[name] = write_parts(dict(held or {}), system)


def _take_choice(extra: dict[str, Json]) -> Json:
    name = "tool_config" if "toolConfig" not in extra else "toolConfig"
    choice = extra.get(name)
    if choice is None:
        return None
    if "tool_config" in extra:
        extra[name] = {}
    else:
        del extra[name]
    return choice


def _take_tools(extra: dict[str, Json]) -> tuple[Tool, ...]:
    """
    Take the function declarations out of `tools`; what holds them stays, with empty arrays in their places.

    Where several objects hold some, each tool's `extra` says the number of its own, under `tools`.
    """
    groups = extra.get("tools")
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        return ()
    skeleton: list[Json] = []
    tools: list[Tool] = []
    holding = [number for number, group in enumerate(groups) if _declarations(group)]
    for number, group in enumerate(groups):
        name = _declarations(group)
        skeleton.append({**group, name: []} if name else group)
        place = {"tools": number} if len(holding) > 1 else {}
        tools += [_read_tool(each, place) for each in group[name]] if name else []
    written = {"tools": skeleton}
    _put_tools(written, tuple(tools))
    if not tools or written["tools"] != groups:
        return ()
    extra["tools"] = skeleton
    return tuple(tools)


def _declarations(group: dict[str, Json]) -> str:
    """The field of a tool object that holds function declarations; empty where there are none that are known."""
    for name in ("functionDeclarations", "function_declarations"):
        value = group.get(name)
        if value and isinstance(value, list) and all(isinstance(each, dict) for each in value):
            return name
    return ""


def _read_tool(declaration: dict[str, Json], place: dict[str, Json]) -> Tool:
    extra = dict(declaration)
    name, description = declaration.get("name"), declaration.get("description")
    field = next((each for each in _SCHEMAS if declaration.get(each) is not None), "")
    schema = extra.pop(field) if field else None
    if field and field != "parameters":
        extra[field] = {}
    named, described = isinstance(name, str) and name != "", isinstance(description, str) and description != ""
    return Tool(
        name=extra.pop("name") if named else "",
        description=extra.pop("description") if described else "",
        schema=schema,
        extra={**extra, **place},
    )


def _write_tool(tool: Tool) -> dict[str, Json]:
    written: dict[str, Json] = {"name": tool.name} if tool.name else {}
    if tool.description:
        written["description"] = tool.description
    written |= rest(tool.extra, ("tools",))
    if tool.schema is not None:
        written[next((each for each in _SCHEMAS if written.get(each) == {}), "parameters")] = tool.schema
    return written


def _put_tools(body: dict[str, Json], tools: tuple[Tool, ...]) -> None:
    if not tools:
        return
    groups = [dict(group) for group in body.get("tools") or [{"functionDeclarations": []}]]
    names = ("functionDeclarations", "function_declarations")
    fields = [next((name for name in names if group.get(name) == []), "") for group in groups]
    if not any(fields):
        groups.append({"functionDeclarations": []})
        fields.append("functionDeclarations")
    first = next(number for number, field in enumerate(fields) if field)
    for tool in tools:
        number = tool.extra.get("tools", first)
        number = number if isinstance(number, int) and 0 <= number < len(groups) and fields[number] else first
        groups[number][fields[number]] = [*groups[number][fields[number]], _write_tool(tool)]
    body["tools"] = groups


def _config_name(body: Mapping[str, Json]) -> str:
    snake = "generationConfig" not in body and "generation_config" in body
    return "generation_config" if snake else "generationConfig"


def _config(body: Mapping[str, Json]) -> dict[str, Json]:
    config = body.get(_config_name(body))
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise ClientMistake("generationConfig must be an object")
    return config


def _read_sampling(config: Mapping[str, Json]) -> Sampling:
    def said_as(field: str) -> Json:
        return next((config[name] for name in _SAMPLING[field] if name in config), None)

    def number(field: str) -> Json:
        value = said_as(field)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    stop = said_as("stop")
    told = isinstance(stop, list) and all(isinstance(each, str) for each in stop)
    return Sampling(
        temperature=number("temperature"),
        top_p=number("top_p"),
        top_k=number("top_k"),
        max_tokens=number("max_tokens"),
        stop=tuple(stop) if told else (),
        seed=number("seed"),
    )


def _put_config(body: dict[str, Json], prompt: Prompt) -> None:
    name = _config_name(body)
    held = _config(body)
    config = {field: value for field, value in held.items() if field not in _FORMAT} | (prompt.response_format or {})
    before = _read_sampling(held)
    for field, (camel, snake) in _SAMPLING.items():
        value = getattr(prompt.sampling, field)
        if value == getattr(before, field):
            continue
        spelled = snake if snake in config and camel not in config else camel
        config = rest(config, (camel, snake))
        if value not in (None, ()):
            config[spelled] = list(value) if isinstance(value, tuple) else value
    if config or body.get(name) is not None:
        body[name] = config
