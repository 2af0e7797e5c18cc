"""A proxy process as a user starts it, and clients that go through it."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

import isartor_addon
from tests.fake import Provider

PATIENCE_S = 60.0
SCRIPT = Path(isartor_addon.__file__).with_name("addon.py")
REDIRECT = Path(__file__).with_name("redirect.py")
OPENAI = "https://api.openai.com"
ANTHROPIC = "https://api.anthropic.com"
GEMINI = "https://generativelanguage.googleapis.com"
LANE = {"isartor_lane_enabled": "false", "isartor_lane_quick_hooks": "false"} if os.environ.get("LANE") == "off" else {}
"""`LANE=off` runs everything by mitmproxy's hooks, and has mitmproxy ask its addons in its own way."""
REGULAR = "regular@127.0.0.1:0"


@dataclass(slots=True)
class Setup:
    """How a proxy is started."""

    modes: Sequence[str] = (REGULAR,)
    options: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """mitmproxy options, ours among them."""
    before: Sequence[Path] = ()
    """Scripts loaded before the addon."""
    after: Sequence[Path] = ()
    addon: bool = True
    """Whether the addon under test is loaded at all."""
    environment: Mapping[str, str] = field(default_factory=dict)


class Proxy:
    """A running mitmdump."""

    def __init__(self, folder: Path, provider: Provider, setup: Setup | None = None) -> None:
        self.folder = folder
        self.provider = provider
        self.setup = setup or Setup()
        self.home = folder / "home"
        self.ports: Mapping[str, int] = {}
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Proxy:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port of the first mode."""
        return next(iter(self.ports.values()))

    def port_of(self, mode: str) -> int:
        """The port of the mode whose specification begins so."""
        return next(port for spec, port in self.ports.items() if spec.startswith(mode))

    @property
    def url(self) -> str:
        """Where the first mode listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        """The proxy's CA."""
        return self.folder / "conf" / "mitmproxy-ca-cert.pem"

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it listens."""
        self._starts += 1
        self.home.mkdir(parents=True, exist_ok=True)
        ready = self.folder / f"ready-{self._starts}.json"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",  # what is looked for in the log must be there
            "PYTHONPATH": os.pathsep.join(sys.path),
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
            **self.setup.environment,
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(ready), env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        wait_for(lambda: ready.exists() or not self.alive, "the proxy to listen")
        if not ready.exists():
            raise AssertionError(f"the proxy did not start:\n{self.log}")
        self.ports = json.loads(ready.read_text())

    def _command(self, ready: Path) -> list[str]:
        options: dict[str, str | Sequence[str]] = {
            "confdir": str(self.folder / "conf"),
            "connection_strategy": "lazy",
            "flow_detail": "0",
            "ssl_verify_upstream_trusted_ca": str(self.provider.authority.path),
            **({"isartor_home": str(self.home / "isartor")} if self.setup.addon else {}),
            "fake_plain": str(self.provider.port),
            "fake_tls": str(self.provider.tls_port),
            "fake_ready": str(ready),
            **(LANE if self.setup.addon else {}),
            **self.setup.options,
        }
        scripts = [*self.setup.before, *([SCRIPT] if self.setup.addon else []), *self.setup.after, REDIRECT]
        command = [sys.executable, "-c", "from mitmproxy.tools.main import mitmdump; mitmdump()"]
        for script in scripts:
            command += ["-s", str(script)]
        for mode in self.setup.modes:
            command += ["--mode", mode]
        for name, value in options.items():
            for each in [value] if isinstance(value, str) else value:
                command += ["--set", f"{name}={each}"]
        return command

    @property
    def _log(self) -> Path:
        return self.folder / "proxy.log"

    @property
    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Let it end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the proxy did not end:\n{self.log[-4000:]}") from None

    def context(self, *, http2: bool = False) -> ssl.SSLContext:
        """A client's TLS settings that trust this proxy's CA and the fake internet's own."""
        context = _Preferring(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca)
        context.load_verify_locations(self.provider.authority.path)
        context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
        return context

    def client(self, *, http2: bool = False) -> httpx2.Client:
        """A client that sends everything through the proxy."""
        return httpx2.Client(
            proxy=self.url, verify=self.context(http2=http2), http2=http2, timeout=PATIENCE_S, trust_env=False
        )

    def async_client(self, *, http2: bool = False) -> httpx2.AsyncClient:
        """The same for asyncio."""
        return httpx2.AsyncClient(
            proxy=self.url,
            verify=self.context(http2=http2),
            http2=http2,
            timeout=PATIENCE_S,
            limits=httpx2.Limits(max_connections=200),
            trust_env=False,
        )

    def direct(self) -> httpx2.Client:
        """A client whose base URL is the proxy's own port."""
        return httpx2.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)


def free_port() -> int:
    """A port that nobody has now (mitmproxy takes port 0 for one of its modes only)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


class _Preferring(ssl.SSLContext):
    """Offers HTTP/2 first, as most clients do; httpcore offers it last, and mitmproxy takes the first it knows."""

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        super().set_alpn_protocols(sorted(alpn_protocols))


def wait_for(happened: object, what: str) -> None:
    """Look again and again until `happened()` is true, or fail."""
    assert callable(happened)
    end = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > end:
            raise AssertionError(f"waited {PATIENCE_S} s in vain for {what}")
        time.sleep(0.01)
