"""What the numbers were measured on: the machine, its load, versions; CPU time and memory of a process (Linux only)."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import ssl
import subprocess
from pathlib import Path

_PACKAGES = ("isartor-addon", "mitmproxy", "orjson", "diskcache", "cryptography")


def cpu_seconds(pid: int) -> float | None:
    """CPU time that a process has used so far, all threads, user and system; None where nobody says."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wanted_seconds(pid: int) -> float | None:
    """How long a process's first thread has run so far or waited for a core to run on; None where nobody says."""
    try:
        ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except (OSError, ValueError):
        return None
    return (int(ran) + int(waited)) / 1e9


def resident_mb(pid: int) -> float | None:
    """Memory of a process in RAM, MiB; None where nobody says."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((round(int(line.split()[1]) / 1024, 1) for line in lines if line.startswith("VmRSS")), None)


def load1() -> float | None:
    """The load of the last minute; None where the system does not say."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def describe() -> dict[str, str]:
    """Processor, system and versions, by name."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION.partition("  ")[0],
        **{name: _version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _commit() -> str:
    """The checkout's commit, with a `+` where files differ from it; empty outside of one."""
    here = Path(__file__).parent
    try:
        asked = [
            subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, timeout=10, check=True).stdout
            for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--", "../../isartor_addon"])
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked[0].strip() + ("+" if asked[1].strip() else "")
