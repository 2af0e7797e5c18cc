"""Requests of Ollama: `wire/ollama.py` says what stands where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.core.prompt import (
    Image,
    Json,
    Opaque,
    Part,
    Prompt,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from isartor_addon.wire.fields import arguments_object, arguments_text, asked, rest

NAME: Final = "ollama"
_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})
_OPTIONS: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "max_tokens": "num_predict",
}
_WHOLE: Final = frozenset({"top_k", "seed", "max_tokens"})


def _images(body: Mapping[str, Json], extra: dict[str, Json], *, where: str) -> tuple[Part, ...]:
    images = body.get("images")
    if images:
        return tuple(Image(data=asked.text(each, where)) for each in asked.items(images, where))
    if "images" in body:
        extra["images"] = images
    return ()


def generate_turns(body: Mapping[str, Json], extra: dict[str, Json]) -> tuple[Turn, ...]:
    """The one turn of a generate request."""
    extra["prompt"] = ""
    if "messages" in body:
        raise ClientMistake("prompt and messages cannot both be given")
    return (Turn("user", (Text(asked.text(body["prompt"], "prompt")), *_images(body, extra, where="images"))),)


def chat_turns(body: Mapping[str, Json], extra: dict[str, Json]) -> tuple[Turn, ...]:
    """The turns of a chat."""
    if "images" in body:
        extra["images"] = body["images"]
    if not body.get("messages"):
        if "messages" in body:
            extra["messages"] = body["messages"]
        return ()
    messages = asked.objects(body["messages"], "messages")
    return tuple(_turn(message, f"messages[{number}]") for number, message in enumerate(messages))


def _turn(message: dict[str, Json], where: str) -> Turn:
    role = asked.text(message.get("role"), f"{where}.role")
    if role not in _ROLES:
        raise ClientMistake(f"{where}.role is none of {', '.join(sorted(_ROLES))}")
    extra = rest(message, ("role", "content", "images"))
    parts: tuple[Part, ...] = ()
    if message.get("content") is not None:
        parts = (Text(asked.text(message["content"], f"{where}.content")),)
    elif "content" in message:
        extra["content"] = None
    parts += _images(message, extra, where=f"{where}.images")
    if role == "tool":
        name, call_id = (filled(extra, each) for each in ("tool_name", "tool_call_id"))
        return Turn("tool", (ToolResult(call_id, parts, name),), extra)
    thinking = filled(extra, "thinking")
    if thinking:
        parts = (Thinking(thinking), *parts)
    if extra.get("tool_calls"):
        parts += tuple(read_call(call) for call in asked.objects(extra.pop("tool_calls"), f"{where}.tool_calls"))
    return Turn(cast(Role, role), parts, extra)


def filled(extra: dict[str, Json], name: str) -> str:
    """A text that `extra` keeps only as an empty one; empty where there is none."""
    value = extra.get(name)
    if not isinstance(value, str) or not value:
        return ""
    del extra[name]
    return value


def read_call(call: dict[str, Json]) -> ToolCall | Opaque:
    """Read a tool call."""
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return Opaque(NAME, call)
    if (
        not isinstance(function.get("arguments"), dict)
        or not isinstance(call.get("id", "-"), str)
        or call.get("id") == ""
    ):
        return Opaque(NAME, call)
    extra = rest(call, ("id", "function"))
    inner = rest(function, ("name", "arguments"))
    if inner:
        extra["function"] = inner
    return ToolCall(call.get("id", ""), function["name"], arguments_text(function["arguments"]), extra)


def _write_call(call: ToolCall) -> dict[str, Json]:
    inner = call.extra.get("function")
    function = {**(inner if isinstance(inner, dict) else {}), "name": call.name}
    function["arguments"] = arguments_object(call.arguments)
    written: dict[str, Json] = {**rest(call.extra, ("function", "type")), "function": function}
    if "type" in call.extra:
        if call.extra["type"] == "custom":
            raise Untranslatable("a custom tool's call")
        written["type"] = call.extra["type"]
    return {"id": call.id, **written} if call.id else written


def read_tool(tool: dict[str, Json]) -> Tool:
    """Read a tool definition."""
    function = tool.get("function")
    if tool.get("type") != "function" or len(tool) != 2 or not isinstance(function, dict):
        return Tool("", extra=tool)
    if not isinstance(function.get("name"), str) or not function["name"] or "type" in function:
        return Tool("", extra=tool)
    extra = rest(function, ("name",))
    description = filled(extra, "description")
    schema = extra.pop("parameters") if isinstance(extra.get("parameters"), dict) else None
    return Tool(function["name"], description, schema, extra)


def _write_tool(tool: Tool) -> dict[str, Json]:
    if not tool.name:
        return dict(tool.extra)
    if "type" in tool.extra:
        raise Untranslatable(f"a tool of type {tool.extra['type']}")
    function: dict[str, Json] = {"name": tool.name, **tool.extra}
    if tool.description:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    return {"type": "function", "function": function}


def read_sampling(options: Json) -> Sampling:
    """Read the options that are settings of sampling; all of them stay in `extra`."""
    if options is None:
        return Sampling()
    given = asked.object(options, "options")
    numbers: dict[str, Any] = {}
    for name, word in _OPTIONS.items():
        if given.get(word) is not None:
            read = asked.integer if name in _WHOLE else asked.number
            numbers[name] = read(given[word], f"options.{word}")
    stop = given.get("stop")
    if stop:
        stops = [stop] if isinstance(stop, str) else asked.items(stop, "options.stop")
        numbers["stop"] = tuple(asked.text(each, "options.stop") for each in stops)
    return Sampling(**numbers)


def write_request(prompt: Prompt) -> dict[str, Json]:
    """Write a request body."""
    if prompt.tool_choice not in (None, "auto"):
        raise Untranslatable("Ollama lets the model choose its tools")
    body = dict(prompt.extra)
    if prompt.model:
        body["model"] = prompt.model
    if "prompt" in body:
        body |= _write_generate(prompt)
    elif prompt.turns or prompt.system:
        system = [Turn("system", prompt.system)] if prompt.system else []
        body["messages"] = [message for turn in (*system, *prompt.turns) for message in _write_turn(turn)]
    if prompt.tools:
        body["tools"] = [_write_tool(tool) for tool in prompt.tools]
    if prompt.response_format is not None:
        body["format"] = prompt.response_format
    if prompt.stream is (body.get("stream") is False):
        body["stream"] = prompt.stream
    options = _write_options(prompt.sampling, body.get("options") or {})
    return {**body, "options": options} if options else body


def _write_options(sampling: Sampling, given: Mapping[str, Json]) -> dict[str, Json]:
    said_options = {word: getattr(sampling, name) for name, word in _OPTIONS.items()}
    options = dict(given) | {word: value for word, value in said_options.items() if value is not None}
    if sampling.stop and (options.get("stop"),) != sampling.stop:
        options["stop"] = list(sampling.stop)
    return options


def _write_generate(prompt: Prompt) -> dict[str, Json]:
    if len(prompt.turns) != 1 or not all(isinstance(part, Text) for part in prompt.system):
        raise Untranslatable("a generate request is one prompt")
    (message,) = _write_turn(prompt.turns[0])
    written = {"prompt": message.get("content", "")} | {name: message[name] for name in ("images",) if name in message}
    system = "".join(part.text for part in prompt.system if isinstance(part, Text))
    return {**written, "system": system} if system else written


def _write_turn(turn: Turn) -> Iterable[dict[str, Json]]:
    """The messages of one turn: other wires keep several tool results, and words beside them, in one."""
    others = tuple(part for part in turn.parts if not isinstance(part, ToolResult))
    for result in turn.parts:
        if isinstance(result, ToolResult):
            message = {"role": "tool", **(turn.extra if len(turn.parts) == 1 else {}), **write_parts(result.parts)}
            message |= {"tool_name": result.name} if result.name else {}
            yield message | ({"tool_call_id": result.call_id} if result.call_id else {})
    if others or not turn.parts:
        role = {"developer": "system", "tool": "user"}.get(turn.role, turn.role)
        yield {"role": role, **turn.extra, **write_parts(others)}


def write_parts(parts: tuple[Part, ...]) -> dict[str, Json]:
    """Write parts as the fields of a message."""
    texts: list[str] = []
    written: dict[str, Json] = {}
    for part in parts:
        match part:
            case Text():
                texts.append(part.text)
            case Image() if part.data:
                written.setdefault("images", []).append(part.data)
            case Thinking() if not part.signature:
                written["thinking"] = written.get("thinking", "") + part.text
            case ToolCall():
                written.setdefault("tool_calls", []).append(_write_call(part))
            case Opaque() if part.wire == NAME:
                written.setdefault("tool_calls", []).append(part.value)
            case _:
                raise Untranslatable(f"{NAME} cannot say a {type(part).__name__} here")
    return {**written, "content": "\n\n".join(texts)} if texts else written
