"""OpenAI's legacy completions: a text goes on. Code completion of editors still speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import orjson

from isartor_addon.core.canonical import Shape
from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Json, Prompt
from isartor_addon.core.reply import Reply
from isartor_addon.wire import base, openai_chat_reply, openai_chat_stream, texts
from isartor_addon.wire.fields import rest, said
from isartor_addon.wire.openai_chat import OpenAIChat, deployment, target
from isartor_addon.wire.sse import event


class _Decoder(openai_chat_stream.Decoder):
    """Chunks as in chat, with a `text` where chat has a `delta`."""

    def _one(self, choice: dict[str, Json]) -> None:
        delta = {"content": choice.get("text")}
        super()._one({**rest(choice, ("text",)), "delta": delta})


class OpenAICompletions(OpenAIChat):
    """`POST .../completions`, chat excepted. What is not said here is as in chat."""

    name: ClassVar[str] = "openai_completions"
    shape: ClassVar[Shape] = Shape(turns="prompt", mode=frozenset({"stream", "stream_options"}), goes_on=True)
    headers: ClassVar[tuple[str, ...]] = ("openai-organization", "openai-project")
    reader: ClassVar[type[openai_chat_stream.Decoder]] = _Decoder

    def route(self, method: str, host: str, path: str, query: Mapping[str, str]) -> base.Route | None:
        """See `Wire.route`. Mistral's `/fim/completions` answers in another shape."""
        if method != "POST" or not path.endswith("/completions"):
            return None
        if path.endswith(("/chat/completions", "/fim/completions")):
            return None
        return base.Route(self, "generate", target(path, query), model=deployment(path))

    def parse(self, route: base.Route, body: Mapping[str, Json]) -> Prompt:
        """Read a request: each prompt is a user turn; token numbers stay opaque."""
        return texts.parse(body, "prompt", wire=self.name, model=self.model(route, body))

    def render(self, prompt: Prompt) -> dict[str, Json]:
        """Write a request body."""
        return texts.render(prompt, "prompt", wire=self.name)

    def read_reply(self, body: Json) -> Reply:
        """Read a whole JSON reply."""
        whole = openai_chat_reply.whole_object(body)
        choices = [
            {**rest(choice, ("text",)), "message": {"content": choice.get("text")}}
            for choice in said.objects(whole.get("choices"), "choices")
        ]
        return openai_chat_reply.read_reply({**whole, "choices": choices})

    def write_reply(self, reply: Reply) -> Json:
        """Write a whole JSON reply."""
        chat = openai_chat_reply.write_reply(reply)
        (choice,) = chat["choices"]
        return {**chat, "object": "text_completion", "choices": [_as_text(choice, _text(choice["message"]))]}

    def encode(self, reply: Reply, mode: base.Mode) -> tuple[bytes, ...]:
        """Write a reply as a stream."""
        if mode not in self.terminal:
            raise Untranslatable(f"{self.name} does not stream as {mode}")
        whole = self.write_reply(reply)
        usage = whole.pop("usage", None)
        (choice,) = whole.pop("choices")
        head = {**whole, "usage": None} if mode == "sse+usage" else whole
        chunks = [
            {**head, "choices": [{**choice, "finish_reason": None}]},
            {**head, "choices": [{**choice, "text": ""}]},
        ]
        if mode == "sse+usage" and usage is not None:
            chunks.append({**head, "choices": [], "usage": usage})
        return (*(event(orjson.dumps(chunk)) for chunk in chunks), event(openai_chat_stream.DONE))


def _text(message: Mapping[str, Json]) -> str:
    for name in message:
        if name not in ("role", "content") and message[name]:
            raise Untranslatable(f"a completion is text only, no {name}")
    return message["content"] or ""


def _as_text(choice: dict[str, Json], text: str) -> dict[str, Json]:
    return {"text": text, **rest(choice, ("message",))}


WIRE: Final = OpenAICompletions()
