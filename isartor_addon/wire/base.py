"""What every wire format can do: bytes to core and back, sans-IO.

A wire is a stateless object. It recognises its requests (`route`), reads and writes requests (`parse`, `render`), whole
replies (`read_reply`, `write_reply`) and streams (`decoder`, `encode`), and says errors its own way (`error`).

Modes, the ways in which one answer can be delivered:
    json    one JSON object
    sse     server-sent events          sse+usage   the same with OpenAI chat's closing usage chunk
    ndjson  one JSON object a line      array       one JSON array that grows (Gemini without `alt=sse`)
    ws      one WebSocket message an event (OpenAI Responses)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import orjson

from isartor_addon.core.canonical import Shape
from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Prompt
from isartor_addon.core.reply import Delta, Reply, Usage, join

Operation = Literal["generate", "count", "embed"]
Mode = Literal["json", "sse", "sse+usage", "ndjson", "array", "ws"]

CONTENT_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "array": "application/json",
    "sse": "text/event-stream; charset=utf-8",
    "sse+usage": "text/event-stream; charset=utf-8",
    "ndjson": "application/x-ndjson",
}


@dataclass(frozen=True, slots=True)
class Route:
    """What the request line says."""

    wire: Wire
    operation: Operation
    target: str
    """What is addressed, the same for every mode of delivery; part of the key."""
    model: str = ""
    """Where the path names it (Gemini, Azure)."""
    mode: Mode | None = None
    """Where the path or query chooses it (Gemini)."""


class Decoder(Protocol):
    """Reads one stream, at whatever places its bytes are cut."""

    def feed(self, data: bytes) -> list[Delta]:
        """
        Take the next bytes; give what they complete.

        Raises:
            BadReply: this is no stream of this wire, or the provider reports an error in it.
        """

    @property
    def done(self) -> bool:
        """Whether the terminal event has been read."""

    def close(self) -> list[Delta]:
        """
        The bytes have ended; give what that completes (wires without a terminal event end so).

        Raises:
            BadReply: the stream is not complete.
        """


@dataclass(frozen=True, slots=True)
class Examined:
    """A complete answer that has been looked at."""

    reason: str = ""
    """Why it is not worth keeping (the model refused, there is nothing in it); empty where it is."""
    reply: Reply | None = None
    """None where only its own bytes can say it."""


class Wire(ABC):
    """One wire format."""

    name: ClassVar[str]
    shape: ClassVar[Shape]
    headers: ClassVar[tuple[str, ...]] = ()
    """Request headers that select behaviour and so are part of the key, lower case."""
    request_id_headers: ClassVar[tuple[str, ...]] = ("x-request-id",)
    """Response headers that are replayed besides the content type, lower case."""
    terminal: ClassVar[Mapping[str, tuple[bytes, ...]]] = {}
    """Mode to byte strings of which one stands in the terminal event. A cheap test only: the decoder decides."""
    usage_mark: ClassVar[bytes] = b'"usage'
    """Stands in every object of a reply that says something of usage."""
    faults: ClassVar[frozenset[str]] = frozenset()
    """The wire's own words for a stop that was an accident: such an answer is complete, and not worth keeping."""

    @abstractmethod
    def route(self, method: str, host: str, path: str, query: Mapping[str, str]) -> Route | None:
        """Whether a request line is this wire's; `path` is without the query."""

    def claims(self, body: Mapping[str, Json]) -> bool:
        """Whether a body is this wire's, where several wires have a route for one request line (`/api/chat`)."""
        return True

    @abstractmethod
    def mode(self, route: Route, body: Mapping[str, Json]) -> Mode:
        """How the answer to this request is to be delivered."""

    def model(self, route: Route, body: Mapping[str, Json]) -> str:
        """The model asked for, empty where none is named."""
        named = body.get("model")
        return route.model or (named if isinstance(named, str) else "")

    def uncacheable(self, route: Route, body: Mapping[str, Json]) -> str:
        """Why no answer to this may be stored or served (it depends on state outside the body); else empty."""
        return ""

    @abstractmethod
    def parse(self, route: Route, body: Mapping[str, Json]) -> Prompt:
        """
        Read a request.

        Raises:
            ClientMistake: a field has a type the wire does not allow.
        """

    @abstractmethod
    def render(self, prompt: Prompt) -> dict[str, Json]:
        """
        Write a request body.

        Raises:
            Untranslatable: the prompt holds another wire's opaque content.
        """

    @abstractmethod
    def read_reply(self, body: Json) -> Reply:
        """
        Read a whole JSON reply.

        Raises:
            BadReply: it is none, or it is an error.
            Untranslatable: it says what a Reply cannot (several choices, log-probabilities).
        """

    @abstractmethod
    def write_reply(self, reply: Reply) -> Json:
        """Write a whole JSON reply that the official SDK reads as the same message."""

    def decoder(self, mode: Mode) -> Decoder:
        """
        A new reader for one stream.

        Raises:
            Untranslatable: this wire does not stream in `mode`.
        """
        raise Untranslatable(f"{self.name} does not stream as {mode}")

    def live(self, mode: Mode) -> Decoder:
        """
        A reader for one stream that gives every delta as soon as it has come, where `decoder` does not.

        Raises:
            Untranslatable: this wire does not stream in `mode`.
        """
        return self.decoder(mode)

    def encode(self, reply: Reply, mode: Mode) -> tuple[bytes, ...]:
        """
        Write a reply as a stream, one piece an event.

        Raises:
            Untranslatable: this wire does not stream in `mode`.
        """
        raise Untranslatable(f"{self.name} does not stream as {mode}")

    @abstractmethod
    def error(self, status: int, code: str, message: str) -> bytes:
        """An error body in the provider's shape."""

    def content_type(self, mode: str) -> str:
        """The content type of a body in `mode`."""
        return CONTENT_TYPES[mode]

    def error_event(self, code: str, message: str) -> bytes:
        """An error inside a stream that has begun."""
        return b"data: " + self.error(500, code, message) + b"\n\n"

    def read(self, mode: Mode, content: bytes) -> Reply:
        """
        Read a recorded body, whatever its mode.

        Raises:
            BadReply: it is not a complete answer.
            Untranslatable: it says what a Reply cannot.
        """
        if mode == "json":
            return self.read_reply(loads_reply(content))
        decoder = self.decoder(mode)
        deltas = decoder.feed(content)
        deltas += decoder.close()
        return join(deltas)

    def write(self, mode: Mode, reply: Reply) -> tuple[bytes, ...]:
        """
        Write a body in `mode`.

        Raises:
            Untranslatable: it cannot be said so.
        """
        if mode != "json":
            return self.encode(reply, mode)
        try:
            return (orjson.dumps(self.write_reply(reply)),)
        except orjson.JSONEncodeError as error:
            raise Untranslatable(f"the reply cannot be written: {error}") from error

    def examine(self, operation: Operation, mode: Mode, content: bytes) -> Examined:
        """
        Read `content` once, and say whether it is worth keeping.

        Raises:
            BadReply: it is not a complete, successful answer.
        """
        if operation != "generate":
            whole = loads_reply(content)
            if not isinstance(whole, dict) or "error" in whole:
                raise BadReply("the reply is an error")
            return Examined()
        try:
            reply = self.read(mode, content)
        except Untranslatable:
            return Examined(self.verify_verbatim(mode, content))
        if reply.stop.reason in ("refusal", "filter", "pause") or reply.stop.raw in self.faults:
            return Examined(f"the model stopped with {reply.stop.raw or reply.stop.reason}", reply)
        return Examined("" if reply.parts else self.verify_empty(reply), reply)

    def told_usage(self, body: Mapping[str, Json]) -> Json:
        """What one object, a whole reply or one event of a stream, says of usage, in the wire's own words."""
        return body.get("usage")

    def read_usage(self, told: Mapping[str, Json]) -> Usage:
        """Read the wire's own words."""
        return Usage()

    def verify_empty(self, reply: Reply) -> str:
        """What to say of a complete reply without content; see `examine`."""
        return "the reply is empty"

    def verify_verbatim(self, mode: Mode, content: bytes) -> str:
        """What to say of a complete reply that only its own bytes can say (several choices); see `examine`."""
        return "the reply cannot be checked"


def loads_reply(content: bytes) -> Json:
    """
    Decode a reply's JSON.

    Raises:
        BadReply: it is none.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadReply(f"the reply is not JSON: {error}") from error
