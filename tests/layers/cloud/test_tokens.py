"""Fear: a short-lived key is used too long, its command is run for every request, or its fault ends a chain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson
import pytest

from isartor_addon.core.errors import KeyUnknown
from isartor_addon.core.reach import Reach
from isartor_addon.layers.cloud.attempt import Answering, Asker
from isartor_addon.layers.cloud.chain import Attempt
from isartor_addon.layers.cloud.client import Client, Terms
from isartor_addon.layers.cloud.failures import Failure
from isartor_addon.layers.cloud.health import State
from isartor_addon.layers.cloud.keys import REPRINTED_S, Key, Pool
from isartor_addon.layers.cloud.plan import Target
from isartor_addon.layers.cloud.provider import Provider
from isartor_addon.layers.cloud.tokens import REST_S, YOUNG_S, Tokens
from tests.layers.cloud.peers import Heard, Peer, serve
from tests.layers.cloud.scripted import BEGUN, Act, Drive, plan, script
from tests.layers.cloud.test_attempt import asked as request

REPLY = orjson.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    }
)
KEY = Key("command:gcloud", "", ("gcloud", "token"), 300.0)


class Desk:
    """A command that prints another token each time, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.runs = 0
        self.fails = False
        self.tokens = Tokens(self._print, lambda: self.now)

    async def _print(self, command: Sequence[str]) -> str:
        assert command == KEY.command
        self.runs += 1
        await asyncio.sleep(0)
        if self.fails:
            raise KeyUnknown("the command gcloud has failed")
        return f"printed-{self.runs}"

    async def secret(self, key: Key = KEY) -> str:
        """What is shown to the provider."""
        return (await self.tokens.filled(key)).secret


def test_a_command_is_run_once_for_all_who_wait_and_again_when_it_is_time() -> None:
    """What it printed is used for as long as it may be."""

    async def story() -> None:
        desk = Desk()
        assert ["printed-1"] * 9 == await asyncio.gather(*(desk.secret() for _ in range(9)))
        desk.now += 299
        assert ("printed-1", 1) == (await desk.secret(), desk.runs)
        desk.now += 1
        assert ("printed-2", 2) == (await desk.secret(), desk.runs)

    asyncio.run(story())


def test_other_keys_stay_as_they_are() -> None:
    """Nothing is run for them, and nothing renewed."""
    key, desk = Key("env:A", "sk-a"), Desk()
    assert key is asyncio.run(desk.tokens.filled(key))
    assert (0, False) == (desk.runs, desk.tokens.renewable(key))


def test_a_command_that_fails_is_left_alone_for_a_while() -> None:
    """Each request hears why, without running it; afterwards it is run again."""

    async def story() -> None:
        desk = Desk()
        desk.fails = True
        for _ in range(3):
            with pytest.raises(KeyUnknown, match="has failed"):
                await desk.secret()
        assert 1 == desk.runs
        desk.fails, desk.now = False, desk.now + REST_S
        assert "printed-2" == await desk.secret()

    asyncio.run(story())


def test_a_refused_token_is_renewed_unless_it_is_fresh() -> None:
    """Once for all who were refused; where the very newest is refused, asking again is of no use."""

    async def story() -> None:
        desk = Desk()
        first = await desk.tokens.filled(KEY)
        assert not desk.tokens.renewable(first)
        desk.now += YOUNG_S
        assert [True, True] == [desk.tokens.renewable(first) for _ in range(2)]
        second = await desk.tokens.filled(KEY)
        assert [True, False] == [desk.tokens.renewable(each) for each in (first, second)]
        assert ("printed-2", 2) == (await desk.secret(), desk.runs)

    asyncio.run(story())


def test_who_leaves_while_it_runs_does_not_hold_it() -> None:
    """The next one who needs the key gets it."""

    async def story() -> None:
        desk = Desk()
        left = asyncio.ensure_future(desk.secret())
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        assert "printed-2" == await asyncio.wait_for(desk.secret(), 10)

    asyncio.run(story())


def test_where_there_is_no_token_the_next_key_and_then_the_next_provider_is_asked() -> None:
    """It says nothing of the provider; a chain that has nobody else is told why."""
    known = State({"alpha": Pool((KEY, Key("env:A", "sk-a")), "priority"), "beta": Pool((KEY,))})
    keyless = Act(Failure(0, "keyless", detail="the command gcloud has failed"))
    drive = Drive().run(plan("alpha", "beta"), known, script(alpha=[keyless, BEGUN], beta=[BEGUN]))
    assert ["command:gcloud", "env:A"] == [each.key.name for each in drive.attempts if each.key]
    alone = Drive().run(plan("beta"), known, script(beta=[keyless]))
    assert [("keyless", "command:gcloud")] == [(each.kind, each.key) for each in alone.failures]
    assert 0 == known.health[("beta", "m")].failures


def test_a_command_whose_key_is_refused_is_tried_again_soon() -> None:
    """Somebody may log in meanwhile."""
    pool = Pool((KEY,))
    pool.failed(KEY, Failure(401, "status"), 0.0)
    assert (None, KEY) == (pool.take(REPRINTED_S - 1), pool.take(REPRINTED_S))


def test_a_key_shows_neither_secret_nor_command() -> None:
    """Not in a log, not in a report: an argument may be a secret, too."""
    key = Key("command:gcloud", "sk-printed", ("gcloud", "--password=hush"), 300.0)
    assert "hush" not in repr(key) and "sk-printed" not in repr(key)


@pytest.mark.parametrize(
    ("good", "asked"), [("printed-2", ["printed-1", "printed-2"]), ("none", ["printed-1", "printed-2"])]
)
def test_a_token_that_has_run_out_costs_no_request(good: str, asked: list[str]) -> None:
    """After a 401 the command is run again and the provider asked again, once; what it quotes of a key is removed."""

    async def say(_: Peer, heard: Heard) -> None:
        shown = dict(heard.headers)["authorization"].removeprefix("Bearer ")
        body = REPLY if shown == good else orjson.dumps({"error": {"message": f"{shown} has run out"}})
        head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        await heard.write(head % (200 if shown == good else 401, len(body)) + body)
        await heard.finish()

    async def story() -> None:
        desk = Desk()
        await desk.secret()
        desk.now += YOUNG_S
        async with serve(say) as peer:
            client = Client(Terms(), Reach())
            ours = Provider("ours", peer.url, "openai_chat", hosts=("localhost",))
            asker = Asker(
                client,
                desk.tokens,
                private=frozenset(),
                unix_time=lambda: 0.0,
                account=lambda *entry: told.append(entry),
            )
            came, said = await asker.ask(request(), Attempt(Target(ours, "m"), KEY, 1, 20.0))
            shown = [dict(each.headers)["authorization"].removeprefix("Bearer ") for each in peer.heard]
            assert asked == shown
            assert isinstance(came, Answering) == (good in asked)
            if isinstance(came, Answering):
                await came.stack.aclose()
            client.close()
            if client.closing is not None:
                await client.closing
            else:
                assert said is not None and b"printed-2" not in said.body and b"has run out" in said.body

    told: list[object] = []
    asyncio.run(story())
    assert 2 == len(told)
