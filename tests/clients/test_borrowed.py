"""What other suites skip for want of a program or an SDK runs here with one that is installed for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients import workshop
from tests.clients.workshop import PYTHON_SDKS, ROOT, TLS_STACKS

pytestmark = pytest.mark.clients

READERS = sorted(Path(__file__).parent.glob("test_sdk_*.py"))
"""Tests that import an SDK, and are skipped where it is not there."""


def borrowed(tool: workshop.Tool) -> Path:
    """The folder of a tool's programs."""
    try:
        return workshop.install(tool) / "bin"
    except workshop.Unavailable as error:
        pytest.skip(f"{tool.name} cannot be installed here: {error}")


def whole(python: Path, words: list[str], environment: dict[str, str]) -> str:
    """Run tests; the last line of what pytest said, which must name nothing but passed ones."""
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    done = subprocess.run(
        command, env={**os.environ, **environment}, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert 0 == done.returncode, done.stdout[-4000:] + done.stderr[-1000:]
    return done.stdout.strip().splitlines()[-1]


def test_the_official_sdks_read_what_we_render() -> None:
    """Each SDK's own tests of our rendering run in the SDKs' environment, none of them skipped."""
    python = borrowed(PYTHON_SDKS) / "python"
    said = whole(python, [str(path) for path in READERS], {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))})
    assert "passed" in said
    assert "skipped" not in said


def test_rustls_and_go_accept_the_authority() -> None:
    """uv (rustls) and a Go program accept our CA for what it may sign for and refuse all else."""
    path = f"{borrowed(TLS_STACKS)}{os.pathsep}{os.environ['PATH']}"
    said = whole(Path(sys.executable), ["tests/trust/test_acceptance.py", "-k", "rustls or go"], {"PATH": path})
    assert "22 passed" in said
    assert "skipped" not in said
