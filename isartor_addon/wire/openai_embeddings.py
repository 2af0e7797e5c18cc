"""OpenAI embeddings: texts in, vectors out. Answered from the exact cache only, so a vector is never read here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from isartor_addon.core.canonical import Shape
from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Prompt
from isartor_addon.core.reply import Reply, Usage
from isartor_addon.wire import base, texts
from isartor_addon.wire.fields import said
from isartor_addon.wire.openai_chat import deployment, error_body, target
from isartor_addon.wire.openai_chat_reply import read_usage


class OpenAIEmbeddings(base.Wire):
    """`POST .../embeddings`."""

    name: ClassVar[str] = "openai_embeddings"
    shape: ClassVar[Shape] = Shape(turns="input", mode=frozenset())
    headers: ClassVar[tuple[str, ...]] = ("openai-organization", "openai-project")

    def route(self, method: str, host: str, path: str, query: Mapping[str, str]) -> base.Route | None:
        """See `Wire.route`. Ollama's `/api/embeddings` is another format."""
        if method != "POST" or not path.endswith("/embeddings") or path.endswith("/api/embeddings"):
            return None
        return base.Route(self, "embed", target(path, query), model=deployment(path))

    def claims(self, body: Mapping[str, Json]) -> bool:
        """Whether there is something to embed."""
        return "input" in body

    def mode(self, route: base.Route, body: Mapping[str, Json]) -> base.Mode:
        """See `Wire.mode`."""
        return "json"

    def parse(self, route: base.Route, body: Mapping[str, Json]) -> Prompt:
        """Read a request: each text is a user turn; token numbers stay opaque."""
        return texts.parse(body, "input", wire=self.name, model=self.model(route, body))

    def render(self, prompt: Prompt) -> dict[str, Json]:
        """Write a request body."""
        return texts.render(prompt, "input", wire=self.name)

    def read_reply(self, body: Json) -> Reply:
        """Vectors are no Reply."""
        raise Untranslatable("vectors are no reply of a model")

    def write_reply(self, reply: Reply) -> Json:
        """A Reply is no vectors."""
        raise Untranslatable("a reply of a model is no vectors")

    def examine(self, operation: base.Operation, mode: base.Mode, content: bytes) -> base.Examined:
        """See `Wire.examine`: a list of vectors, and no error."""
        whole = said.object(base.loads_reply(content), "the reply")
        if whole.get("error"):
            raise BadReply("the reply is an error")
        data = said.objects(whole.get("data"), "data")
        if not all(each.get("embedding") for each in data):
            raise BadReply("a vector is missing")
        return base.Examined("" if data else "the reply is empty")

    def read_usage(self, told: Mapping[str, Json]) -> Usage:
        """Read a usage object."""
        return read_usage(told)

    def error(self, status: int, code: str, message: str) -> bytes:
        """An error body."""
        return error_body(status, code, message)


WIRE: Final = OpenAIEmbeddings()
