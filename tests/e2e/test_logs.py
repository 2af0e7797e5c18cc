"""Fear: prompts or keys end up in a log that somebody sends around."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.harness import Proxy, Setup, wait_for
from tests.e2e.wires import CHAT, CLOUD, GENERATE, MESSAGES
from tests.fake import Plan, Provider

SECRET = "sk-verysecret-0123456789abcdef"


@pytest.mark.parametrize("level", ["info", "debug"])
def test_the_log_holds_no_prompt_and_no_credential(
    launch: Callable[..., Proxy], provider: Provider, level: str, words: str
) -> None:
    """Hits, misses, errors, refusals and bad input of every wire: nothing of them is in the log."""
    own = launch(Setup(options={"isartor_log_level": level}))
    provider.plan(Plan(f"fails {words}", status=500))
    headers = {"authorization": f"Bearer {SECRET}", "x-api-key": SECRET, "x-goog-api-key": SECRET}
    with own.client() as client:
        for ask in CLOUD:
            for stream in (False, True, False):
                ask.send(client, f"{words} {ask.name}", stream=stream, headers=headers)
            ask.send(client, f"fails {words} {ask.name}", headers=headers)
            ask.send(client, f"missing {words}", headers={**headers, "x-isartor-cache": "only"})
            broken = f'{{"messages": "{words}", "model": 5'.encode()
            client.post(ask.whole, content=broken, headers={**ask.headers, **headers})
        client.post(f"{GENERATE.whole}?key={SECRET}", json=GENERATE.body(words, False))
    own.stop()
    assert words not in own.log
    assert SECRET not in own.log
    assert "Traceback" not in own.log


def test_the_log_does_not_say_that_replies_stream(launch: Callable[..., Proxy], words: str) -> None:
    """They stream because of us, whole ones too: a line for each is no news, and dear."""
    own = launch()
    with own.client() as client:
        for stream in (False, True):
            assert CHAT.send(client, f"{words} {stream}", stream=stream).status_code == 200
    own.stop()
    assert "Streaming response from" not in own.log


def test_the_home_holds_no_credential(launch: Callable[..., Proxy], words: str) -> None:
    """Not one file of the store, the journal or anything else has the key in it."""
    own = launch()
    with own.client() as client:
        for ask in (CHAT, MESSAGES, GENERATE):
            headers = {"authorization": f"Bearer {SECRET}", "x-api-key": SECRET, "x-goog-api-key": SECRET}
            ask.send(client, words, stream=True, headers=headers)
    own.stop()
    files = [path for path in (own.home / "isartor").rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_a_token_that_guards_nothing_is_said(launch: Callable[..., Proxy]) -> None:
    """Inside somebody's own mitmproxy our token does nothing: the log says which option does."""
    proxy = launch(Setup(options={"isartor_token": "a-token"}))
    wait_for(lambda: "proxyauth" in proxy.log, "the warning")
