"""The state file of a running proxy."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from isartor_addon.store.running import AlreadyRunning, Listener, Running, claim, read_running

UP = Running(os.getpid(), 1.5, "1.0", (Listener("regular", "127.0.0.1", 8080),), "127.0.0.1:8080", token="t")


def test_what_is_told_is_read_while_it_is_held(tmp_path: Path) -> None:
    """A proxy is running from the moment it says so until it lets go; then the file is gone."""
    state = tmp_path / "run.json"
    with claim(state) as claimed:
        assert read_running(state) is None
        claimed.tell(UP)
        assert UP == read_running(state)
        assert 0o600 == stat.S_IMODE(state.stat().st_mode)
    assert (None, False) == (read_running(state), state.exists())


def test_second_claim_is_refused(tmp_path: Path) -> None:
    """While one holds the file another is told who does."""
    with claim(tmp_path / "s") as claimed:
        with pytest.raises(AlreadyRunning, match="another proxy is starting"), claim(tmp_path / "s"):
            pass
        claimed.tell(UP)
        with pytest.raises(AlreadyRunning, match=rf"already at 127.0.0.1:8080 \(pid {UP.pid}\)"), claim(tmp_path / "s"):
            pass
        assert UP == read_running(tmp_path / "s")


def test_file_of_a_dead_process_is_stale(tmp_path: Path) -> None:
    """What a killed process left counts for nothing, though its content is whole, and does not stand in the way."""
    program = (
        "import os, sys, tests.store.test_running as t\n"
        "from pathlib import Path\n"
        "with t.claim(Path(sys.argv[1])) as c:\n"
        "  c.tell(t.UP); os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "s")], cwd=root, check=False, timeout=60)
    assert '"pid"' in (tmp_path / "s").read_text()
    assert read_running(tmp_path / "s") is None
    with claim(tmp_path / "s") as claimed:
        claimed.tell(UP)
        assert UP == read_running(tmp_path / "s")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"pid": 1, "listeners": [1]}', b"\xff"])
def test_damaged_file_is_no_proxy(content: bytes, tmp_path: Path) -> None:
    """A file that says nothing sensible is read as none, also while somebody holds it."""
    with claim(tmp_path / "s"):
        (tmp_path / "s").write_bytes(content)
        assert read_running(tmp_path / "s") is None
