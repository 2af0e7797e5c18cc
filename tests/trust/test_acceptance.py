"""What real TLS clients make of our authority: LLM providers' names pass, everything else that it signs is refused."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from isartor_addon.trust.authority import Authority, ensure_authority
from isartor_addon.wire.hosts import domains
from tests.trust.loopback import Origin, Signer
from tests.trust.probes import PROBES


@dataclass(frozen=True)
class Case:
    """A leaf, and the host as which its server is asked."""

    host: str
    common_name: str
    names: tuple[str, ...]
    accepted: bool
    constrained: bool = True


CASES = {
    "provider": Case("api.openai.com", "api.openai.com", ("api.openai.com",), accepted=True),
    "below-a-domain": Case("mine.openai.azure.com", "mine.openai.azure.com", ("mine.openai.azure.com",), accepted=True),
    "with-a-hyphen": Case(
        "us-east5-aiplatform.googleapis.com", "Vertex", ("us-east5-aiplatform.googleapis.com",), accepted=True
    ),
    "other-host": Case("example.com", "example.com", ("example.com",), accepted=False),
    "parent": Case("openai.com", "openai.com", ("openai.com",), accepted=False),
    "same-ending": Case("evilchatgpt.com", "evilchatgpt.com", ("evilchatgpt.com",), accepted=False),
    "one-name-too-many": Case("api.openai.com", "api.openai.com", ("api.openai.com", "example.com"), accepted=False),
    "name-in-subject-only": Case("example.com", "example.com", (), accepted=False),
    "address": Case("127.0.0.1", "127.0.0.1", ("127.0.0.1",), accepted=False),
    "control": Case("example.com", "example.com", ("example.com",), accepted=True, constrained=False),
    "control-address": Case("127.0.0.1", "127.0.0.1", ("127.0.0.1",), accepted=True, constrained=False),
}


@dataclass(frozen=True)
class World:
    """Both authorities' roots as files, and one server for each case."""

    authority: Authority
    free_root: Path
    origins: dict[str, Origin]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("acceptance")
    authority = ensure_authority(folder / "ca", domains())
    ours, free = Signer.of(folder / "ca"), Signer.without_constraints()
    free_root = folder / "free.pem"
    free_root.write_bytes(free.chain[-1].public_bytes(serialization.Encoding.PEM))
    origins = {
        name: Origin(
            (ours if case.constrained else free).write_leaf(folder / f"{name}.pem", case.common_name, case.names)
        )
        for name, case in CASES.items()
    }
    yield World(authority, free_root, origins)
    for origin in origins.values():
        origin.close()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("client", PROBES)
def test_a_client_accepts_what_the_constraints_allow_and_nothing_else(world: World, client: str, name: str) -> None:
    """A leaf of ours is accepted for a provider's name and no other; without constraints the same leaf would pass."""
    case, origin = CASES[name], world.origins[name]
    root = world.authority.certificate if case.constrained else world.free_root
    before = origin.requests
    said = PROBES[client](case.host, origin.port, root)
    assert (case.accepted, said) == (origin.requests > before, said)


@pytest.fixture
def mitmdump(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A real mitmdump with our `confdir`, which answers every host by itself; gives its port and the root's file."""
    authority = ensure_authority(tmp_path / "ca", domains())
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "index.html").write_text("from mitmproxy")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {"confdir": tmp_path / "ca", "connection_strategy": "lazy", "upstream_cert": "false"}
    process = subprocess.Popen(
        [
            *(Path(sys.executable).parent / "mitmdump", "-q", "--listen-host", "127.0.0.1", "--listen-port", str(port)),
            *(part for name, value in options.items() for part in ("--set", f"{name}={value}")),
            *("--map-local", f"|https://[^/]+/|{tmp_path / 'answers'}"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield port, authority.certificate
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail("mitmdump did not come up")


def _ask(url: str, *, port: int, root: Path) -> str:
    command = ["curl", "-sS", "-m", "20", "--noproxy", "", "-x", f"http://127.0.0.1:{port}", "--cacert", str(root), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr.partition("\n")[0]


def test_mitmproxy_signs_with_it(mitmdump: tuple[int, Path]) -> None:
    """What mitmproxy makes with our authority is accepted for providers, and refused for another host or an address."""
    port, root = mitmdump
    assert "from mitmproxy" == _ask("https://api.anthropic.com/index.html", port=port, root=root)
    assert "from mitmproxy" == _ask("https://mine.openai.azure.com/index.html", port=port, root=root)
    assert "permitted subtree violation" in _ask("https://example.com/index.html", port=port, root=root)
    assert "excluded subtree violation" in _ask("https://127.0.0.9/index.html", port=port, root=root)
