"""Small typed readers of decoded JSON that the wires share.

`asked` reads requests and raises `ClientMistake`; `said` reads replies and raises `BadReply`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from isartor_addon.core.errors import BadReply, ClientMistake, IsartorError, Untranslatable
from isartor_addon.core.prompt import Json


@dataclass(frozen=True, slots=True)
class Fields:
    """Readers that raise one kind of error. `where` names the field for the person who reads the message."""

    error: type[IsartorError]

    def text(self, value: Json, where: str) -> str:
        """A string."""
        if isinstance(value, str):
            return value
        raise self._wrong(where, "a string", value)

    def object(self, value: Json, where: str) -> dict[str, Json]:
        """A JSON object."""
        if isinstance(value, dict):
            return value
        raise self._wrong(where, "an object", value)

    def items(self, value: Json, where: str) -> list[Json]:
        """A JSON array."""
        if isinstance(value, list):
            return value
        raise self._wrong(where, "an array", value)

    def objects(self, value: Json, where: str) -> list[dict[str, Json]]:
        """A JSON array of objects."""
        items = self.items(value, where)
        for number, each in enumerate(items):
            if not isinstance(each, dict):
                raise self._wrong(f"{where}[{number}]", "an object", each)
        return items

    def integer(self, value: Json, where: str) -> int:
        """A whole number."""
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self._wrong(where, "a whole number", value)

    def number(self, value: Json, where: str) -> float:
        """A number."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise self._wrong(where, "a number", value)

    def _wrong(self, where: str, wanted: str, value: Json) -> IsartorError:
        return self.error(f"{where} must be {wanted}, not {_KINDS.get(type(value), type(value).__name__)}")


_KINDS: Final[Mapping[type, str]] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}

asked: Final = Fields(ClientMistake)
said: Final = Fields(BadReply)


def rest(body: Mapping[str, Json], known: Collection[str]) -> dict[str, Json]:
    """The fields of `body` that are not `known`: what goes to `extra`."""
    return {name: value for name, value in body.items() if name not in known}


def count(value: Json) -> int | None:
    """A number of tokens, None where the provider said none or nonsense: counts never make a reply bad."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def label(value: Json) -> str:
    """An id, a model's name or the like; empty where there is none."""
    return value if isinstance(value, str) else ""


def arguments_text(value: Json) -> str:
    """Tool arguments as JSON text: text stays as it is, anything else becomes compact JSON."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # it writes less deep (254) than it reads (1024)
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def arguments_object(text: str) -> dict[str, Json]:
    """
    Tool arguments as an object, for wires that carry one; no text at all is an empty object.

    Raises:
        Untranslatable: the text is not a JSON object (a custom tool's free text, a model's slip).
    """
    if not text.strip():
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Untranslatable("tool arguments are not JSON") from error
    if not isinstance(value, dict):
        raise Untranslatable("tool arguments are not an object")
    return value


def loads_object(data: bytes) -> dict[str, Json]:
    """
    Decode one event's JSON object.

    Raises:
        BadReply: it is none.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadReply(f"an event of the reply is not JSON: {error}") from error
    return said.object(value, "an event of the reply")


def split_data_url(url: str) -> tuple[str, str] | None:
    """
    Media type and base64 text of a `data:` URL, None for any other.

    `data_url` gives back the very same URL: one with parameters, without base64 or with another spelling is None.
    """
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    media_type = head[5:-7]
    if not media_type or not data or ";" in media_type:
        return None
    return media_type, data


def data_url(media_type: str, data: str) -> str:
    """Write a base64 `data:` URL."""
    return f"data:{media_type};base64,{data}"
