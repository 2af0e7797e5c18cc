"""Ids of tool calls, which every wire wants in another form.

An id that fits stays as it is. Any other is replaced by one made from it, the same every time, so that a call and its
result still find each other, in this request and in the next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

MISTRAL: Final = "mistral"
_FITTING: Final[Mapping[str, re.Pattern[str]]] = {
    "openai_chat": re.compile(r"[ -~]{1,40}"),
    "openai_responses": re.compile(r"[ -~]{1,64}"),
    "anthropic_messages": re.compile(r"[A-Za-z0-9_-]{1,128}"),
    MISTRAL: re.compile(r"[A-Za-z0-9]{9}"),
}
"""What each wire's documentation or error messages allow, and Mistral's of a chat; the others take any text."""
_ANY: Final = re.compile(r".+", re.DOTALL)


def fitting(call_id: str, wire: str) -> str:
    """The id itself, or one made from it that this wire takes. An empty one stays empty."""
    if not call_id or _FITTING.get(wire, _ANY).fullmatch(call_id):
        return call_id
    return made(call_id)[-9:] if wire == MISTRAL else made(call_id)


def made(*origin: str) -> str:
    """An id made from what tells this call from all others of its conversation."""
    digest = blake2b(digest_size=12)
    for each in origin:
        digest.update(each.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return f"call_{digest.hexdigest()}"
