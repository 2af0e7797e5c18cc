"""Fear: something leaves this machine that was told to stay: a prompt, a name, a byte at start-up."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import pytest

from tests.cli.command import Command
from tests.e2e.harness import OPENAI, REGULAR, Proxy, Setup, free_port
from tests.e2e.test_chain import KEYS, PROVIDERS
from tests.e2e.wires import CHAT, CLOUD, RESPONSES, Ask
from tests.fake import Provider

AUDIT = Path(__file__).with_name("audit")


@dataclass(frozen=True, slots=True)
class Reached:
    """One address that a process reached for."""

    event: str
    host: str
    port: int

    @property
    def here(self) -> bool:
        """Whether it is on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host in ("", "None", "localhost")


def reached(log: Path) -> list[Reached]:
    """All of them."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [Reached(event, host, int(port) if port.isdigit() else 0) for event, host, port in map(str.split, lines)]


def watched(setup: Setup, log: Path) -> Setup:
    """The same proxy, every address written down."""
    path = os.pathsep.join([str(AUDIT), *sys.path])
    return replace(setup, environment={**setup.environment, "PYTHONPATH": path, "AUDIT": str(log)})


def left(log: Path, provider: Provider) -> list[Reached]:
    """What has left, or would have but for the fake internet, to which the harness leads everything."""
    ports = (provider.port, provider.tls_port)
    return [each for each in reached(log) if not each.here or each.port in ports]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the offline proxy's addresses are written down."""
    return tmp_path_factory.mktemp("audit") / "log"


@pytest.fixture(scope="module")
def sealed(provider: Provider, log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy that is offline, in every mode that needs no privileges, with chains and another proxy to go by."""
    chain = {"for": "claude-*", "try": ["client", "groq/llama-x", "mistral/mistral-x"]}
    modes = (
        REGULAR,
        f"reverse:{OPENAI}@127.0.0.1:{free_port()}",
        f"socks5@127.0.0.1:{free_port()}",
        f"upstream:http://127.0.0.1:{free_port()}@127.0.0.1:{free_port()}",
        f"dns@127.0.0.1:{free_port()}",
    )
    options = {
        "isartor_offline": "true",
        "isartor_providers": json.dumps(PROVIDERS),
        "isartor_chain": json.dumps([chain]),
        "isartor_cache_stale_if_error_s": "60",
    }
    setup = watched(Setup(modes=modes, options=options, environment=KEYS), log)
    with Proxy(tmp_path_factory.mktemp("sealed"), provider, setup) as proxy:
        yield proxy


@pytest.fixture
def stays(log: Path, provider: Provider, sealed: Proxy) -> Iterator[None]:
    """Nothing has left when the test is over."""
    yield
    assert left(log, provider) == []
    assert sealed.alive


@pytest.mark.usefixtures("stays")
@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("ask", CLOUD, ids=lambda ask: ask.name)
def test_a_prompt_is_refused_in_its_own_wire(sealed: Proxy, words: str, ask: Ask, *, stream: bool, http2: bool) -> None:
    """With a chain or without, and its tool is told why, by a status that makes it stop."""
    with sealed.client(http2=http2) as client:
        answer = ask.send(client, words, stream=stream)
    assert answer.status_code == 400
    assert "offline" in ask.error(answer.json())


@pytest.mark.usefixtures("stays")
@pytest.mark.parametrize("mode", ["reverse", "upstream", "regular"])
def test_every_way_in_is_closed_on_the_other_side(sealed: Proxy, words: str, mode: str) -> None:
    """As a reverse proxy, before another proxy, and by a base URL."""
    base = f"http://127.0.0.1:{sealed.port_of(mode)}"
    through = httpx2.Client(proxy=base, verify=sealed.context(), trust_env=False)
    with through if mode == "upstream" else httpx2.Client(base_url=base, trust_env=False) as client:
        url = CHAT.whole if mode == "upstream" else "/v1/chat/completions"
        answer = client.post(url, json=CHAT.body(words, False), headers=dict(CHAT.headers))
    assert answer.status_code == 400
    assert "offline" in CHAT.error(answer.json())


@pytest.mark.usefixtures("stays")
def test_other_hosts_are_not_reached_either(sealed: Proxy) -> None:
    """Plain HTTP gets an error that says why, tunnels are closed, SOCKS too."""
    with sealed.client() as client:
        answer = client.get("http://www.example.com/")
        assert answer.status_code == 502
        assert "offline" in answer.text
        with pytest.raises(httpx2.TransportError):
            client.get("https://www.example.com/")
    with socket.create_connection(("127.0.0.1", sealed.port_of("socks5")), timeout=20) as raw:
        raw.sendall(b"\x05\x01\x00")
        assert raw.recv(2) == b"\x05\x00"
        raw.sendall(b"\x05\x01\x00\x03\x0bexample.com" + struct.pack(">H", 22))
        with contextlib.suppress(ConnectionError):
            raw.recv(10)
            raw.sendall(b"SSH-2.0-x\r\n")
            assert raw.recv(100) == b""


@pytest.mark.usefixtures("stays")
def test_what_is_no_prompt_is_refused_too(sealed: Proxy) -> None:
    """A list of models, and a socket, which is led to HTTP first."""
    upgrade = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}
    with sealed.client() as client:
        models = client.get(f"{OPENAI}/v1/models", headers=dict(CHAT.headers))
        opened = client.get(RESPONSES.whole, headers={**RESPONSES.headers, **upgrade})
    assert (models.status_code, models.json()["error"]["code"]) == (400, "isartor_offline")
    assert opened.status_code == 426


@pytest.mark.usefixtures("stays")
def test_no_name_is_asked_for(sealed: Proxy) -> None:
    """In mode `dns` a question is refused, not passed on (RFC 1035, 4.1.1: code 5)."""
    question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03api\x06openai\x03com\x00\x00\x01\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(20)
        asking.sendto(question, ("127.0.0.1", sealed.port_of("dns")))
        answer = asking.recv(512)
    assert answer[:2] == b"\x12\x34"
    assert answer[3] & 0x0F == 5


def test_without_the_setting_the_same_requests_leave(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """The audit sees what leaves: it is not blind."""
    log = tmp_path / "log"
    with launch(watched(Setup(), log)).client() as client:
        assert left(log, provider) == []  # nothing by starting
        assert CHAT.send(client, words).status_code == 200
    assert {each.port for each in left(log, provider)} == {provider.tls_port}


def test_named_hosts_and_this_machine_are_reached(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """A private host that is named answers, by passing and along a chain; what is not named does not."""
    log = tmp_path / "log"
    own = {"name": "own", "base_url": f"http://127.0.0.1:{provider.port}/v1", "model": "m"}
    options = {
        "isartor_offline": "true",
        "isartor_hosts": "llm.lan",
        "isartor_offline_hosts": "llm.lan",
        "isartor_providers": json.dumps([own, *PROVIDERS]),
        "isartor_chain": json.dumps([{"for": "gpt-4o", "try": ["client", "groq", "own"], "retries": 0}]),
    }
    with launch(watched(Setup(options=options, environment=KEYS), log)).client() as client:
        passed = client.post("http://llm.lan/v1/chat/completions", json={**CHAT.body(words, False), "model": "x"})
        assert words in CHAT.read(passed)
        chained = CHAT.send(client, f"{words} chained")
    assert words in CHAT.read(chained)
    assert chained.headers["x-isartor-provider"] == "own"
    assert [word.split()[1] for word in chained.headers["x-isartor-attempts"].split(", ")] == [
        "withheld",
        "withheld",
        "ok",
    ]
    assert [each for each in reached(log) if not each.here] == []
    assert {call.host for call in provider.about(words)} == {"llm.lan", "127.0.0.1"}


def test_starting_reaches_for_nothing(tmp_path: Path) -> None:
    """`isartor up`, with two processes, and a stop: no name is looked up, nobody is connected to."""
    log = tmp_path / "log"
    isartor = Command(tmp_path)
    environ = {"PYTHONPATH": os.pathsep.join([str(AUDIT), *sys.path]), "AUDIT": str(log)}
    up = isartor("up", "--detach", "--port", "0", "--workers", "2", environ=environ)
    stopped = isartor("stop")
    assert (up.returncode, stopped.returncode) == (0, 0), up
    assert [each for each in reached(log) if not each.here] == []
