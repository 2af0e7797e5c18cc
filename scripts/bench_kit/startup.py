"""How long a command takes that does next to nothing."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Startup:
    """Median times of whole processes, in milliseconds."""

    name: str
    ms: float
    bare_ms: float
    """The interpreter's own start and end, measured in turn with it."""
    limit_ms: float
    """The most that `ms` may be."""

    @property
    def ok(self) -> bool:
        """Whether it is fast enough."""
        return self.ms <= self.limit_ms


def measure(rounds: int) -> list[Startup]:
    """Measure `import isartor_addon` and `isartor --help`."""
    isartor = shutil.which("isartor", path=Path(sys.executable).parent) or "isartor"
    commands = {
        "bare": [sys.executable, "-c", "pass"],
        "import isartor_addon": [sys.executable, "-c", "import isartor_addon"],
        "isartor --help": [isartor, "--help"],
    }
    took: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=60)
            took[name].append((time.perf_counter() - began) * 1000)
    ms = {name: statistics.median(times) for name, times in took.items()}
    limits = {"import isartor_addon": 60.0, "isartor --help": 150.0}
    return [Startup(name, ms[name], ms["bare"], limit) for name, limit in limits.items()]
