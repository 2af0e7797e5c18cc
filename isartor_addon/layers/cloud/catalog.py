"""The providers that are known by name.

Addresses, ways of authentication and wires were read in the providers' public documentation in November 2026. Models
come and go faster than the rest: `model` in `[[providers]]` says another one than `default_model`.
"""

from __future__ import annotations

from collections.abc import Mapping

from isartor_addon.layers.cloud.provider import Provider

_OPENAI_MODELS = ("gpt-*", "o1*", "o3*", "o4*", "chatgpt-*", "codex-*")

CATALOG: Mapping[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider(
            "openai",
            "https://api.openai.com/v1",
            "openai_chat",
            hosts=("api.openai.com",),
            default_model="gpt-4o-mini",
            models=_OPENAI_MODELS,
            paths={"openai_responses": "/responses"},
        ),
        Provider(
            "anthropic",
            "https://api.anthropic.com",
            "anthropic_messages",
            "x-api-key",
            hosts=("api.anthropic.com",),
            default_model="claude-sonnet-4-5",
            models=("claude-*",),
            headers={"anthropic-version": "2023-06-01"},
        ),
        Provider(
            "gemini",
            "https://generativelanguage.googleapis.com",
            "gemini",
            "x-goog-api-key",
            hosts=("generativelanguage.googleapis.com",),
            default_model="gemini-2.5-flash",
            models=("gemini-*", "gemma-*"),
        ),
        Provider(
            "groq",
            "https://api.groq.com/openai/v1",
            "openai_chat",
            hosts=("api.groq.com",),
            default_model="llama-3.3-70b-versatile",
            models=("llama-*",),
            takes=frozenset({"tools", "images", "json_schema", "streaming"}),
        ),
        Provider(
            "openrouter",
            "https://openrouter.ai/api/v1",
            "openai_chat",
            hosts=("openrouter.ai",),
            default_model="openrouter/auto",
            models=("*/*",),
            paths={"openai_responses": "/responses", "anthropic_messages": "/messages"},
        ),
        Provider(
            "ollama",
            "http://127.0.0.1:11434",
            "ollama",
            "none",
            hosts=("127.0.0.1",),
            paths={"openai_chat": "/v1/chat/completions"},
        ),
    )
}
