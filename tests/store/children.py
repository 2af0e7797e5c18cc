"""Processes of their own that use a store: started, and told line by line what to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start(child: str, *arguments: object) -> subprocess.Popen[str]:
    """Run the module `tests.store.<child>`."""
    command = [sys.executable, "-m", f"tests.store.{child}", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@contextmanager
def obedient(child: str, directory: Path) -> Iterator[Callable[[str], str]]:
    """A process that does what it is told, as a function from line to line."""
    with start(child, "obey", directory) as process:
        assert process.stdin is not None and process.stdout is not None
        stdin, stdout = process.stdin, process.stdout
        assert "ready\n" == stdout.readline()

        def tell(line: str) -> str:
            stdin.write(line + "\n")
            stdin.flush()
            return stdout.readline().strip()

        yield tell
        stdin.close()
        assert 0 == process.wait(20)
