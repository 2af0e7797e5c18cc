"""The hosts of LLM providers: the only ones whose TLS is opened. Also what our own CA may sign for.

A pattern is a host (`api.openai.com`), a domain and all below it (`.openai.azure.com`), or either with `:port`.
`*` stands for every host.
"""

from __future__ import annotations

from collections.abc import Iterable

from isartor_addon.core.hosts import Hosts

_VERTEX_REGIONS = (
    "africa-south1 asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2 "
    "asia-southeast1 asia-southeast2 australia-southeast1 australia-southeast2 europe-central2 europe-north1 "
    "europe-southwest1 europe-west1 europe-west2 europe-west3 europe-west4 europe-west6 europe-west8 europe-west9 "
    "europe-west12 me-central1 me-central2 me-west1 northamerica-northeast1 northamerica-northeast2 southamerica-east1 "
    "southamerica-west1 us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4"
).split()
_BEDROCK_REGIONS = (
    "af-south-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 "
    "ap-southeast-3 ap-southeast-4 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 "
    "eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1 sa-east-1 us-east-1 us-east-2 "
    "us-west-1 us-west-2"
).split()

HOSTS: tuple[str, ...] = (
    "api.anthropic.com",
    "api.openai.com",
    "chatgpt.com",
    "generativelanguage.googleapis.com",
    "cloudcode-pa.googleapis.com",
    "aiplatform.googleapis.com",
    *(f"{region}-aiplatform.googleapis.com" for region in _VERTEX_REGIONS),
    *(f"bedrock-runtime.{region}.amazonaws.com" for region in _BEDROCK_REGIONS),
    ".openai.azure.com",
    ".services.ai.azure.com",
    ".githubcopilot.com",
    # Copilot asks here where its models are and who its user is, and runs behind the proxy only if one CA covers both.
    "api.github.com",
    "models.github.ai",
    "openrouter.ai",
    "opencode.ai",
    "api.cline.bot",
    ".cursor.sh",
    "q.us-east-1.amazonaws.com",
    "codewhisperer.us-east-1.amazonaws.com",
    "api.mistral.ai",
    "codestral.mistral.ai",
    "api.groq.com",
    "api.x.ai",
    "api.deepseek.com",
    "api.together.ai",
    "api.together.xyz",
    "api.fireworks.ai",
    "api.cerebras.ai",
    "api.perplexity.ai",
    "api.cohere.com",
    "api.cohere.ai",
    "api.moonshot.ai",
    "api.moonshot.cn",
    "api.kimi.com",
    "api.z.ai",
    "open.bigmodel.cn",
    "api.minimax.io",
    "dashscope.aliyuncs.com",
    "dashscope-intl.aliyuncs.com",
    "portal.qwen.ai",
    "api.siliconflow.cn",
    "api.siliconflow.com",
    "api.studio.nebius.ai",
    "api.studio.nebius.com",
    "api.tokenfactory.nebius.com",
    "integrate.api.nvidia.com",
    "llm.chutes.ai",
    "router.huggingface.co",
    "api-inference.huggingface.co",
    "api.hyperbolic.xyz",
    "api.galadriel.com",
    "api.mira.network",
    "apis.mira.network",
    "api.sambanova.ai",
    "api.deepinfra.com",
    "api.novita.ai",
    "api.inference.net",
    "ai-gateway.vercel.sh",
    "gateway.ai.cloudflare.com",
    "ollama.com",
)


class HostTable(Hosts):
    """Says whether a host is an LLM provider's: by the table, and by what the settings add; `*` is every host."""

    def __init__(self, extra: Iterable[str] = ()) -> None:
        patterns = (*HOSTS, *extra)
        super().__init__(patterns)
        self._every = "*" in patterns

    def matches(self, host: str, port: int) -> bool:
        """Whether connections to `host` at `port` are ours."""
        return self._every or super().matches(host, port)


def domains(extra: Iterable[str] = ()) -> tuple[str, ...]:
    """The DNS names under which all hosts of the table lie, for a CA's name constraints (RFC 5280, 4.2.1.10)."""
    names = (pattern.strip().lower().partition(":")[0].lstrip(".") for pattern in (*HOSTS, *extra))
    return tuple(dict.fromkeys(name for name in names if name and name != "*"))
