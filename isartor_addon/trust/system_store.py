"""Our root in the system's own store of trusted roots: in, out, and nothing else touched.

For programs that look at the system's store only. Everything is done by the system's own tools; what would be run can
be printed first (`plan_install`, `plan_remove`). A root is recognised by its fingerprint, never by a file's name or a
subject.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isartor_addon.core.errors import TrustError
from isartor_addon.trust.authority import Authority
from isartor_addon.trust.bundle import read_roots

Command = tuple[str, ...]
PATIENCE_S = 300
"""How long a command may take; macOS and Windows ask the user in between."""


class Store(ABC):
    """One kind of system store."""

    name: str

    @abstractmethod
    def plan_install(self, authority: Authority) -> list[Command]:
        """The commands that put the root in."""

    @abstractmethod
    def plan_remove(self, authority: Authority) -> list[Command]:
        """The commands that take it out again."""

    @abstractmethod
    def installed(self, authority: Authority) -> bool:
        """Whether it is in."""


@dataclass(frozen=True, slots=True)
class AnchorFolder(Store):
    """Linux: a folder of PEM files, and a command that makes everything else from it."""

    name: str
    folder: Path
    refresh: Command
    refresh_removed: Command | None = None
    """Where removing needs another command; the removed file's name is appended."""

    def plan_install(self, authority: Authority) -> list[Command]:
        """Copy the root there and refresh."""
        target = self.folder / f"isartor-{authority.fingerprint[:16]}.crt"
        return _as_root([("install", "-m", "0644", str(authority.certificate), str(target)), self.refresh])

    def plan_remove(self, authority: Authority) -> list[Command]:
        """Delete each file that holds the root, and refresh."""
        files = self._holding(authority)
        last = [self.refresh]
        if self.refresh_removed is not None:
            last = [(*self.refresh_removed, *(file.name for file in files))]
        return _as_root([("rm", "--", *map(str, files)), *last]) if files else []

    def installed(self, authority: Authority) -> bool:
        """Whether a file there holds the root."""
        return bool(self._holding(authority))

    def _holding(self, authority: Authority) -> list[Path]:
        return [file for file in sorted(self.folder.glob("*")) if authority.root in read_roots(file)]


@dataclass(frozen=True, slots=True)
class LoginKeychain(Store):
    """macOS: the user's own keychain and trust settings; no other user of the machine is concerned."""

    keychain: Path
    name: str = "macOS login keychain"

    def plan_install(self, authority: Authority) -> list[Command]:
        """Add the root and trust it for TLS servers."""
        keychain, file = str(self.keychain), str(authority.certificate)
        return [("security", "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", keychain, file)]

    def plan_remove(self, authority: Authority) -> list[Command]:
        """Delete the root with its trust settings."""
        return [("security", "delete-certificate", "-t", "-Z", _thumbprint(authority), str(self.keychain))]

    def installed(self, authority: Authority) -> bool:
        """Whether the keychain holds the root."""
        listing = _output(("security", "find-certificate", "-a", "-Z", str(self.keychain)))
        return _thumbprint(authority) in listing


@dataclass(frozen=True, slots=True)
class WindowsRoots(Store):
    """Windows: the current user's `Root` store; needs no administrator, and Windows itself asks the user."""

    name: str = "Windows current user roots"

    def plan_install(self, authority: Authority) -> list[Command]:
        """Add the root."""
        return [("certutil", "-user", "-addstore", "Root", str(authority.certificate))]

    def plan_remove(self, authority: Authority) -> list[Command]:
        """Delete the root."""
        return [("certutil", "-user", "-delstore", "Root", _thumbprint(authority))]

    def installed(self, authority: Authority) -> bool:
        """Whether the store holds the root."""
        return bool(_output(("certutil", "-user", "-store", "Root", _thumbprint(authority))))


# Debian's tool does not see that a local file has gone: it leaves its links, and never tells its hooks (Java's keystore
# is one). Told so in its list of certificates (`!name`) it removes both. The list itself stays as it is.
_DEBIAN_REMOVED = (
    'list=$(mktemp) && trap \'rm -f "$list"\' EXIT && cat /etc/ca-certificates.conf > "$list" && '
    'for name; do echo "!$name" >> "$list"; done && update-ca-certificates --certsconf "$list"'
)

LINUX: tuple[tuple[str, AnchorFolder], ...] = (
    (
        "/etc/debian_version",
        AnchorFolder(
            "Debian, Ubuntu",
            Path("/usr/local/share/ca-certificates"),
            ("update-ca-certificates",),
            ("sh", "-c", _DEBIAN_REMOVED, "sh"),
        ),
    ),
    (
        "/etc/alpine-release",
        AnchorFolder("Alpine", Path("/usr/local/share/ca-certificates"), ("update-ca-certificates",)),
    ),
    (
        "/etc/pki/ca-trust/source/anchors",
        AnchorFolder("Fedora, RHEL", Path("/etc/pki/ca-trust/source/anchors"), ("update-ca-trust", "extract")),
    ),
    (
        "/etc/ca-certificates/trust-source/anchors",
        AnchorFolder("Arch", Path("/etc/ca-certificates/trust-source/anchors"), ("update-ca-trust", "extract")),
    ),
    ("/etc/pki/trust/anchors", AnchorFolder("SUSE", Path("/etc/pki/trust/anchors"), ("update-ca-certificates",))),
)
"""What a Linux is known by, and its store; the first that is there counts."""


def system_store() -> Store:
    """
    Give this machine's store.

    Raises:
        TrustError: it is of no kind that is known here.
    """
    if sys.platform == "darwin":
        return LoginKeychain(Path.home() / "Library/Keychains/login.keychain-db")
    if sys.platform == "win32":
        return WindowsRoots()
    for sign, store in LINUX:
        if Path(sign).exists() and store.folder.is_dir() and shutil.which(store.refresh[0], path=_path()):
            return store
    raise TrustError("no system store of trusted roots is known here; use the environment variables instead")


def install(authority: Authority, store: Store | None = None) -> None:
    """
    Make the system trust the root; nothing happens if it does already.

    Raises:
        TrustError: a command failed or its user refused; what it did is undone.
    """
    store = store or system_store()
    if store.installed(authority):
        return
    try:
        _run(store.plan_install(authority))
    except TrustError:
        with contextlib.suppress(TrustError):
            _run(store.plan_remove(authority))
        raise


def remove(authority: Authority, store: Store | None = None) -> None:
    """
    Take the root out of the system's store; nothing happens if it is not in.

    Raises:
        TrustError: a command failed.
    """
    store = store or system_store()
    if store.installed(authority):
        _run(store.plan_remove(authority))


def installed(authority: Authority, store: Store | None = None) -> bool:
    """
    Say whether the system's store holds the root.

    Raises:
        TrustError: there is no store that is known.
    """
    return (store or system_store()).installed(authority)


def _as_root(commands: list[Command]) -> list[Command]:
    root = not hasattr(os, "geteuid") or os.geteuid() == 0
    return commands if root else [("sudo", *command) for command in commands]


def _path() -> str:
    """Where the system's tools are; `sbin` is not on every user's PATH."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def _thumbprint(authority: Authority) -> str:
    """SHA-1, upper case: what `security` and `certutil` name certificates by. No more than a name here."""
    return hashlib.sha1(authority.root, usedforsecurity=False).hexdigest().upper()


def _run(commands: Sequence[Command]) -> None:
    for command in commands:
        done = _call(command)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
            raise TrustError(f"{shlex.join(command)}: {reason}")


def _output(command: Command) -> str:
    done = _call(command)
    return "" if done.returncode else done.stdout


def _call(command: Command) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": _path()}
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    try:
        return subprocess.run(  # noqa: S603 - the commands are the tables above
            [program, *command[1:]],
            env=environment,
            stdin=None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TrustError(f"{shlex.join(command)}: {error}") from error
