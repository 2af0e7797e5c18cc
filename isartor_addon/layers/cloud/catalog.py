"""The providers that are known by name.

Addresses, ways of authentication and wires follow the providers' own public documentation, as it could be read in
November 2026. Nobody was called: that takes an account with each. These rest on less, or need a word:

- `copilot`: GitHub publishes no interface. Address and headers are those that programs of others use.
- `galadriel` documents `/v1`, which is OpenAI's, and `/v1/verified`, which adds proofs; it is asked at the first.
- `mira`: what its own SDKs have built in. Programs of others ask `api.mira.network`, where its key may go too.
- `nvidia`: read in an index of its documentation and in others' guides, not on its own pages.
- `perplexity`: those of its pages that could be read say that chat completions go on; Vercel's AI SDK, Fabric and
  TrueFoundry say that they ended on 27 September 2026. So it is asked by Responses, which its pages document as well.

Where a roster of models changes too often to name one here, `default_model` is empty, and a chain or `[[providers]]`
names it.

Three want more than a key: Vertex takes an access token that lasts an hour (as `vertex-express`, a key), Bedrock a
Bedrock API key at its OpenAI-compatible endpoint, Copilot a token of its login. A command that prints them (`key =
"command:..."`) renews the first and the last.
"""

from __future__ import annotations

from collections.abc import Mapping

from isartor_addon.layers.cloud.provider import ALL, Feature, Provider

_TEXT: frozenset[Feature] = frozenset({"json_schema"})
_TOOLS: frozenset[Feature] = _TEXT | {"tools"}
_SIGHT: frozenset[Feature] = _TOOLS | {"images"}
_CHAT = "openai_chat"
_GOOGLE = "/publishers/google/models/{model}:{method}"


def _compatible(
    name: str,
    base_url: str,
    *,
    model: str = "",
    models: tuple[str, ...] = (),
    takes: frozenset[Feature] = _SIGHT,
    hosts: tuple[str, ...] = (),
    **paths: str,
) -> Provider:
    """A provider that speaks OpenAI's chat completions and takes its key as a bearer token."""
    host = base_url.split("/")[2]
    return Provider(
        name, base_url, _CHAT, hosts=(host, *hosts), default_model=model, models=models, takes=takes, paths=paths
    )


def _local(name: str, base_url: str, wire: str = _CHAT, **paths: str) -> Provider:
    """A server on this machine; another address may be given, and a key need not."""
    return Provider(name, base_url, wire, "none", paths=paths)


_PROVIDERS = (
    _compatible(
        "openai",
        "https://api.openai.com/v1",
        model="gpt-4o-mini",
        models=("gpt-*", "o1*", "o3*", "o4*", "chatgpt-*", "codex-*"),
        takes=ALL,
        hosts=(".api.openai.com",),
        openai_responses="/responses",
    ),
    Provider(
        "anthropic",
        "https://api.anthropic.com",
        "anthropic_messages",
        "x-api-key",
        hosts=("api.anthropic.com",),
        default_model="claude-sonnet-5",
        models=("claude-*",),
        headers={"anthropic-version": "2023-06-01"},
    ),
    Provider(
        "azure",
        "https://{resource}.openai.azure.com/openai/v1",
        _CHAT,
        "api-key",
        hosts=(".openai.azure.com", ".services.ai.azure.com"),
        models=("*",),  # a deployment bears the name its owner gave it
        paths={"openai_responses": "/responses"},
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
        "vertex",
        "https://{region}-aiplatform.googleapis.com/v1/projects/{project}/locations/{region}",
        "gemini",
        "bearer",
        hosts=("{region}-aiplatform.googleapis.com",),
        default_model="gemini-2.5-flash",
        models=("gemini-*",),
        paths={"gemini": _GOOGLE},
    ),
    Provider(
        "vertex-express",
        "https://aiplatform.googleapis.com/v1",
        "gemini",
        "x-goog-api-key",
        hosts=("aiplatform.googleapis.com",),
        default_model="gemini-2.5-flash",
        models=("gemini-*",),
        paths={"gemini": _GOOGLE},
    ),
    _compatible(
        "bedrock",
        "https://bedrock-runtime.{region}.amazonaws.com/openai/v1",
        model="openai.gpt-oss-20b-1:0",
        models=("openai.*", "*.openai.*"),
        takes=_TOOLS,
    ),
    Provider(
        "copilot",
        "https://api.githubcopilot.com",
        _CHAT,
        hosts=(".githubcopilot.com",),
        models=("gpt-*", "claude-*", "gemini-*", "o3*", "o4*"),
        takes=_SIGHT,
        headers={"copilot-integration-id": "vscode-chat", "editor-version": "vscode/1.99.0"},
    ),
    _compatible("groq", "https://api.groq.com/openai/v1", model="openai/gpt-oss-120b", models=("llama-*",)),
    _compatible(
        "mistral",
        "https://api.mistral.ai/v1",
        model="mistral-small-latest",
        models=("mistral-*", "ministral-*", "magistral-*", "codestral-*", "devstral-*"),
    ),
    _compatible(
        "deepseek",
        "https://api.deepseek.com",
        model="deepseek-flash",
        models=("deepseek-*",),
        takes=_TOOLS,
        anthropic_messages="/anthropic/v1/messages",
    ),
    _compatible("xai", "https://api.x.ai/v1", model="grok-4.3", models=("grok-*",), openai_responses="/responses"),
    _compatible(
        "cohere",
        "https://api.cohere.ai/compatibility/v1",
        model="command-a-03-2025",
        models=("command-*",),
        takes=_TOOLS,
    ),
    _compatible(
        "openrouter",
        "https://openrouter.ai/api/v1",
        model="openrouter/auto",
        models=("*/*",),
        takes=ALL,
        openai_responses="/responses",
        anthropic_messages="/messages",
    ),
    _compatible("together", "https://api.together.ai/v1", models=("*/*",), hosts=("api.together.xyz",)),
    Provider(
        "perplexity",
        "https://api.perplexity.ai/v1",
        "openai_responses",
        hosts=("api.perplexity.ai",),
        default_model="perplexity/sonar",
        models=("*/*",),
        takes=_TEXT | {"images"},
    ),
    _compatible("fireworks", "https://api.fireworks.ai/inference/v1", models=("accounts/*",)),
    _compatible("cerebras", "https://api.cerebras.ai/v1", takes=_TOOLS),
    _compatible(
        "nebius",
        "https://api.tokenfactory.nebius.com/v1",
        models=("*/*",),
        hosts=("api.studio.nebius.com", "api.studio.nebius.ai"),
    ),
    _compatible("siliconflow", "https://api.siliconflow.com/v1", models=("*/*",), hosts=("api.siliconflow.cn",)),
    _compatible("nvidia", "https://integrate.api.nvidia.com/v1", models=("*/*",)),
    _compatible("chutes", "https://llm.chutes.ai/v1", models=("*/*",)),
    _compatible("huggingface", "https://router.huggingface.co/v1", models=("*/*",)),
    _compatible("hyperbolic", "https://api.hyperbolic.xyz/v1", models=("*/*",)),
    _compatible(
        "moonshot",
        "https://api.moonshot.ai/v1",
        model="kimi-k2.6",
        models=("kimi-*", "moonshot-*"),
        hosts=("api.moonshot.cn",),
    ),
    _compatible("galadriel", "https://api.galadriel.com/v1", takes=_TOOLS),
    _compatible("mira", "https://apis.mira.network/v1", takes=_TEXT, hosts=("api.mira.network",)),
    _local("ollama", "http://127.0.0.1:11434", "ollama", openai_chat="/v1/chat/completions"),
    _local("vllm", "http://127.0.0.1:8000/v1"),
    _local("lm-studio", "http://127.0.0.1:1234/v1"),
    Provider("openai-compatible", "", _CHAT),
)

CATALOG: Mapping[str, Provider] = {provider.name: provider for provider in _PROVIDERS}
"""By name."""
