"""Items of the OpenAI Responses API, in requests and in replies, to and from the neutral parts.

Source: the `input` and `output` unions of the OpenAI API reference (responses) and the shapes that coding tools send.

One item is one Turn: an item's own fields (`id`, `status`, `phase`) are the turn's `extra`, so that what was read is
written back as it came. `Text.extra` holds a part's `type`; a Text without any `extra` was a plain string.
In replies the first Text of a message carries the message's own fields in `extra["message"]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from isartor_addon.core.errors import Untranslatable
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
from isartor_addon.wire.fields import Fields, asked, data_url, rest, said, split_data_url

NAME: Final = "openai_responses"
ROLES: Final[dict[str, Role]] = {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant"}

_TEXTS: Final = frozenset({"input_text", "output_text", "text"})
_CONTENT: Final = _TEXTS | {"input_image", "input_file", "input_audio", "refusal"}
"""Types of content parts. A message with any other is kept whole, so that an Opaque part and an item differ."""
_CUSTOM: Final = "custom_tool_call"
_RESULTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})


def read_turn(item: dict[str, Json]) -> Turn:
    """
    Read one input item.

    Raises:
        ClientMistake: a field has a type the wire does not allow.
    """
    kind = asked.text(item.get("type", "message"), "type of an input item")
    if kind == "message":
        return _read_message(item)
    if kind in _RESULTS:
        return _read_result(item)
    part = read_action(item, asked)
    if not isinstance(part, Opaque):
        return Turn("assistant", (part,))
    return _whole(item)


def _whole(item: dict[str, Json]) -> Turn:
    kind = item.get("type")
    role: Role = "tool" if isinstance(kind, str) and kind.endswith("_output") else "assistant"
    return Turn(ROLES.get(str(item.get("role")), role), (Opaque(NAME, item),))


def _read_message(item: dict[str, Json]) -> Turn:
    role = ROLES.get(asked.text(item.get("role"), "role of an input message"))
    parts = _read_parts(item.get("content"))
    if role is None or parts is None:
        return _whole(item)
    return Turn(role, parts, rest(item, ("role", "content")))


def _read_result(item: dict[str, Json]) -> Turn:
    parts = _read_parts(item.get("output"))
    if parts is None:
        return Turn("tool", (Opaque(NAME, item),))
    call_id = asked.text(item.get("call_id"), "call_id of a tool's output")
    known = ("output", "call_id", "type") if item["type"] == "function_call_output" else ("output", "call_id")
    return Turn("tool", (ToolResult(call_id, parts, extra=rest(item, known)),))


def _read_parts(content: Json) -> tuple[Part, ...] | None:
    """The parts of a message or of a tool's output; None where one is of a type nobody knows."""
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list) or any(_kind(part) not in _CONTENT for part in content):
        return None
    return tuple(read_content(part) for part in content)


def _kind(value: Json) -> str:
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""


def read_content(part: dict[str, Json]) -> Part:
    """Read one content part of a message or of a tool's output; what cannot be said otherwise is Opaque."""
    kind = part["type"]
    text, url = part.get("text"), part.get("image_url")
    if kind in _TEXTS and isinstance(text, str):
        return Text(text, rest(part, ("text",)))
    if kind == "input_image" and isinstance(url, str) and url:
        extra = rest(part, ("type", "image_url"))
        split = split_data_url(url)
        return Image(data=split[1], media_type=split[0], extra=extra) if split else Image(url=url, extra=extra)
    if kind == "input_file":
        return _read_file(part)
    return Opaque(NAME, part)


def _read_file(part: dict[str, Json]) -> Part:
    data, url, name = part.get("file_data"), part.get("file_url"), part.get("filename")
    known = ["type"]
    if isinstance(name, str) and name:
        known.append("filename")
    else:
        name = ""
    if isinstance(url, str) and url and data is None:
        return Document(url=url, name=name, extra=rest(part, (*known, "file_url")))
    split = split_data_url(data) if isinstance(data, str) and url is None else None
    if split is None:
        return Opaque(NAME, part)
    return Document(data=split[1], media_type=split[0], name=name, extra=rest(part, (*known, "file_data")))


def read_action(item: dict[str, Json], fields: Fields) -> Part:
    """
    Read what the model did besides talking: a call, its reasoning; anything else is Opaque.

    Raises:
        ClientMistake, BadReply: a field has a type the wire does not allow (which of the two `fields` says).
    """
    kind = item.get("type")
    if kind == "function_call":
        return ToolCall(
            fields.text(item.get("call_id"), "call_id of a function_call"),
            fields.text(item.get("name"), "name of a function_call"),
            fields.text(item.get("arguments"), "arguments of a function_call"),
            rest(item, ("type", "call_id", "name", "arguments")),
        )
    if kind == _CUSTOM:
        return ToolCall(
            fields.text(item.get("call_id"), "call_id of a custom_tool_call"),
            fields.text(item.get("name"), "name of a custom_tool_call"),
            fields.text(item.get("input"), "input of a custom_tool_call"),
            rest(item, ("call_id", "name", "input")),
        )
    if kind == "reasoning" and isinstance(item.get("summary"), list):
        return _read_reasoning(item)
    return Opaque(NAME, item)


def _read_reasoning(item: dict[str, Json]) -> Part:
    summary, content = item["summary"], item.get("content")
    shown = summary or (content if isinstance(content, list) else [])
    texts = [part["text"] for part in shown if isinstance(part, dict) and isinstance(part.get("text"), str)]
    text = "\n\n".join(texts)
    known = ["type"]
    if summary == _summary(text):
        known.append("summary")
    signature = item.get("encrypted_content")
    if isinstance(signature, str) and signature:
        known.append("encrypted_content")
    else:
        signature = ""
    return Thinking(text, signature, rest(item, known))


def _summary(text: str) -> list[Json]:
    return [{"type": "summary_text", "text": text}] if text else []


def write_turn(turn: Turn) -> list[dict[str, Json]]:
    """
    Write one turn as input items: its words as one message, everything else as items of their own, in order.

    Raises:
        Untranslatable: it holds another wire's opaque content.
    """
    items: list[dict[str, Json]] = []
    words: list[Part] = []
    extra = dict(turn.extra)

    def close() -> None:
        nonlocal extra
        if words:
            items.append(_write_message(turn.role, words, extra))
            words.clear()
            extra = {}

    for part in turn.parts:
        if _is_word(part):
            words.append(part)
            continue
        close()
        items.append(_write_result(part) if isinstance(part, ToolResult) else write_action(part))
    close()
    return items or [{"role": turn.role, "content": [], **extra}]


def _is_word(part: Part) -> bool:
    if isinstance(part, Opaque):
        return _kind(part.value) in _CONTENT
    return isinstance(part, Text | Image | Document)


def _write_message(role: Role, parts: Sequence[Part], extra: dict[str, Json]) -> dict[str, Json]:
    if role == "tool":
        raise Untranslatable("a tool's turn holds words that are no tool's result")
    return {"role": role, "content": _write_parts(parts, role), **extra}


def _write_parts(parts: Sequence[Part], role: Role) -> Json:
    if len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].extra:
        return parts[0].text
    return [_write_content(part, role) for part in parts]


def _write_content(part: Part, role: Role) -> Json:
    match part:
        case Text(text, extra):
            return {"type": "output_text" if role == "assistant" else "input_text", "text": text, **extra}
        case Image(data, media_type, url, extra):
            return {"type": "input_image", "image_url": url or data_url(media_type, data), **extra}
        case Document(data, media_type, url, name, extra):
            place = {"file_url": url} if url else {"file_data": data_url(media_type, data)}
            return {"type": "input_file", **place, **({"filename": name} if name else {}), **extra}
        case Opaque():
            return _own(part)
        case _:
            raise Untranslatable(f"a {type(part).__name__} inside a message or a tool's result")


def _write_result(result: ToolResult) -> dict[str, Json]:
    output = _write_parts(result.parts, "tool") if result.parts else []
    return {"type": "function_call_output", "call_id": result.call_id, "output": output, **result.extra}


def write_action(part: Part) -> dict[str, Json]:
    """
    Write what the model did besides talking as one item.

    Raises:
        Untranslatable: it is another wire's opaque content, or no such part.
    """
    match part:
        case ToolCall(call_id, name, arguments, extra) if extra.get("type") == _CUSTOM:
            return {"call_id": call_id, "name": name, "input": arguments, **extra}
        case ToolCall(call_id, name, arguments, extra):
            return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, **extra}
        case Thinking(text, signature, extra):
            proof = {"encrypted_content": signature} if signature else {}
            return {"type": "reasoning", "summary": _summary(text), **proof, **extra}
        case Opaque():
            return dict(_own(part))
        case _:
            raise Untranslatable(f"a {type(part).__name__} is nothing a model of this wire does")


def _own(part: Opaque) -> Json:
    if part.wire != NAME:
        raise Untranslatable(f"opaque content of {part.wire}")
    return part.value


def read_output(items: Sequence[Json]) -> tuple[Part, ...]:
    """
    Read the `output` of a reply.

    Raises:
        BadReply: an item is malformed.
    """
    parts: list[Part] = []
    for item in said.objects(list(items), "output"):
        texts = _read_words(item) if item.get("type") == "message" else None
        parts += texts if texts is not None else [read_action(item, said)]
    return tuple(parts)


def _read_words(item: dict[str, Json]) -> list[Part] | None:
    """The texts of a message; None where it holds anything else (a refusal) or nothing, and is kept whole."""
    content = item.get("content")
    if not isinstance(content, list) or not content:
        return None
    texts: list[Part] = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "output_text" or not isinstance(part.get("text"), str):
            return None
        texts.append(Text(part["text"], rest(part, ("type", "text"))))
    first = texts[0]
    assert isinstance(first, Text)
    texts[0] = replace(first, extra={**first.extra, "message": rest(item, ("content",))})
    return texts


def write_output(parts: Sequence[Part], reply_id: str) -> list[dict[str, Json]]:
    """
    Write the `output` of a reply. Ids that are missing are derived from `reply_id`.

    Raises:
        Untranslatable: a part is another wire's opaque content, or nothing a model of this wire gives.
    """
    items: list[dict[str, Json]] = []
    message: dict[str, Json] | None = None
    for part in parts:
        if isinstance(part, Text):
            fields = part.extra.get("message")
            if message is None or fields is not None:
                made = {"type": "message", "id": f"msg_{reply_id}_{len(items)}", "role": "assistant"}
                message = {**(fields or {**made, "status": "completed"}), "content": []}
                items.append(message)
            defaults: dict[str, Json] = {} if fields is not None else {"annotations": []}
            extra = rest(part.extra, ("message", "type"))
            message["content"].append({"type": "output_text", "text": part.text, **defaults, **extra})
            continue
        message = None
        items.append(_with_id(write_action(part), f"{reply_id}_{len(items)}"))
    return items


def _with_id(item: dict[str, Json], name: str) -> dict[str, Json]:
    prefix = {"function_call": "fc", _CUSTOM: "ctc", "reasoning": "rs"}.get(str(item.get("type")))
    if prefix is None or "id" in item:
        return item
    return {"id": f"{prefix}_{name}", **item}
