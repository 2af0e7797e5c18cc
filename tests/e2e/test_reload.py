"""Fear: a setting that is changed while requests are in flight strands those who wait."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.e2e.harness import Proxy, Setup
from tests.e2e.wires import CHAT
from tests.fake import Plan, Provider

ADDON = """
from mitmproxy import ctx, http


class Setter:
    # Sets the options of a request's query, as a person in mitmweb would.
    def request(self, flow):
        if flow.request.host == "set.test":
            for name, value in flow.request.query.items():
                ctx.options.set(f"{name}={value}")
            flow.response = http.Response.make(200)


addons = [Setter()]
"""


@pytest.fixture
def own(launch: Callable[..., Proxy], tmp_path: Path) -> Proxy:
    """A proxy whose options can be changed."""
    script = tmp_path / "setter.py"
    script.write_text(ADDON)
    return launch(Setup(after=(script,)))


def _set(proxy: Proxy, **options: str) -> None:
    with proxy.client() as client:
        assert client.get("http://set.test/", params=options).status_code == 200


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_followers_are_served_although_a_setting_changes(
    own: Proxy, provider: Provider, stream: bool, words: str
) -> None:
    """Two who share a call while a setting is changed both get the answer, of one call."""
    plan = provider.plan(Plan(words, hold=frozenset({0})))
    replies: list[httpx2.Response] = []

    def ask() -> None:
        with own.client() as client:
            replies.append(CHAT.send(client, words, stream=stream))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(2)]
    threads[0].start()
    provider.until(lambda: plan.held == 1, "the leader to be held")
    threads[1].start()
    with own.client() as client:
        CHAT.send(client, f"something else, so that the follower waits by now; not {words[::-1]}")
    _set(own, isartor_cache_ttl_s="500")
    provider.open(plan)
    for thread in threads:
        thread.join(10)
    assert [reply.status_code for reply in replies] == [200, 200]
    assert len({reply.content for reply in replies}) == 1
    assert provider.generations(words) == 1
    assert "Addon error" not in own.log


def test_a_setting_counts_from_then_on(own: Proxy, provider: Provider, words: str) -> None:
    """What was learned before is still known, and the new lifetime holds for what is learned after."""
    with own.client() as client:
        CHAT.send(client, words)
        _set(own, isartor_cache_ttl_s="0")
        replies = [CHAT.send(client, text) for text in (words, f"new {words}", f"new {words}")]
    assert [reply.headers["x-isartor-layer"] for reply in replies] == ["l1a", "l3", "l3"]
    assert json.loads(replies[0].text)["choices"]
    assert provider.generations(f"new {words}") == 2


STARTED = """
import os
from pathlib import Path

from isartor_addon.config.schema import Cache, Config
from isartor_addon.proxy.hooks import Isartor

addons = [Isartor(Config(home=str(Path(os.environ["HOME"]) / "isartor"), cache=Cache(again="serve")))]
"""


def test_a_setting_counts_where_the_command_line_has_said_all(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """With `isartor up`, what is set in mitmweb counts as well, and the rest stays as it was given."""
    scripts = tmp_path / "started.py", tmp_path / "setter.py"
    for script, text in zip(scripts, (STARTED, ADDON), strict=True):
        script.write_text(text)
    own = launch(Setup(after=scripts, addon=False))
    with own.client() as client:
        CHAT.send(client, words)
        _set(own, isartor_cache_ttl_s="0")
        replies = [CHAT.send(client, text) for text in (words, f"new {words}", f"new {words}")]
    assert [reply.headers["x-isartor-layer"] for reply in replies] == ["l1a", "l3", "l3"]
    assert (own.home / "isartor" / "cache").is_dir()
