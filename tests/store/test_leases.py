"""Leases: one process at a time asks the provider for a key, and none that is dead stands in the way."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from isartor_addon.store.leases import FileLeases

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="none there")
ONE, TWO = "1" * 64, "2" * 64


@contextmanager
def holder(path: Path, key: str) -> Iterator[subprocess.Popen[str]]:
    """Another process with the lease on `key`, until it is killed or reads a line."""
    program = (
        "import sys; from pathlib import Path; from isartor_addon.store.leases import FileLeases as F\n"
        "leases = F(Path(sys.argv[1])); print(leases.take(sys.argv[2]), flush=True)\n"
        "sys.stdin.readline(); leases.drop(sys.argv[2]); print('dropped', flush=True); sys.stdin.readline()\n"
    )
    command = [sys.executable, "-c", program, str(path), key]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "True\n" == process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """While another process has the lease on a key it is not to be had; others are; after it lets go it is."""
    leases = FileLeases(tmp_path / "leases")
    with holder(tmp_path / "leases", ONE) as other:
        assert (False, True) == (leases.take(ONE), leases.take(TWO))
        assert not asyncio.run(leases.wait(ONE, 0.01))
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write("\n")
        other.stdin.flush()
        assert "dropped\n" == other.stdout.readline()
        assert leases.take(ONE)
    leases.close()


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    """Who waits gets the lease of a process that is killed."""
    leases = FileLeases(tmp_path / "leases")
    with holder(tmp_path / "leases", ONE) as other:
        assert not leases.take(ONE)
        threading.Timer(0.0, other.kill).start()
        assert asyncio.run(leases.wait(ONE, 30.0))
    leases.drop(ONE)
    with holder(tmp_path / "leases", ONE):
        assert not leases.take(ONE)
    leases.close()


def test_closing_lets_go(tmp_path: Path) -> None:
    """A store that is closed stands in nobody's way, and says yes to everything itself."""
    leases = FileLeases(tmp_path / "leases")
    assert leases.take(ONE)
    leases.close()
    with holder(tmp_path / "leases", ONE):
        assert leases.take(ONE)


def test_without_a_file_everybody_has_one(tmp_path: Path) -> None:
    """Where the file cannot be made, nobody waits for anybody."""
    (tmp_path / "file").write_text("")
    leases = FileLeases(tmp_path / "file" / "leases")
    assert leases.take(ONE)
    assert asyncio.run(leases.wait(ONE, 30.0))
    leases.drop(ONE)
