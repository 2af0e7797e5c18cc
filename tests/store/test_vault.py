"""Credentials at rest."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import StoreError
from isartor_addon.store.vault import Vault

SECRET = "sk-proj-0123456789abcdefghij"


def vault(home: Path, passphrase: str = "") -> Vault:
    """A vault as another process would open it."""
    return Vault(home / "home", passphrase=passphrase)


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_what_is_put_is_got(tmp_path: Path, passphrase: str) -> None:
    """Secrets come back by name, are replaced and removed, with the key file or with a passphrase."""
    vault(tmp_path, passphrase).put("openai", SECRET)
    vault(tmp_path, passphrase).put("groq", "gsk-1")
    vault(tmp_path, passphrase).put("groq", "gsk-2")
    again = vault(tmp_path, passphrase)
    assert (("groq", "openai"), SECRET, "gsk-2", None) == (
        again.names(),
        again.get("openai"),
        again.get("groq"),
        again.get("xai"),
    )
    assert (True, False, ("openai",)) == (again.remove("groq"), again.remove("groq"), again.names())


def test_an_unused_vault_leaves_no_files(tmp_path: Path) -> None:
    """Looking for a secret makes nothing."""
    assert (None, ()) == (vault(tmp_path).get("a"), vault(tmp_path).names())
    assert [] == list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_files_are_private_and_hold_no_secret(tmp_path: Path, passphrase: str) -> None:
    """Whatever the umask: only the user can read the files, and the secret stands in none of them."""
    old = os.umask(0)
    try:
        vault(tmp_path, passphrase).put("openai", SECRET)
    finally:
        os.umask(old)
    for path in (tmp_path / "home").iterdir():
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)
        assert SECRET.encode() not in path.read_bytes()
    assert (tmp_path / "home" / "vault.key").exists() == (not passphrase)


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    """A copy without its key, a wrong passphrase and a missing one are refused, for reading and for writing."""
    vault(tmp_path).put("openai", SECRET)
    (tmp_path / "home" / "vault.key").unlink()
    refused(vault(tmp_path), "cannot be opened")
    sealed = tmp_path / "sealed"
    Vault(sealed, passphrase="right").put("openai", SECRET)
    refused(Vault(sealed, passphrase="wrong"), "cannot be opened")
    refused(Vault(sealed), "is opened by the passphrase in ISARTOR_VAULT_PASSPHRASE")


def refused(vault: Vault, words: str) -> None:
    """Neither reading nor writing is possible, and nobody is shown a secret."""
    for attempt in (lambda: vault.get("openai"), lambda: vault.put("groq", "gsk-1")):
        with pytest.raises(StoreError, match=words) as caught:
            attempt()
        assert SECRET not in str(caught.value)


def test_a_secret_cannot_take_anothers_name(tmp_path: Path) -> None:
    """Whoever swaps two sealed secrets in the file gets neither."""
    made = vault(tmp_path)
    made.put("openai", SECRET)
    made.put("local", "other")
    path = tmp_path / "home" / "vault.json"
    document = json.loads(path.read_bytes())
    document["secrets"]["local"] = document["secrets"]["openai"]
    path.write_text(json.dumps(document))
    with pytest.raises(StoreError):
        vault(tmp_path).get("local")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.sampled_from([b"{}", b"[" * 100_000, b'{"version":2,"salt":"","secrets":{}}']))
def test_a_damaged_file_is_said_to_be_so(tmp_path: Path, content: bytes) -> None:
    """Whatever stands in the file, reading it is an error in one sentence."""
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "vault.json").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        vault(tmp_path).get("a")


def test_who_writes_at_once_loses_nothing(tmp_path: Path) -> None:
    """Secrets that are stored at the same time are all kept."""
    names = [f"key{number}" for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: vault(tmp_path).put(name, f"secret of {name}"), names))
    assert [f"secret of {name}" for name in names] == [vault(tmp_path).get(name) for name in names]
