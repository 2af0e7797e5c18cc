"""OpenAI embeddings and legacy completions: bare texts in one field."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Image, Opaque, Prompt, Text, Turn
from isartor_addon.core.reply import Reply, Stop
from isartor_addon.wire.base import Route, Wire
from isartor_addon.wire.openai_completions import WIRE as COMPLETIONS
from isartor_addon.wire.openai_embeddings import WIRE as EMBEDDINGS
from tests.wire.chat_bodies import shaped, tokens, values, words

WIRES: list[tuple[Wire, str]] = [(EMBEDDINGS, "input"), (COMPLETIONS, "prompt")]
numbers = st.lists(st.integers(0, 99), max_size=3)


@pytest.mark.parametrize(("wire", "field"), WIRES)
@given(data=st.data())
@settings(max_examples=60)
def test_every_body_is_written_back_as_it_was(wire: Wire, field: str, data: st.DataObject) -> None:
    """One text, several, token numbers, nothing: reading loses nothing."""
    texts = words | st.lists(words, max_size=3) | numbers | st.lists(numbers, max_size=2) | st.none()
    body = data.draw(
        shaped({}, {"model": tokens | st.none(), field: texts, "user": words, "n": values, "stream": st.booleans()})
    )
    assert body == wire.render(wire.parse(Route(wire, "generate", ""), body))


@pytest.mark.parametrize(("wire", "field"), WIRES)
@pytest.mark.parametrize(
    "turns",
    [
        (Turn("user", (Text("a"), Text("b"))),),
        (Turn("user", (Image(data="AAAA"),)),),
        (Turn("user", (Opaque("gemini", 1),)),),
    ],
)
def test_more_than_texts_is_refused(wire: Wire, field: str, turns: tuple[Turn, ...]) -> None:
    """A conversation has no place in one field."""
    with pytest.raises(Untranslatable):
        wire.render(Prompt("m", turns))


@pytest.mark.parametrize(
    ("path", "wire"),
    [
        ("/v1/embeddings", "openai_embeddings"),
        ("/openai/deployments/e/embeddings", "openai_embeddings"),
        ("/api/embeddings", ""),
        ("/v1/completions", "openai_completions"),
        ("/v1/engines/copilot-codex/completions", "openai_completions"),
        ("/v1/fim/completions", ""),
        ("/v1/chat/completions", ""),
    ],
)
def test_paths_are_routed(path: str, wire: str) -> None:
    """Ollama's embeddings, Mistral's fill-in-the-middle and chat are other formats."""
    routes = [each.route("POST", "h", path, {}) for each, _ in WIRES]
    assert [wire] * bool(wire) == [route.wire.name for route in routes if route]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"error":{"message":"no"}}',
        b'{"object":"list"}',
        b'{"data":[{"object":"embedding"}]}',
        b'{"data":[1]}',
    ],
)
def test_incomplete_vectors_are_not_kept(content: bytes) -> None:
    """A list in which every item has its vector, and no error."""
    with pytest.raises(BadReply):
        EMBEDDINGS.examine("embed", "json", content)


def test_vectors_and_replies_are_strangers() -> None:
    """Embeddings are replayed verbatim or not at all."""
    with pytest.raises(Untranslatable):
        EMBEDDINGS.write_reply(Reply("", "m", (Text("a"),), Stop("end")))
    with pytest.raises(Untranslatable):
        EMBEDDINGS.decoder("sse")


def test_a_reply_that_is_no_text_is_no_completion() -> None:
    """Reasoning or a refusal has no field here."""
    with pytest.raises(Untranslatable, match="refusal"):
        COMPLETIONS.write_reply(Reply("", "m", (Text("no", {"field": "refusal"}),), Stop("refusal")))


def test_choices_that_end_badly_are_not_kept() -> None:
    """Of several choices every one must have ended, and none in the filter."""
    ended: dict[str, Any] = {"text": "a", "index": 0, "finish_reason": "stop"}

    def kept(reason: str | None) -> str:
        other = {"text": "b", "index": 1, "finish_reason": reason}
        return COMPLETIONS.examine("generate", "json", _json(ended, other)).reason

    assert "" == kept("length")
    assert "the model stopped with a refusal" == kept("content_filter")
    with pytest.raises(BadReply):
        kept(None)


def _json(*choices: dict[str, Any]) -> bytes:
    return orjson.dumps({"id": "c", "model": "m", "choices": list(choices)})
