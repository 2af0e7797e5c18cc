"""Fear: a replay is not the recording, or reaches the network after all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.e2e.harness import Proxy, Setup
from tests.e2e.wires import CLOUD, MESSAGES, Ask
from tests.fake import Plan, Provider


def _recorder(cassette: Path) -> Setup:
    return Setup(options={"isartor_cassette": str(cassette), "isartor_cassette_mode": "record"})


def _player(cassette: Path) -> Setup:
    return Setup(options={"isartor_cassette": str(cassette), "isartor_cassette_mode": "replay"})


@pytest.fixture
def recorded(launch: Callable[..., Proxy], tmp_path: Path, words: str) -> dict[str, httpx2.Response]:
    """One stream of every wire, recorded."""
    recorder = launch(_recorder(tmp_path / "cassette.db"), "recorder")
    with recorder.client() as client:
        replies = {ask.name: ask.send(client, words, stream=True) for ask in CLOUD}
    recorder.stop()
    return replies


def test_a_recording_is_played_without_the_network(
    launch: Callable[..., Proxy],
    provider: Provider,
    recorded: dict[str, httpx2.Response],
    tmp_path: Path,
    words: str,
) -> None:
    """Another proxy with the cassette gives every answer byte by byte, to any credential, and calls nobody."""
    known = len(provider.calls)
    headers = {"authorization": "Bearer other", "x-api-key": "other", "x-goog-api-key": "other"}
    with launch(_player(tmp_path / "cassette.db"), "player").client() as client:
        played = {ask.name: ask.send(client, words, stream=True, headers=headers) for ask in CLOUD}
    assert {name: reply.content for name, reply in played.items()} == {
        name: reply.content for name, reply in recorded.items()
    }
    assert {reply.headers["x-isartor-layer"] for reply in played.values()} == {"l1a"}
    assert len(provider.calls) == known


def test_what_is_not_recorded_is_refused(
    launch: Callable[..., Proxy], provider: Provider, recorded: dict[str, httpx2.Response], tmp_path: Path, words: str
) -> None:
    """An unknown request gets 400 in its wire's shape, with or without a stream; nothing reaches the provider."""
    known = len(provider.calls)
    with launch(_player(tmp_path / "cassette.db"), "player").client() as client:
        for ask in CLOUD:
            for stream in (False, True):
                _assert_refused(ask, ask.send(client, f"unknown {words}", stream=stream))
            _assert_refused(ask, client.post(ask.whole, content=b"{", headers=dict(ask.headers)))
        other = client.get("https://api.openai.com/v1/models", headers=dict(MESSAGES.headers))
        assert other.status_code >= 400
    assert len(provider.calls) == known


def _assert_refused(ask: Ask, reply: httpx2.Response) -> None:
    assert reply.status_code == 400
    assert "isartor" in ask.error(reply.json())


def test_the_cassette_holds_no_credential(recorded: dict[str, httpx2.Response], tmp_path: Path) -> None:
    """The file can be given away: no key is in it, plain or encoded."""
    files = [path for path in tmp_path.glob("cassette.db*") if path.is_file()]
    assert files
    for ask in CLOUD:
        for secret in ask.headers.values():
            if "000000" in secret:
                assert [f for f in files if secret.removeprefix("Bearer ").encode() in f.read_bytes()] == []


def test_a_failure_is_not_recorded(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """An error while recording is passed on and not played."""
    cassette = tmp_path / "cassette.db"
    provider.plan(Plan(words, status=500))
    recorder = launch(_recorder(cassette), "recorder")
    with recorder.client() as client:
        assert MESSAGES.send(client, words).status_code == 500
        assert MESSAGES.send(client, f"good {words[::-1]}").status_code == 200
    recorder.stop()
    with launch(_player(cassette), "player").client() as client:
        assert MESSAGES.send(client, words).status_code == 400
        assert MESSAGES.send(client, f"good {words[::-1]}").status_code == 200
