"""From the command line to the provider and back: what a user sees on the first day."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.e2e.harness import REDIRECT
from tests.fake import Authority, Provider

TOOL = """
import sys, httpx2
body = {"model": "gpt-4o", "messages": [{"role": "user", "content": sys.argv[2]}]}
reply = httpx2.post(sys.argv[1], json=body, headers={"authorization": "Bearer sk-test"}, timeout=30)
print(reply.status_code, reply.headers.get("x-isartor-layer"), reply.text)
"""
CHAT = "https://api.openai.com/v1/chat/completions"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The fake internet."""
    with Provider(Authority(tmp_path_factory.mktemp("authority"))) as running:
        yield running


@pytest.fixture
def isartor(tmp_path: Path) -> Iterator[Command]:
    """The command; the proxy is stopped at the end."""
    command = Command(tmp_path)
    yield command
    command("stop")


def up(isartor: Command, provider: Provider, *words: str) -> None:
    """Start the proxy, with the fake internet for the world; its CA is one the user trusts already."""
    settings = {
        "fake_plain": provider.port,
        "fake_tls": provider.tls_port,
        "fake_ready": isartor.home / "ready.json",
        "ssl_verify_upstream_trusted_ca": provider.authority.path,
    }
    sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    world = {"SSL_CERT_FILE": str(provider.authority.path)}
    done = isartor("up", "--detach", "--port", "0", "-s", str(REDIRECT), *sets, *words, environ=world)
    assert 0 == done.returncode, done


def ask(isartor: Command, words: str, url: str = CHAT) -> list[str]:
    """Run the tool: status, layer, body."""
    done = isartor("run", "--", sys.executable, "-c", TOOL, url, words)
    assert 0 == done.returncode, done
    return done.stdout.strip().split(" ", 2)


def test_second_run_of_a_tool_does_not_call_the_provider(isartor: Command, provider: Provider) -> None:
    """The same tool run twice prints the same; the second time the answer is from here, and every verb says so."""
    up(isartor, provider)
    first, second = ask(isartor, "tide and time"), ask(isartor, "tide and time")
    assert (["200", "l3"], ["200", "l1a"]) == (first[:2], second[:2])
    assert (first[2], 1) == (second[2], provider.generations("tide and time"))
    log = (isartor.home / ".isartor/isartor.log").read_text()
    assert [] == [word for word in ("sk-test", "tide and time") if word in log]
    key = isartor("explain").stdout.split()[2]
    assert "from here" in isartor("explain", key).stdout
    isartor("stop")
    shown = json.loads(isartor("cache", "show", key, "--json").stdout)
    assert (True, "gpt-4o") == (shown["key"].startswith(key), shown["model"])
    assert "tide and time" in shown["body"]


def test_other_hosts_are_not_opened(isartor: Command, provider: Provider) -> None:
    """A host that is no provider's keeps its own certificate; the roots the user trusted before still count."""
    up(isartor, provider)
    status, layer, _ = ask(isartor, "hello", "https://shop.example/v1/chat/completions")
    assert ("None", True) == (layer, status != "502")
    assert "shop.example" not in (isartor.home / ".isartor/isartor.log").read_text()


def test_cassette_replays_without_the_world(isartor: Command, provider: Provider, tmp_path: Path) -> None:
    """What was recorded is replayed; what was not is refused with 400; the provider is not called."""
    tape = str(tmp_path / "tape")
    up(isartor, provider, "--cassette", tape)
    recorded = ask(isartor, "one small step")
    isartor("stop")
    up(isartor, provider, "--cassette", tape, "--replay")
    assert (["200", "l1a"], recorded[2]) == ((again := ask(isartor, "one small step"))[:2], again[2])
    assert "400" == ask(isartor, "one giant leap")[0]
    assert (tape, {}) == ((said := json.loads(isartor("status", "--json").stdout))["cassette"], said["cache"])
    assert (1, 0) == (provider.generations("one small step"), provider.generations("one giant leap"))
