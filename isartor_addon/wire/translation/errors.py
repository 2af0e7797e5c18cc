"""A provider's own error, said in the client's wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson

from isartor_addon.core.prompt import Json
from isartor_addon.wire.base import Wire
from isartor_addon.wire.translation.left_out import MESSAGES

_LONGEST: Final = 2000
"""Characters of a body that is no JSON which are told."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error body says."""

    message: str
    code: str = ""
    """The provider's own word for it: its code, else its type or status."""


def complaint(body: bytes) -> Complaint:
    """Read an error body of whatever wire; compatible providers mix their shapes."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Complaint(body[: 4 * _LONGEST].decode("utf-8", "replace").strip()[:_LONGEST])
    if isinstance(value, list) and value:  # Gemini, where the answer would have been an array
        value = value[0]
    held = value.get("error", value) if isinstance(value, dict) else value
    if isinstance(held, dict):
        message = _text(held, "message", "detail", "error", "title") or _text(value, "message", "detail")
        return Complaint(message or orjson.dumps(held).decode()[:_LONGEST], _text(held, "code", "status", "type"))
    if isinstance(held, str):
        return Complaint(_text(value, "message") or held, held if _text(value, "message") else "")
    return Complaint(orjson.dumps(value).decode()[:_LONGEST])


def _text(value: Json, *names: str) -> str:
    texts = (value.get(name) for name in names) if isinstance(value, dict) else iter(())
    return next((text for text in texts if isinstance(text, str) and text), "")


def said_by(source: Wire | None, status: int, body: bytes, target: Wire) -> bytes:
    """See `translate.translate_error`."""
    if source is not None and source.name == target.name:
        return body
    told = complaint(body)
    message = told.message or f"the provider answered with status {status} and said no more"
    if target.name == MESSAGES and told.code:  # its shape has no place for a code
        message = f"{message} ({told.code})"
    return target.error(status, told.code or "provider_error", message)
