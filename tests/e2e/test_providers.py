"""Fear: a key leaks, a refused key or an ill provider is asked again and again, or nobody can see why."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2

from isartor_addon.store.vault import Vault
from tests.e2e.harness import Proxy, Setup
from tests.e2e.wires import CHAT
from tests.fake import Plan, Provider

type Launch = Callable[..., Proxy]
FIRST, SECOND = "gsk-first-0123456789abcdef", "gsk-second-0123456789abcdef"
GROQ, MISTRAL = "api.groq.com", "api.mistral.ai"
PROVIDERS = [
    {"name": "groq", "key": ["env:FIRST", "env:SECOND"], "key_order": "priority"},
    {"name": "mistral", "key": "env:OTHER"},
]
CHAIN = [{"for": "gpt-4o", "try": ["groq/llama-x", "mistral/mistral-x"], "retries": 0}]


def setup(provider: Provider, **options: object) -> Setup:
    """A proxy that asks two providers with keys of its own."""
    said = {"isartor_providers": PROVIDERS, "isartor_chain": CHAIN, **options}
    return Setup(
        options={
            "isartor_egress_ca_file": str(provider.authority.path),
            "isartor_log_level": "debug",
            **{name: json.dumps(value) for name, value in said.items()},
        },
        environment={"FIRST": FIRST, "SECOND": SECOND, "OTHER": "mistral-0123456789abcdef"},
    )


def shown(proxy: Proxy) -> dict[str, dict[str, object]]:
    """What the proxy says of its providers, by name."""
    with proxy.direct() as client:
        document = client.get("/debug/providers").json()
    return {each["name"]: each for each in document["providers"]}


def answered(client: httpx2.Client, words: str) -> None:
    """Ask, and be answered."""
    assert words in CHAT.read(CHAT.send(client, words))


def test_a_refused_key_is_set_aside_and_shown_nowhere(launch: Launch, provider: Provider, words: str) -> None:
    """The pool's next key answers, the refused one is not sent again, and no key stands in logs, headers or reports."""
    proxy = launch(setup(provider))
    refusal = json.dumps({"error": {"message": f"Incorrect API key provided: {FIRST}"}}).encode()
    provider.plan(Plan(words, times=1, status=401, pieces=(refusal,)))
    with proxy.client() as client:
        answered(client, words)
        answered(client, f"{words} again")
    shown_keys = [call.header("authorization") for call in provider.about(words)]
    assert [f"Bearer {FIRST}", f"Bearer {SECOND}", f"Bearer {SECOND}"] == shown_keys
    groq = shown(proxy)["groq"]
    assert ["refused", "ready"] == [key["standing"] for key in groq["keys"]]  # type: ignore[attr-defined]
    proxy.stop()
    files = [path.read_bytes() for path in proxy.home.rglob("*") if path.is_file()]
    written = b"".join(files) + proxy.log.encode() + json.dumps(groq).encode()
    assert b"env:FIRST" in written
    assert FIRST.encode() not in written
    assert SECOND.encode() not in written


def test_a_command_prints_the_key(launch: Launch, provider: Provider, words: str, tmp_path: Path) -> None:
    """It is run once for several requests, and what it prints goes to its provider and nowhere else; one that fails is
    a key less, and says so in one line.
    """
    script, ran = tmp_path / "print_key.py", tmp_path / "ran"
    script.write_text(f"print('{FIRST}')\nopen({str(ran)!r}, 'a').write('x')\n")
    command = f"command:{shlex.join([sys.executable, str(script)])}"
    keys = [f"command:{shlex.join([sys.executable, '-c', 'exit(3)'])}", command]
    proxy = launch(
        setup(provider, isartor_providers=[{"name": "groq", "key": keys, "key_order": "priority"}, PROVIDERS[1]])
    )
    with proxy.client() as client:
        told = [CHAT.send(client, f"{number} {words}").headers["x-isartor-attempts"] for number in range(2)]
    assert [f"Bearer {FIRST}"] * 2 == [call.header("authorization") for call in provider.about(words)]
    assert "x" == ran.read_text()
    assert all(each.startswith("groq/llama-x keyless ") and "groq/llama-x ok" in each for each in told)
    groq = shown(proxy)["groq"]
    assert [f"command:{sys.executable}"] * 2 == [key["name"] for key in groq["keys"]]  # type: ignore[attr-defined]
    proxy.stop()
    files = [path.read_bytes() for path in proxy.home.rglob("*") if path.is_file()]
    assert FIRST.encode() not in b"".join(files) + proxy.log.encode() + json.dumps(groq).encode()


def test_a_request_that_two_are_asked_for_counts_once(launch: Launch, provider: Provider, words: str) -> None:
    """The first provider fails; of two requests that a caller may send both are answered by the next, the third not."""
    proxy = launch(setup(provider, isartor_quotas=[{"name": "q", "requests": 2, "per": "caller", "warn_at": 0.5}]))
    with proxy.client() as client:
        for number in range(2):
            provider.plan(Plan(f"{words} {number}", times=1, status=500))
            answered(client, f"{words} {number}")
        refused = CHAT.send(client, f"{words} 2")
    assert (400, "isartor_over_quota") == (refused.status_code, refused.json()["error"]["code"])
    assert [GROQ, MISTRAL] * 2 == [call.host for call in provider.about(words)]


def test_an_ill_provider_is_left_alone(launch: Launch, provider: Provider, words: str) -> None:
    """After five failures in a row the next request goes straight to the next provider, and the report says so."""
    proxy = launch(setup(provider))
    with proxy.client() as client:
        for number in range(5):
            provider.plan(Plan(f"{words} ill {number}", times=1, status=500))
            answered(client, f"{words} ill {number}")
        answered(client, f"{words} well")
    asked = [call.host for call in provider.about(words)]
    assert [GROQ, MISTRAL] * 5 + [MISTRAL] == asked
    (model,) = shown(proxy)["groq"]["models"]  # type: ignore[misc]
    assert ("open", 0, 5) == (model["breaker"], model["successes"], model["failures"])  # type: ignore[index]
    assert "planned 500" in model["last_error"]  # type: ignore[index]


def test_who_fails_most_of_the_time_is_asked_later(launch: Launch, provider: Provider, words: str) -> None:
    """Though never five times in a row: the next requests go to the next provider first, and the report says why."""
    proxy = launch(setup(provider))
    with proxy.client() as client:
        for number in range(12):
            if number % 4:
                provider.plan(Plan(f"{words} ill {number}", times=1, status=500))
            answered(client, f"{words} ill {number}")
        answered(client, f"{words} later")
    assert [MISTRAL] == [call.host for call in provider.about(f"{words} later")]
    (model,) = shown(proxy)["groq"]["models"]  # type: ignore[misc]
    assert ("failing", "closed") == (model["behind"], model["breaker"])  # type: ignore[index]


def test_a_cut_answer_is_remembered(launch: Launch, provider: Provider, words: str) -> None:
    """Whoever cuts an answer after its first words counts as failed, though nobody else could be asked any more."""
    proxy = launch(setup(provider))
    provider.plan(Plan(words, times=1, cut=4))
    with proxy.client() as client:
        assert CHAT.send(client, words, stream=True).status_code == 200
    (model,) = shown(proxy)["groq"]["models"]  # type: ignore[misc]
    assert (1, 1) == (model["successes"], model["failures"])  # type: ignore[index]
    assert "cut" in model["last_error"]  # type: ignore[index]


def test_a_key_comes_from_the_vault(launch: Launch, provider: Provider, words: str, tmp_path: Path) -> None:
    """A key that was stored is sent to its provider, and a missing one is said and left out."""
    Vault(tmp_path / "own" / "home" / "isartor").put("work", FIRST)
    proxy = launch(
        setup(
            provider,
            isartor_providers=[{"name": "groq", "key": ["vault:work", "vault:gone"]}],
            isartor_chain=[{"for": "gpt-4o", "try": "groq/llama-x"}],
        )
    )
    with proxy.client() as client:
        answered(client, words)
    (call,) = provider.about(words)
    assert (GROQ, f"Bearer {FIRST}") == (call.host, call.header("authorization"))
    assert "the key vault:gone is not there" in proxy.log


def test_an_alias_renames_the_model_on_its_way_out(launch: Launch, provider: Provider, words: str) -> None:
    """The client's own provider is asked for the model meant, and a repeat of what the client asked is answered."""
    options = {"isartor_model_aliases": '{"fast": "gpt-4o-mini"}'}
    proxy = launch(Setup(options={**options, "isartor_egress_ca_file": str(provider.authority.path)}))
    body = {**CHAT.body(words, False), "model": "fast"}
    with proxy.client() as client:
        answers = [CHAT.post(client, body) for _ in range(2)]
    (call,) = provider.about(words)
    assert ("api.openai.com", "gpt-4o-mini") == (call.host, call.body["model"])
    assert CHAT.headers["authorization"] == call.header("authorization")
    assert ["l3", "l1a"] == [answer.headers["x-isartor-layer"] for answer in answers]
    assert answers[0].content == answers[1].content
