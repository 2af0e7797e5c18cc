"""Fear: among many requests and providers that fail at random, one is lost, mixed up, paid twice, or leaves a trace."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e import chaos
from tests.e2e.harness import Proxy
from tests.fake import Provider


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
