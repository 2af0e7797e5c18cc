"""One fake internet and a few proxies for all end-to-end tests; what differs between tests is the prompt."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.e2e.harness import Proxy, Setup
from tests.fake import Authority, Provider

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The fake internet."""
    with Provider(Authority(tmp_path_factory.mktemp("authority"))) as running:
        yield running


@pytest.fixture(scope="session")
def proxy(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The proxy with nothing set but where Ollama is."""
    options = {"isartor_hosts": "ollama.test", "isartor_door_ollama": "http://ollama.test:11434"}
    with Proxy(tmp_path_factory.mktemp("proxy"), provider, Setup(options=options)) as running:
        yield running


@pytest.fixture(scope="session")
def client(proxy: Proxy) -> Iterator[httpx2.Client]:
    """An HTTP/1.1 client through it."""
    with proxy.client() as running:
        yield running


@pytest.fixture
def launch(provider: Provider, tmp_path: Path) -> Iterator[Callable[..., Proxy]]:
    """Start a proxy of the test's own."""
    with ExitStack() as stack:

        def start(setup: Setup | None = None, name: str = "own") -> Proxy:
            return stack.enter_context(Proxy(tmp_path / name, provider, setup))

        yield start


@pytest.fixture
def words(request: pytest.FixtureRequest) -> str:
    """A prompt that nobody else uses."""
    return f"words {next(_numbers)} of {request.node.originalname}"
