"""Gemini: parts and contents, as requests and replies share them.

Source: the Gemini API reference (`Content`, `Part`) and the types of the official SDK. Google reads every field in two
spellings, `inlineData` and `inline_data`; what came in the second keeps it.

`extra` holds, under a field's own name, what is left of the field when the neutral types have taken theirs: an object
without its known fields, an empty one where the field stands for its spelling or form only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import orjson

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
from isartor_addon.wire.fields import arguments_object, arguments_text, asked, rest

NAME: Final = "gemini"

_ROLES: Final[Mapping[str, Role]] = {"user": "user", "model": "assistant", "function": "tool", "tool": "tool"}
_SPOKEN: Final = ("output", "error", "result", "content")
"""The field of a function's response that holds its text, where it is the only one."""


def read_part(part: dict[str, Json]) -> Part:
    """Read one part. What the neutral types cannot say exactly becomes `Opaque`."""
    found = next((name for name in _READERS if name in part), "")
    read = _READERS[found](part, found) if found else None
    # Writing back is the test: a part that would come out changed is kept as it is.
    if read is None or write_part(read) != part:
        return Opaque(NAME, part)
    return read


def write_part(part: Part) -> dict[str, Json]:
    """
    Write one part.

    Raises:
        Untranslatable: it is another wire's opaque content, tool arguments that are no JSON object, or a tool's result
            that is not text.
    """
    match part:
        case Text(text, extra):
            return {"text": text, **extra}
        case Thinking(text, signature, extra):
            written: dict[str, Json] = {"text": text, "thought": True, **extra}
            if signature:
                written[_spelling(extra, "thoughtSignature", "thought_signature")] = signature
            return written
        case Image(data, media_type, url, extra) | Document(data, media_type, url, extra=extra):
            return _write_file(data=data, media_type=media_type, url=url, extra=extra)
        case ToolCall():
            return _write_call(part)
        case ToolResult():
            return _write_result(part)
        case Opaque(wire, value):
            if wire != NAME:
                raise Untranslatable(f"content of {wire} cannot be said to Gemini")
            return dict(value)


def read_parts(holder: Mapping[str, Json], where: str) -> tuple[tuple[Part, ...], dict[str, Json]]:
    """
    Read the `parts` of a content.

    Returns:
        The parts, and what `extra` must say of the field's form: nothing for an array, an empty object for a single
        part; a field without parts stays there as it is.

    Raises:
        ClientMistake: it is neither.
    """
    value = holder.get("parts")
    if isinstance(value, dict) and value:
        return (read_part(value),), {"parts": {}}
    if value is None or value in ([], {}):
        return (), {"parts": value} if "parts" in holder else {}
    return tuple(read_part(part) for part in asked.objects(value, f"{where}.parts")), {}


def write_parts(holder: dict[str, Json], parts: tuple[Part, ...]) -> dict[str, Json]:
    """Put `parts` into `holder`, in the form that it remembers; give `holder`."""
    if parts:
        written = [write_part(part) for part in parts]
        holder["parts"] = written[0] if holder.get("parts") == {} and len(written) == 1 else written
    return holder


def read_turn(content: dict[str, Json], where: str) -> Turn:
    """
    Read one content. The role as it came stays in `extra` where it is not the usual word, an empty object stands
    there for none.

    Raises:
        ClientMistake: its role or parts have a type the wire does not allow.
    """
    if not isinstance(content.get("role"), str | None):
        raise ClientMistake(f"{where}.role must be a string")
    raw = content.get("role", {})
    role = _ROLES.get(raw, "user") if isinstance(raw, str) else "user"
    parts, form = read_parts(content, where)
    usual = {} if raw == _word(role) else {"role": raw}
    return Turn(role, parts, {**rest(content, ("role", "parts")), **usual, **form})


def write_turn(turn: Turn) -> dict[str, Json]:
    """Write one content."""
    written = {"role": _word(turn.role), **turn.extra}
    if written["role"] == {}:
        del written["role"]
    return write_parts(written, turn.parts)


def _word(role: Role) -> str:
    return "model" if role == "assistant" else "user"


def _spelling(extra: Mapping[str, Json], camel: str, snake: str) -> str:
    return snake if snake in extra and camel not in extra else camel


def _read_text(part: dict[str, Json], name: str) -> Part | None:
    text = part[name]
    if not isinstance(text, str):
        return None
    if part.get("thought") is not True:
        return Text(text, rest(part, ("text",)))
    extra = rest(part, ("text", "thought"))
    for spelled in ("thoughtSignature", "thought_signature"):
        signature = extra.get(spelled)
        if isinstance(signature, str) and signature:
            del extra[spelled]
            snake: dict[str, Json] = {spelled: ""} if spelled == "thought_signature" else {}
            return Thinking(text, signature, {**extra, **snake})
    return Thinking(text, "", extra)


def _left(part: Mapping[str, Json], name: str, held: Mapping[str, Json]) -> dict[str, Json]:
    """The `extra` of a part whose field `name` is taken, `held` being what is left of it."""
    return {**rest(part, (name,)), **({name: held} if held or "_" in name else {})}


def _read_file(part: dict[str, Json], name: str) -> Part | None:
    blob = part[name]
    if not isinstance(blob, dict):
        return None
    kind = "mime_type" if "mime_type" in blob else "mimeType"
    source = "data" if name in ("inlineData", "inline_data") else "file_uri" if "file_uri" in blob else "fileUri"
    media_type, value = blob.get(kind), blob.get(source)
    if not isinstance(media_type, str) or not isinstance(value, str) or not value:
        return None
    snake = {field: "" for field in (kind, source) if "_" in field}
    extra = _left(part, name, {**rest(blob, (kind, source)), **snake})
    data, url = (value, "") if source == "data" else ("", value)
    if media_type.startswith("image/"):
        return Image(data, media_type, url, extra)
    if media_type.startswith(("application/", "text/")):
        return Document(data, media_type, url, extra=extra)
    return None


def _write_file(*, data: str, media_type: str, url: str, extra: Mapping[str, Json]) -> dict[str, Json]:
    left = dict(extra)
    name = _spelling(extra, "fileData", "file_data") if url else _spelling(extra, "inlineData", "inline_data")
    blob = dict(left.pop(name, {}))
    if media_type:
        blob["mime_type" if "mime_type" in blob else "mimeType"] = media_type
    if url:
        blob["file_uri" if "file_uri" in blob else "fileUri"] = url
    else:
        blob["data"] = data
    return {name: blob, **left}


def _read_call(part: dict[str, Json], name: str) -> Part | None:
    call = part[name]
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return None
    held = rest(call, ("name",))
    identity = held.pop("id") if isinstance(call.get("id"), str) and call["id"] else ""
    arguments = arguments_text(held.pop("args")) if isinstance(call.get("args"), dict) else ""
    return ToolCall(identity, call["name"], arguments, _left(part, name, held))


def _write_call(part: ToolCall) -> dict[str, Json]:
    left = dict(part.extra)
    name = _spelling(part.extra, "functionCall", "function_call")
    call: dict[str, Json] = {"id": part.id} if part.id else {}
    call["name"] = part.name
    if part.arguments:
        call["args"] = arguments_object(part.arguments)
    return {name: {**call, **left.pop(name, {})}, **left}


def _read_result(part: dict[str, Json], name: str) -> Part | None:
    result = part[name]
    if not isinstance(result, dict) or not isinstance(result.get("response"), dict):
        return None
    response, held = result["response"], rest(result, ("response",))
    identity = held.pop("id") if isinstance(result.get("id"), str) and result["id"] else ""
    tool = held.pop("name") if isinstance(result.get("name"), str) and result["name"] else ""
    field = next((each for each in _SPOKEN if len(response) == 1 and isinstance(response.get(each), str)), "")
    text = response[field] if field else arguments_text(response)
    if field:
        held["response"] = {field: ""}
    return ToolResult(identity, (Text(text),), tool, field == "error", _left(part, name, held))


def _write_result(part: ToolResult) -> dict[str, Json]:
    left = dict(part.extra)
    name = _spelling(part.extra, "functionResponse", "function_response")
    held = dict(left.pop(name, {}))
    form = held.pop("response", None)
    texts = [inner.text for inner in part.parts if isinstance(inner, Text)]
    if len(texts) != len(part.parts):
        raise Untranslatable("a function's response holds more than text")
    text = "\n".join(texts)
    field = next(iter(form)) if form else "error" if part.is_error else ""
    response = {field: text} if field else _object_of(text)
    result: dict[str, Json] = {"id": part.call_id} if part.call_id else {}
    if part.name:
        result["name"] = part.name
    return {name: {**result, "response": response, **held}, **left}


def _object_of(text: str) -> Json:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"output": text}
    return value if isinstance(value, dict) else {"output": text}


_READERS: Final[Mapping[str, Callable[[dict[str, Json], str], Part | None]]] = {
    "text": _read_text,
    "inlineData": _read_file,
    "inline_data": _read_file,
    "fileData": _read_file,
    "file_data": _read_file,
    "functionCall": _read_call,
    "function_call": _read_call,
    "functionResponse": _read_result,
    "function_response": _read_result,
}
