"""Saying on one wire what was said on another: requests, replies whole and live, errors.

Who may be translated to whom: requests of every wire in `SOURCES`, to every wire in `TARGETS`, and the replies back.
Nothing is dropped silently: what the other side cannot say raises `Untranslatable`, but for what
`translation/left_out.py` names with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import orjson

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Json, Prompt
from isartor_addon.wire.base import Route, Wire
from isartor_addon.wire.translation import (
    asks_chat,
    asks_gemini,
    asks_local,
    asks_messages,
    asks_responses,
    bodies_chat,
    bodies_gemini,
    bodies_messages,
    bodies_responses,
)
from isartor_addon.wire.translation.ask import Ask, Offered
from isartor_addon.wire.translation.errors import said_by
from isartor_addon.wire.translation.left_out import CHAT, GEMINI, INTERNAL, MESSAGES, NATIVE, OLLAMA, RESPONSES
from isartor_addon.wire.translation.names import fitted
from isartor_addon.wire.translation.passage import LIMIT, Passage
from isartor_addon.wire.translation.same import adjusted

__all__ = ["LIMIT", "Offered", "Passage", "offered", "translate_error", "translate_request"]

SOURCES: Final[Mapping[str, Callable[[Prompt], Ask]]] = {
    CHAT: asks_chat.read,
    RESPONSES: asks_responses.read,
    MESSAGES: asks_messages.read,
    GEMINI: asks_gemini.read,
    INTERNAL: asks_gemini.read_internal,
    OLLAMA: asks_local.read_ollama,
    NATIVE: asks_local.read_native,
}
"""The client's wire to the reader of its requests."""
TARGETS: Final[Mapping[str, Callable[..., dict[str, Json]]]] = {
    CHAT: bodies_chat.write,
    RESPONSES: bodies_responses.write,
    MESSAGES: bodies_messages.write,
    GEMINI: bodies_gemini.write,
}
"""The provider's wire to the writer of its requests."""


def translate_request(
    route: Route, body: Mapping[str, Json], target: Wire, *, model: str, stream: bool
) -> dict[str, Json]:
    """
    The body to send to a provider.

    Args:
        route: what the client's request line says.
        body: the client's decoded body.
        target: the provider's wire. If it is the client's own, the body stays as received but for `model`, `stream` and
            reasoning that was told to the client in another provider's name.
        model: what the provider calls the model.
        stream: whether it is to stream.

    Raises:
        ClientMistake: the body is none of its wire.
        Untranslatable: it says what the provider's wire cannot, or one of the two wires has no translation.
    """
    if route.operation != "generate":
        raise Untranslatable(f"a request to {route.operation} is not translated")
    if route.wire.name == target.name:
        return _writable(adjusted(target.name, body, model=model, stream=stream))
    write = TARGETS.get(target.name)
    if write is None:
        raise Untranslatable(f"requests are not translated to {target.name}")
    return _writable(write(_ask(route, body), model=model, stream=stream))


def _writable(body: dict[str, Json]) -> dict[str, Json]:
    """The body, if it can be written as JSON: deeper nesting can be read than written."""
    try:
        orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise Untranslatable(f"the request cannot be written: {error}") from error
    return body


def offered(route: Route, body: Mapping[str, Json]) -> Offered:
    """
    The client's tools that are offered to a provider of another wire as plain functions; for `Passage`.

    Raises:
        ClientMistake, Untranslatable: as `translate_request`.
    """
    return _ask(route, body).offered


def _ask(route: Route, body: Mapping[str, Json]) -> Ask:
    read = SOURCES.get(route.wire.name)
    if read is None:
        raise Untranslatable(f"requests are not translated from {route.wire.name}")
    return fitted(read(route.wire.parse(route, body)))


def translate_error(source: Wire | None, status: int, body: bytes, target: Wire) -> bytes:
    """
    A provider's error as the client's wire says it: its message, its code where there is a place for one, its status.

    Args:
        source: the provider's wire; None where what answered speaks none (a gateway before it).
        status: of the provider's response; the client's is to be the same.
        body: as received, content encoding removed.
        target: the client's wire.
    """
    return said_by(source, status, body, target)
