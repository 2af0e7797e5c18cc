"""Fear: a power cut ruins the store."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx2

from tests.e2e.harness import Proxy, Setup, wait_for
from tests.e2e.wires import CHAT
from tests.fake import Provider


def test_a_killed_proxy_finds_its_answers_again(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """After `kill -9` in the middle of writing, every answer that is given again is whole and right."""
    own = launch()
    given: dict[int, bytes] = {}

    def load() -> None:
        with own.client() as client:
            for number in range(10_000):
                try:
                    given[number] = CHAT.send(client, f"{words} no {number} end {'x' * 20_000}").content
                except httpx2.HTTPError:
                    return

    worker = threading.Thread(target=load)
    worker.start()
    wait_for(lambda: len(given) >= 40, "some answers")
    own.kill()
    worker.join()
    calls = len(provider.calls)
    own.start()
    with own.client() as client:
        again = {n: CHAT.send(client, f"{words} no {n} end {'x' * 20_000}") for n in given}
    kept = [n for n, reply in again.items() if reply.headers["x-isartor-layer"] == "l1a"]
    assert len(kept) >= len(given) // 2
    assert {n: again[n].content for n in kept} == {n: given[n] for n in kept}
    assert len(provider.calls) - calls == len(given) - len(kept)
    assert "Traceback" not in own.log


def test_answers_survive_a_restart(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """A proxy that is stopped and started again still knows what it had learned."""
    own = launch()
    with own.client() as client:
        first = CHAT.send(client, words, stream=True)
    own.stop()
    own.start()
    with own.client() as client:
        second = CHAT.send(client, words, stream=True)
    assert second.headers["x-isartor-layer"] == "l1a"
    assert first.content == second.content
    assert provider.generations(words) == 1


def test_two_proxies_share_a_store(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """What one process has learned another of the same home answers."""
    one = launch(name="one")
    other = launch(Setup(options={"isartor_home": str(one.home / "isartor")}), "other")
    with one.client() as client:
        CHAT.send(client, words)

    def answered() -> bool:
        with other.client() as client:
            headers = {"x-isartor-cache": "only"}
            return CHAT.send(client, words, headers=headers).status_code == 200

    wait_for(answered, "the other process to see the answer")
    assert provider.generations(words) == 1


def test_what_is_stored_is_private(launch: Callable[..., Proxy], words: str) -> None:
    """Folders are for their owner only (0700), and so are files (0600)."""
    own = launch()
    with own.client() as client:
        CHAT.send(client, words)
    own.stop()
    paths = list((own.home / "isartor").rglob("*"))
    assert paths
    assert [p for p in (own.home / "isartor", *paths) if p.is_dir() and p.stat().st_mode & 0o077] == []
    assert [p for p in paths if p.is_file() and p.stat().st_mode & 0o177] == []
