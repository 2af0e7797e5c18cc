"""Keys are kept, named and forgotten, and never shown."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from isartor_addon.assemble import open_vault
from isartor_addon.cli import main
from isartor_addon.config.schema import Config
from tests.cli.command import Command

SECRET = "sk-proj-0123456789abcdefghij"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose settings use one key."""
    monkeypatch.setenv("ISARTOR_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text('[[providers]]\nname = "openai"\nkey = "vault:work"\n')
    return tmp_path


def store(monkeypatch: pytest.MonkeyPatch, name: str, text: str = f"{SECRET}\n") -> int:
    """Give a key on standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return main(["keys", "set", name])


def test_a_key_is_stored_named_and_forgotten(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is read from standard input is in the vault, is listed with who uses it, and goes again."""
    assert (0, 0) == (store(monkeypatch, "work"), store(monkeypatch, "spare"))
    assert SECRET == open_vault(Config(home=str(home))).get("work")
    capsys.readouterr()
    assert 0 == main(["keys", "list"])
    assert ["spare  (not used)", "work   openai"] == capsys.readouterr().out.splitlines()
    assert 0 == main(["keys", "list", "--json"])
    assert [{"name": "spare", "providers": []}, {"name": "work", "providers": ["openai"]}] == json.loads(
        capsys.readouterr().out
    )
    assert (0, 1) == (main(["keys", "remove", "work"]), main(["keys", "remove", "work"]))
    assert open_vault(Config(home=str(home))).get("work") is None


@pytest.mark.parametrize(
    ("name", "text"), [("a/b", SECRET), ("work", ""), ("work", "two words"), ("work", "s\u00e9cret")]
)
def test_what_is_no_key_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    """A name or a key that cannot be one is refused, and the key is not repeated."""
    assert 2 == store(monkeypatch, name, text)
    said = capsys.readouterr().err
    assert "is no" in said
    assert not (home / "vault.json").exists()
    assert not text or text not in said


def test_no_key_is_taken_from_the_command_line(isartor: Command) -> None:
    """A key written as a word of the command, where other users would see it, is refused."""
    assert 2 == isartor("keys", "set", "work", SECRET).returncode


def test_nothing_that_is_printed_or_logged_holds_a_key(isartor: Command) -> None:
    """Storing, listing and starting up with a key print it nowhere, at the loudest log level either."""
    isartor.home.joinpath(".isartor").mkdir()
    config = isartor.home / ".isartor" / "config.toml"
    config.write_text('log_level = "debug"\n[[providers]]\nname = "openai"\nkey = ["vault:work", "vault:gone"]\n')
    stored = subprocess.run(
        [sys.executable, "-P", "-m", "isartor_addon", "keys", "set", "work"],
        env=isartor.environ,
        cwd=isartor.home,
        input=SECRET,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    shown = [stored, isartor("keys", "list"), isartor("config"), isartor("providers"), isartor("providers", "--json")]
    assert [0] * 5 == [each.returncode for each in shown]
    said = "".join(each.stdout + each.stderr for each in shown)
    assert "vault:work" in said
    assert "vault:gone is not there" in said
    assert SECRET not in said
