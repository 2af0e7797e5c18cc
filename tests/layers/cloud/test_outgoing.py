"""Fear: a credential goes to somebody whose it is not, or what is said to us alone goes on."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from isartor_addon.core.errors import KeyWithheld
from isartor_addon.core.exchange import Exchange
from isartor_addon.layers.cloud.catalog import CATALOG
from isartor_addon.layers.cloud.keys import CLIENT, Key
from isartor_addon.layers.cloud.outgoing import outgoing
from isartor_addon.layers.cloud.plan import Target
from tests.layers.play import exchange

SECRET = "sk-the-clients-own-000000"
HEADERS = {
    "authorization": f"Bearer {SECRET}",
    "openai-organization": "org-of-the-client",
    "openai-beta": "something=v2",
    "user-agent": "tool/1.0",
    "cookie": "session=1",
    "host": "api.openai.com",
    "content-length": "99",
    "content-encoding": "gzip",
    "accept-encoding": "gzip, br",
    "connection": "keep-alive",
    "proxy-authorization": "Basic dG9rZW4=",
    "x-isartor-cache": "refresh",
    "x-team": "blue",
    "cache-control": "no-cache",
}
PRIVATE = frozenset({"x-team"})


def asked(*, stream: bool = True) -> Exchange:
    """A chat request with all kinds of headers."""
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    made = exchange(mode="sse" if stream else "json", model="gpt-4o")
    made.request = replace(made.request, headers=HEADERS, query={"a": "b c&d"}, query_string="a=b%20c&a=d")
    made.body, made.raw = body, orjson.dumps(body)
    return made


def test_the_clients_own_provider_hears_what_the_client_said() -> None:
    """Body byte for byte, its headers but for the connection's and those that are said to us."""
    made = asked()
    sent = outgoing(made, Target(None, "gpt-4o"), None, private=PRIVATE)
    assert sent.url == "https://api.openai.com:443/v1/chat/completions?a=b%20c&a=d"
    assert sent.body == made.raw
    assert sent.headers.keys() == {"authorization", "openai-organization", "openai-beta", "user-agent", "cookie"}


def test_an_alias_changes_nothing_but_the_model() -> None:
    """The client's own provider is asked for the model that is meant."""
    sent = outgoing(asked(), Target(None, "gpt-4o-mini"), None, private=PRIVATE)
    assert orjson.loads(sent.body) == {**asked().body, "model": "gpt-4o-mini"}


@pytest.mark.parametrize("name", ["groq", "anthropic", "gemini", "mistral"])
def test_another_provider_hears_nothing_of_the_clients_account(name: str) -> None:
    """It is shown its own key, and no header that tells who the client is."""
    provider = CATALOG[name]
    sent = outgoing(asked(), Target(provider, "m"), Key("env:X", "ours-000000000000"), private=PRIVATE)
    said = str(sent)
    assert "ours-000000000000" in said
    assert not any(told in said for told in (SECRET, "org-of-the-client", "session=1", "blue", "dG9rZW4", "refresh"))
    assert sent.headers["user-agent"] == "tool/1.0"


def test_a_provider_without_a_key_is_shown_none() -> None:
    """A local model is not given the client's credentials either."""
    sent = outgoing(asked(), Target(CATALOG["ollama"], "m"), None, private=PRIVATE)
    assert SECRET not in str(sent)


def test_the_clients_key_goes_to_its_own_provider_only() -> None:
    """`key = "client"` sends it where the client would have, and is refused anywhere else."""
    own = outgoing(asked(), Target(CATALOG["openai"], "gpt-4o"), Key(CLIENT, ""), private=PRIVATE)
    assert own.headers["authorization"] == f"Bearer {SECRET}"
    with pytest.raises(KeyWithheld):
        outgoing(asked(), Target(CATALOG["groq"], "m"), Key(CLIENT, ""), private=PRIVATE)
    moved = replace(CATALOG["openai"], base_url="http://api.openai.com/v1")
    with pytest.raises(KeyWithheld):
        outgoing(asked(), Target(moved, "m"), Key(CLIENT, ""), private=PRIVATE)


def test_a_key_does_not_follow_a_provider_to_another_host() -> None:
    """Whatever an address says, a key goes to its provider's hosts."""
    moved = replace(CATALOG["groq"], base_url="https://groq.example.com/v1")
    with pytest.raises(KeyWithheld):
        outgoing(asked(), Target(moved, "m"), Key("env:X", "ours-000000000000"), private=PRIVATE)


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        ("", True),
        ("http://localhost:3000", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:5173", True),
        ("vscode-webview://1ab2", True),
        ("app://obsidian.md", True),
        ("https://evil.example", False),
        ("HTTPS://EVIL.EXAMPLE:8443", False),
        ("http://localhost.evil.example", False),
        ("http://localhost, https://evil.example", False),
        ("http://", False),
        ("null", False),
    ],
)
def test_a_page_of_another_site_spends_no_key_of_ours(origin: str, shown: bool) -> None:
    """A browser sends what any page likes to a proxy on this machine; this machine's own pages and apps may go on."""
    made = asked()
    made.request = replace(made.request, headers={**HEADERS, **({"origin": origin} if origin else {})})
    key = Key("env:X", "ours-000000000000")
    if shown:
        assert "ours-000000000000" in str(outgoing(made, Target(CATALOG["groq"], "m"), key, private=PRIVATE))
    else:
        with pytest.raises(KeyWithheld):
            outgoing(made, Target(CATALOG["groq"], "m"), key, private=PRIVATE)
    assert outgoing(made, Target(None, "gpt-4o"), None, private=PRIVATE).body == made.raw
