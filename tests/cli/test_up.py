"""A proxy that is started, asked, used and stopped from the command line."""

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import TIMEOUT_S, Command


@pytest.fixture(scope="module")
def isartor(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """One home for all of these tests."""
    return Command(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def port(isartor: Command) -> Iterator[int]:
    """The port of a proxy in the background."""
    done = isartor("up", "--detach", "--port", "0", "--mode", "regular", "--mode", "reverse:http://127.0.0.1:9@0")
    assert 0 == done.returncode, done
    yield status(isartor)["listeners"][0]["port"]
    isartor("stop")


def status(isartor: Command) -> dict[str, object]:
    """What `isartor status --json` says."""
    document: dict[str, object] = json.loads(isartor("status", "--json").stdout)
    return document


def get(port: int, path: str) -> int:
    """The status of a request to the proxy's own port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_answers_when_up_returns(port: int) -> None:
    """`up --detach` returns when the proxy answers."""
    assert 200 == get(port, "/healthz")


def test_status_says_where_and_what(isartor: Command, port: int) -> None:
    """`status` names both listeners, the CA's fingerprint and what the cache holds."""
    said = status(isartor)
    assert [("regular", port), "reverse:http://127.0.0.1:9"] == [
        (said["listeners"][0]["mode"], said["listeners"][0]["port"]),
        said["listeners"][1]["mode"],
    ]
    assert (True, f"127.0.0.1:{port}", 0) == (said["running"], said["proxy"], said["cache"]["entries"])
    assert 64 == len(said["ca"].removeprefix("sha256:"))
    shown = isartor("status")
    assert 0 == shown.returncode
    assert f"127.0.0.1:{port}" in shown.stdout


def test_files_are_private(isartor: Command, port: int) -> None:
    """The home directory and all that holds prompts, keys or tokens is for the user alone."""
    home = isartor.home / ".isartor"
    private = [home, home / "ca", home / "cache", home / "run.json", home / "isartor.log", home / "ca/mitmproxy-ca.pem"]
    assert [] == [str(path) for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_second_proxy_is_refused(isartor: Command, port: int) -> None:
    """One home, one proxy: a second one says who is there."""
    for words in (["up"], ["up", "--detach"]):
        done = isartor(*words)
        assert (1, True) == (done.returncode, f"already at 127.0.0.1:{port}" in done.stderr), done


def test_env_names_the_running_proxy(isartor: Command, port: int) -> None:
    """`env` exports the port that is really open, and files that exist."""
    variables = json.loads(isartor("env", "--json").stdout)
    assert f"http://127.0.0.1:{port}" == variables["HTTPS_PROXY"]
    assert [True, True] == [Path(variables[name]).is_file() for name in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")]


def test_run_is_the_tool(isartor: Command, port: int) -> None:
    """The tool gets the exports and its arguments as they are; its exit code and signals are its own."""
    script = "import os, sys; print(os.environ['HTTPS_PROXY'], sys.argv[1:]); sys.exit(42)"
    done = isartor("run", "--", sys.executable, "-c", script, "--help", "--", "a b")
    assert (42, f"http://127.0.0.1:{port} ['--help', '--', 'a b']\n", "") == (done.returncode, done.stdout, done.stderr)
    killed = isartor("run", "--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    assert -signal.SIGKILL == killed.returncode
    assert -signal.SIGPIPE == isartor("run", "--", "sh", "-c", "kill -PIPE $$").returncode
    odd = isartor.home / "odd"
    odd.write_bytes(b"\0")
    odd.chmod(0o700)
    assert [127, 126] == [isartor("run", "--", name).returncode for name in ("no-such-tool", str(odd))]


def test_run_up_uses_the_proxy_that_runs(isartor: Command, port: int) -> None:
    """With `--up` a proxy that is there already is used; no second one is started, and nothing is said."""
    done = isartor("run", "--up", "--", sys.executable, "-c", "import os; print(os.environ['HTTPS_PROXY'])")
    assert (0, f"http://127.0.0.1:{port}\n", "") == (done.returncode, done.stdout, done.stderr)


def test_run_can_be_undone_inside(isartor: Command, port: int) -> None:
    """A tool that calls `isartor env --unset` learns what its user had set."""
    inside = f"'{sys.executable}' -P -m isartor_addon"
    done = isartor(
        "run", "--", "bash", "-c", f'eval "$({inside} env --unset)"; echo "$NO_PROXY,$HTTPS_PROXY"',
        environ={"NO_PROXY": "mine"},
    )  # fmt: skip
    assert "mine,\n" == done.stdout, done


def test_stopped_proxy_leaves_nothing_behind(tmp_path: Path) -> None:
    """`stop` waits until the proxy is gone; then `status` says 3 and there is no state file."""
    isartor = Command(tmp_path)
    assert 0 == isartor("up", "--detach", "--port", "0").returncode
    pid = status(isartor)["pid"]
    done = isartor("stop")
    assert (0, f"stopped (pid {pid})\n") == (done.returncode, done.stdout)
    assert (3, False) == (isartor("status").returncode, (isartor.home / ".isartor" / "run.json").exists())


def test_killed_proxy_is_not_running(tmp_path: Path) -> None:
    """After `kill -9` the state file is stale: `status` is not fooled, `stop` kills nobody, `up` starts anew."""
    isartor = Command(tmp_path)
    assert [0, 0] == [isartor("run", "--up", "--port", "0", "--", "true").returncode, isartor("status").returncode]
    os.kill(int(str(status(isartor)["pid"])), signal.SIGKILL)
    deadline = time.monotonic() + TIMEOUT_S
    while isartor("status").returncode != 3 and time.monotonic() < deadline:
        pass
    assert (True, 3) == ((tmp_path / ".isartor" / "run.json").exists(), isartor("status").returncode)
    stopped = isartor("stop")
    assert (0, "") == (stopped.returncode, stopped.stdout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_foreground_stops_on_signals(number: signal.Signals, tmp_path: Path) -> None:
    """In the foreground the proxy says where it is, and Ctrl-C, TERM and HUP end it cleanly with code 0."""
    isartor = Command(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "isartor_addon", "up", "--port", "0", "--web", "--web-port", "0"],
        env=isartor.environ | {"PYTHONUNBUFFERED": "1"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "base URL" in line:
                break
        process.send_signal(number)
        rest = process.stdout.read()
        assert 0 == process.wait(TIMEOUT_S), lines
    assert any("mitmweb:         http://127.0.0.1:" in line and "?token=" in line for line in lines), lines
    assert "Traceback" not in rest
    assert not (tmp_path / ".isartor" / "run.json").exists()


def test_child_that_fails_says_why(tmp_path: Path) -> None:
    """`up --detach` reports why the proxy in the background did not come up, here a port that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = Command(tmp_path)("up", "--detach", "--port", str(taken.getsockname()[1]))
    assert (1, True) == (done.returncode, "address already in use" in done.stderr), done


def test_other_machines_need_the_token(tmp_path: Path) -> None:
    """On an address that others reach, a request without the token is refused; `env` shows it to our own tools."""
    isartor = Command(tmp_path)
    assert (
        0 == isartor("up", "--detach", "--port", "0", "--host", "0.0.0.0", environ={"ISARTOR_TOKEN": "a/b"}).returncode
    )
    try:
        url = json.loads(isartor("env", "--json").stdout)["HTTPS_PROXY"]
        port = int(url.rpartition(":")[2])
        assert f"http://isartor:a%2Fb@127.0.0.1:{port}" == url
        assert [407, 407] == [get(port, path) for path in ("http://api.openai.com/", "/v1/models")]
    finally:
        isartor("stop")


def test_users_own_proxy_is_not_forgotten(tmp_path: Path) -> None:
    """Who needs a proxy to get out is told how to go through it; its password is not printed."""
    isartor = Command(tmp_path)
    environ = {"HTTPS_PROXY": "http://me:secret@corp.example:3128"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = isartor("up", "--port", str(taken.getsockname()[1]), environ=environ)
    assert "isartor up --mode upstream:http://corp.example:3128\n" in done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_every_host_is_too_many(tmp_path: Path) -> None:
    """Our own CA may sign for named hosts only: opening all of them is refused in one line, not host by host."""
    failed = Command(tmp_path)("up", "--port", "0", environ={"ISARTOR_HOSTS": "*"})
    assert 0 != failed.returncode
    assert "hosts = *" in failed.stderr
    assert "Traceback" not in failed.stderr
