"""Where files are kept."""

from pathlib import Path

import pytest

from isartor_addon.config.places import places
from isartor_addon.config.schema import Cache, Config


def test_places_follow_home_and_touch_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Naming places makes none of them; the default is `.isartor` in the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    default = places(Config())
    assert tmp_path / ".isartor" == default.home
    other = places(Config(home=str(tmp_path / "h"), cache=Cache(directory="~/c")))
    assert (tmp_path / "h" / "ca", tmp_path / "c") == (other.ca, other.cache)
    assert [] == list(tmp_path.iterdir())


def test_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child in another directory finds the same files."""
    monkeypatch.chdir(tmp_path)
    assert tmp_path / "h" == places(Config(home="h")).home
