"""Messages of the OpenAI chat completions API: turns and their parts, as requests and, in part, replies have them.

Where the neutral types cannot tell two spellings apart, `extra` keeps the spelling:

* a turn's (and a tool result's) `content: []` says that its content was a list though one plain text would do,
  `content: None` that it was null;
* a part's `field` names the message's field it stands in, where that is not the usual one;
* a field that is null, empty or spelled another way stays in `extra` under its own name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast, get_args

from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.core.prompt import (
    Document,
    Image,
    Json,
    Opaque,
    Part,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from isartor_addon.wire.fields import asked, data_url, rest, split_data_url

NAME: Final = "openai_chat"
REASONING: Final = ("reasoning_content", "reasoning")
"""Fields of a message that hold the model's reasoning: DeepSeek's and vLLM's (the usual one), OpenRouter's."""

_ROLES: Final = frozenset(get_args(Role))


def read_turn(message: dict[str, Json], where: str) -> Turn:
    """
    Read one message.

    Args:
        where: names it for the person who reads an error.

    Raises:
        ClientMistake: a field has a type the wire does not allow.
    """
    role = asked.text(message.get("role"), f"{where}.role")
    if role in ("tool", "function"):
        return _result(message, where)
    if role not in _ROLES:
        raise ClientMistake(f"{where}.role is none of {', '.join(sorted(_ROLES))}")
    parts, spelling = _content(message, where)
    extra = rest(message, ("role", "content")) | spelling
    if role == "assistant":
        parts = (*_said_fields(extra), *parts, *_refusal(extra), *_calls(extra, where))
    return Turn(cast(Role, role), parts, extra)


def _result(message: dict[str, Json], where: str) -> Turn:
    parts, spelling = _content(message, where)
    extra = rest(message, ("role", "content"))
    if message["role"] == "function":
        extra["role"] = "function"
    result = ToolResult(
        call_id=_filled(extra, "tool_call_id"), parts=parts, name=_filled(extra, "name"), extra=spelling
    )
    return Turn("tool", (result,), extra)


def _filled(extra: dict[str, Json], name: str) -> str:
    """Take a text out of `extra`; what is no text, or an empty one, stays."""
    value = extra.get(name)
    if not isinstance(value, str) or not value:
        return ""
    del extra[name]
    return value


def _content(message: Mapping[str, Json], where: str) -> tuple[tuple[Part, ...], dict[str, Json]]:
    """The parts of a message's content, and what they cannot say about its spelling."""
    if "content" not in message:
        return (), {}
    content = message["content"]
    if content is None:
        return (), {"content": None}
    if isinstance(content, str):
        return (Text(content),), {}
    where = f"{where}.content"
    parts = tuple(_part(part, where) for part in asked.objects(content, where))
    return parts, {"content": []} if not parts or _plain(parts) else {}


def _plain(parts: tuple[Part, ...] | list[Part]) -> bool:
    return len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].extra


def _part(part: dict[str, Json], where: str) -> Part:
    kind = asked.text(part.get("type"), f"{where}.type")
    inner = part.get(kind)
    if kind == "text" and isinstance(inner, str) and "field" not in part:
        return Text(inner, rest(part, ("type", "text")))
    if kind == "image_url" and isinstance(inner, dict) and isinstance(inner.get("url"), str) and inner["url"]:
        extra = rest(part, ("type", "image_url"))
        if len(inner) > 1:
            extra["image_url"] = rest(inner, ("url",))
        data = split_data_url(inner["url"])
        return Image(media_type=data[0], data=data[1], extra=extra) if data else Image(url=inner["url"], extra=extra)
    if kind == "file" and len(part) == 2 and isinstance(inner, dict) and inner.keys() <= {"file_data", "filename"}:
        data = split_data_url(inner["file_data"]) if isinstance(inner.get("file_data"), str) else None
        name = inner.get("filename", "-")
        if data and isinstance(name, str) and name:
            return Document(media_type=data[0], data=data[1], name=inner.get("filename", ""))
    return Opaque(NAME, part)


def _write_part(part: Part) -> dict[str, Json]:
    match part:
        case Text():
            return {"type": "text", "text": part.text, **part.extra}
        case Image():
            url = part.url or data_url(part.media_type, part.data)
            return {"type": "image_url", **part.extra, "image_url": {"url": url, **part.extra.get("image_url", {})}}
        case Document() if part.data:
            name = {"filename": part.name} if part.name else {}
            return {"type": "file", "file": {"file_data": data_url(part.media_type, part.data), **name}}
        case Opaque() if part.wire == NAME:
            return dict(part.value)
        case _:
            raise Untranslatable(f"{NAME} cannot say a {type(part).__name__} here")


def _said_fields(extra: dict[str, Json]) -> Iterable[Part]:
    for name in REASONING:
        text = _filled(extra, name)
        if text:
            yield Thinking(text, extra={} if name == REASONING[0] else {"field": name})


def _refusal(extra: dict[str, Json]) -> Iterable[Part]:
    text = _filled(extra, "refusal")
    if text:
        yield Text(text, {"field": "refusal"})


def _calls(extra: dict[str, Json], where: str) -> Iterable[Part]:
    function = extra.get("function_call")
    if isinstance(function, dict) and function.keys() == {"name", "arguments"}:
        call = read_call({"id": "", "type": "function", "function": function})
        if call is not None:
            del extra["function_call"]
            yield ToolCall("", call.name, call.arguments, {"field": "function_call"})
    if extra.get("tool_calls"):
        for each in asked.objects(extra.pop("tool_calls"), f"{where}.tool_calls"):
            yield read_call(each) or Opaque(NAME, {"tool_calls": [each]})


def read_call(call: Mapping[str, Json]) -> ToolCall | None:
    """Read one of `tool_calls`, of a request or a reply; None where it has not the usual shape."""
    kind = str(call.get("type"))
    inner = call.get(kind) if kind in ("function", "custom") else None
    argument = "input" if kind == "custom" else "arguments"
    if not isinstance(inner, dict) or inner.keys() != {"name", argument} or "field" in call:
        return None
    if not isinstance(call.get("id"), str):
        return None
    if not isinstance(inner["name"], str) or not isinstance(inner[argument], str):
        return None
    extra = rest(call, ("id", kind)) if kind == "custom" else rest(call, ("id", "type", kind))
    return ToolCall(call["id"], inner["name"], inner[argument], extra)


def write_call(call: ToolCall) -> dict[str, Json]:
    """Write one of `tool_calls`."""
    if call.extra.get("type") == "custom":
        return {"id": call.id, **call.extra, "custom": {"name": call.name, "input": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", **call.extra, "function": function}


def write_turn(turn: Turn) -> Iterable[dict[str, Json]]:
    """
    Write the messages of one turn: other wires keep several tool results, and words beside them, in one.

    Raises:
        Untranslatable: it holds content that this wire cannot say.
    """
    others: list[Part] = [part for part in turn.parts if not isinstance(part, ToolResult)]
    for result in turn.parts:
        if isinstance(result, ToolResult):
            extra = turn.extra if len(turn.parts) == 1 else {}
            yield {"role": "tool", **_write_result(result), **extra}
    if others or not turn.parts:
        yield _write_message(turn, others)


def _write_result(result: ToolResult) -> dict[str, Json]:
    # `is_error` has no field here: the content tells the model.
    message = _write_content(list(result.parts), result.extra)
    if result.call_id:
        message["tool_call_id"] = result.call_id
    if result.name:
        message["name"] = result.name
    return message


def _write_content(parts: list[Part], extra: Mapping[str, Json]) -> dict[str, Json]:
    if not parts:
        return {"content": extra["content"]} if "content" in extra else {}
    if _plain(parts) and "content" not in extra:
        return {"content": cast(Text, parts[0]).text}
    return {"content": [_write_part(part) for part in parts]}


def _write_message(turn: Turn, parts: list[Part]) -> dict[str, Json]:
    message: dict[str, Json] = {"role": "user" if turn.role == "tool" else turn.role, **rest(turn.extra, ("content",))}
    content: list[Part] = []
    calls: list[Json] = []
    for part in parts:
        match part:
            case Thinking():
                if part.signature:
                    raise Untranslatable("signed reasoning")
                message[part.extra.get("field", REASONING[0])] = part.text
            case Text() if "field" in part.extra:
                message[part.extra["field"]] = part.text
            case ToolCall() if part.extra.get("field") == "function_call":
                message["function_call"] = {"name": part.name, "arguments": part.arguments}
            case ToolCall():
                calls.append(write_call(part))
            case Opaque() if part.wire == NAME and "type" not in part.value:
                calls += part.value["tool_calls"]
            case _:
                content.append(part)
    if calls:
        message["tool_calls"] = calls
    return message | _write_content(content, turn.extra)
