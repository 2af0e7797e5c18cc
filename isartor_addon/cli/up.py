"""Start the proxy: in the foreground until Ctrl-C, or with --detach in the background until `isartor stop`.

It listens on this machine only. Listening for others (`--host 0.0.0.0`) needs a token, which tools then show as the
password in HTTPS_PROXY; `isartor env` prints it. Only the TLS of LLM providers is opened, with a CA that can sign for
nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isartor_addon.cli.exports import without_exports
from isartor_addon.cli.settings import add_settings, program, source_of
from isartor_addon.config.load import build
from isartor_addon.config.places import Places, places
from isartor_addon.config.private import make_directory
from isartor_addon.core.errors import ConfigError, IsartorError
from isartor_addon.store.running import AlreadyRunning, Running, claim, read_running
from isartor_addon.workers.alone import cores, why_alone

if TYPE_CHECKING:
    from isartor_addon.config.schema import Config
    from isartor_addon.proxy.launch import Launch

START_TIMEOUT_S = 60.0
_PAUSE_S = 0.05
_SHOWN_LINES = 8
_LONGEST_LOG = 4 << 20
"""A log that has grown beyond, in bytes, is begun anew."""


class NotStarted(IsartorError):
    """The proxy in the background did not come up."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_settings(parser)
    parser.add_argument("--detach", action="store_true", help="run in the background and return once it is up")
    parser.add_argument("--host", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=_port, help="the port of the first mode that names none (default: 8080)")
    parser.add_argument(
        "--mode",
        action="append",
        metavar="SPEC",
        help="how clients reach the proxy, as mitmproxy spells it: regular (default), reverse:URL, upstream:URL, "
        "socks5, local:NAME, wireguard, transparent; SPEC@PORT for another port; may be repeated",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that share the port (default: as many as cores; 1 with --web, --cassette or another script, in "
        "modes local, wireguard, tun and dns, with options that keep flows in one process, and on Windows)",
    )
    parser.add_argument("--drain", type=int, metavar="SECONDS", help="how long `isartor stop` lets requests finish")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--web", action="store_true", help="with mitmweb, to look at requests in a browser")
    parser.add_argument("--web-port", type=_port, metavar="PORT", help="mitmweb's port (default: 8081)")
    parser.add_argument("--cassette", metavar="FILE", help="use the recordings in FILE instead of the cache")
    mode = parser.add_mutually_exclusive_group()
    for name, meaning in (
        ("record", "add what is not recorded yet (default)"),
        ("replay", "answer from FILE only; nothing leaves this machine"),
    ):
        mode.add_argument(f"--{name}", dest="cassette_mode", action="store_const", const=name, help=meaning)
    parser.add_argument("--token", help="what clients must show; better in ISARTOR_TOKEN, where `ps` does not show it")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of mitmproxy, or a setting of ours as `isartor_cache_ttl_s=60`; may be repeated",
    )
    parser.add_argument(
        "-s", "--script", action="append", default=[], metavar="FILE", help="another mitmproxy addon; may be repeated"
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 <= int(text) < 65536):
        raise argparse.ArgumentTypeError(f"`{text}` is no port")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Run the proxy, or start it in the background."""
    if arguments.cassette_mode and not arguments.cassette:
        raise ConfigError(f"--{arguments.cassette_mode} needs --cassette FILE.")
    cassette = str(Path(arguments.cassette).absolute()) if arguments.cassette else None
    flags = {
        "cassette": cassette,
        "cassette_mode": arguments.cassette_mode,
        "token": arguments.token,
        "workers": arguments.workers,
        "drain_s": arguments.drain,
    }
    ours = [setting for setting in arguments.set if setting.startswith("isartor_")]
    config = build(source_of(arguments, flags=flags, settings=ours))
    at = places(config)
    if arguments.detach:
        print(_describe(start_detached(at, [word for word in arguments.words if word != "--detach"])))
        return 0
    if arguments.worker:
        return _work(arguments, config)
    workers = _workers(arguments, config)
    if hint := _upstream_hint(arguments.mode or (), os.environ):
        print(hint, file=sys.stderr)
    return _supervise(arguments, config, workers) if workers > 1 else _serve(arguments, config)


def _serve(arguments: argparse.Namespace, config: Config) -> int:
    """Be the proxy."""
    from isartor_addon.proxy.launch import serve

    serve(config, _launch(arguments), ready=lambda running: print(_describe(running), flush=True))
    return 0


def _work(arguments: argparse.Namespace, config: Config) -> int:
    """Be one worker of it."""
    from isartor_addon.proxy.launch import work
    from isartor_addon.proxy.seat import Seat

    work(config, _launch(arguments), seat=Seat(arguments.worker))
    return 0


def _supervise(arguments: argparse.Namespace, config: Config, workers: int) -> int:
    """Run workers."""
    import asyncio

    from isartor_addon.workers.supervisor import Supervisor, command_of

    at = places(config)
    make_directory(at.home)
    with claim(at.state) as claimed:
        told: list[Running] = []

        def tell(running: Running) -> None:
            claimed.tell(running)
            if not told:
                with contextlib.suppress(OSError):  # nobody reads what is printed
                    print(_describe(running), flush=True)
            told.append(running)

        def say(sentence: str) -> None:
            with contextlib.suppress(OSError):
                print(f"isartor: {sentence}", file=sys.stderr, flush=True)

        async def run() -> int:
            command = command_of(arguments.words)
            return await Supervisor(command, workers, drain_s=config.drain_s, tell=tell, say=say).run()

        return asyncio.run(run())


def _workers(arguments: argparse.Namespace, config: Config) -> int:
    """
    How many processes are to share the port.

    Raises:
        ConfigError: it cannot be as many as asked for.
    """
    if config.workers < 0:
        raise ConfigError("workers must be at least 1, or 0 for as many as there are cores.")
    reason = why_alone(
        modes=arguments.mode or (), options=arguments.set, web=arguments.web, cassette=bool(config.cassette)
    )
    if config.workers > 1 and reason:
        raise ConfigError(f"{config.workers} workers are too many: {reason}.")
    return config.workers or (1 if reason or arguments.script else cores())


def _launch(arguments: argparse.Namespace) -> Launch:
    from isartor_addon.proxy.launch import DEFAULT_HOST, Launch

    others = [setting for setting in arguments.set if not setting.startswith("isartor_")]
    if arguments.web_port is not None:
        others.append(f"web_port={arguments.web_port}")
    return Launch(
        host=DEFAULT_HOST if arguments.host is None else arguments.host,
        port=arguments.port,
        modes=tuple(arguments.mode or ("regular",)),
        settings=tuple(others),
        scripts=tuple(arguments.script),
        web=arguments.web,
    )


def _upstream_hint(modes: Sequence[str], environ: Mapping[str, str]) -> str:
    """What to say to somebody whose own way out is a proxy, which mitmproxy does not look for by itself."""
    before = without_exports(environ)
    upstream = before.get("HTTPS_PROXY") or before.get("https_proxy")
    if not upstream or any(mode.startswith("upstream:") for mode in modes):
        return ""
    mode = f"upstream:{_without_user(upstream)}"
    return f"isartor: HTTPS_PROXY is set; to go out through that proxy: isartor up --mode {mode}"


def _without_user(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    return f"{scheme or 'http'}://{rest.rpartition('@')[2]}"


def _describe(running: Running) -> str:
    where = ", ".join(f"{each.mode} on {each.host}:{each.port}" for each in running.listeners)
    workers = f", {len(running.workers)} workers" if len(running.workers) > 1 else ""
    lines = [f"isartor {running.version} is up (pid {running.pid}{workers}): {where or 'no listener'}"]
    if running.web:
        lines.append(f"  mitmweb:         {running.web}")
    if running.proxy:
        isartor = program()
        lines += [
            f'  tools of a shell: eval "$({isartor} env)"',
            f'  one tool:         {isartor} run -- claude -p "hello"',
            f"  base URL:         http://{running.proxy}/v1  (/anthropic, /gemini, /ollama)",
        ]
    return "\n".join(lines)


def start_detached(at: Places, words: Sequence[str]) -> Running:
    """
    Start a proxy in a session of its own and wait until it answers.

    Args:
        at: its files; the log is among them.
        words: the arguments of its `isartor up`.

    Raises:
        AlreadyRunning: there is one.
        NotStarted: it ended at once, or is not up in time; the message has the end of its log.
    """
    if running := read_running(at.state):
        raise AlreadyRunning(f"a proxy is running already at {running.proxy or running.listeners} (pid {running.pid})")
    make_directory(at.log.parent)
    # `-P`: a folder called isartor_addon in the current directory is not ours.
    command = [sys.executable, "-P", "-m", "isartor_addon", "up", *words]
    old = at.log.is_file() and at.log.stat().st_size > _LONGEST_LOG
    descriptor = os.open(at.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if old else 0), 0o600)
    with os.fdopen(descriptor, "ab") as log:
        begin = log.tell()
        child = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    try:
        return _wait_until_up(child, at, begin)
    except BaseException:
        child.terminate()
        raise


def _wait_until_up(child: subprocess.Popen[bytes], at: Places, begin: int) -> Running:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        running = read_running(at.state)
        if running is not None and running.pid == child.pid and (not running.proxy or _answers(running.proxy)):
            return running
        if child.poll() is not None:
            raise NotStarted(f"the proxy did not start:\n{_tail(at.log, begin)}")
        time.sleep(_PAUSE_S)
    raise NotStarted(f"the proxy is not up after {START_TIMEOUT_S:.0f} s:\n{_tail(at.log, begin)}")


def _answers(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return "\n".join(f"  {line}" for line in lines[-_SHOWN_LINES:]) or f"  (nothing in {log})"
