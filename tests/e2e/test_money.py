"""Fear: what is said to be saved was not, what was paid is not told, or a budget is passed unseen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.cli.command import Command
from tests.e2e.harness import Proxy, Setup
from tests.e2e.wires import CHAT, MESSAGES, WIRES, Ask

OLLAMA = {"isartor_hosts": "ollama.test"}
CLAUDE = {"user-agent": "claude-cli/2.0.0 (external, cli)"}


def stats(proxy: Proxy, *words: str) -> Any:
    """What `isartor stats --json` says, once the proxy has ended and written everything."""
    if proxy.alive:
        proxy.stop()
    done = Command(proxy.home)("stats", "--json", "--home", str(proxy.home / "isartor"), *words)
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


def quota(**fields: object) -> dict[str, str]:
    """One quota as an option."""
    return {"isartor_quotas": json.dumps([{"name": "q", **fields}])}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_hit_saves_what_the_call_has_cost(launch: Callable[..., Proxy], stream: bool) -> None:
    """Two identical requests of Claude Code: one call, one hit, and saved is what the provider counted for the call."""
    proxy = launch()
    with proxy.client() as client:
        replies = [MESSAGES.send(client, "what does it cost", stream=stream, headers=CLAUDE) for _ in range(2)]
    assert ["l3", "l1a"] == [reply.headers["x-isartor-layer"] for reply in replies]
    assert replies[0].content == replies[1].content
    told = stats(proxy)
    assert (2, 1, 1, 0) == (
        told["requests"],
        told["calls"]["requests"],
        told["deflected"]["requests"],
        told["calls"]["uncounted"],
    )
    tokens = told["calls"]["tokens"]
    assert tokens == told["deflected"]["tokens"]
    assert 0 < tokens["input"] * 3e-6 + tokens["output"] * 15e-6 == pytest.approx(told["calls"]["usd"])
    assert told["calls"]["usd"] == told["deflected"]["usd"]
    (tool,) = stats(proxy, "--by-tool")
    assert ("claude_code", 1, 1) == (tool["tool"], tool["calls"]["requests"], tool["deflected"]["requests"])


def test_every_wire_is_counted(launch: Callable[..., Proxy]) -> None:
    """Whole and streamed replies of every wire have their usage, but for a chat stream that was not asked for it; all
    hits have what was recorded.
    """
    proxy = launch(Setup(options=OLLAMA))
    with proxy.client() as client:
        for ask in WIRES:
            for stream in (False, True):
                for _ in range(2):
                    ask.send(client, f"{ask.name} {stream}", stream=stream)
    told = stats(proxy)
    assert (2 * len(WIRES), 2 * len(WIRES)) == (told["calls"]["requests"], told["deflected"]["requests"])
    assert (1, 1) == (told["calls"]["uncounted"], told["deflected"]["uncounted"])
    assert told["calls"]["tokens"] == told["deflected"]["tokens"]
    for row in stats(proxy, "--usage"):
        assert row["calls"]["requests"] == row["deflected"]["requests"]
        assert (row["calls"]["usd"] > 0) == (row["model"] != "llama3")
        assert row["calls"]["unpriced"] == (2 if row["model"] == "llama3" else 1 if row["model"] == "gpt-4o" else 0)


def test_what_is_not_learned_is_counted(launch: Callable[..., Proxy]) -> None:
    """A request that may not be stored costs all the same, and saves nothing."""
    proxy = launch()
    with proxy.client() as client:
        for _ in range(2):
            CHAT.send(client, "do not store", headers={"cache-control": "no-store"})
        CHAT.send(client, "not stored", headers={"x-isartor-cache": "only"})
    told = stats(proxy)
    assert (3, 1, 2, 0) == (
        told["requests"],
        told["refused"],
        told["calls"]["requests"],
        told["deflected"]["requests"],
    )
    assert told["calls"]["usd"] > 0 == told["calls"]["uncounted"]


@pytest.mark.parametrize("ask", [CHAT, MESSAGES], ids=lambda ask: ask.name)
def test_a_quota_holds_and_hits_go_on(launch: Callable[..., Proxy], ask: Ask) -> None:
    """Two requests a month: a warning with the second, a refusal with 400 in the wire's own shape for the third, before
    and after a restart; what is stored is answered.
    """
    proxy = launch(Setup(options=quota(window="month", requests=2, warn_at=0.5)))
    with proxy.client() as client:
        first, second, third = (ask.send(client, f"quota {number}") for number in range(3))
        hit = ask.send(client, "quota 0")
    assert [200, 200, 400, 200] == [reply.status_code for reply in (first, second, third, hit)]
    assert "x-isartor-quota" not in first.headers
    assert "q: 1/2 requests in this month" == second.headers["x-isartor-quota"]
    assert "over quota" in ask.error(third.json())
    assert ("quota", "l1a") == (third.headers["x-isartor-layer"], hit.headers["x-isartor-layer"])
    proxy.stop()
    proxy.start()
    with proxy.client() as client:
        assert 400 == ask.send(client, "quota 4").status_code
        assert 200 == ask.send(client, "quota 1").status_code
    told = stats(proxy)
    assert (2, 2, 2) == (told["calls"]["requests"], told["deflected"]["requests"], told["refused"])


def test_tokens_count_when_they_are_known(launch: Callable[..., Proxy]) -> None:
    """The first request goes whatever it takes; with what it took the limit is reached."""
    proxy = launch(Setup(options=quota(tokens=1, window="day")))
    with proxy.client() as client:
        assert 200 == CHAT.send(client, "tokens 0").status_code
        proxy.stop()
        proxy.start()
    with proxy.client() as client:
        refused = CHAT.send(client, "tokens 1")
    assert (400, "isartor_over_quota") == (refused.status_code, refused.json()["error"]["code"])


def test_the_project_is_booked_and_not_told(launch: Callable[..., Proxy]) -> None:
    """The header that names it comes no further than here; hits are booked on who had them."""
    proxy = launch(Setup(options={"isartor_project_header": "x-project"}))
    with proxy.client() as client:
        for project in ("red", "blue"):
            CHAT.send(client, "which project", headers={"x-project": project})
    assert all("x-project" not in call.headers for call in proxy.provider.calls)
    rows = {row["project"]: row for row in stats(proxy, "--usage")}
    assert (1, 1) == (rows["red"]["calls"]["requests"], rows["blue"]["deflected"]["requests"])


def test_identical_requests_in_flight_share_one_bill(launch: Callable[..., Proxy]) -> None:
    """The leader pays, its followers save what it paid."""
    proxy = launch()

    async def crowd() -> list[httpx2.Response]:
        async with proxy.async_client() as client:
            body = MESSAGES.body("all at once", True)
            asks = (client.post(MESSAGES.streamed, json=body, headers=MESSAGES.headers) for _ in range(5))
            return list(await asyncio.gather(*asks))

    replies = asyncio.run(crowd())
    assert 1 == len({reply.content for reply in replies})
    told = stats(proxy)
    assert (1, 4) == (told["calls"]["requests"], told["deflected"]["requests"])
    assert told["deflected"]["usd"] == pytest.approx(4 * told["calls"]["usd"])
