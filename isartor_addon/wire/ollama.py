"""Ollama's `/api/chat` and `/api/generate`.

A generate request is one user turn; `Prompt.extra` keeps its `prompt` as an empty text, which tells it from a chat, as
`Reply.extra` keeps `response` for a generate reply. Options are mirrored in `Sampling` and stay in `extra["options"]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import orjson

from isartor_addon.core.canonical import Shape
from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Part, Prompt, Text
from isartor_addon.core.reply import Reply, Usage, join
from isartor_addon.wire import base
from isartor_addon.wire.fields import asked, rest, said
from isartor_addon.wire.ollama_replies import LineDecoder, Reading, closing, line, read_usage, said_of
from isartor_addon.wire.ollama_request import (
    NAME,
    chat_turns,
    filled,
    generate_turns,
    read_sampling,
    read_tool,
    write_request,
)


class Ollama(base.Wire):
    """`POST /api/chat` and `/api/generate`."""

    name: ClassVar[str] = NAME
    # `keep_alive` says how long the model stays in memory after the answer; it does not change the answer.
    shape: ClassVar[Shape] = Shape(
        turns="messages", system="system", mode=frozenset({"stream", "keep_alive"}), alone="prompt"
    )
    terminal: ClassVar[Mapping[str, tuple[bytes, ...]]] = {"ndjson": (b'"done":true', b'"done": true')}
    usage_mark: ClassVar[bytes] = b'eval_count"'

    def route(self, method: str, host: str, path: str, query: Mapping[str, str]) -> base.Route | None:
        """See `Wire.route`."""
        if method != "POST" or path not in ("/api/chat", "/api/generate"):
            return None
        return base.Route(self, "generate", path)

    def claims(self, body: Mapping[str, Json]) -> bool:
        """Whether the body names a model, as each of Ollama's does. `native` is asked before."""
        return isinstance(body.get("model"), str)

    def mode(self, route: base.Route, body: Mapping[str, Json]) -> base.Mode:
        """See `Wire.mode`. Ollama streams unless told not to."""
        return "json" if body.get("stream") is False else "ndjson"

    def uncacheable(self, route: base.Route, body: Mapping[str, Json]) -> str:
        """A request that says nothing loads or unloads the model."""
        return "" if body.get("messages") or body.get("prompt") else "it only loads or unloads a model"

    def parse(self, route: base.Route, body: Mapping[str, Json]) -> Prompt:
        """Read a request."""
        extra = rest(body, ("messages", "prompt", "images"))
        if isinstance(body.get("model"), str):
            del extra["model"]
        system: tuple[Part, ...] = ()
        if "prompt" in body:
            words = filled(extra, "system")
            system = (Text(words),) if words else ()
        turns = generate_turns(body, extra) if "prompt" in body else chat_turns(body, extra)
        given = asked.objects(extra.pop("tools"), "tools") if extra.get("tools") else ()
        return Prompt(
            model=self.model(route, body),
            turns=turns,
            system=system,
            tools=tuple(read_tool(tool) for tool in given),
            sampling=read_sampling(extra.get("options")),
            response_format=extra.pop("format") if extra.get("format") is not None else None,
            stream=self.mode(route, body) == "ndjson",
            extra=extra,
        )

    def render(self, prompt: Prompt) -> dict[str, Json]:
        """Write a request body."""
        return write_request(prompt)

    def read_reply(self, body: Json) -> Reply:
        """Read a whole JSON reply."""
        reading = Reading()
        deltas = reading.line(said.object(body, "the reply"))
        if not reading.done:
            raise BadReply("the reply is not done")
        return join([*deltas, *reading.end()])

    def write_reply(self, reply: Reply) -> Json:
        """Write a whole JSON reply; a generate reply where it was one."""
        text, thinking, calls = said_of(reply)
        return line(reply, text=text, thinking=thinking, calls=calls) | closing(reply)

    def decoder(self, mode: base.Mode) -> base.Decoder:
        """A new reader for one stream."""
        if mode != "ndjson":
            raise Untranslatable(f"{self.name} does not stream as {mode}")
        return LineDecoder()

    def encode(self, reply: Reply, mode: base.Mode) -> tuple[bytes, ...]:
        """Write a reply as a stream."""
        if mode != "ndjson":
            raise Untranslatable(f"{self.name} does not stream as {mode}")
        text, thinking, calls = said_of(reply)
        lines = [line(reply, thinking=thinking)] if thinking else []
        lines += [line(reply, text=text)] if text else []
        lines += [line(reply, calls=[call]) for call in calls]
        lines.append(line(reply) | closing(reply))
        return tuple(orjson.dumps(each) + b"\n" for each in lines)

    def told_usage(self, body: Mapping[str, Json]) -> Json:
        """The last object is it."""
        return body if "eval_count" in body or "prompt_eval_count" in body else None

    def read_usage(self, told: Mapping[str, Json]) -> Usage:
        """Read the counts."""
        return read_usage(told)

    def error(self, status: int, code: str, message: str) -> bytes:
        """An error body."""
        return orjson.dumps({"error": message})

    def error_event(self, code: str, message: str) -> bytes:
        """An error inside a stream: a line of its own."""
        return self.error(500, code, message) + b"\n"


WIRE: Final = Ollama()
