"""Fear: two proxies with one store serve what is gone, or do not know what the other has learned."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from isartor_addon.store.answers import AnswerStore
from tests.e2e.harness import Proxy, Setup, wait_for
from tests.e2e.wires import CHAT, MESSAGES
from tests.fake import Plan, Provider
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


def test_two_mitmdumps_share_a_call(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """The same asked of both at once is one call to the provider, and both get its answer."""
    one = launch(name="one")
    other = launch(Setup(options={"isartor_home": str(one.home / "isartor")}), name="other")
    plan = provider.plan(Plan(words, hold=frozenset({0})))
    store = AnswerStore(one.home / "isartor" / "cache", size_bytes=MIB, memory_bytes=MIB, clock=HandClock())

    def ask(proxy: Proxy) -> bytes:
        with proxy.client() as client:
            return CHAT.send(client, words).content

    try:
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(ask, one)
            provider.until(lambda: plan.held == 1, "the first call to be held")
            second = pool.submit(ask, other)
            wait_for(lambda: store.stats()["misses"] == 2, "the second to look into the store")
            provider.open(plan, 2)
            assert first.result() == second.result()
    finally:
        store.close()
    assert 1 == provider.generations(words)
