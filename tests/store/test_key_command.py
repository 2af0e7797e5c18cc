"""Fear: a command that prints a key hangs, is run by a shell, or what it says comes to light."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from isartor_addon.core.errors import KeyUnknown
from isartor_addon.store.key_command import run, split


def python(text: str) -> tuple[str, ...]:
    """A command."""
    return (sys.executable, "-c", text)


def refused(*command: str, patience_s: float = 30.0) -> str:
    """Why a command gives no key."""
    with pytest.raises(KeyUnknown) as caught:
        run(command, patience_s=patience_s)
    return str(caught.value)


def test_what_it_prints_is_the_key() -> None:
    """Without the white space around it; what it says besides, on standard error, is not heard."""
    assert "ya29.token" == run(python("import sys; print(' ya29.token\\n'); print('a warning', file=sys.stderr)"))


@pytest.mark.parametrize("text", ["", "print()", "print('two words')", "print('two\\nlines')", "print('\\u00fcber')"])
def test_what_is_no_key_is_refused(text: str) -> None:
    """Nothing, several words or what no header can hold; the text is not repeated."""
    said = refused(*python(text))
    assert f"the command {sys.executable} has printed no key: it must be one word of printable ASCII" == said


def test_one_that_fails_is_named_and_not_quoted() -> None:
    """The exit code is told, and nothing of its output; neither are its arguments, which may hold a secret."""
    said = refused(*python("import sys; print('sk-printed'); print('sk-said', file=sys.stderr); sys.exit(7)"))
    assert "exit code 7" in said
    assert "sk-" not in said and "import" not in said and 1 == len(said.splitlines())


def test_one_that_is_not_there_is_said(tmp_path: Path) -> None:
    """As is one that may not be run."""
    assert "cannot be run: No such file" in refused(str(tmp_path / "gone"))
    (tmp_path / "plain").write_text("no program")
    assert "cannot be run: " in refused(str(tmp_path / "plain"))


def test_one_that_takes_too_long_is_ended() -> None:
    """It is waited for so long and no longer."""
    assert "no key within 0 s" in refused(*python("import threading; threading.Event().wait()"), patience_s=0.2)


def test_it_is_told_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the environment but for our own secrets, and nothing to read."""
    monkeypatch.setenv("ISARTOR_VAULT_PASSPHRASE", "hush")
    monkeypatch.setenv("CLOUD_PROFILE", "work")
    names = "CLOUD_PROFILE", "ISARTOR_VAULT_PASSPHRASE"
    text = f"import os, sys; print(*map(os.environ.get, {names}), sys.stdin.read(), sep='-')"
    assert "work-None-" == run(python(text))


def test_words_are_taken_apart_as_by_a_shell_and_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotation marks hold words together; variables and substitutions stay what they are."""
    monkeypatch.setenv("HOME", "/home/me")
    assert ("gcloud", "auth", "print-access-token") == split("gcloud auth print-access-token")
    assert ("/home/me/bin/key", "a b", "$HOME", "$(date)", ";", "~") == split("~/bin/key 'a b' $HOME \"$(date)\" ';' ~")
    assert "$(date);" == run((*python("import sys; print(sys.argv[1])"), "$(date);"))
