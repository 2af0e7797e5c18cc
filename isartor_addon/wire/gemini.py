"""Gemini: `generateContent`, `streamGenerateContent`, `countTokens` and the embedding methods, in the Gemini API, in
Vertex AI, and in the `v1internal` envelope of Code Assist (`INTERNAL`).

Requests are in `gemini_request.py`, their parts in `gemini_parts.py`, replies in `gemini_reply.py` and
`gemini_stream.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Final

import orjson

from isartor_addon.core.canonical import Shape
from isartor_addon.core.errors import BadReply
from isartor_addon.core.prompt import Json, Prompt
from isartor_addon.core.reply import Reply, Usage
from isartor_addon.wire import sse
from isartor_addon.wire.base import Decoder, Mode, Operation, Route, Wire, loads_reply
from isartor_addon.wire.fields import asked, loads_object, rest, said
from isartor_addon.wire.gemini_parts import NAME
from isartor_addon.wire.gemini_reply import STOPS, every_finish_reason, read_response, read_usage, write_response
from isartor_addon.wire.gemini_request import read_body, write_body
from isartor_addon.wire.gemini_stream import ArrayStream, EventStream, chunks
from isartor_addon.wire.json_array import Elements

_VERSION: Final = re.compile(r"v1(?:alpha|beta)?\d*")
_COLLECTIONS: Final = ("models", "tunedModels", "endpoints")
_OPERATIONS: Final[Mapping[str, Operation]] = {
    "generateContent": "generate",
    "streamGenerateContent": "generate",
    "countTokens": "count",
    "embedContent": "embed",
    "batchEmbedContents": "embed",
}
_STATUSES: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Gemini(Wire):
    """The Gemini API and Vertex AI."""

    name: ClassVar[str] = NAME
    shape: ClassVar[Shape] = Shape(turns="contents", content="parts", system="systemInstruction", mode=frozenset())
    faults: ClassVar[frozenset[str]] = frozenset(
        {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE"}
    )
    envelope: ClassVar[str] = ""
    """The field of a reply in which the answer stands."""

    def route(self, method: str, host: str, path: str, query: Mapping[str, str]) -> Route | None:
        """`POST .../models/{model}:{verb}`. The target is the same whether the answer is to stream or not."""
        head, _, verb = path.rpartition(":")
        *before, collection, model = ["", "", *head.split("/")]
        if collection not in _COLLECTIONS or not model or not any(_VERSION.fullmatch(each) for each in before):
            return None
        return self._route(head, verb, query, model=model) if method == "POST" else None

    def _route(self, head: str, verb: str, query: Mapping[str, str], *, model: str) -> Route | None:
        operation = _OPERATIONS.get(verb)
        if operation is None:
            return None
        mode: Mode = "json"
        if verb == "streamGenerateContent":
            mode = "sse" if "sse" in (query.get("alt"), query.get("$alt")) else "array"
        family = "generateContent" if operation == "generate" else verb
        return Route(self, operation, f"{head}:{family}", model, mode)

    def mode(self, route: Route, body: Mapping[str, Json]) -> Mode:
        """What path and query say."""
        return route.mode or "json"

    def uncacheable(self, route: Route, body: Mapping[str, Json]) -> str:
        """Requests for which the provider calls MCP servers."""
        tools = body.get("tools")
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and (tool.get("mcpServers") or tool.get("mcp_servers")):
                return "the provider calls MCP servers for it, which may act on the world"
        return ""

    def parse(self, route: Route, body: Mapping[str, Json]) -> Prompt:
        """
        Read a request.

        Raises:
            ClientMistake: `contents` or the system instruction has a type the wire does not allow.
        """
        return replace(read_body(body), model=route.model, stream=self.mode(route, body) != "json")

    def render(self, prompt: Prompt) -> dict[str, Json]:
        """
        Write a request body. The model and the mode stand in the path.

        Raises:
            Untranslatable: the prompt holds another wire's opaque content.
        """
        return write_body(prompt)

    def read_reply(self, body: Json) -> Reply:
        """
        Read a whole JSON reply.

        Raises:
            BadReply: it is none, it is an error, or it was never finished.
            Untranslatable: it holds several candidates.
        """
        return read_response(body, self.envelope)

    def write_reply(self, reply: Reply) -> Json:
        """
        Write a whole JSON reply.

        Raises:
            Untranslatable: a part cannot be said on this wire.
        """
        return write_response(reply, self.envelope)

    def decoder(self, mode: Mode) -> Decoder:
        """A reader of `sse` or `array`."""
        if mode == "sse":
            return EventStream(self.envelope)
        return ArrayStream(self.envelope) if mode == "array" else super().decoder(mode)

    def encode(self, reply: Reply, mode: Mode) -> tuple[bytes, ...]:
        """Write `sse` or `array` as Google sends them."""
        if mode == "sse":
            return tuple(b"data: " + chunk + b"\r\n\r\n" for chunk in chunks(reply, self.envelope))
        if mode == "array":
            pieces = [b",\r\n" + chunk for chunk in chunks(reply, self.envelope)]
            return (b"[" + pieces[0][3:], *pieces[1:], b"]")
        return super().encode(reply, mode)

    def verify_verbatim(self, mode: Mode, content: bytes) -> str:
        """Several candidates are complete where each has its `finishReason`."""
        reasons = every_finish_reason(_responses(mode, content), self.envelope)
        if not reasons or not all(reasons):
            raise BadReply("a candidate has no finishReason")
        for reason in reasons:
            if reason in self.faults or STOPS.get(reason) in ("filter", "pause"):
                return f"the model stopped with {reason}"
        return ""

    def told_usage(self, body: Mapping[str, Json]) -> Json:
        """Each chunk says it anew."""
        inner = body.get(self.envelope) if self.envelope else body
        return inner.get("usageMetadata") if isinstance(inner, dict) else None

    def read_usage(self, told: Mapping[str, Json]) -> Usage:
        """Read a `usageMetadata`."""
        return read_usage(told)

    def error(self, status: int, code: str, message: str) -> bytes:
        """An error body; `code` stands in the details, as Google names its reasons."""
        word = _STATUSES.get(status) or ("INVALID_ARGUMENT" if status < 500 else "INTERNAL")
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code.upper(), "domain": "isartor"}
        return orjson.dumps({"error": {"code": status, "message": message, "status": word, "details": [info]}})


class GeminiInternal(Gemini):
    """Code Assist's `v1internal`: the Gemini API in an envelope, with model and project beside the request."""

    name: ClassVar[str] = "gemini_internal"
    shape: ClassVar[Shape] = replace(Gemini.shape, envelope="request")
    envelope: ClassVar[str] = "response"

    def route(self, method: str, host: str, path: str, query: Mapping[str, str]) -> Route | None:
        """`POST /v1internal:{verb}`; the model stands in the body."""
        head, _, verb = path.rpartition(":")
        if method != "POST" or not head.endswith("/v1internal"):
            return None
        return self._route(head, verb, query, model="")

    def uncacheable(self, route: Route, body: Mapping[str, Json]) -> str:
        """As the request inside."""
        inner = body.get("request")
        return super().uncacheable(route, inner) if isinstance(inner, dict) else ""

    def parse(self, route: Route, body: Mapping[str, Json]) -> Prompt:
        """
        Read a request. `extra` holds the envelope's fields, and under `request` those of the request inside.

        Raises:
            ClientMistake: the request inside is missing or has a type the wire does not allow.
        """
        prompt = super().parse(route, asked.object(body.get("request"), "request"))
        outer = rest(body, ("request",))
        model = outer.pop("model") if isinstance(body.get("model"), str) and body["model"] else ""
        return replace(prompt, model=model, extra={**outer, "request": prompt.extra})

    def render(self, prompt: Prompt) -> dict[str, Json]:
        """
        Write a request body.

        Raises:
            Untranslatable: the prompt holds another wire's opaque content.
        """
        inner = super().render(replace(prompt, extra=prompt.extra.get("request", {})))
        model = {"model": prompt.model} if prompt.model else {}
        return {**model, **prompt.extra, "request": inner}


def _responses(mode: Mode, content: bytes) -> Iterator[dict[str, Json]]:
    if mode == "sse":
        reader = sse.Reader()
        yield from (loads_object(event.data) for event in (*reader.feed(content), *reader.finish()))
    elif mode == "array":
        elements = Elements()
        yield from (loads_object(each) for each in elements.feed(content))
        if not elements.closed:
            raise BadReply("the reply's array is not closed")
    else:
        yield said.object(loads_reply(content), "the reply")


WIRE: Final = Gemini()
INTERNAL: Final = GeminiInternal()
