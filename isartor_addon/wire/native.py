"""Isartor's own format: one prompt in, one text out. The shape is that of the Isartor gateway's `/api/chat`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import orjson

from isartor_addon.core.canonical import Shape
from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Prompt, Text, Thinking, Turn
from isartor_addon.core.reply import Reply, Stop
from isartor_addon.wire import base
from isartor_addon.wire.fields import asked, rest, said

_PATHS: Final = ("/api/chat", "/api/v1/chat")
_LAYER: Final = "l3"
"""The layer that a reply names where it says nothing else: the provider."""


class Native(base.Wire):
    """`POST /api/chat` and `/api/v1/chat` with `{"prompt": ...}`."""

    name: ClassVar[str] = "native"
    shape: ClassVar[Shape] = Shape(turns="prompt", mode=frozenset())

    def route(self, method: str, host: str, path: str, query: Mapping[str, str]) -> base.Route | None:
        """See `Wire.route`. Both paths address the same."""
        return base.Route(self, "generate", _PATHS[0]) if method == "POST" and path in _PATHS else None

    def claims(self, body: Mapping[str, Json]) -> bool:
        """Whether this is no request of Ollama's, whose `/api/chat` always has messages or only a model."""
        return isinstance(body.get("prompt"), str) and "messages" not in body

    def mode(self, route: base.Route, body: Mapping[str, Json]) -> base.Mode:
        """See `Wire.mode`."""
        return "json"

    def parse(self, route: base.Route, body: Mapping[str, Json]) -> Prompt:
        """Read a request."""
        text = asked.text(body.get("prompt"), "prompt")
        extra = rest(body, ("prompt",))
        if isinstance(body.get("model"), str):
            del extra["model"]
        elif body.get("model") is not None:
            asked.text(body["model"], "model")
        return Prompt(model=self.model(route, body), turns=(Turn("user", (Text(text),)),), extra=extra)

    def render(self, prompt: Prompt) -> dict[str, Json]:
        """Write a request body. Only a single text can be said."""
        parts = [part for turn in prompt.turns for part in turn.parts]
        if len(parts) != 1 or not isinstance(parts[0], Text) or prompt.system or prompt.tools:
            raise Untranslatable("a native prompt is one text")
        body: dict[str, Json] = {**prompt.extra, "prompt": parts[0].text}
        return {**body, "model": prompt.model} if prompt.model else body

    def read_reply(self, body: Json) -> Reply:
        """Read a reply."""
        whole = said.object(body, "the reply")
        if "error" in whole:
            raise BadReply("the reply is an error")
        text = said.text(whole.get("message"), "message")
        model = whole.get("model")
        return Reply(
            id="",
            model=model if isinstance(model, str) else "",
            parts=(Text(text),) if text else (),
            stop=Stop("end"),
            extra=rest(whole, ("message", "model")),
        )

    def write_reply(self, reply: Reply) -> Json:
        """Write a reply. Only the answer itself is said: reasoning and counts have no place here."""
        said_parts = [part for part in reply.parts if not isinstance(part, Thinking)]
        text = "".join(part.text for part in said_parts if isinstance(part, Text))
        if not all(isinstance(part, Text) for part in said_parts):
            raise Untranslatable("a native reply is text only")
        return {"layer": reply.extra.get("layer", _LAYER), "message": text, "model": reply.model}

    def error(self, status: int, code: str, message: str) -> bytes:
        """An error body."""
        return orjson.dumps({"error": code, "message": message, "layer": _LAYER})


WIRE: Final = Native()
