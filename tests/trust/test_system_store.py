"""Our root in the system's store: in, out, and the store as it was before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isartor_addon.core.errors import TrustError
from isartor_addon.trust.authority import Authority, ensure_authority, renew
from isartor_addon.trust.system_store import (
    LINUX,
    AnchorFolder,
    LoginKeychain,
    WindowsRoots,
    install,
    installed,
    remove,
)
from tests.trust.loopback import Origin, Signer

posix = pytest.mark.skipif(sys.platform == "win32", reason="anchor folders are Linux's")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return ensure_authority(tmp_path / "ca", ["api.openai.com"])


def anchors(folder: Path, refresh: tuple[str, ...] = ("true",)) -> AnchorFolder:
    folder.mkdir(exist_ok=True)
    return AnchorFolder("test", folder, refresh)


def without_sudo(commands: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [command[1:] if command[0] == "sudo" else command for command in commands]


needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="the commands would ask for a password (sudo)"
)


def test_linux_commands_are_told_beforehand(tmp_path: Path, authority: Authority) -> None:
    """A dry run shows a copy and a refresh; nothing is removed where nothing is."""
    store = anchors(tmp_path / "anchors", ("update-ca-trust", "extract"))
    target = str(tmp_path / "anchors" / f"isartor-{authority.fingerprint[:16]}.crt")
    copy = ("install", "-m", "0644", str(authority.certificate), target)
    assert [copy, ("update-ca-trust", "extract")] == without_sudo(store.plan_install(authority))
    assert [] == store.plan_remove(authority)


def test_linux_removal_is_by_fingerprint(tmp_path: Path, authority: Authority) -> None:
    """A file of ours under another name is found; one with our name and another root is not touched."""
    store = anchors(tmp_path / "anchors")
    mine = tmp_path / "anchors" / "renamed.pem"
    shutil.copy(authority.certificate, mine)
    other = ensure_authority(tmp_path / "other", ["api.openai.com"])
    shutil.copy(other.certificate, tmp_path / "anchors" / f"isartor-{authority.fingerprint[:16]}.crt")
    assert [("rm", "--", str(mine)), ("true",)] == without_sudo(store.plan_remove(authority))


def test_macos_commands(tmp_path: Path, authority: Authority) -> None:
    """The user's own keychain, for TLS only; removal names the certificate by its thumbprint and drops its settings."""
    store = LoginKeychain(tmp_path / "login.keychain-db")
    keychain, file = str(tmp_path / "login.keychain-db"), str(authority.certificate)
    trust = ("security", "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", keychain, file)
    assert [trust] == store.plan_install(authority)
    (delete,) = store.plan_remove(authority)
    assert ("security", "delete-certificate", "-t", "-Z", keychain) == (*delete[:4], delete[5])
    assert len(bytes.fromhex(delete[4])) == 20


def test_windows_commands(authority: Authority) -> None:
    """The current user's roots; removal names the certificate by its thumbprint."""
    store = WindowsRoots()
    assert [("certutil", "-user", "-addstore", "Root", str(authority.certificate))] == store.plan_install(authority)
    (delete,) = store.plan_remove(authority)
    assert ("certutil", "-user", "-delstore", "Root") == delete[:4]
    assert len(bytes.fromhex(delete[4])) == 20


@posix
@needs_root
def test_install_and_remove_are_idempotent_and_exact(tmp_path: Path, authority: Authority) -> None:
    """Twice in is once in, out again leaves the others' files alone, twice out is no error."""
    store = anchors(tmp_path / "anchors")
    company = tmp_path / "anchors" / "company.crt"
    company.write_text("somebody else's")
    for _ in range(2):
        install(authority, store)
        assert installed(authority, store)
        assert len(list((tmp_path / "anchors").iterdir())) == 2
    for _ in range(2):
        remove(authority, store)
        assert not installed(authority, store)
        assert [company] == list((tmp_path / "anchors").iterdir())


@posix
@needs_root
def test_a_failed_install_leaves_nothing(tmp_path: Path, authority: Authority) -> None:
    """The system's own command fails: the error names it, and the copy is gone."""
    store = anchors(tmp_path / "anchors", ("sh", "-c", "echo no room >&2; exit 3"))
    with pytest.raises(TrustError, match="no room"):
        install(authority, store)
    assert [] == list((tmp_path / "anchors").iterdir())


@posix
@needs_root
def test_a_command_that_is_missing_is_named(tmp_path: Path, authority: Authority) -> None:
    """No traceback of the operating system's."""
    with pytest.raises(TrustError, match="no-such-program"):
        install(authority, anchors(tmp_path / "anchors", ("no-such-program",)))


@posix
@needs_root
def test_a_renewed_root_does_not_count_as_installed(tmp_path: Path, authority: Authority) -> None:
    """The old root stays until it is removed with what is known of it; the new one is another."""
    store = anchors(tmp_path / "anchors")
    install(authority, store)
    new = renew(authority.directory, ["api.openai.com"])
    assert (True, False) == (installed(authority, store), installed(new, store))
    remove(authority, store)
    assert [] == list((tmp_path / "anchors").iterdir())


def test_each_linux_is_known_by_another_sign() -> None:
    """The table has no two entries for one sign, and every store has a name of its own to be shown."""
    signs = [sign for sign, _ in LINUX]
    assert len(signs) == len(set(signs))
    assert all(store.name and store.refresh for _, store in LINUX)


# The real store, in a mount namespace of its own: the folders are copies, so no other process sees any of it.
_REAL = r"""
set -e
for folder in /etc/ssl /etc/ca-certificates /usr/local/share/ca-certificates; do
  mkdir -p "$WORK$folder"; cp -a "$folder/." "$WORK$folder/"; mount --bind "$WORK$folder" "$folder"
done
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE
snapshot() {
  find /etc/ssl /etc/ca-certificates /usr/local/share/ca-certificates \
    -type l -printf '%p -> %l\n' -o -type f -not -path '*/java/*' -printf '%m %p ' -exec sha256sum {} \; | sort
  sha256sum /etc/ca-certificates.conf
  if [ -e /etc/ssl/certs/java/cacerts ] && command -v keytool > /dev/null; then
    keytool -list -keystore /etc/ssl/certs/java/cacerts -storepass changeit 2> /dev/null | sort
  fi
}
ask() {
  curl -sS -o /dev/null --noproxy '*' --connect-to "api.openai.com:443:127.0.0.1:$PORT" https://api.openai.com/ 2>&1 ||
    echo "refused $?"
}
isartor() { "$PYTHON" -c "import sys; from pathlib import Path
from isartor_addon.trust import authority, system_store
system_store.$1(authority.read_authority(Path(sys.argv[1])))" "$CA"; }
PATH=$PATH:/usr/sbin:/sbin  # not on every PATH
update-ca-certificates > /dev/null 2>&1
snapshot > "$WORK/before"; ask > "$WORK/asked-before"
isartor install;  ask > "$WORK/asked-between"; snapshot > "$WORK/between"
isartor remove;   ask > "$WORK/asked-after";   snapshot > "$WORK/after"
"""


def _may_try_the_real_store() -> bool:
    if not Path("/etc/debian_version").exists() or os.geteuid() != 0 or not shutil.which("curl"):
        return False
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "-m", "true"], capture_output=True).returncode == 0


@posix
def test_the_real_store_of_debian(tmp_path: Path, authority: Authority) -> None:
    """curl, told nothing, accepts our leaf after `install` and only until `remove`; every file is as before."""
    if not _may_try_the_real_store():
        pytest.skip("needs Debian or Ubuntu, root, curl, and leave to make a mount namespace")
    leaf = Signer.of(authority.directory).write_leaf(tmp_path / "leaf.pem", "api.openai.com", ["api.openai.com"])
    origin = Origin(leaf)
    work = tmp_path / "work"
    variables = {"WORK": str(work), "PORT": str(origin.port), "CA": str(authority.directory), "PYTHON": sys.executable}
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", _REAL],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    origin.close()
    assert (0, 1) == (done.returncode, origin.requests), done.stderr
    asked = {moment: (work / f"asked-{moment}").read_text() for moment in ("before", "between", "after")}
    assert "refused 60" in asked["before"]
    assert asked["between"] == ""
    assert "refused 60" in asked["after"]
    assert (work / "before").read_text() == (work / "after").read_text()
    assert (work / "before").read_text() != (work / "between").read_text()
