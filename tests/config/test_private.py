"""Files and directories for the user only."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from isartor_addon.config.private import make_database, make_directory, make_file, write_file

modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes; the user's profile is private")


@pytest.fixture(params=[0o000, 0o022, 0o277], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@modes
@pytest.mark.usefixtures("_umask")
def test_what_is_made_is_for_the_user_only(tmp_path: Path) -> None:
    """Whatever the umask: directories, also the ones above, are 0700, files 0600; what was there keeps its content."""
    tmp_path.chmod(0o755)
    below = tmp_path / "a" / "b"
    for _ in range(2):
        make_directory(below)
        make_file(below / "file")
        make_database(below / "data.db")
        assert (0o755, 0o700, 0o700) == (mode(tmp_path), mode(below.parent), mode(below))
        assert (0o600, 0o600) == (mode(below / "file"), mode(below / "data.db"))
        (below / "file").write_text("kept")
    assert "kept" == (below / "file").read_text()


@modes
@pytest.mark.usefixtures("_umask")
def test_a_file_is_written_in_one_step(tmp_path: Path) -> None:
    """Content and mode are what was asked for, in place of what was there; nothing is left beside it."""
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o666)
    for wanted in (0o600, 0o644):
        write_file(path, [b"ne", b"w"], mode=wanted)
        assert (b"new", wanted) == (path.read_bytes(), mode(path))
    write_file(path, [b"newer"], replace=False)
    assert b"new" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_stays(tmp_path: Path) -> None:
    """What was there is there, and half of the new is not."""

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise OSError("no room")

    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(OSError, match="no room"):
        write_file(path, pieces())
    assert ("old", [path]) == (path.read_text(), list(tmp_path.iterdir()))


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """Somebody else's file behind a link of our name stays as it is."""
    other = tmp_path / "other"
    other.write_text("theirs")
    (tmp_path / "file").symlink_to(other)
    write_file(tmp_path / "file", [b"ours"])
    assert ("theirs", "ours") == (other.read_text(), (tmp_path / "file").read_text())


@modes
def test_files_that_others_could_read_are_closed_to_them(tmp_path: Path) -> None:
    """Also the two side files of a database."""
    paths = [tmp_path / name for name in ("data.db", "data.db-wal", "data.db-shm", "file")]
    for path in paths:
        path.write_text("")
        path.chmod(0o644)
    make_database(paths[0])
    make_file(paths[3])
    assert [0o600] * 4 == [mode(path) for path in paths]


@modes
def test_a_directory_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """Who made it has chosen it."""
    tmp_path.chmod(0o750)
    make_directory(tmp_path)
    assert 0o750 == mode(tmp_path)


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    """A file where the directory should be is reported."""
    (tmp_path / "f").write_text("")
    for path in (tmp_path / "f", tmp_path / "f" / "g"):
        with pytest.raises(OSError):
            make_directory(path)
