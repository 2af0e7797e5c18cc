"""Replay at a pace: what is stored comes whole and in order, no sooner than it should, and stops with the listener."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from isartor_addon.core.outcome import Answer, Stream
from isartor_addon.core.recording import Recording
from isartor_addon.layers.pace import Pace, play, spread
from tests.layers.play import FakeAnswers, FakeClock, exact, exchange, recording

CHUNKS = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    b'{"content":"Four."},"finish_reason":null}]}\n\n',
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":40,"total_tokens":43}}\n\n',
    b"data: [DONE]\n\n",
)


def stored(*, offsets_ms: tuple[int, ...] = (0, 30, 60)) -> Recording:
    """A recorded stream of three pieces and 40 tokens."""
    return replace(recording(mode="sse"), chunks=CHUNKS, offsets_ms=offsets_ms)


async def played(stream: Stream) -> tuple[list[bytes], float]:
    """What comes, and how long it takes."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    return [chunk async for chunk in stream.chunks()], loop.time() - began


@pytest.mark.parametrize(("setting", "seconds"), [("recorded", 0.06), ("1000", 0.03), ("100", 0.3)])
def test_a_stream_takes_its_time(setting: str, seconds: float) -> None:
    """All pieces, the last of them not before it is due: by the recorded times, or by the tokens counted."""
    answer = Answer("l1a", CHUNKS, (("a", "b"),), 200, 7)
    stream = Pace(setting).slow(answer, stored(), exchange(mode="sse"))
    assert isinstance(stream, Stream)
    assert ("l1a", (("a", "b"),), 200, 7) == (stream.layer, stream.headers, stream.status, stream.age_s)
    chunks, took = asyncio.run(played(stream))
    assert list(CHUNKS) == chunks
    assert took >= seconds * 0.9


@pytest.mark.parametrize(
    ("setting", "mode", "offsets_ms"),
    [("at_once", "sse", (0, 30, 60)), ("recorded", "json", (0, 30, 60)), ("9", "ws", ()), ("recorded", "sse", (0, 30))],
)
def test_what_need_not_wait_does_not(setting: str, mode: str, offsets_ms: tuple[int, ...]) -> None:
    """At once is at once; whole answers, messages of a socket, and streams without noted times as well."""
    answer = Answer("l1a", CHUNKS, ())
    assert answer is Pace(setting).slow(answer, stored(offsets_ms=offsets_ms), exchange(mode=mode))


def test_tokens_are_spread_by_size() -> None:
    """Each piece takes time by its size; the first comes at once."""
    assert [0.0, 0.5, 1.5] == spread([b"a", b"bb", b"c"], 2.0)


def test_nobody_listens() -> None:
    """Who stops listening need not wait for the next piece."""

    async def run() -> float:
        loop = asyncio.get_running_loop()
        began, stream = loop.time(), play([b"a", b"b"], [0.0, 60.0])
        assert b"a" == await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        return loop.time() - began

    assert asyncio.run(run()) < 30


def test_the_layer_plays() -> None:
    """With a pace the layer answers streams by a stream, not from a peek; JSON stays whole and at once."""

    async def run() -> tuple[object, object, object]:
        answers = FakeAnswers(FakeClock())
        layer = exact(answers, pace="recorded")
        asked = exchange(mode="sse")
        layer.learn(asked, stored())
        again = exchange(mode="sse")
        return layer.peek(again), await layer.ask(again), layer.peek(exchange(mode="json"))

    peeked, outcome, whole = asyncio.run(run())
    assert peeked is None
    assert isinstance(outcome, Stream)
    assert isinstance(whole, Answer)
