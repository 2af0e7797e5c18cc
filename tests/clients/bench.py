"""Running a real tool through the proxy, with an empty environment, a home of its own, and no way around."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from tests.clients import confine, workshop
from tests.e2e.harness import Proxy
from tests.fake import Provider

PATIENCE_S = 120
KEYS = {
    "OPENAI_API_KEY": "sk-test-000000000000",
    "CODEX_API_KEY": "sk-test-000000000000",
    "ANTHROPIC_API_KEY": "sk-ant-test-000000000000",
    "GEMINI_API_KEY": "test-key-000000000000",
    "GOOGLE_GENERATIVE_AI_API_KEY": "test-key-000000000000",
    "COPILOT_GITHUB_TOKEN": "github_pat_test000000000000",
}


_OF_A_RUN = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|\d{10,}(?:\.\d+)?"
    r"|(?:[a-z]+_fake)\d+"
)
"""What differs in every run and says nothing."""
_BESIDE = frozenset({"client_metadata", "previous_response_id"})
"""Fields that say nothing either."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a tool came to."""

    status: int
    printed: str
    complained: str
    asked: tuple[str, ...]
    """The bodies of the calls that reached a model."""

    @property
    def calls(self) -> int:
        """Calls that reached a model."""
        return len(self.asked)

    def words(self) -> frozenset[str]:
        """What was asked, without the ids and clocks that differ in every run."""
        return frozenset(map(_words, self.asked))

    @property
    def answer(self) -> str:
        """The number of the last answer that was printed, or the whole last line where there is none."""
        numbers = re.findall(r"ANSWER\s*(\d+)", self.printed)
        return numbers[-1] if numbers else self.printed.strip().rpartition("\n")[2]


def _words(body: str) -> str:
    asked = {name: value for name, value in json.loads(body).items() if name not in _BESIDE}
    return _OF_A_RUN.sub("", json.dumps(asked, sort_keys=True))


@dataclass(frozen=True, slots=True)
class Wired:
    """What all tools share."""

    proxy: Proxy
    provider: Provider
    gate: Path | None
    """The only way out of a tool's network namespace; None where tools are not confined."""


@dataclass(slots=True)
class Bench:
    """A place to run one tool in."""

    wired: Wired
    folder: Path
    keys: Mapping[str, str] = field(default_factory=lambda: KEYS)

    @property
    def home(self) -> Path:
        """The tool's home."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return home

    def run(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Run:
        """Run a command to its end."""
        before = len(self.wired.provider.calls)
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        done = subprocess.run(
            self._confined([str(part) for part in command]),
            cwd=work,
            env={**self._environment(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
            check=False,
        )
        calls = list(self.wired.provider.calls)[before:]
        return Run(done.returncode, done.stdout, done.stderr, tuple(call.text for call in calls if call.generated))

    def _confined(self, command: list[str]) -> list[str]:
        if self.wired.gate is None:
            return command
        inside = [sys.executable, confine.__file__, str(self.wired.proxy.port), str(self.wired.gate)]
        return ["unshare", "--net", *inside, *command]

    def _environment(self) -> dict[str, str]:
        proxy, ca, bundle = self.wired.proxy.url, str(self.wired.proxy.ca), str(self._bundle())
        local = "localhost,127.0.0.1,::1"
        return {
            "PATH": f"{workshop.node()}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "USER": "tester",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "SHELL": "/bin/bash",
            "NO_COLOR": "1",
            "TMPDIR": str(self.folder),
            **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"), proxy),
            "NO_PROXY": local,
            "no_proxy": local,
            "NODE_EXTRA_CA_CERTS": ca,
            **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), bundle),
            **self.keys,
        }

    def _bundle(self) -> Path:
        bundle = self.folder / "bundle.pem"
        bundle.write_bytes(self.wired.proxy.ca.read_bytes() + self.wired.provider.authority.path.read_bytes())
        return bundle


@cache
def can_confine() -> bool:
    """Whether this user may make network namespaces here."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


@contextmanager
def gate_to(port: int) -> Iterator[Path | None]:
    """A Unix socket that leads to a loopback port of this machine; None where nobody needs it."""
    if not can_confine():
        yield None
        return
    # Not a test's own folder: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="gate-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "gate"
        listener.bind(str(path))
        listener.listen(128)
        reach = partial(socket.create_connection, ("127.0.0.1", port))
        accepting = threading.Thread(target=confine.serve, args=(listener, reach), daemon=True)
        accepting.start()
        yield path
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
