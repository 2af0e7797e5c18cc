"""Another process at the same index: `python -m tests.store.vectors_child VERB ARGUMENTS`; see `main` for the verbs."""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
from pathlib import Path

import numpy as np

from isartor_addon.store.vectors import VectorStore
from tests.store.child import RealMonotonic, say
from tests.store.making import KIB, HandClock

DIMENSION = 32


def unit(number: int):
    vector = np.random.default_rng(number).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


def write_for_ever(directory: str, begin: int) -> None:
    """Put as fast as the disk takes it, and say how far it is."""
    store = VectorStore(Path(directory), embedder="one", clock=RealMonotonic())
    for number in itertools.count(begin):
        store.put(f"s{number % 5}", f"k{number}", unit(number))
        if number % 7 == 6:
            store.settle()
            say(str(number))


def hammer(directory: str, seed: int, count: int) -> None:
    """Put, remove and ask under keys that all processes use; what is found must be what somebody put."""
    store = VectorStore(Path(directory), embedder="one", clock=RealMonotonic())
    for step in range(count):
        number = (step * 31 + seed * 17) % 40
        if (step + seed) % 5 == 0:
            store.remove(f"k{number}")
        elif (step + seed) % 2:
            store.put(f"s{number % 3}", f"k{number}", unit(number))
        else:
            for near in asyncio.run(store.nearest(f"s{number % 3}", unit(number), 3)):
                other = int(near.key.removeprefix("k"))
                assert other % 3 == number % 3
                assert abs(near.similarity - float(unit(other) @ unit(number))) < 2e-3
    store.settle()
    assert "on" == store.stats()["state"], store.stats()
    store.close()
    say("done")


def obey(directory: str) -> None:
    """Do what the lines on standard input say, and answer each with a line."""
    clock = HandClock()
    store = VectorStore(Path(directory), embedder="one", clock=clock)
    say("ready")
    for line in sys.stdin:
        clock.forward(1)
        verb, scope, number = line.split()
        if verb == "put":
            store.put(scope, f"k{number}", unit(int(number)))
            store.settle()
        elif verb == "remove":
            store.remove(f"k{number}")
            store.settle()
        holds = store.holds(scope)
        say(f"{holds} {' '.join(near.key for near in asyncio.run(store.nearest(scope, unit(int(number)), 1)))}".strip())
    store.close()


def limited(directory: str) -> None:
    """Write more than the process may (RLIMIT_FSIZE stands for a full disk), then get the limit lifted."""
    import resource

    logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
    clock = HandClock()
    store = VectorStore(Path(directory), embedder="one", clock=clock)
    store.settle()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * KIB, hard))
    for number in range(3000):
        store.put("scope", f"k{number}", unit(number))
        if number % 10 == 9:
            store.settle()
    say(f"state {store.stats()['state']}")
    say(f"memory {asyncio.run(store.nearest('scope', unit(2999), 1))[0].key}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    clock.forward(31)
    store.put("scope", "first", unit(5000))
    store.settle()
    store.put("scope", "after", unit(5001))
    store.settle()
    say(f"state {store.stats()['state']}")
    store.close()
    again = VectorStore(Path(directory), embedder="one", clock=clock)
    say(f"disk {asyncio.run(again.nearest('scope', unit(5001), 1))[0].key}")
    again.close()


def main(verb: str, *arguments: str) -> None:
    if verb == "write":
        write_for_ever(arguments[0], int(arguments[1]))
    elif verb == "hammer":
        hammer(arguments[0], int(arguments[1]), int(arguments[2]))
    elif verb == "obey":
        obey(arguments[0])
    elif verb == "limited":
        limited(arguments[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
