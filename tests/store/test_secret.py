"""The installation's secret."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from isartor_addon.core.errors import StoreError
from isartor_addon.store.secret import load_secret

ROOT = Path(__file__).parents[2]


def test_made_once_and_private(tmp_path):
    """It is made at the first call, 32 bytes, mode 0600, and is the same ever after; opened to others, it is closed."""
    path = tmp_path / "home" / "secret"
    first = load_secret(path)
    for mode in (0o600, 0o644):
        path.chmod(mode)
        assert (32, first) == (len(first), load_secret(path))
        if os.name != "nt":
            assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_two_installations_differ(tmp_path):
    """Another installation has another secret."""
    assert load_secret(tmp_path / "one") != load_secret(tmp_path / "two")


def test_processes_that_start_at_once_agree(tmp_path):
    """Six processes that find no secret all come to the same one."""
    command = [sys.executable, "-m", "tests.store.child", "secret", str(tmp_path / "secret")]
    children = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert {load_secret(tmp_path / "secret").hex() + "\n"} == {child.communicate(timeout=30)[0] for child in children}


def test_empty_file_of_a_killed_process_is_filled(tmp_path):
    """A process that was killed before it wrote leaves nothing that stops the next."""
    (tmp_path / "secret").touch()
    assert 32 == len(load_secret(tmp_path / "secret"))


@pytest.mark.parametrize("content", [b"short", b"x" * 33])
def test_damaged(tmp_path, content):
    """Another content is not silently replaced: answers stored until now would no longer be found."""
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        load_secret(tmp_path / "secret")


def test_nowhere_to_put_it(tmp_path):
    """Where no file can be, the error says so."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="secret"):
        load_secret(tmp_path / "file" / "secret")
