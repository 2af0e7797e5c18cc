"""What a proxy must remember to answer inside a WebSocket of OpenAI Responses.

Over the socket a client sends `response.create` messages that carry only what is new and name the response they go on
from (`previous_response_id`). A `Chain` holds the conversation behind every response that one connection has seen, so
that such a message can be read as the HTTP request that asks the same, with the whole `input`: of that body the key
is made (the words the model said before count, and ids of calls are matched, both as over HTTP), and that is what the
provider is sent when it does not know the response named, because it was answered here.

Source: OpenAI API reference, WebSocket events, and the guide to WebSocket mode: every message gives its own
`instructions`, `tools` and settings, only the items are carried on, also from a `generate: false` message; output items
may be fed back as input as they are.

Server events are answered one request at a time and in order, except in lanes: messages with a `stream_id` run side by
side. They pass, and so do their events, which belong to no request that is answered or learned here (`in_lane`).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from isartor_addon.core.errors import BadReply
from isartor_addon.core.prompt import Json
from isartor_addon.wire.openai_chat import error_body
from isartor_addon.wire.openai_responses_stream import socket_decoder

CREATE: Final = "response.create"
PREVIOUS: Final = "previous_response_id"

_COMPLETE: Final = frozenset({"response.completed", "response.incomplete"})
_FAILED: Final = frozenset({"response.failed", "response.cancelled", "error"})
_HINT: Final = re.compile(rb'"(?:response\.(?:completed|incomplete|failed|cancelled)|error)"')
_TOLD: Final = re.compile(rb'"(?:response\.(?:output_item\.done|completed|incomplete|failed|cancelled)|error)"')
"""What in a message makes it worth reading to know the whole response."""


@dataclass(frozen=True, slots=True)
class Create:
    """A client's `response.create` message."""

    body: Mapping[str, Json]
    """Its fields without `type`: the body of the HTTP request, but for what the previous response stands for."""
    size: int
    """Bytes of the message."""

    @property
    def previous(self) -> str:
        """The response it goes on from, empty where there is none."""
        value = self.body.get(PREVIOUS)
        return value if isinstance(value, str) else ""


def read_create(message: bytes) -> Create | None:
    """Read a client's message; None for what passes untouched: other types, lanes, and what is no such message."""
    try:
        value = orjson.loads(message)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict) or value.pop("type", None) != CREATE or "stream_id" in value:
        return None
    return Create(value, len(message)) if _items(value.get("input")) is not None else None


def fate(message: bytes) -> Literal["", "complete", "failed"]:
    """Whether a server's message ends the response in flight, and how. Cheap for all others."""
    if _HINT.search(message) is None:
        return ""
    try:
        value = orjson.loads(message)
    except orjson.JSONDecodeError:
        return ""
    kind = value.get("type") if isinstance(value, dict) and "stream_id" not in value else None
    if not isinstance(kind, str):
        return ""
    return "complete" if kind in _COMPLETE else "failed" if kind in _FAILED else ""


def in_lane(message: bytes) -> bool:
    """Whether a server's message belongs to a lane. A text that speaks of one does not make it so."""
    if b'"stream_id"' not in message:
        return False
    try:
        value = orjson.loads(message)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and "stream_id" in value


def error_message(status: int, code: str, message: str) -> bytes:
    """An error as a server says it over the socket; the connection stays open."""
    error = orjson.loads(error_body(status, code, message))["error"]
    return orjson.dumps({"type": "error", "status": status, "error": error})


def _items(given: Json) -> list[Json] | None:
    if given is None:
        return []
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return given if isinstance(given, list) else None


@dataclass(frozen=True, slots=True)
class _Response:
    items: list[Json]
    """The whole conversation, as it was said."""
    sendable: list[Json]
    """The same, as it can be sent to a provider that does not know it."""
    root: str
    """The response before the first item, where this connection never saw that; else empty."""
    size: int
    local: bool


class Chain:
    """The responses of one connection. What is dropped to stay within the bounds is like never seen."""

    def __init__(self, *, most: int = 64, most_bytes: int = 64 * 1024 * 1024) -> None:
        """
        Begin with no responses.

        Args:
            most: responses to hold.
            most_bytes: JSON bytes of conversation to hold, each response counted with all that went before it.
        """
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._responses: OrderedDict[str, _Response] = OrderedDict()

    def body(self, create: Create) -> dict[str, Json]:
        """The body of the HTTP request that asks the same. A response that was never seen here is named as it was."""
        return self._whole(create, sendable=False)

    def outgoing(self, create: Create, message: bytes) -> bytes:
        """
        What to send to the provider for a message that is not answered here.

        The message itself, unless it goes on from a response that was answered here. Then it is sent with the whole
        conversation and without `previous_response_id`; also with `store: true`, when that id is known to the
        provider's store: a recording may be older than what the store keeps.
        """
        before = self._responses.get(create.previous)
        if before is None or not before.local:
            return message
        try:
            return orjson.dumps({"type": CREATE, **self._whole(create, sendable=True)})
        except orjson.JSONEncodeError:  # nested deeper than can be written: the provider says what it thinks of it
            return message

    def learn(self, create: Create, messages: Iterable[bytes], *, local: bool) -> None:
        """
        Remember a complete response.

        Args:
            create: what was asked.
            messages: the server's messages as the client got them.
            local: whether it was answered here; the provider then knows nothing of it on this connection.

        Nothing is remembered where the messages are no complete response, or where the conversation is kept by the
        provider (`conversation`), so that it cannot be told again.
        """
        decoder = socket_decoder()
        content = b"".join(message for message in messages if _TOLD.search(message))
        try:
            decoder.feed(content)
        except BadReply:
            return
        if decoder.response is None or create.body.get("conversation") is not None:
            return
        name, output = decoder.response["id"], decoder.response["output"]
        before = self._responses.get(create.previous)
        new = _items(create.body.get("input")) or []
        self._forget(name)
        self._responses[name] = _Response(
            items=[*(before.items if before else ()), *new, *output],
            sendable=[*(before.sendable if before else ()), *new, *_as_input(output, create.body.get("store"))],
            root=before.root if before else create.previous,
            size=(before.size if before else 0) + create.size + len(content),
            local=local,
        )
        self._bytes += self._responses[name].size
        while self._bytes > self._most_bytes or len(self._responses) > self._most:
            self._forget(next(iter(self._responses)))

    def _forget(self, name: str) -> None:
        response = self._responses.pop(name, None)
        self._bytes -= response.size if response else 0

    def _whole(self, create: Create, *, sendable: bool) -> dict[str, Json]:
        body = dict(create.body)
        before = self._responses.get(create.previous)
        if before is None:
            return body
        del body[PREVIOUS]
        if before.root:
            body[PREVIOUS] = before.root
        items = before.sendable if sendable else before.items
        body["input"] = [*items, *(_items(body.get("input")) or ())]
        return body


def _as_input(output: list[dict[str, Json]], store: Json) -> list[dict[str, Json]]:
    """
    Output items as input items.

    They are sent as they are, but reasoning that is neither stored at the provider nor readable (no
    `encrypted_content`, `store: false`) would be refused as not found. It is left out, and with it the ids of its
    neighbours, which would make the provider ask for it.
    """
    lost = [item for item in output if item.get("type") == "reasoning" and not item.get("encrypted_content")]
    if store is not False or not lost:
        return output
    kept = [item for item in output if item not in lost]
    return [{name: value for name, value in item.items() if name != "id"} for item in kept]
