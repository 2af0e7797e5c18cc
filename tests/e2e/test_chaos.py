"""Fear: among many requests and providers that fail at random, one is lost, mixed up, paid twice, or leaves a trace."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e import chaos
from tests.e2e.harness import Proxy
from tests.fake import Provider
from tests.fake.http2 import Front


def test_whatever_providers_do_each_request_is_answered_once(launch: Callable[..., Proxy], provider: Provider) -> None:
    """
    Refused, 429, 500, cut before and after the first word, stalled, garbage, slow; clients that leave; thirty at once.

    Everybody who stays is answered, with its own words and by one provider, unless that one cut an answer that had
    begun; nothing was tried after that; and the process holds nothing of it any more.
    """
    result = chaos.play(launch(chaos.setup(provider)), provider, requests=250, at_once=30, seed=7)
    assert result["wrong"] == []
    assert result["faults"].keys() == set(chaos.FAULTS)
    assert result["ends"].keys() <= {"whole", "cut", "left"}


def test_hedged_each_request_is_still_answered_once(launch: Callable[..., Proxy], provider: Provider) -> None:
    """The same with a second provider asked wherever one is silent for a moment: one answer each, nothing is left."""
    proxy = launch(chaos.setup(provider, hedge_after=0.05))
    result = chaos.play(proxy, provider, requests=150, at_once=15, seed=8, hedged=True)
    assert result["wrong"] == []
    assert result["hedged"] > 0
    assert result["ends"].keys() <= {"whole", "cut", "left"}


def test_over_http2_each_request_is_still_answered_once(launch: Callable[..., Proxy], provider: Provider) -> None:
    """The same over connections that many requests share: what is cut or left is one stream, and no other's trouble."""
    with Front(provider.authority, provider.port) as front:
        result = chaos.play(launch(chaos.setup(provider, front=front)), provider, requests=150, at_once=30, seed=9)
    assert result["wrong"] == []
    assert result["faults"].keys() == set(chaos.FAULTS)
    assert result["ends"].keys() <= {"whole", "cut", "left"}
    assert front.streams >= result["calls"]
