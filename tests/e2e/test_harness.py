"""The harness itself, without the addon: what reaches the fake provider and what comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.harness import Proxy, Setup
from tests.e2e.wires import CHAT, WIRES, Ask
from tests.fake import Plan, Provider


@pytest.fixture(scope="module")
def bare(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with Proxy(tmp_path_factory.mktemp("bare"), provider, Setup(addon=False)) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("ask", WIRES, ids=lambda ask: ask.name)
def test_every_wire_of_the_fake_provider_answers_anew_each_time(
    bare: Proxy, provider: Provider, ask: Ask, stream: bool, words: str
) -> None:
    """Without the addon two identical requests get two differently numbered answers, readable in every delivery."""
    with bare.client() as client:
        answers = [ask.read(ask.send(client, words, stream=stream)) for _ in range(2)]
    assert all(answer.startswith("ANSWER ") and words in answer for answer in answers), answers
    assert answers[0] != answers[1]
    assert provider.generations(words) == 2


def test_a_cut_reply_is_cut_for_the_proxy(bare: Proxy, provider: Provider, words: str) -> None:
    """A planned cut ends the connection in the middle of the body (bare mitmproxy waits for all, and says 502)."""
    provider.plan(Plan(words, cut=3))
    with bare.client() as client:
        assert CHAT.send(client, words, stream=True).status_code == 502
    assert [call.ended for call in provider.about(words)] == ["cut"]
