"""The native format, and how `/api/chat` is shared with Ollama."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.core.prompt import Opaque, Prompt, Text, Thinking, ToolCall, Turn
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire import find
from isartor_addon.wire.base import Route
from isartor_addon.wire.native import WIRE
from isartor_addon.wire.openai_chat import WIRE as CHAT

ROUTE = Route(WIRE, "generate", "/api/chat")


@pytest.mark.parametrize(
    ("path", "body", "wire"),
    [
        ("/api/chat", {"prompt": "Hi"}, "native"),
        ("/api/chat", {"prompt": "Hi", "model": "m"}, "native"),
        ("/api/v1/chat", {"prompt": "Hi"}, "native"),
        ("/api/chat", {"model": "m", "messages": []}, "ollama"),
        ("/api/chat", {"model": "m", "messages": [], "prompt": "x"}, "ollama"),
        ("/api/chat", {"model": "m"}, "ollama"),
        ("/api/generate", {"model": "m", "prompt": "Hi"}, "ollama"),
        ("/api/chat", {"question": "Hi"}, ""),
        ("/api/v1/chat", {"model": "m", "messages": []}, ""),
    ],
)
def test_the_body_tells_native_from_ollama(path: str, body: dict[str, Any], wire: str) -> None:
    """A prompt without messages is native on the shared path; of the rest Ollama's is what names a model."""
    claimed = [route.wire.name for route in find("POST", "localhost", path, {}) if route.wire.claims(body)]
    assert wire == (claimed[0] if claimed else "")


def test_both_paths_address_the_same() -> None:
    """One prompt, asked on either path, has one key."""
    targets = {route.target for path in ("/api/chat", "/api/v1/chat") if (route := WIRE.route("POST", "h", path, {}))}
    assert {"/api/chat"} == targets


def test_a_native_prompt_goes_on_as_chat() -> None:
    """What the proxy does on a miss: the same words as an OpenAI chat request."""
    prompt = WIRE.parse(ROUTE, {"prompt": "Hi", "model": "m"})
    assert {"model": "m", "messages": [{"role": "user", "content": "Hi"}]} == CHAT.render(prompt)


def test_a_chat_reply_comes_back_as_native() -> None:
    """The text of the answer, without the reasoning; the layer is the provider."""
    parts = (Thinking("hm"), Text("One. "), Text("Two."))
    reply = Reply("c", "m", parts, Stop("end", "stop"), Usage(1, 2), {"created": 1})
    assert {"layer": "l3", "message": "One. Two.", "model": "m"} == WIRE.write_reply(
        CHAT.read_reply(CHAT.write_reply(reply))
    )


def test_a_reply_that_is_no_text_is_refused() -> None:
    """Tool calls have no place."""
    with pytest.raises(Untranslatable):
        WIRE.write_reply(Reply("", "m", (ToolCall("c", "f", "{}"),), Stop("tool")))


@pytest.mark.parametrize("body", [{}, {"prompt": 5}, {"prompt": "Hi", "model": 5}])
def test_wrong_types_are_the_clients_mistake(body: dict[str, Any]) -> None:
    """A prompt is a text, and so is a model's name."""
    with pytest.raises(ClientMistake):
        WIRE.parse(ROUTE, body)


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt("m", ()),
        Prompt("m", (Turn("user", (Opaque("x", 1),)),)),
        Prompt("m", (Turn("user", (Text("a"),)),), system=(Text("b"),)),
    ],
)
def test_only_one_text_can_be_said(prompt: Prompt) -> None:
    """A conversation is no native prompt."""
    with pytest.raises(Untranslatable):
        WIRE.render(prompt)


def test_errors_say_their_layer() -> None:
    """The same envelope, with `error`."""
    assert {"error": "c", "message": "no", "layer": "l3"} == orjson.loads(WIRE.error(502, "c", "no"))


def test_native_does_not_stream() -> None:
    """One object is all there is."""
    with pytest.raises(Untranslatable):
        WIRE.decoder("sse")
    with pytest.raises(Untranslatable):
        WIRE.encode(Reply("", "m", (), Stop("end")), "ndjson")
