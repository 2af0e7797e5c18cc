"""Runs the `isartor` command as people do: in a process of its own, with a home of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 60


@dataclass(frozen=True)
class Command:
    """The command with one home directory."""

    home: Path
    """`$HOME`; Isartor's files are in `.isartor` below it."""

    @property
    def environ(self) -> dict[str, str]:
        """Nothing of whoever runs the tests but the PATH, and whether coverage is measured."""
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        home = {"HOME": str(self.home), "USERPROFILE": str(self.home)}
        return {**home, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **measured}

    def __call__(
        self, *words: str, environ: dict[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it and wait."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "isartor_addon", *words],
            env=self.environ | (environ or {}),
            cwd=cwd or self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
