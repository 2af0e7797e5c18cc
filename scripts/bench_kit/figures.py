"""What is measured in a process of its own and compared with nothing but a limit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from bench_kit.servers import KIT

PATIENCE_S = 300


@dataclass(frozen=True, slots=True)
class Figure:
    """One number."""

    what: str
    value: float
    unit: str
    limit: float | None = None
    """The most that it may be."""

    @property
    def ok(self) -> bool:
        """Whether it is within its limit."""
        return self.limit is None or self.value <= self.limit


def measure(module: str, *arguments: object) -> list[Figure]:
    """
    Have a module of this package measure.

    Raises:
        subprocess.CalledProcessError: it fails.
    """
    command = [sys.executable, "-m", f"bench_kit.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=KIT.parent, stdout=subprocess.PIPE, check=True, timeout=PATIENCE_S)
    return [Figure(**each) for each in json.loads(done.stdout)]


def tell(figures: Iterable[Figure]) -> None:
    """Give them to who asked."""
    json.dump([asdict(figure) for figure in figures], sys.stdout)
