"""Fear: two proxies with one store serve what is gone, or do not know what the other has learned."""

from __future__ import annotations

from collections.abc import Callable

from isartor_addon.store.answers import AnswerStore
from tests.e2e.harness import Proxy, Setup, wait_for
from tests.e2e.wires import CHAT, MESSAGES
from tests.fake import Provider
from tests.store.making import MIB, HandClock


def test_two_mitmdumps_share_a_store(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """What one learns the other answers at once, streams too; what is cleared both forget."""
    one = launch(name="one")
    other = launch(Setup(options={"isartor_home": str(one.home / "isartor")}), name="other")
    for wire, stream in ((CHAT, False), (MESSAGES, True)):
        with one.client() as client:
            learned = wire.send(client, words, stream=stream)
        with other.client() as client:
            repeated = wire.send(client, words, stream=stream)
        assert ["l3", "l1a"] == [learned.headers["x-isartor-layer"], repeated.headers["x-isartor-layer"]]
        assert learned.content == repeated.content
    assert 2 == provider.generations(words)
    store = AnswerStore(one.home / "isartor" / "cache", size_bytes=MIB, memory_bytes=MIB, clock=HandClock())
    try:
        assert 2 == store.remove()
    finally:
        store.close()

    def answered(proxy: Proxy) -> bool:
        with proxy.client() as client:
            sent = CHAT.send(client, words, headers={"x-isartor-cache": "only"})
        return sent.status_code == 200

    for proxy in (one, other):
        wait_for(lambda proxy=proxy: not answered(proxy), "the answer to be forgotten")
