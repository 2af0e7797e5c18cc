"""Starts the workers of one proxy, starts those again that die, and stops them all.

How a port is shared: the first worker opens the sockets, as mitmproxy alone would, and hands them to the supervisor,
which gives them to every other worker, now and later. All accept from the same queue in the kernel. So a connection
that waits while a worker dies is taken by another, the port is open as long as the supervisor is, and it works alike on
Linux and macOS. SO_REUSEPORT does not: there each process has a queue of its own, which is reset when it dies, and on
macOS one process gets all connections. Who takes a connection is settled by `tally`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from isartor_addon.store.running import Running
from isartor_addon.workers.channel import Channel, Gone
from isartor_addon.workers.ends import Ends
from isartor_addon.workers.tally import Tally

STEADY_S = 5.0
"""A worker that was up for so long has not failed to start."""
MOST_FAILURES = 5
"""So many failed starts in a row of one worker, while none is up, end it all."""
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 10.0
_GRACE_S = 3.0
"""How much longer than agreed a worker may take to drain before it is killed."""


@dataclass(slots=True)
class _Worker:
    """A process that runs, or has run until now."""

    number: int
    process: asyncio.subprocess.Process
    channel: Channel
    up_since: float | None = None
    """Monotonic, seconds."""

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


@dataclass(slots=True)
class _Port:
    """The listening sockets, and by which modes they were opened."""

    sockets: list[socket.socket] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    """One for each socket."""


class Supervisor:
    """Runs workers."""

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        *,
        drain_s: float,
        tell: Callable[[Running], None],
        say: Callable[[str], None],
    ) -> None:
        """
        Args:
            command: starts a worker; `--worker NUMBER:COUNT:CHANNEL:TALLY:ENDS` is added.
            count: of workers.
            drain_s: how long a worker may take to finish what is in flight when it is to stop.
            tell: called when all workers are up, and whenever that changes later on.
            say: called with a sentence when something happened that people should know.
        """
        self._command = command
        self._count = count
        self._drain_s = drain_s
        self._tell = tell
        self._say = say
        self._workers: dict[int, _Worker] = {}
        self._settled: set[int] = set()
        """Workers that have come up or failed once."""
        self._port: _Port | None = None
        self._running: Running | None = None
        self._alone = False
        self._decided = asyncio.Event()
        """Whether the port is open, or will not be."""
        self._stopping = asyncio.Event()
        self._code = 0
        self._started = time.time()

    async def run(self) -> int:
        """Run until a signal says stop, or nothing works; the exit code."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(each, self._asked_to_stop)
        self._tally_fd = Tally.new(self._count)
        self._tally = Tally(self._tally_fd, self._count)
        self._ends_fd = Ends.new(self._count)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(1, self._count + 1):
                    group.create_task(self._keep(number))
        finally:
            self._close_port()
            self._tally.close()
            os.close(self._tally_fd)
            os.close(self._ends_fd)
        return self._code

    # One worker.

    async def _keep(self, number: int) -> None:
        """Have worker `number` run."""
        failures = 0
        while not self._stopping.is_set() and (number == 1 or not self._alone):
            worker = await self._start(number)
            code = await self._ended(worker)
            if number == 1 and not self._decided.is_set():
                return self._give_up(code)  # it has said why
            await self._decided.wait()
            if self._stopping.is_set() or (self._alone and number > 1):
                return
            steady = worker.up_since is not None and time.monotonic() - worker.up_since > STEADY_S
            failures = 0 if steady else failures + 1
            if failures >= MOST_FAILURES and not self._up():
                self._say(f"no worker stays up (the last one {_how(code)}): giving up")
                return self._give_up(code)
            self._settle(number)
            pause_s = min(_FIRST_PAUSE_S * 2**failures, _LONGEST_PAUSE_S) if failures > 1 else 0.0
            self._say(f"worker {number} (pid {worker.process.pid}) {_how(code)}; starting it again")
            await self._pause(pause_s)

    async def _start(self, number: int) -> _Worker:
        mine, its = Channel.pair()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                "--worker",
                f"{number}:{self._count}:{its.fileno()}:{self._tally_fd}:{self._ends_fd}",
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(its.fileno(), self._tally_fd, self._ends_fd),
                process_group=0,  # Ctrl-C is for the supervisor, which passes it on once
            )
        finally:
            its.close()
        worker = self._workers[number] = _Worker(number, process, mine)
        asyncio.get_running_loop().add_reader(mine.fileno(), self._hear, worker)
        if self._stopping.is_set():
            worker.signal(signal.SIGTERM)
        elif self._port is not None or number == 1:
            self._send_port(worker)
        return worker

    async def _ended(self, worker: _Worker) -> int:
        code = await worker.process.wait()
        asyncio.get_running_loop().remove_reader(worker.channel.fileno())
        worker.channel.close()
        del self._workers[worker.number]
        self._tally.leave(worker.number)
        ends = Ends(self._ends_fd, number=worker.number, count=self._count)
        ends.clear()
        ends.close()
        self._announce()
        return code

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # What workers say, and are told.

    def _hear(self, worker: _Worker) -> None:
        try:
            for message, sockets in worker.channel.receive():
                if "alone" in message:
                    self._leave_alone(worker, message["alone"])
                if sockets and self._port is None:
                    self._share(_Port(sockets, message["modes"]))
                if "up" in message:
                    worker.up_since = time.monotonic()
                    self._running = Running.of(message["up"])
                    self._settle(worker.number)
        except Gone:
            asyncio.get_running_loop().remove_reader(worker.channel.fileno())

    def _send_port(self, worker: _Worker) -> None:
        port = self._port or _Port()
        with contextlib.suppress(Gone):
            worker.channel.send({"modes": port.modes}, port.sockets)

    def _share(self, port: _Port) -> None:
        self._port = port
        self._decided.set()
        for worker in self._workers.values():
            if worker.number != 1:
                self._send_port(worker)

    def _leave_alone(self, worker: _Worker, reason: str) -> None:
        """The first worker cannot share its port: it runs alone."""
        self._say(f"{reason}; one process serves the port")
        self._alone = True
        self._decided.set()
        self._settled.update(range(2, self._count + 1))
        for other in self._workers.values():
            if other is not worker:
                other.signal(signal.SIGKILL)

    def _settle(self, number: int) -> None:
        self._settled.add(number)
        self._announce()

    def _up(self) -> list[_Worker]:
        return [self._workers[n] for n in sorted(self._workers) if self._workers[n].up_since is not None]

    def _announce(self) -> None:
        up = self._up()
        if self._running is None or not up or len(self._settled) < self._count or self._stopping.is_set():
            return
        self._tell(
            replace(
                self._running,
                pid=os.getpid(),
                started=self._started,
                workers=tuple(worker.process.pid for worker in up),
            )
        )

    # The end.

    def _asked_to_stop(self) -> None:
        again = self._stopping.is_set()
        self._stop()
        if not again:
            asyncio.get_running_loop().call_later(self._drain_s + _GRACE_S, self._kill)

    def _stop(self) -> None:
        """Have all workers drain; a worker that is told twice ends at once."""
        self._stopping.set()
        self._decided.set()
        self._close_port()
        for worker in self._workers.values():
            worker.signal(signal.SIGTERM)

    def _give_up(self, code: int) -> None:
        self._code = self._code or (code if code > 0 else 1)
        self._stop()

    def _kill(self) -> None:
        for worker in self._workers.values():
            worker.signal(signal.SIGKILL)

    def _close_port(self) -> None:
        port, self._port = self._port, None
        for each in port.sockets if port is not None else ():
            each.close()


def _how(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def command_of(words: Sequence[str]) -> list[str]:
    """What starts `isartor up WORDS` in a process of its own."""
    # `-P`: a folder called isartor_addon in the current directory is not ours.
    return [sys.executable, "-P", "-m", "isartor_addon", "up", *words]
