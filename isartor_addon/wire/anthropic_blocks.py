"""Anthropic messages: content blocks, as requests and replies share them.

Source: the Messages API reference ("Create a Message") and the types of the official SDK.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Final

from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.core.prompt import Document, Image, Json, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from isartor_addon.wire.fields import arguments_object, arguments_text, asked, rest

NAME: Final = "anthropic_messages"


def read_block(block: dict[str, Json]) -> Part:
    """Read one content block. What the neutral types cannot say exactly becomes `Opaque`."""
    kind = block.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    part = read(block) if read else None
    # Writing back is the test: a block that would come out changed is kept as it is.
    if part is None or write_block(part) != block:
        return Opaque(NAME, block)
    return part


def write_block(part: Part) -> dict[str, Json]:
    """
    Write one content block.

    Raises:
        Untranslatable: it is another wire's opaque content, or tool arguments that are no JSON object.
    """
    match part:
        case Text(text, extra):
            return {"type": "text", "text": text, **extra}
        case Image(data, media_type, url, extra):
            return {"type": "image", "source": _write_source(data, media_type, url), **extra}
        case Document():
            return _write_document(part)
        case ToolCall(identity, name, arguments, extra):
            return {"type": "tool_use", "id": identity, "name": name, "input": arguments_object(arguments), **extra}
        case ToolResult():
            return _write_result(part)
        case Thinking(text, signature, extra):
            return {"type": "thinking", "thinking": text, "signature": signature, **extra}
        case Opaque(wire, value):
            if wire != NAME:
                raise Untranslatable(f"content of {wire} cannot be said to Anthropic")
            return dict(value)


def read_content(holder: Mapping[str, Json], name: str, where: str) -> tuple[tuple[Part, ...], dict[str, Json]]:
    """
    Read a field that holds a string or blocks.

    Returns:
        The parts, and what `extra` must say of the field's form: nothing for blocks, an empty string for a string; a
        field without content stays there as it is.

    Raises:
        ClientMistake: it is neither.
    """
    value = holder.get(name)
    if isinstance(value, str) and value:
        return (Text(value),), {name: ""}
    if isinstance(value, list) and value:
        return tuple(read_block(block) for block in asked.objects(value, where)), {}
    if value is None or value in ("", []):
        return (), {name: value} if name in holder else {}
    raise ClientMistake(f"{where} must be a string or an array")


def write_content(holder: dict[str, Json], name: str, parts: tuple[Part, ...]) -> dict[str, Json]:
    """Put `parts` into `holder`, in the form that it remembers; give `holder`."""
    if parts:
        only = parts[0]
        as_text = holder.get(name) == "" and len(parts) == 1 and isinstance(only, Text) and not only.extra
        holder[name] = only.text if as_text and isinstance(only, Text) else [write_block(part) for part in parts]
    return holder


def _read_text(block: dict[str, Json]) -> Part | None:
    text = block.get("text")
    return Text(text, rest(block, ("type", "text"))) if isinstance(text, str) else None


def _read_image(block: dict[str, Json]) -> Part | None:
    match block.get("source"):
        case {"type": "base64", "data": str(data), "media_type": str(media_type)}:
            return Image(data=data, media_type=media_type, extra=rest(block, ("type", "source")))
        case {"type": "url", "url": str(url)}:
            return Image(url=url, extra=rest(block, ("type", "source")))
    return None


def _read_document(block: dict[str, Json]) -> Part | None:
    extra = rest(block, ("type", "source"))
    title = extra.get("title")
    name = extra.pop("title") if isinstance(title, str) and title else ""
    match block.get("source"):
        case {"type": "base64", "data": str(data), "media_type": str(media_type)}:
            return Document(data=data, media_type=media_type, name=name, extra=extra)
        case {"type": "text", "data": str(text), "media_type": str(media_type)}:
            data = base64.b64encode(text.encode()).decode()
            return Document(data=data, media_type=media_type, name=name, extra={**extra, "source": {"type": "text"}})
        case {"type": "url", "url": str(url)}:
            return Document(url=url, name=name, extra=extra)
    return None


def _write_document(part: Document) -> dict[str, Json]:
    extra = dict(part.extra)
    source = _write_source(part.data, part.media_type, part.url)
    if extra.pop("source", None) == {"type": "text"} and part.data:
        source = {"type": "text", "media_type": part.media_type, "data": base64.b64decode(part.data).decode()}
    title = {"title": part.name} if part.name else {}
    return {"type": "document", "source": source, **title, **extra}


def _write_source(data: str, media_type: str, url: str) -> dict[str, Json]:
    return {"type": "url", "url": url} if url else {"type": "base64", "media_type": media_type, "data": data}


def _read_call(block: dict[str, Json]) -> Part | None:
    match block:
        case {"id": str(identity), "name": str(name), "input": dict(value)}:
            return ToolCall(identity, name, arguments_text(value), rest(block, ("type", "id", "name", "input")))
    return None


def _read_result(block: dict[str, Json]) -> Part | None:
    call = block.get("tool_use_id")
    content = block.get("content")
    # A result does not hold results; so the reading goes one level down and no further.
    if not isinstance(call, str) or (isinstance(content, list) and any(_is_result(inner) for inner in content)):
        return None
    try:
        parts, form = read_content(block, "content", "tool_result.content")
    except ClientMistake:
        return None
    extra = rest(block, ("type", "tool_use_id", "content"))
    is_error = extra.get("is_error") is True
    if is_error:
        del extra["is_error"]
    return ToolResult(call, parts, is_error=is_error, extra={**form, **extra})


def _is_result(block: Json) -> bool:
    return isinstance(block, dict) and block.get("type") == "tool_result"


def _write_result(part: ToolResult) -> dict[str, Json]:
    block: dict[str, Json] = {"type": "tool_result", "tool_use_id": part.call_id, **part.extra}
    if part.is_error:
        block["is_error"] = True
    return write_content(block, "content", part.parts)


def _read_thinking(block: dict[str, Json]) -> Part | None:
    match block:
        case {"thinking": str(text), "signature": str(signature)}:
            return Thinking(text, signature, rest(block, ("type", "thinking", "signature")))
    return None


_READERS: Final[Mapping[str, Callable[[dict[str, Json]], Part | None]]] = {
    "text": _read_text,
    "image": _read_image,
    "document": _read_document,
    "tool_use": _read_call,
    "tool_result": _read_result,
    "thinking": _read_thinking,
}
