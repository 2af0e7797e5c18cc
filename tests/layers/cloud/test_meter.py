"""Fear: what a provider was paid for, and nobody got, is nowhere to be seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import orjson
import pytest

from isartor_addon.core.exchange import Exchange
from isartor_addon.core.reach import Reach
from isartor_addon.core.reply import Usage
from isartor_addon.layers.cloud.attempt import Answering, Asker
from isartor_addon.layers.cloud.chain import Attempt
from isartor_addon.layers.cloud.client import Client, Terms
from isartor_addon.layers.cloud.plan import Target
from isartor_addon.layers.cloud.provider import Provider
from tests.layers.cloud.peers import Heard, Peer, serve
from tests.layers.cloud.test_attempt import NO_TOKENS, asked, asking

USAGE = {"prompt_tokens": 40, "completion_tokens": 2, "total_tokens": 42}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\nconnection: close\r\n\r\n"
SSE, JSON = HEAD % b"text/event-stream", HEAD % b"application/json"


def event(**fields: object) -> bytes:
    """One event of a chat stream that says nothing yet."""
    return b"data: %b\n\n" % orjson.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [], **fields})


def entered(reply: bytes, *, stream: bool) -> list[tuple[str, int, Usage | None, bool]]:
    """What is entered of an attempt at a provider that says `reply`: target, status, usage, whether it is partial."""
    told: list[tuple[str, int, Usage | None, bool]] = []

    def account(_: Exchange, target: Target, status: int, usage: Usage | None, partial: bool) -> None:
        told.append((target.name, status, usage.counts if usage else None, partial))

    async def story() -> None:
        async with asking(reply, asked(stream=stream), account=account) as (came, _):
            assert not isinstance(came, Answering)

    asyncio.run(story())
    return told


@pytest.mark.parametrize(
    ("rest", "stream", "partial"),
    [
        (SSE + event(usage=USAGE), True, True),
        (SSE + event(usage=USAGE) + b"data: this is none\n\n", True, True),
        (SSE + event(usage=USAGE) + b'data: {"error": {"message": "no", "type": "server_error"}}\n\n', True, True),
        (JSON + orjson.dumps({"object": "list", "usage": USAGE}), False, False),
        (JSON + orjson.dumps({"choices": "none", "usage": USAGE}), False, False),
    ],
    ids=["cut", "garbage after it", "an error after it", "another kind of reply", "no choices"],
)
def test_what_was_said_before_it_broke_is_entered(rest: bytes, stream: bool, partial: bool) -> None:
    """A reply of status 200 that comes to nothing has taken what it says; a stream might have said more."""
    assert [("ours/m", 200, Usage(input=40, output=2), partial)] == entered(rest, stream=stream)


@pytest.mark.parametrize("rest", [SSE + event(), JSON + b'{"choices": [{"mess', SSE], ids=["stream", "json", "empty"])
def test_where_nothing_was_said_nothing_is_guessed(rest: bytes) -> None:
    """The attempt is entered, its usage is unknown."""
    assert [("ours/m", 200, None)] == [each[:3] for each in entered(rest, stream=True)]


def test_an_error_says_what_it_took_and_a_redirect_is_one() -> None:
    """By its status it takes nothing, unless it says otherwise; nothing of it is an estimate."""
    body = orjson.dumps({"error": {"message": "late"}, "usage": USAGE})
    for status, shown in ((500, 500), (307, 502)):
        head = b"HTTP/1.1 %d X\r\nlocation: /\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
        assert [("ours/m", shown, Usage(input=40, output=2), False)] == entered(head + body, stream=False)
    assert [("ours/m", 429, None, False)] == entered(b"HTTP/1.1 429 X\r\ncontent-length: 0\r\n\r\n", stream=False)


def test_who_was_not_reached_took_nothing() -> None:
    """No connection, no entry."""

    async def story() -> list[Any]:
        told: list[Any] = []
        async with serve(_silent) as peer:
            port = peer.port
        client = Client(Terms(), Reach())
        gone = Target(Provider("gone", f"http://localhost:{port}", "openai_chat", "none"), "m")
        asker = Asker(
            client, NO_TOKENS, private=frozenset(), unix_time=lambda: 0.0, account=lambda *entry: told.append(entry)
        )
        await asker.ask(asked(), Attempt(gone, None, 1, 20.0))
        return told

    assert [] == asyncio.run(story())


class Slow:
    """A reply that says something, and no more once that has been read."""

    status = 200
    fields = (("content-type", "text/event-stream"),)

    def __init__(self, said: bytes) -> None:
        self.headers = dict(self.fields)
        self.read = asyncio.Event()
        self._said = said

    @asynccontextmanager
    async def ask(self, *_: object, **__: object) -> AsyncIterator[Slow]:
        """Stands for the client that asks."""
        yield self

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body."""
        yield self._said
        self.read.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("said", "usage"), [(event(), None), (event(usage=USAGE), Usage(input=40, output=2))], ids=["nothing", "usage"]
)
def test_an_attempt_that_is_ended_is_entered_with_what_it_had_said(said: bytes, usage: Usage | None) -> None:
    """As the one that another provider outran: nothing is known, or what it had said by then."""
    told: list[tuple[int, Usage | None, bool]] = []

    def account(_: Exchange, __: Target, status: int, usage: Usage | None, partial: bool) -> None:
        told.append((status, usage.counts if usage else None, partial))

    async def story() -> None:
        slow = Slow(said)
        target = Target(Provider("ours", "http://localhost/v1", "openai_chat", "none", hosts=("localhost",)), "m")
        asker = Asker(cast("Client", slow), NO_TOKENS, private=frozenset(), unix_time=lambda: 0.0, account=account)
        attempt = asyncio.ensure_future(asker.ask(asked(stream=True), Attempt(target, None, 1, 20.0)))
        await slow.read.wait()
        attempt.cancel()
        with suppress(asyncio.CancelledError):
            await attempt

    asyncio.run(story())
    assert [(200, usage, True)] == told


def test_an_answer_is_entered_by_whoever_gives_it() -> None:
    """One that begins and is taken is not entered here; one that begins when nobody is there any more is."""
    body = orjson.dumps(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
            "usage": USAGE,
        }
    )
    for given in (True, False):
        told: list[Any] = []

        async def story(told: list[Any] = told, given: bool = given) -> None:
            async with asking(JSON + body, asked(), account=lambda *entry: told.append(entry[2:4])) as (came, _):
                came.meter.given = given
                await came.stack.aclose()

        asyncio.run(story())
        assert ([] if given else [200]) == [status for status, _ in told]


async def _silent(_: Peer, heard: Heard) -> None:
    await heard.finish()
