"""The base-URL door: which provider a path stands for."""

import pytest
from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow

from isartor_addon.config.schema import Door as DoorConfig
from isartor_addon.proxy.door import Door, Target

OPENAI, ANTHROPIC, GEMINI = "api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com"


@pytest.mark.parametrize(
    ("path", "host", "sent"),
    [
        ("/v1/chat/completions", OPENAI, "/v1/chat/completions"),
        ("/v1/responses", OPENAI, "/v1/responses"),
        ("/v1/models", OPENAI, "/v1/models"),
        ("/v1/models/gpt-4o", OPENAI, "/v1/models/gpt-4o"),
        ("/chat/completions", OPENAI, "/v1/chat/completions"),
        ("/openai/v1/embeddings", OPENAI, "/v1/embeddings"),
        ("/v1/messages?beta=true", ANTHROPIC, "/v1/messages?beta=true"),
        ("/v1/messages/count_tokens", ANTHROPIC, "/v1/messages/count_tokens"),
        ("/anthropic/v1/messages", ANTHROPIC, "/v1/messages"),
        ("/v1beta/models/g:generateContent", GEMINI, "/v1beta/models/g:generateContent"),
        ("/v1/models/g:streamGenerateContent?alt=sse", GEMINI, "/v1/models/g:streamGenerateContent?alt=sse"),
        ("/gemini/v1beta/models", GEMINI, "/v1beta/models"),
        ("/v1internal:generateContent", "cloudcode-pa.googleapis.com", "/v1internal:generateContent"),
    ],
)
def test_paths_stand_for_providers(path: str, host: str, sent: str) -> None:
    """Each path an SDK calls under a base URL goes to its provider."""
    assert Target("https", host, 443, sent) == Door(DoorConfig()).target(path)


def test_the_anthropic_sdk_lists_anthropics_models() -> None:
    """`/v1/models` exists in both APIs; the version header tells them apart."""
    target = Door(DoorConfig()).target("/v1/models", anthropic=True)
    assert target is not None
    assert ANTHROPIC == target.host


def test_prefixes_can_be_added() -> None:
    """A prefix of the user's own goes to its base URL, path included."""
    door = Door(DoorConfig(prefixes={"router": "https://openrouter.ai:8443/api"}))
    assert Target("https", "openrouter.ai", 8443, "/api/v1/chat/completions") == door.target(
        "/router/v1/chat/completions"
    )


def test_ollama_is_on_this_machine() -> None:
    """Ollama's paths go to its usual port."""
    assert Target("http", "127.0.0.1", 11434, "/api/tags") == Door(DoorConfig()).target("/api/tags")


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/v2/chat", "/api/other"])
def test_other_paths_stand_for_nothing(path: str) -> None:
    """What no provider offers goes nowhere."""
    assert Door(DoorConfig()).target(path) is None


@pytest.mark.parametrize(
    ("mode", "addressed"),
    [("regular", True), ("upstream:http://proxy.test:3128", True), ("socks5", True)]
    + [(mode, False) for mode in ("wireguard", "local", "transparent", "reverse:http://10.0.0.7:8080")],
)
def test_only_who_speaks_to_the_proxy_speaks_to_the_door(mode: str, addressed: bool) -> None:
    """Where connections are captured, the address a client has connected to is its server's and not the proxy's."""
    flow = tflow.tflow()
    flow.request.host, flow.request.port = "10.0.0.7", 8080
    flow.client_conn.sockname = ("10.0.0.7", 8080)
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    assert addressed == Door.is_addressed(flow)
