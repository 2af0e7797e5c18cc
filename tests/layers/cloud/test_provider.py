"""Providers: where they are asked, and to whom their keys may be shown."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.config.keys import keys_of
from isartor_addon.config.schema import ProviderTable
from isartor_addon.core.errors import KeyWithheld
from isartor_addon.layers.cloud.catalog import CATALOG
from isartor_addon.layers.cloud.configured import providers_of
from isartor_addon.layers.cloud.provider import PATHS, Provider, auth_headers, is_local, may_see_key, request_target
from isartor_addon.wire import WIRES
from isartor_addon.wire.hosts import HostTable

NAMES = (
    "openai anthropic azure gemini vertex bedrock copilot groq mistral deepseek xai cohere openrouter together "
    "perplexity fireworks cerebras nebius siliconflow nvidia chutes huggingface hyperbolic moonshot galadriel mira "
    "ollama vllm lm-studio openai-compatible"
).split()
PARAMETERS = {
    "vertex": {"region": "us-east1", "project": "p"},
    "bedrock": {"region": "us-east-1"},
    "azure": {"resource": "acme"},
}
CONFIGURED = providers_of(
    ProviderTable(
        name=name,
        key=("client",),
        parameters=PARAMETERS.get(name, {}),
        base_url="" if provider.base_url else "https://llm.example.com/v1",
    )
    for name, provider in CATALOG.items()
)


def test_the_catalogue_is_whole() -> None:
    """Every provider that is promised is there, under its own name."""
    assert set() == set(NAMES) - set(CATALOG)
    assert all(name == provider.name for name, provider in CATALOG.items())


@pytest.mark.parametrize("provider", CONFIGURED.values(), ids=lambda provider: provider.name)
def test_each_is_asked_where_its_key_may_go(provider: Provider) -> None:
    """Every provider's every address is a whole URL, over TLS or on this machine, at a host that may see its key."""
    for wire in {provider.wire, *provider.paths}:
        url = request_target(provider, "a/b:c", stream=True, wire=wire)
        parts = urlsplit(url)
        assert "{" not in url
        assert parts.scheme == "https" or is_local(parts.hostname or "")
        assert auth_headers(provider, "secret", url=url)


@pytest.mark.parametrize("provider", CONFIGURED.values(), ids=lambda provider: provider.name)
def test_each_address_is_one_that_its_wire_knows(provider: Provider) -> None:
    """A request to a provider's address is recognised as that wire's by the proxy itself."""
    for wire in {provider.wire, *provider.paths}:
        parts = urlsplit(request_target(provider, "m", stream=False, wire=wire))
        assert WIRES[wire].route("POST", parts.hostname or "", parts.path, {}) is not None


def test_public_hosts_are_those_that_are_decrypted() -> None:
    """Each public provider of the catalogue is one whose traffic the proxy reads, too."""
    table = HostTable()
    hosts = {urlsplit(each.base_url).hostname or "" for each in CONFIGURED.values() if not each.local}
    assert {"llm.example.com"} == {host for host in hosts if not table.matches(host, 443)}


def test_settings_name_the_wires_and_ways_there_are() -> None:
    """What `[[providers]]` may say of wires is what can be asked in, and each is a wire of the house."""
    choices = {key.name: key.choices for key in keys_of(ProviderTable)}
    assert set(PATHS) == set(choices["wire"])
    assert set(PATHS) <= set(WIRES)
    assert {each.auth for each in CATALOG.values()} == set(choices["auth"])


@pytest.mark.parametrize(
    ("name", "stream", "wire", "url"),
    [
        ("openai", True, None, "https://api.openai.com/v1/chat/completions"),
        ("openai", True, "openai_responses", "https://api.openai.com/v1/responses"),
        ("anthropic", False, None, "https://api.anthropic.com/v1/messages"),
        ("gemini", False, None, "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent"),
        (
            "gemini",
            True,
            None,
            "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
        ),
        (
            "vertex",
            False,
            None,
            "https://us-east1-aiplatform.googleapis.com/v1/projects/p/locations/us-east1/publishers/google/models/m"
            ":generateContent",
        ),
        ("azure", False, None, "https://acme.openai.azure.com/openai/v1/chat/completions"),
        ("bedrock", False, None, "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/chat/completions"),
        ("deepseek", False, "anthropic_messages", "https://api.deepseek.com/anthropic/v1/messages"),
        ("openrouter", False, "anthropic_messages", "https://openrouter.ai/api/v1/messages"),
        ("ollama", True, None, "http://127.0.0.1:11434/api/chat"),
    ],
)
def test_addresses(name: str, stream: bool, wire: str | None, url: str) -> None:
    """Where a provider is asked depends on the wire, and for Gemini on the model and on streaming."""
    assert url == request_target(CONFIGURED[name], "m", stream=stream, wire=wire)


def test_a_model_cannot_change_the_address() -> None:
    """A model's name stays one segment of the path, whatever a client writes there."""
    url = request_target(CONFIGURED["gemini"], "../../evil?key=a#b", stream=False)
    assert ("/v1beta/models/..%2F..%2Fevil%3Fkey%3Da%23b:generateContent", "") == urlsplit(url)[2:4]


def test_versions_are_not_said_twice() -> None:
    """A base address that ends where a wire's path begins is joined without repeating it."""
    provider = Provider("mine", "https://llm.example.com/v1", "anthropic_messages", hosts=("llm.example.com",))
    assert "https://llm.example.com/v1/messages" == request_target(provider, "m", stream=False)


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("openai", {"authorization": "Bearer s"}),
        ("anthropic", {"x-api-key": "s"}),
        ("gemini", {"x-goog-api-key": "s"}),
        ("azure", {"api-key": "s"}),
    ],
)
def test_keys_are_shown_as_each_wants(name: str, headers: dict[str, str]) -> None:
    """Each provider gets its key in the header that it reads."""
    provider = CONFIGURED[name]
    assert headers == auth_headers(provider, "s", url=request_target(provider, "m", stream=False))


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com.evil.example/v1",
        "https://evil.example/api.openai.com",
        "https://evil.example/?api.openai.com",
        "https://api.openai.com@evil.example/v1",
        "https://xapi.openai.com/v1",
        "https://api.anthropic.com/v1/messages",
        "http://api.openai.com/v1/chat/completions",
        "//api.openai.com/v1",
        "",
    ],
)
def test_a_key_goes_nowhere_else(url: str) -> None:
    """A key is shown to its provider's hosts, over TLS, and to nobody else."""
    with pytest.raises(KeyWithheld) as withheld:
        auth_headers(CONFIGURED["openai"], "sk-secret", url=url)
    assert "sk-secret" not in str(withheld.value)


@given(st.sampled_from(sorted(CONFIGURED)), st.sampled_from(sorted(CONFIGURED)))
def test_no_provider_gets_anothers_key(mine: str, other: str) -> None:
    """Whatever two providers there are: the one's key is not shown at the other's address, unless they share a host."""
    url = request_target(CONFIGURED[other], "m", stream=False)
    if may_see_key(CONFIGURED[mine], urlsplit(url).hostname or ""):
        assert set(CONFIGURED[mine].hosts) & set(CONFIGURED[other].hosts)
        return
    with pytest.raises(KeyWithheld):
        auth_headers(CONFIGURED[mine], "s", url=url)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("10.1.2.3", True),
        ("192.168.0.9", True),
        ("gpu.local", True),
        ("ollama", True),
        ("8.8.8.8", False),
        ("134744072", False),
        ("0x08080808", False),
        ("api.openai.com", False),
        ("localhost.example.com", False),
        ("10.example.com", False),
    ],
)
def test_what_is_local(host: str, local: bool) -> None:
    """This machine, private networks, and names that only such networks know."""
    assert local == is_local(host)


def test_models_keep_their_names_where_they_are_known() -> None:
    """A provider that knows the client's model is asked for it, any other for its own."""
    assert "claude-opus-4-1" == CATALOG["anthropic"].model_for("claude-opus-4-1")
    assert "claude-sonnet-5" == CATALOG["anthropic"].model_for("gpt-4o")
    assert "llama3" == CATALOG["vllm"].model_for("llama3")
