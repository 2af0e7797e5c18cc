"""Fear: a port that several processes share drops connections, loses requests, or pays for the same call twice."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from isartor_addon.store.answers import AnswerStore
from isartor_addon.store.running import Running, read_running
from tests.cli.command import Command
from tests.e2e.harness import PATIENCE_S, wait_for
from tests.e2e.test_semantic import ONE, OTHER, SERVES
from tests.e2e.wires import CHAT
from tests.fake import Plan, Provider
from tests.store.making import MIB
from tests.store.test_answers import HandClock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="one process there")


class Up:
    """`isartor up` in the background, asked by its base URL."""

    def __init__(self, folder: Path, provider: Provider, *words: str) -> None:
        self.command = Command(folder)
        door = f"isartor_door_openai=http://127.0.0.1:{provider.port}"
        done = self.command("up", "--detach", "--port", "0", "--set", door, *words)
        assert 0 == done.returncode, done

    @property
    def home(self) -> Path:
        return self.command.home / ".isartor"

    @property
    def running(self) -> Running:
        """What the state file says now."""
        running = read_running(self.home / "run.json")
        assert running is not None
        return running

    @property
    def port(self) -> int:
        return self.running.listeners[0].port

    @property
    def log(self) -> str:
        return (self.home / "isartor.log").read_text()

    def connect(self) -> http.client.HTTPConnection:
        """An open connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.connect()
        return connection


@pytest.fixture
def up(provider: Provider, tmp_path: Path) -> Iterator[Up]:
    """Two workers."""
    running = Up(tmp_path, provider, "--workers", "2")
    yield running
    running.command("stop", "--home", str(running.home))


def ask(connection: http.client.HTTPConnection, words: str, *, stream: bool = False) -> http.client.HTTPResponse:
    """A request; its answer's head."""
    headers = {**CHAT.headers, "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(CHAT.body(words, stream)), headers)
    return connection.getresponse()


def alive(connection: http.client.HTTPConnection) -> bool:
    """Whether an open connection still answers."""
    try:
        connection.auto_open = 0
        connection.request("GET", "/healthz")
        return connection.getresponse().read() != b""
    except (OSError, http.client.HTTPException):
        return False


def refused(port: int) -> bool:
    """Whether nobody listens there."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_killed_worker_is_replaced_and_nobody_else_notices(up: Up) -> None:
    """Connections are shared; of those only the killed worker's break, and the port never refuses meanwhile."""
    before = up.running
    assert 2 == len(set(before.workers))
    assert before.pid not in before.workers
    assert "2 workers" in up.log
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(up.connect())) for _ in range(6)]
        assert [True] * 6 == [alive(each) for each in connections]
        refusals, stop = [], threading.Event()

        def knock() -> None:
            while not stop.is_set():
                refusals.append(refused(before.listeners[0].port))

        with ThreadPoolExecutor(1) as pool:
            knocking = pool.submit(knock)
            os.kill(before.workers[0], signal.SIGKILL)
            wait_for(lambda: len(set(up.running.workers) - set(before.workers)) == 1, "another worker")
            stop.set()
            knocking.result()
        assert sum(alive(each) for each in connections) in (2, 3, 4)
        assert (True, False) == (len(refusals) > 0, any(refusals))
        assert before.workers[1] in up.running.workers
        new = [stack.enter_context(closing(up.connect())) for _ in range(4)]
        assert [True] * 4 == [alive(each) for each in new]
    assert f"worker 1 (pid {before.workers[0]}) was ended by SIGKILL; starting it again" in up.log


@pytest.mark.parametrize("workers", ["1", "2"])
def test_stop_drains(workers: str, provider: Provider, tmp_path: Path, words: str) -> None:
    """While a stream is in flight `stop` waits for its end, new connections are refused, and then all is gone."""
    up = Up(tmp_path, provider, "--workers", workers)
    port, pids = up.port, up.running.workers
    plan = provider.plan(Plan(words, hold=frozenset({3})))
    with closing(up.connect()) as idle, closing(up.connect()) as connection, ThreadPoolExecutor(1) as pool:
        response = ask(connection, words, stream=True)
        assert (200, int(workers)) == (response.status, len(pids))
        provider.until(lambda: plan.held == 1, "the stream to be held")
        stopping = pool.submit(up.command, "stop")
        wait_for(lambda: refused(port), "the port to be closed")
        assert not stopping.done()
        provider.open(plan)
        assert b"[DONE]" in response.read()
        done = stopping.result()
        assert (0, "stopped") == (done.returncode, done.stdout[:7]), done
        assert b"" == idle.sock.recv(1)
    assert not (up.home / "run.json").exists()
    assert [False, False] == ["Traceback" in up.log, "cut" in up.log]
    wait_for(lambda: not any(_exists(pid) for pid in pids), "the workers to end")


def test_what_takes_too_long_is_cut(provider: Provider, tmp_path: Path, words: str) -> None:
    """`--drain` says how long `stop` waits; what has not ended by then is cut, and the log says so."""
    up = Up(tmp_path, provider, "--workers", "2", "--drain", "1")
    plan = provider.plan(Plan(words, hold=frozenset({3})))
    with closing(up.connect()) as connection:
        response = ask(connection, words, stream=True)
        provider.until(lambda: plan.held == 1, "the stream to be held")
        assert 0 == up.command("stop").returncode
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()
    provider.open(plan)
    assert "1 requests in flight are cut after 1 s" in up.log


def test_workers_end_with_their_supervisor(up: Up) -> None:
    """When the supervisor is killed its workers end too, and the port is free."""
    running, port = up.running, up.port
    os.kill(running.pid, signal.SIGKILL)
    wait_for(lambda: refused(port), "the port to be closed")
    wait_for(lambda: not any(_exists(pid) for pid in running.workers), "the workers to end")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _misses(up: Up) -> int:
    store = AnswerStore(up.home / "cache", size_bytes=MIB, memory_bytes=MIB, clock=HandClock())
    try:
        return int(store.stats()["misses"])
    finally:
        store.close()


def _race(up: Up, provider: Provider, plan: Plan, words: str, pool: ThreadPoolExecutor) -> list[Future[bytes]]:
    """Ask the same on two workers: the first is held by `plan`, the second has looked into the store in vain."""

    def one(connection: http.client.HTTPConnection) -> bytes:
        with closing(connection):
            response = ask(connection, words)
            assert 200 == response.status
            return response.read()

    connections = [up.connect() for _ in range(2)]
    assert [True, True] == [alive(each) for each in connections]
    first = pool.submit(one, connections[0])
    provider.until(lambda: plan.held == 1, "the first call to be held")
    second = pool.submit(one, connections[1])
    wait_for(lambda: _misses(up) == 2, "the second to look into the store")
    return [first, second]


def test_workers_share_a_call(up: Up, provider: Provider, words: str) -> None:
    """The same asked of two workers at once is one call to the provider, both get its answer, and all is counted."""
    plan = provider.plan(Plan(words, hold=frozenset({0})))
    with ThreadPoolExecutor(2) as pool:
        answers = _race(up, provider, plan, words, pool)
        provider.open(plan, 2)
        assert answers[0].result() == answers[1].result()
    assert 1 == provider.generations(words)
    wait_for(lambda: json.loads(up.command("cache", "stats", "--json").stdout)["hits"] == 1, "the hit to be counted")


def test_workers_share_what_is_asked_in_other_words(provider: Provider, tmp_path: Path, words: str) -> None:
    """What one worker has learned another one answers to other words, and takes back for both."""
    settings = [word for name, value in SERVES.items() for word in ("--set", f"{name}={value}")]
    up = Up(tmp_path, provider, "--workers", "2", *settings)
    with ExitStack() as stack:
        stack.callback(up.command, "stop")
        connections = (stack.enter_context(closing(up.connect())) for _ in range(20))
        one = next(connections)
        other = next(each for each in connections if _worker(each) != _worker(one))

        def layer(connection: http.client.HTTPConnection, said: str, **headers: str) -> tuple[str, str]:
            messages = [{"role": "system", "content": words}, {"role": "user", "content": said}]
            body = json.dumps({**CHAT.body("", False), "messages": messages})
            connection.request("POST", "/v1/chat/completions", body, {**CHAT.headers, **headers})
            reply = connection.getresponse()
            reply.read()
            return str(reply.headers["x-isartor-layer"]), str(reply.headers["x-isartor-key"])

        answered, key = layer(one, ONE)
        assert "l3" == answered
        wait_for(lambda: key in _told(up), "the question to be filed, and the others to be told")
        assert "l1b" == layer(other, OTHER)[0]
        assert 1 == provider.generations(words)
        assert "l3" == layer(other, OTHER, **{"x-isartor-feedback": "wrong"})[0]
        wait_for(lambda: layer(one, ONE, **{"x-isartor-cache": "exact"})[0] == "l3", "the first to know")


def _worker(connection: http.client.HTTPConnection) -> int:
    """The process at the other end."""
    connection.request("GET", "/debug/providers")
    return int(json.loads(connection.getresponse().read())["pid"])


def _told(up: Up) -> str:
    """What workers have told each other of the semantic index."""
    path = up.home / "cache" / "semantic" / "epoch"
    return path.read_text() if path.exists() else ""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the system's lock table")
def test_a_killed_leader_is_replaced(up: Up, provider: Provider, words: str) -> None:
    """When the worker that asks the provider dies, the one that waits for it asks itself."""
    plan = provider.plan(Plan(words, hold=frozenset({0}), times=1))
    with ThreadPoolExecutor(2) as pool:
        racing = _race(up, provider, plan, words, pool)
        os.kill(_holder(up.home / "cache" / "leases"), signal.SIGKILL)
        # Which of the two got the lease is the kernel's choice.
        faults = [each.exception() for each in racing]
        assert [True] == [isinstance(each, ConnectionError | http.client.HTTPException) for each in faults if each]
        assert [True] == [b"chat.completion" in each.result() for each in racing if each.exception() is None]
    assert 2 == provider.generations(words)


def test_a_stream_does_not_wait_for_another_worker(up: Up, provider: Provider, words: str) -> None:
    """A stream that another worker is getting cannot be read along: who wants it too asks for itself, at once."""
    plan = provider.plan(Plan(words, hold=frozenset({2})))
    with closing(up.connect()) as one, closing(up.connect()) as other:
        assert [True, True] == [alive(one), alive(other)]
        first = ask(one, words, stream=True)
        second = ask(other, words, stream=True)
        assert [200, 200] == [first.status, second.status]
        provider.until(lambda: plan.held == 2, "both calls to be held")
        provider.open(plan, 2)
        assert first.read().endswith(b"[DONE]\n\n")
        assert second.read().endswith(b"[DONE]\n\n")


def test_a_request_that_comes_round_is_refused(up: Up) -> None:
    """A request whose host is this proxy by another address does not go round, whichever worker it comes back to."""
    with closing(up.connect()) as one, closing(up.connect()) as other:
        assert [True, True] == [alive(one), alive(other)]
        for connection in (one, other):
            connection.request("GET", f"http://127.1:{up.port}/v1/models")
            assert 508 == connection.getresponse().status


def _holder(path: Path) -> int:
    """Who holds a lock on `path`."""
    form = "hhqqi4x"
    with path.open("r+b") as file:
        asked = struct.pack(form, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        pid: int = struct.unpack(form, fcntl.fcntl(file, fcntl.F_GETLK, asked))[4]
    return pid
