"""Identical requests in flight share one call."""

import asyncio

import pytest

from isartor_addon.core.errors import BadReply
from isartor_addon.core.live_body import LiveBody
from isartor_addon.layers.exact.flight import Flight


async def read(flight: Flight) -> list[bytes]:
    """All that a follower gets."""
    return [chunk async for chunk in flight.read()]


def test_followers_get_everything_from_the_first_byte() -> None:
    """One who joins late gets what has already come, then the rest as it comes."""

    async def scene() -> tuple[list[bytes], list[bytes]]:
        flight, body = Flight("leader", "sse", 0.0, run_ids={}), LiveBody()
        early = asyncio.ensure_future(read(flight))
        await asyncio.sleep(0)
        flight.began((), body)
        body.add(b"one")
        await asyncio.sleep(0)
        late = asyncio.ensure_future(read(flight))
        body.add(b"two")
        await asyncio.sleep(0)
        flight.end("landed")
        return await early, await late

    assert ([b"one", b"two"], [b"one", b"two"]) == asyncio.run(scene())


def test_a_cut_is_told() -> None:
    """A follower whose leader is lost in mid-stream is told, not left waiting nor given a short answer as whole."""

    async def scene() -> None:
        flight, body = Flight("leader", "sse", 0.0, run_ids={}), LiveBody()
        flight.began((), body)
        follower = asyncio.ensure_future(read(flight))
        body.add(b"one")
        await asyncio.sleep(0)
        flight.end("lost")
        await follower

    with pytest.raises(BadReply):
        asyncio.run(scene())


@pytest.mark.parametrize("streaming", [True, False])
def test_waiting_ends_at_the_first_byte_or_at_the_end(streaming: bool) -> None:
    """Whoever can read along is called at the first byte, the others at the end."""

    async def scene() -> list[str]:
        flight, body, seen = Flight("leader", "sse", 0.0, run_ids={}), LiveBody(), []
        waiting = asyncio.ensure_future(flight.settled(streaming=streaming))
        waiting.add_done_callback(lambda done: seen.append(done.result()))
        for step in (lambda: flight.began((), body), lambda: body.add(b"x"), lambda: flight.end("landed")):
            step()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await waiting
        return seen

    assert (["streaming"] if streaming else ["landed"]) == asyncio.run(scene())
