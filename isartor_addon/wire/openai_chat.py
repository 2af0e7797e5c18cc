"""OpenAI chat completions, as OpenAI, Azure, Copilot, OpenRouter, DeepSeek and many compatible servers speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import orjson

from isartor_addon.core.canonical import Shape
from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Json, Prompt
from isartor_addon.core.reply import Reply, Usage
from isartor_addon.wire import base, openai_chat_messages, openai_chat_reply, openai_chat_request, openai_chat_stream
from isartor_addon.wire.fields import said

_ERROR_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class OpenAIChat(base.Wire):
    """`POST .../chat/completions`."""

    name: ClassVar[str] = openai_chat_messages.NAME
    shape: ClassVar[Shape] = Shape(turns="messages", mode=frozenset({"stream", "stream_options"}))
    headers: ClassVar[tuple[str, ...]] = ("openai-beta", "openai-organization", "openai-project")
    terminal: ClassVar[Mapping[str, tuple[bytes, ...]]] = {
        "sse": (openai_chat_stream.DONE,),
        "sse+usage": (openai_chat_stream.DONE,),
    }
    reader: ClassVar[type[openai_chat_stream.Decoder]] = openai_chat_stream.Decoder
    """Reads its streams."""

    def route(self, method: str, host: str, path: str, query: Mapping[str, str]) -> base.Route | None:
        """See `Wire.route`."""
        if method != "POST" or not path.endswith("/chat/completions"):
            return None
        return base.Route(self, "generate", target(path, query), model=deployment(path))

    def mode(self, route: base.Route, body: Mapping[str, Json]) -> base.Mode:
        """As `stream` and `stream_options` want it."""
        if body.get("stream") is not True:
            return "json"
        options = body.get("stream_options")
        return "sse+usage" if isinstance(options, dict) and options.get("include_usage") is True else "sse"

    def parse(self, route: base.Route, body: Mapping[str, Json]) -> Prompt:
        """Read a request; nothing is lost (`openai_chat_request`)."""
        return openai_chat_request.parse(body, self.model(route, body))

    def render(self, prompt: Prompt) -> dict[str, Json]:
        """Write a request body."""
        return openai_chat_request.render(prompt)

    def read_reply(self, body: Json) -> Reply:
        """Read a whole JSON reply."""
        return openai_chat_reply.read_reply(body)

    def write_reply(self, reply: Reply) -> Json:
        """Write a whole JSON reply."""
        return openai_chat_reply.write_reply(reply)

    def decoder(self, mode: base.Mode) -> openai_chat_stream.Decoder:
        """A new reader for one stream."""
        if mode not in self.terminal:
            raise Untranslatable(f"{self.name} does not stream as {mode}")
        return self.reader()

    def encode(self, reply: Reply, mode: base.Mode) -> tuple[bytes, ...]:
        """Write a reply as a stream."""
        if mode not in self.terminal:
            raise Untranslatable(f"{self.name} does not stream as {mode}")
        return openai_chat_stream.encode(reply, usage_chunk=mode == "sse+usage")

    def verify_verbatim(self, mode: base.Mode, content: bytes) -> str:
        """Keep a complete reply of several choices, or with log-probabilities or audio, as the bytes it is."""
        if mode == "json":
            whole = openai_chat_reply.whole_object(base.loads_reply(content))
            return openai_chat_reply.unkept(said.objects(whole.get("choices"), "choices"))
        return openai_chat_stream.unkept(self.decoder(mode), content)

    def told_usage(self, body: Mapping[str, Json]) -> Json:
        """See `Wire.told_usage`."""
        return openai_chat_reply.told_usage(body)

    def read_usage(self, told: Mapping[str, Json]) -> Usage:
        """Read a usage object."""
        return openai_chat_reply.read_usage(told)

    def error(self, status: int, code: str, message: str) -> bytes:
        """An error body."""
        return error_body(status, code, message)


def target(path: str, query: Mapping[str, str]) -> str:
    """What a path addresses; Azure's `api-version` chooses behaviour."""
    version = query.get("api-version")
    return f"{path}?api-version={version}" if version else path


def deployment(path: str) -> str:
    """The model that an Azure path names (`/openai/deployments/<model>/...`), else empty."""
    return path.partition("/openai/deployments/")[2].partition("/")[0]


def error_body(status: int, code: str, message: str) -> bytes:
    """An error in OpenAI's shape."""
    kind = _ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


WIRE: Final = OpenAIChat()
