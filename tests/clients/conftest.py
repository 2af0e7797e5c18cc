"""The fake internet and one proxy for all real tools."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.bench import Wired, gate_to
from tests.e2e.conftest import provider
from tests.e2e.harness import Proxy, Setup
from tests.fake import Provider

ALLOWED = (
    r"api\.anthropic\.com|api\.openai\.com|chatgpt\.com|generativelanguage\.googleapis\.com|api\.github\.com"
    r"|(?:.+\.)?githubcopilot\.com"
)
"""Hosts the tools reach; telemetry, updates and catalogues are refused, as behind a strict firewall."""

__all__ = ["provider", "wired"]


@pytest.fixture(scope="session")
def wired(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wired]:
    """The proxy that real tools go through."""
    setup = Setup(options={"fake_refused": f"(?!(?:{ALLOWED})$).*"})
    with Proxy(tmp_path_factory.mktemp("wired"), provider, setup) as proxy, gate_to(proxy.port) as gate:
        yield Wired(proxy, provider, gate)
