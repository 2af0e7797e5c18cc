"""The processes that are measured: the fake provider, and mitmdump with this addon or that."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from bench_kit import certificate, machine
from bench_kit.cases import Target

KIT = Path(__file__).parent
PATIENCE_S = 60.0
"""For a process to start or to end."""
_OURS: Mapping[Target, Mapping[str, str]] = {
    "ours": {},
    "hooks": {"isartor_lane_enabled": "false"},
    "plain": {"isartor_lane_enabled": "false", "isartor_semantic_enabled": "false"},
    "sure": {"isartor_semantic_shadow_share": "0", "isartor_semantic_wait_ms": "60000"},
    "soak": {"isartor_cache_memory_mb": "4", "isartor_cache_size_mb": "16"},
    "passed": {"isartor_semantic_enabled": "false"},
    "relay": {"isartor_semantic_enabled": "false", "isartor_chain": '[{"for": "*", "try": "client"}]'},
}
"""Options of ours, by target."""


@dataclass(frozen=True, slots=True)
class Server:
    """Something that can be asked."""

    pid: int
    proxy: int
    """Its port, where it is a proxy; else 0."""
    ca: Path
    """The certificate authority to trust."""
    rss_mb: float | None
    """Its memory when it had started, MiB."""


class Servers:
    """Starts what is asked for when it is first asked for, and ends it all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends = ExitStack()
        self._servers: dict[Target, Server] = {}
        self._log = (folder / "servers.log").open("wb")
        self.ca, self._key = certificate.make(folder)
        """The provider's certificate authority."""
        process = self._start(
            [sys.executable, "-m", "bench_kit.upstream", str(self.ca), str(self._key)], subprocess.PIPE
        )
        assert process.stdout is not None
        self.port = int(process.stdout.readline() or 0)
        """The provider's."""
        if not self.port:
            raise RuntimeError(f"the fake provider did not start: {self.log}")
        self._paced_port = free_port()
        self._servers["provider"] = Server(process.pid, 0, self.ca, machine.resident_mb(process.pid))

    def __enter__(self) -> Servers:
        return self

    @cached_property
    def paced_port(self) -> int:
        """Of the provider whose streams never end."""
        command = [sys.executable, "-m", "bench_kit.paced", str(self.ca), str(self._key), str(self._paced_port)]
        process = self._start(command, subprocess.PIPE)
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError(f"the paced provider did not start: {self.log}")
        return self._paced_port

    def __exit__(self, *_: object) -> None:
        self._ends.close()
        self._log.close()

    @property
    def log(self) -> str:
        """What they have complained about."""
        return (self._folder / "servers.log").read_text(errors="replace")[-4000:]

    @property
    def started(self) -> Mapping[Target, Server]:
        """Those that run."""
        return self._servers

    def get(self, target: Target) -> Server:
        """
        A running server.

        Raises:
            RuntimeError: it does not start.
        """
        if target not in self._servers:
            self._servers[target] = self._proxy(target)
        return self._servers[target]

    def start_peer(self, command: Sequence[str], port: int, environment: Mapping[str, str]) -> Server:
        """
        Start another gateway, which listens at `port`.

        Raises:
            RuntimeError: it does not start.
        """
        process = self._start(command, self._log, environment)
        self._wait_for(process, port)
        return Server(process.pid, 0, self.ca, machine.resident_mb(process.pid))

    def _proxy(self, target: Target) -> Server:
        folder, port = self._folder / target, free_port()
        script = "isartor_addon" if target in _OURS else str(KIT / f"{target}.py")
        options = {
            "confdir": folder / "conf",
            "connection_strategy": "lazy",
            "ssl_verify_upstream_trusted_ca": self.ca,
        }
        if target in _OURS:
            options |= {"isartor_home": folder / "home", "isartor_egress_ca_file": self.ca, **_OURS[target]}
        mitmdump = shutil.which("mitmdump", path=Path(sys.executable).parent)
        if mitmdump is None:
            raise RuntimeError(f"there is no mitmdump beside {sys.executable}: run scripts/setup")
        command = [mitmdump, "-q", "--listen-host", "127.0.0.1", "--listen-port", str(port), "-s", script]
        for option, value in options.items():
            command += ["--set", f"{option}={value}"]
        if target in _OURS:
            for each in (self.port, self._paced_port):
                command += ["--set", f"isartor_hosts=localhost:{each}"]
        process = self._start(command, self._log)
        self._wait_for(process, port)
        return Server(process.pid, port, folder / "conf" / "mitmproxy-ca-cert.pem", machine.resident_mb(process.pid))

    def _start(
        self, command: Sequence[str], output: int | IO[bytes], more: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ISARTOR_")}
        environment |= {"PYTHONPATH": str(KIT.parent), "HOME": str(self._folder), **(more or {})}
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=self._log,
            text=True,
        )
        self._ends.callback(_end, process)
        return process

    def _wait_for(self, process: subprocess.Popen[str], port: int) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and process.poll() is None:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"a proxy did not start: {self.log}")


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
