"""What verbs share: how results and commands are said."""

import sys
from pathlib import Path

import pytest

from isartor_addon.cli.settings import program, shelf_fields

STATS = {"entries": 3, "pinned": 1, "bytes": 3 << 19, "limit": 1 << 30, "hits": 5, "misses": 2, "stored": 4}


def test_the_command_is_called_so_that_this_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name if PATH leads to the one that runs, else by its path, quoted; a module run is called by name."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    command = folder / "isartor"
    command.write_text("")
    command.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(command), "up"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert f"'{command}'" == program()
    monkeypatch.setenv("PATH", str(folder))
    assert "isartor" == program()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", ["/somewhere/isartor_addon/__main__.py"])
    assert "isartor" == program()


def test_a_store_is_described_with_units() -> None:
    """Bytes are said in MiB, beside the bound where there is one; why it is off is said with it."""
    said = shelf_fields({**STATS, "state": "off", "reason": "the disk is full"})
    assert ("3 (1 pinned)", "1.5 MiB of 1024 MiB", "off: the disk is full") == tuple(
        said[name] for name in ("answers", "size", "state")
    )
    assert (5, 2, 4) == tuple(said[name] for name in ("hits", "misses", "learned"))
    boundless = shelf_fields({**STATS, "limit": 0, "state": "on", "reason": ""})
    assert ("1.5 MiB", "on") == (boundless["size"], boundless["state"])
