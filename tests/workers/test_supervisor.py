"""The supervisor, with stubs for workers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

import pytest

from isartor_addon.store.running import Running
from isartor_addon.workers import supervisor
from isartor_addon.workers.supervisor import Supervisor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="one process there")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a dead stub."""
    monkeypatch.setattr(supervisor, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(supervisor, "_GRACE_S", 0.2)


def supervise(
    way: str, count: int = 2, *, until: Callable[[list[Running]], bool] = lambda told: False
) -> tuple[int, list[Running], list[str]]:
    """Run stubs until what was told says to stop; the exit code, what was told, and what was said."""
    told: list[Running] = []
    said: list[str] = []

    def tell(running: Running) -> None:
        told.append(running)
        if until(told):
            os.kill(os.getpid(), signal.SIGTERM)

    async def run() -> int:
        command = [sys.executable, "-m", "tests.workers.stub", way]
        return await Supervisor(command, count, drain_s=0.1, tell=tell, say=said.append).run()

    return asyncio.run(run()), told, said


def test_all_get_one_port() -> None:
    """The first opens the port, the others get it; it is told once all are up, in this process's name."""
    code, told, said = supervise("well", 3, until=lambda told: len(told) == 1)
    assert (0, []) == (code, said)
    (running,) = told
    assert (os.getpid(), 3, 3) == (running.pid, len(running.workers), len(set(running.workers)))
    assert running.proxy


def test_a_first_worker_that_fails_ends_it() -> None:
    """What keeps the first from starting keeps all: its exit code is the answer, it has said why itself."""
    assert (3, [], []) == supervise("fails")


def test_one_that_fails_does_not_keep_the_others() -> None:
    """Another that cannot start is tried again and again, and the first serves meanwhile."""
    code, told, said = supervise("fails later", until=lambda told: len(told) > 2)
    assert 0 == code
    assert {1} == {len(running.workers) for running in told}
    assert "worker 2 (pid " in said[0]
    assert "ended with code 4; starting it again" in said[0]


def test_gives_up_when_none_stays_up() -> None:
    """When every worker ends as soon as it is up, it is said clearly and the port is closed."""
    code, _, said = supervise("dies")
    assert (7, "no worker stays up (the last one ended with code 7): giving up") == (code, said[-1])
    assert len(said) < 2 * supervisor.MOST_FAILURES + 3


def test_alone_when_the_port_cannot_be_shared() -> None:
    """A first worker that cannot share its port runs alone, and it is said once."""
    code, _, said = supervise("alone", 3, until=lambda told: len(told[-1].workers) == 1)
    assert (0, ["the names have moved; one process serves the port"]) == (code, said)


def test_a_worker_that_does_not_stop_is_killed() -> None:
    """Draining has an end, also for a worker that hears nothing any more."""
    code, told, _ = supervise("hangs", until=lambda told: len(told) == 1)
    assert 0 == code
    for pid in told[0].workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
