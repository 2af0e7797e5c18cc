"""Whether a provider can be asked what a client asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from isartor_addon import wire
from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Json, Prompt
from isartor_addon.layers.cloud.catalog import CATALOG
from isartor_addon.layers.cloud.features import asked, require

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
GENERATE, OLLAMA = "/v1beta/models/m:generateContent", "/api/chat"
HOSTS = {MESSAGES: "api.anthropic.com", GENERATE: "generativelanguage.googleapis.com", OLLAMA: "ollama.test"}
FORMAT = {"type": "json_schema", "name": "a", "schema": {"type": "object"}}
SAY = {"messages": [{"role": "user", "content": "hi"}]}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
PNG = "data:image/png;base64,iVBORw0KGgo="


def prompt(path: str, body: Mapping[str, Json]) -> Prompt:
    """A request as its wire reads it."""
    whole = {"model": "m", **body}
    route = next(
        each for each in wire.find("POST", HOSTS.get(path, "api.openai.com"), path, {}) if each.wire.claims(whole)
    )
    return route.wire.parse(route, whole)


def contents(*parts: Json) -> dict[str, Json]:
    """A body with one message of several parts."""
    return {"messages": [{"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    ("path", "body", "features"),
    [
        (CHAT, SAY, set()),
        (CHAT, {**SAY, "tools": [TOOL]}, {"tools"}),
        (CHAT, {**SAY, "reasoning_effort": "high"}, set()),
        (CHAT, {**SAY, "response_format": {"type": "json_object"}}, set()),
        (CHAT, {**SAY, "response_format": {"type": "json_schema", "json_schema": FORMAT}}, {"json_schema"}),
        (CHAT, contents({"type": "image_url", "image_url": {"url": PNG}}), {"images"}),
        (RESPONSES, {"input": "hi", "text": {"format": FORMAT}}, {"json_schema"}),
        (RESPONSES, {"input": "hi", "text": {"format": {"type": "text"}}}, set()),
        (RESPONSES, {"input": [{"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}]}, {"tools"}),
        (MESSAGES, {**SAY, "max_tokens": 9, "output_config": {"format": FORMAT}}, {"json_schema"}),
        (
            MESSAGES,
            contents(
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}
            ),
            {"documents"},
        ),
        (
            MESSAGES,
            contents(
                {
                    "type": "tool_result",
                    "tool_use_id": "1",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
                    ],
                }
            ),
            {"tools", "images"},
        ),
        (
            GENERATE,
            {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"responseSchema": {"type": "STRING"}}},
            {"json_schema"},
        ),
        (OLLAMA, {**SAY, "format": {"type": "object", "properties": {}}}, {"json_schema"}),
        (OLLAMA, {**SAY, "format": "json"}, set()),
    ],
)
def test_what_is_asked_for_is_seen(path: str, body: Mapping[str, Json], features: set[str]) -> None:
    """Tools, pictures, documents and schemas are seen on every wire, inside the results of tools too."""
    assert features == asked(prompt(path, body))


def test_a_provider_that_lacks_it_is_not_asked() -> None:
    """What a provider does not take is named; one that takes all is always asked."""
    shown = prompt(CHAT, {**contents({"type": "image_url", "image_url": {"url": PNG}}), "tools": [TOOL]})
    with pytest.raises(Untranslatable, match="mira does not take images, tools"):
        require(CATALOG["mira"], shown)
    require(CATALOG["openai"], shown)
    require(replace(CATALOG["mira"], takes=frozenset({"images", "tools"})), shown)
