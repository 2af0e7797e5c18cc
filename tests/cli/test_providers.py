"""Providers are shown, asked, and told apart."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from isartor_addon.cli import main
from isartor_addon.config.load import load
from isartor_addon.layers.cloud.catalog import CATALOG
from isartor_addon.layers.cloud.configured import cloud_of
from isartor_addon.layers.cloud.plan import plan_for
from isartor_addon.layers.cloud.report import report
from isartor_addon.store.running import Running, claim
from tests.cli.command import TIMEOUT_S, Command
from tests.layers.cloud.scripted import BEGUN, Drive, script, status

KEY = "sk-mine-0123456789abcdef"


class Telling(http.server.BaseHTTPRequestHandler):
    """A running proxy that tells how its providers fare."""

    document = b""

    def do_GET(self) -> None:
        """Tell it."""
        self.send_response(200 if self.path == "/debug/providers" else 404)
        self.send_header("content-length", str(len(self.document)))
        self.end_headers()
        self.wfile.write(self.document)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Listing(http.server.BaseHTTPRequestHandler):
    """A provider that lists its models to whoever shows the key, and remembers who asked."""

    asked: list[tuple[str, str]] = []  # noqa: RUF012 - one list for all requests

    def do_GET(self) -> None:
        """List them."""
        shown = self.headers.get("authorization", "")
        self.asked.append((self.path, shown))
        self.send_response(200 if shown == f"Bearer {KEY}" else 401)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(answers: type[http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server; its port."""
    with http.server.HTTPServer(("127.0.0.1", 0), answers) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield running.server_port
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[int]:
    """Its port."""
    Listing.asked.clear()
    with serving(Listing) as port:
        yield port


def settings(home: Path, port: int) -> None:
    """Two providers, one of them with two keys, and a chain."""
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(
        f"""
[[providers]]
name = "mine"
base_url = "http://127.0.0.1:{port}/v1"
key = ["env:MINE", "env:OTHER"]

[[providers]]
name = "nobody"
base_url = "http://127.0.0.1:1/v1"

[[chain]]
for = "*"
try = ["client", "mine/m"]
"""
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: int) -> Path:
    """A home with these settings, and a key in the environment."""
    monkeypatch.setenv("ISARTOR_HOME", str(tmp_path))
    monkeypatch.setenv("MINE", KEY)
    monkeypatch.setenv("OTHER", "sk-other")
    settings(tmp_path, server)
    return tmp_path


def test_the_catalogue_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """`--all` names every provider that is known, for people and for programs."""
    assert 0 == main(["providers", "--all"])
    lines = capsys.readouterr().out.splitlines()
    assert list(CATALOG) == [line.split()[0] for line in lines[1:]]
    assert 0 == main(["providers", "--all", "--json"])
    assert list(CATALOG) == [each["name"] for each in json.loads(capsys.readouterr().out)]


def test_where_there_are_none_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence, and no table of nothing."""
    monkeypatch.setenv("ISARTOR_HOME", str(tmp_path))
    assert 0 == main(["providers"])
    said = capsys.readouterr().out
    assert "no providers besides" in said
    assert "WIRE" not in said


def test_what_is_configured_is_shown_without_a_proxy(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With no proxy running the settings are shown, keys masked."""
    assert 0 == main(["providers"])
    said = capsys.readouterr().out
    assert "mine      openai_chat  env:MINE ...cdef, env:OTHER ...  " in said
    assert "nobody    openai_chat  none needed" in said
    assert "no proxy is running" in said
    assert KEY not in said


def test_a_wrong_chain_is_an_error_of_the_settings(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A chain that names nobody is refused in one sentence, by every command that reads chains."""
    (home / "config.toml").write_text('[[chain]]\nfor = "*"\ntry = "opnai"\n')
    for verb in ("providers", "config"):
        assert 2 == main([verb])
        assert "`chain[0].try` names `opnai`, which is no provider; the nearest is `openai`." in capsys.readouterr().err


def test_a_ping_shows_each_key_to_its_provider(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every provider is asked with each of its keys, and the answers are told; one that is not well is a failure."""
    assert 1 == main(["providers", "--ping", "--json"])
    said = {(each["provider"], each["key"]): each for each in json.loads(capsys.readouterr().out)}
    assert (True, "takes the key") == (said["mine", "env:MINE"]["well"], said["mine", "env:MINE"]["said"])
    assert (False, "refuses the key (401)") == (said["mine", "env:OTHER"]["well"], said["mine", "env:OTHER"]["said"])
    assert not said["nobody", ""]["well"]
    assert {("/v1/models", f"Bearer {KEY}"), ("/v1/models", "Bearer sk-other")} == set(Listing.asked)


def test_a_ping_runs_the_commands_that_print_keys(
    home: Path, server: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they print is tried and not shown; one that prints none is not well; offline none is run."""
    prints, fails = (shlex.join([sys.executable, "-c", text]) for text in (f"print('{KEY}')", "exit(3)"))
    table = {
        "name": "mine",
        "base_url": f"http://127.0.0.1:{server}/v1",
        "key": [f"command:{prints}", f"command:{fails}"],
    }
    (home / "config.toml").write_text("")
    monkeypatch.setenv("ISARTOR_PROVIDERS", json.dumps([table]))
    assert 1 == main(["providers", "--ping"])
    out = capsys.readouterr().out
    assert KEY not in out
    good, bad = (line.removeprefix(f"mine  command:{sys.executable}").split(maxsplit=1) for line in out.splitlines())
    assert ["well", "takes the key"] == good
    assert bad[1].endswith(f"the command {sys.executable} has failed with exit code 3")
    monkeypatch.setenv("ISARTOR_OFFLINE", "true")
    assert 1 == main(["providers", "--ping"])
    assert 2 == capsys.readouterr().out.count("is not run")


def test_who_is_asked_later_is_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the running proxy says it: why, and beside the breaker's state."""
    cloud = cloud_of(load(environ={"ISARTOR_HOME": str(home)}), {"env:MINE": KEY}.get)
    plan = plan_for(cloud.chains, model="gpt-4o", host="api.openai.com", client="")
    assert plan is not None
    for _ in range(10):
        Drive().run(plan, cloud.state, script(client=[status(500), status(500), BEGUN] * 8, mine=[BEGUN]))
    Telling.document = json.dumps(report(cloud, 1.0)).encode()
    with serving(Telling) as port, claim(home / "run.json") as ours:
        ours.tell(Running(os.getpid(), 0.0, "0", (), f"127.0.0.1:{port}"))
        assert 0 == main(["providers"])
    lines = capsys.readouterr().out.splitlines()
    assert any("api.openai.com" in line and "  closed, asked later (failing)  " in line for line in lines)
    assert any(line.startswith("mine ") and "  closed  " in line for line in lines)


def test_the_running_proxy_tells(isartor: Command, server: int) -> None:
    """`isartor providers` asks the running proxy; where that has a token, only who shows it gets the document."""
    settings(isartor.home / ".isartor", server)
    keys = {"MINE": KEY, "OTHER": "sk-other"}
    up = isartor(
        "up", "--detach", "--port", "0", "--workers", "1", "--token", "hush", "--host", "0.0.0.0", environ=keys
    )
    assert 0 == up.returncode, up
    try:
        document = json.loads(isartor("providers", "--json").stdout)
        assert document["running"]
        assert ["mine", "nobody"] == [each["name"] for each in document["providers"]]
        assert ["...cdef", "..."] == [key["masked"] for key in document["providers"][0]["keys"]]
        assert KEY not in json.dumps(document)
        port = json.loads(isartor("status", "--json").stdout)["listeners"][0]["port"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        connection.request("GET", "/debug/providers")
        assert connection.getresponse().status in (401, 407)
        connection.close()
    finally:
        isartor("stop")
