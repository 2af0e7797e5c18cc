"""Fear: an SDK that sets a base URL instead of a proxy is not served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.harness import Proxy, Setup, wait_for
from tests.e2e.wires import CHAT, GENERATE, MESSAGES, OLLAMA_CHAT, RESPONSES, Ask
from tests.fake import Plan, Provider
from tests.fake.plan import Encoding


@pytest.fixture(scope="module")
def door(proxy: Proxy) -> Iterator[httpx2.Client]:
    with proxy.direct() as client:
        yield client


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(
    ("path", "ask", "host"),
    [
        ("/v1/chat/completions", CHAT, "api.openai.com"),
        ("/openai/v1/chat/completions", CHAT, "api.openai.com"),
        ("/v1/responses", RESPONSES, "api.openai.com"),
        ("/v1/messages", MESSAGES, "api.anthropic.com"),
        ("/anthropic/v1/messages", MESSAGES, "api.anthropic.com"),
        ("/api/chat", OLLAMA_CHAT, "ollama.test"),
        ("/ollama/api/chat", OLLAMA_CHAT, "ollama.test"),
    ],
)
def test_a_base_url_is_served(
    door: httpx2.Client, provider: Provider, path: str, ask: Ask, host: str, stream: bool, words: str
) -> None:
    """A request to the proxy's own port goes to the provider its path stands for, and its repeat is answered here."""
    body, headers = ask.body(words, stream), dict(ask.headers)
    replies = [door.post(path, json=body, headers=headers) for _ in range(2)]
    assert words in ask.read(replies[0])
    assert replies[0].content == replies[1].content
    assert replies[1].headers["x-isartor-layer"] == "l1a"
    assert [call.host for call in provider.about(words)] == [host]


@pytest.mark.parametrize("prefix", ["", "/gemini"])
@pytest.mark.parametrize("version", ["v1beta", "v1"])
def test_geminis_paths_are_served(
    door: httpx2.Client, provider: Provider, prefix: str, version: str, words: str
) -> None:
    """Gemini's model paths reach Gemini with either version, although `/v1/` is OpenAI's."""
    path = f"{prefix}/{version}/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    replies = [door.post(path, json=GENERATE.body(words, True), headers=dict(GENERATE.headers)) for _ in range(2)]
    assert words in GENERATE.read(replies[0])
    assert replies[0].content == replies[1].content
    assert [call.host for call in provider.about(words)] == ["generativelanguage.googleapis.com"]


def test_the_door_and_the_proxy_share(
    door: httpx2.Client, client: httpx2.Client, provider: Provider, words: str
) -> None:
    """What was learned through the proxy is answered at the door."""
    CHAT.send(client, words)
    reply = door.post("/v1/chat/completions", json=CHAT.body(words, False), headers=dict(CHAT.headers))
    assert reply.headers["x-isartor-layer"] == "l1a"
    assert provider.generations(words) == 1


@pytest.mark.parametrize("path", ["/api/chat", "/api/v1/chat"])
def test_a_native_prompt_is_answered(door: httpx2.Client, provider: Provider, path: str, words: str) -> None:
    """`{prompt}` is asked of the OpenAI-compatible provider and answered in the native shape, repeats from here."""
    replies = [door.post(path, json={"prompt": words}, headers=dict(CHAT.headers)) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert "ANSWER" in replies[0].text
    assert replies[0].json() == replies[1].json()
    assert provider.generations(words) == 1


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_a_native_prompt_is_learned_from_a_compressed_reply(
    door: httpx2.Client, provider: Provider, encoding: Encoding, words: str
) -> None:
    """How the provider packs its reply makes no difference."""
    provider.plan(Plan(words, encoding=encoding))
    replies = [door.post("/api/chat", json={"prompt": words}, headers=dict(CHAT.headers)) for _ in range(2)]
    assert replies[0].json() == replies[1].json()
    assert provider.generations(words) == 1


def test_the_proxy_says_that_it_is_well(door: httpx2.Client) -> None:
    """`GET /healthz` answers from here."""
    reply = door.get("/healthz")
    assert reply.status_code == 200
    assert reply.json()["status"] == "ok"


def test_the_catalogue_is_the_providers(door: httpx2.Client, provider: Provider) -> None:
    """`GET /v1/models` lists the provider's models, OpenAI's or Anthropic's as the client speaks."""
    names = [model["id"] for model in door.get("/v1/models", headers=dict(CHAT.headers)).json()["data"]]
    assert "gpt-4o" in names
    names = [model["id"] for model in door.get("/v1/models", headers=dict(MESSAGES.headers)).json()["data"]]
    assert "claude-sonnet-4-5" in names


@pytest.mark.parametrize("path", ["/", "/nothing", "/v2/chat", "/admin", "/healthz/more", "/../etc/passwd"])
def test_an_unknown_path_is_not_found(door: httpx2.Client, provider: Provider, path: str) -> None:
    """What stands for no provider is answered with 404, here."""
    known = len(provider.calls)
    reply = door.get(path)
    assert reply.status_code == 404
    assert "error" in reply.json()
    assert len(provider.calls) == known


def test_the_door_speaks_tls_too(proxy: Proxy, words: str) -> None:
    """The same port serves https to who trusts the CA."""
    with httpx2.Client(verify=proxy.context(), trust_env=False, timeout=20) as client:
        url = f"https://127.0.0.1:{proxy.port}/v1/chat/completions"
        assert words in CHAT.read(client.post(url, json=CHAT.body(words, True), headers=dict(CHAT.headers)))


def test_models_are_listed_without_a_provider(door: httpx2.Client, provider: Provider, words: str) -> None:
    """Without a credential nobody is asked: the list holds the models that were asked for lately."""
    body = CHAT.body(words, False) | {"model": "a-model-of-mine"}
    door.post("/v1/chat/completions", json=body, headers=dict(CHAT.headers))
    before = len(provider.calls)
    wait_for(lambda: "a-model-of-mine" in [each["id"] for each in door.get("/v1/models").json()["data"]], "the journal")
    assert len(provider.calls) == before


NAMING = '''
import asyncio


class Naming:
    """What a name server says that calls this machine by another name."""

    asked = 0

    def running(self):
        really = asyncio.open_connection

        async def open_connection(host, port, **how):
            self.asked += host == "this-machine.test"
            if self.asked > 20:
                raise OSError("round and round")
            return await really("127.0.0.1" if host == "this-machine.test" else host, port, **how)

        asyncio.open_connection = open_connection


addons = [Naming()]
'''


def test_a_name_that_leads_back_here_is_refused(launch: Callable[..., Proxy], tmp_path: Path, words: str) -> None:
    """A request to a name that means this proxy (a web page may choose one) goes round once, not for ever."""
    script = tmp_path / "naming.py"
    script.write_text(NAMING)
    own = launch(Setup(after=(script,)))
    with own.direct() as client:
        for _ in range(2):
            headers = {**CHAT.headers, "host": f"this-machine.test:{own.port}"}
            reply = client.post("/v1/chat/completions", json=CHAT.body(words, False), headers=headers)
            assert reply.status_code == 508
    assert "Addon error" not in own.log
