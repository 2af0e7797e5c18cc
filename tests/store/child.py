"""Another process at the same store: `python -m tests.store.child VERB ARGUMENTS`; see `main` for the verbs."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from pathlib import Path

from isartor_addon.store.answers import AnswerStore
from isartor_addon.store.cassette import Cassette
from isartor_addon.store.secret import load_secret
from tests.store.making import KIB, MIB, HandClock, entry


class RealMonotonic(HandClock):
    """The date stands still; the clock that only goes forward does."""

    def monotonic(self) -> float:
        return time.monotonic()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def store_at(directory: str, clock: HandClock | None = None) -> AnswerStore:
    return AnswerStore(Path(directory), size_bytes=64 * MIB, memory_bytes=8 * MIB, clock=clock or RealMonotonic())


async def write_for_ever(directory: str, begin: int) -> None:
    """Put entries of all sizes as fast as the disk takes them; say how far it is."""
    store = store_at(directory)
    for number in itertools.count(begin):
        store.put(entry(number, size=(number * 7919) % (40 * KIB) + 3))
        if number % 5 == 4:
            await store.flush()
            say(str(number))


async def hammer(directory: str, seed: int, count: int) -> None:
    """Put and get under keys that all processes use; whatever is got must be what somebody put."""
    store = store_at(directory)
    for step in range(count):
        number = (step * 31 + seed * 17) % 60
        if (step + seed) % 3:
            store.put(entry(number, size=4 * KIB, version=step % 4))
        else:
            found = await store.get(entry(number).key)
            assert found is None or found in [entry(number, size=4 * KIB, version=each) for each in range(4)], number
    await store.flush()
    assert store.stats()["state"] == "on", store.stats()
    store.close()
    say("done")


async def obey(directory: str) -> None:
    """Do what the lines on standard input say, and answer each with a line."""
    clock = HandClock()
    store = store_at(directory, clock)
    say("ready")
    for line in sys.stdin:
        verb, _, argument = line.strip().partition(" ")
        clock.forward(1)
        if verb == "load":
            say(str(await store.get(argument) is not None))
        elif verb == "peek":
            found = store.peek(argument)
            say("none" if found is None else found.recording.content.hex()[:16])
        elif verb == "remove":
            say(str(store.remove(key=argument)))
        elif verb == "clear":
            say(str(store.remove()))
        elif verb == "pin":
            say(str(store.pin(argument) is not None))
    store.close()


def limited(directory: str) -> None:
    """Write more than the process may (RLIMIT_FSIZE stands for a full disk), then get the limit lifted."""
    import logging
    import resource

    logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
    clock = HandClock()
    store = store_at(directory, clock)
    asyncio.run(store.flush())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * KIB, hard))
    for number in range(200):
        store.put(entry(number, size=4 * KIB))
    asyncio.run(store.flush())
    say(f"state {store.stats()['state']}")
    say(f"memory {store.peek(entry(199).key) is not None}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (16 * KIB, hard))
    clock.forward(31)
    store.put(entry(200))
    asyncio.run(store.flush())
    say(f"state {store.stats()['state']}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    clock.forward(31)
    store.put(entry(201))
    asyncio.run(store.flush())
    store.put(entry(202))
    asyncio.run(store.flush())
    say(f"state {store.stats()['state']}")
    store.close()
    with_disk = store_at(directory, clock)
    say(f"disk {asyncio.run(with_disk.get(entry(202).key)) == entry(202)}")
    with_disk.close()


def tape(file: str, seed: int, count: int) -> None:
    """Record to a cassette that others record to."""
    cassette = Cassette(Path(file), mode="record", clock=HandClock())
    for number in range(seed * count, (seed + 1) * count):
        cassette.put(entry(number, size=20 * KIB))
    cassette.close()


def main(verb: str, *arguments: str) -> None:
    if verb == "write":
        asyncio.run(write_for_ever(arguments[0], int(arguments[1])))
    elif verb == "hammer":
        asyncio.run(hammer(arguments[0], int(arguments[1]), int(arguments[2])))
    elif verb == "obey":
        asyncio.run(obey(arguments[0]))
    elif verb == "limited":
        limited(arguments[0])
    elif verb == "tape":
        tape(arguments[0], int(arguments[1]), int(arguments[2]))
    elif verb == "secret":
        say(load_secret(Path(arguments[0])).hex())


if __name__ == "__main__":
    main(*sys.argv[1:])
