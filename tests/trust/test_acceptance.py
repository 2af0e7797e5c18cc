"""What real TLS clients make of our authority: LLM providers' names pass, everything else that it signs is refused."""

from __future__ import annotations

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
