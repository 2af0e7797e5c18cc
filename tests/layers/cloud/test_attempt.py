"""Fear: a provider's strange reply is lost, spoiled, fills the memory, or ends a request that another could answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest

from isartor_addon.core.errors import KeyUnknown
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.reach import Reach
from isartor_addon.layers.cloud import attempt as attempts
from isartor_addon.layers.cloud.attempt import Answering, Asker, Said
from isartor_addon.layers.cloud.chain import Attempt
from isartor_addon.layers.cloud.client import Client, Terms
from isartor_addon.layers.cloud.failures import Failure
from isartor_addon.layers.cloud.keys import Key
from isartor_addon.layers.cloud.meter import Account
from isartor_addon.layers.cloud.plan import Target
from isartor_addon.layers.cloud.provider import Provider
from isartor_addon.layers.cloud.tokens import Tokens
from tests.layers.cloud.peers import Heard, Peer, serve
from tests.layers.play import exchange


async def _prints_nothing(_: Sequence[str]) -> str:
    raise KeyUnknown("there is no command")


NO_TOKENS = Tokens(_prints_nothing, lambda: 0.0)
SECRET = "zx81-the-operators-own-key"


def asked(*, stream: bool = False) -> Exchange:
    """A chat request."""
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    made = exchange(mode="sse" if stream else "json", model="gpt-4o")
    made.body, made.raw = body, orjson.dumps(body)
    return made


@asynccontextmanager
async def asking(
    reply: bytes,
    made: Exchange,
    *,
    own: bool = False,
    unix_time: Callable[[], float] = lambda: 0.0,
    account: Account = lambda *_: None,
) -> AsyncIterator[Any]:
    """What comes of asking a provider that says `reply`."""

    async def say(_: Peer, heard: Heard) -> None:
        await heard.write(reply)
        await heard.finish()

    async with serve(say) as peer:
        client = Client(Terms(), Reach())
        if own:
            made.request = replace(made.request, scheme="http", host="localhost", port=peer.port)
            target, key = Target(None, made.model), None
        else:
            provider = Provider("ours", peer.url, "openai_chat", hosts=("localhost",))
            target, key = Target(provider, "m"), Key("env:OURS", SECRET)
        asker = Asker(client, NO_TOKENS, private=frozenset(), unix_time=unix_time, account=account)
        yield await asker.ask(made, Attempt(target, key, 1, 20.0))
        client.close()
        if client.closing is not None:
            await client.closing


def what_comes_of(
    reply: bytes, made: Exchange, *, own: bool = False, unix_time: Callable[[], float] = lambda: 0.0
) -> tuple[Failure | Answering, Said | None]:
    """The same, where it fails."""

    async def story() -> tuple[Failure | Answering, Said | None]:
        async with asking(reply, made, own=own, unix_time=unix_time) as came:
            return came  # type: ignore[no-any-return]

    return asyncio.run(story())


@pytest.mark.parametrize("status", [401, 200], ids=["refused", "in a reply of status 200"])
def test_a_key_that_a_provider_quotes_is_not_told_to_the_client(status: int) -> None:
    """Whoever asks through a shared proxy hears the provider's error, but not the operator's key in it."""
    body = orjson.dumps({"error": {"message": f"Incorrect API key provided: {SECRET}", "code": "invalid_api_key"}})
    head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    failure, said = what_comes_of(head + body, asked())
    assert isinstance(failure, Failure) and said is not None
    assert b"Incorrect API key provided" in said.body
    assert SECRET.encode() not in said.body and SECRET not in failure.detail


@pytest.mark.parametrize("headers", [b"content-length: 900", b"content-encoding: gzip\r\ncontent-length: 13"])
def test_an_error_counts_by_its_status_whatever_becomes_of_its_body(headers: bytes) -> None:
    """A body that is cut or badly encoded is no reason to ask this key again, and the client hears a whole error."""
    head = b"HTTP/1.1 429 X\r\nretry-after: 30\r\ncontent-type: application/json\r\n%b\r\n\r\n" % headers
    failure, said = what_comes_of(head + b'{"error": {"m', asked())
    assert isinstance(failure, Failure) and said is not None
    assert (failure.status, failure.kind, failure.retry_after_s, failure.concerns_key) == (429, "status", 30, True)
    assert (said.status, orjson.loads(said.body)["error"]["type"]) == (429, "rate_limit_error")


def test_a_fault_of_ours_is_one_provider_less_and_no_more() -> None:
    """Whatever goes wrong in an attempt, here with the clock: it has failed, and the chain can go on."""
    reply = b"HTTP/1.1 500 X\r\nretry-after: Wed, 25 Nov 2026 01:00:00 GMT\r\ncontent-length: 0\r\n\r\n"
    failure, said = what_comes_of(reply, asked(), unix_time=lambda: 1 / 0)
    assert isinstance(failure, Failure) and said is None
    assert (failure.kind, failure.detail) == ("fault", "ZeroDivisionError")
    assert not failure.retryable and not failure.provider_is_ill


def test_a_stream_that_never_answers_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments without end are no answer: so many bytes, and somebody else is asked."""
    monkeypatch.setattr(attempts, "LONGEST_PRELUDE", 100_000)
    comments = b": still thinking\n\n" * 20_000
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    failure, _ = what_comes_of(head + comments, asked(stream=True))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.detail) == ("garbled", "more than 100000 bytes, and no answer among them")


def test_the_clients_own_provider_keeps_its_headers() -> None:
    """Each cookie stays one, and bytes that are no ASCII are the same bytes: what the relay encodes as Latin-1."""
    fields = "set-cookie: a=1; Path=/\r\nset-cookie: b=2; Path=/\r\nx-note: \N{SNOWMAN}\r\n".encode()
    head = b"HTTP/1.1 503 X\r\ncontent-type: application/json\r\n%bcontent-length: 2\r\n\r\n" % fields
    _, said = what_comes_of(head + b"{}", asked(), own=True)
    assert said is not None
    told = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in said.headers]
    assert [value for name, value in told if name == b"set-cookie"] == [b"a=1; Path=/", b"b=2; Path=/"]
    assert (b"x-note", "\N{SNOWMAN}".encode()) in told
