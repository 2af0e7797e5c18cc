"""Where files are kept."""

from pathlib import Path

import pytest

from isartor_addon.config.places import places, private_directory
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


def test_private_directories_are_for_the_user_only(tmp_path: Path) -> None:
    """All directories that are made have mode 0700, also the ones above; existing ones keep their mode."""
    tmp_path.chmod(0o755)
    path = private_directory(tmp_path / "a" / "b")
    private_directory(path)
    assert [0o755, 0o700, 0o700] == [each.stat().st_mode & 0o777 for each in (tmp_path, path.parent, path)]


def test_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    """A file where the directory should be is reported."""
    (tmp_path / "f").write_text("")
    with pytest.raises(OSError):
        private_directory(tmp_path / "f" / "g")
