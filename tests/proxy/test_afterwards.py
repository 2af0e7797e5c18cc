"""What waits until a reply has gone by: it is done soon, once, and before anybody misses it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.proxy.afterwards import Afterwards


def play(scene: Callable[[Afterwards, list[str]], Awaitable[None]]) -> list[str]:
    """What was done in a scene, in order."""
    done: list[str] = []

    async def run() -> None:
        await scene(Afterwards(), done)

    asyncio.run(run())
    return done


STEPS = st.lists(st.sampled_from(("put a", "put b", "catch up a", "soon", "tick", "all")), max_size=20)


@given(STEPS)
def test_everything_is_done_once_and_in_order(steps: list[str]) -> None:
    """Whatever hurries it: all that was put is done within the time, once, and what is of one key in its order."""
    put: list[str] = []

    async def scene(afterwards: Afterwards, done: list[str]) -> None:
        for number, step in enumerate(steps):
            if step.startswith("put"):
                name = f"{step[-1]}{number}"
                put.append(name)
                afterwards.put(step[-1], partial(done.append, name))
            elif step == "catch up a":
                afterwards.catch_up("a")
                assert {name for name in put if name.startswith("a")} <= set(done)
            elif step == "soon":
                afterwards.soon()
            elif step == "tick":
                await asyncio.sleep(0)
            else:
                afterwards.do_all()
                assert set(put) == set(done)
        over = asyncio.Event()
        afterwards.put("the last", over.set)
        await asyncio.wait_for(over.wait(), 10)

    done = play(scene)
    assert sorted(put) == sorted(done)
    for key in "ab":
        assert [name for name in put if name[0] == key] == [name for name in done if name[0] == key]


def test_it_is_done_when_the_next_request_has_gone_out() -> None:
    """Not at once: what is being done now, such as sending it, comes first."""

    async def scene(afterwards: Afterwards, done: list[str]) -> None:
        afterwards.put("a", lambda: done.append("learned"))
        afterwards.soon()
        done.append("sent")
        await asyncio.sleep(0)
        done.append("waits for the provider")

    assert ["sent", "learned", "waits for the provider"] == play(scene)


def test_a_fault_takes_nothing_else_away() -> None:
    """What is put beside something that fails is done all the same."""

    async def scene(afterwards: Afterwards, done: list[str]) -> None:
        afterwards.put("a", lambda: done.append(str(1 // 0)))
        afterwards.put("a", lambda: done.append("a"))
        afterwards.put("b", lambda: done.append("b"))
        afterwards.do_all()

    assert ["a", "b"] == play(scene)
