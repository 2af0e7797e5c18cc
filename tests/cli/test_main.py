"""The command as a whole: quick, and never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from isartor_addon import __version__
from isartor_addon.cli import VERBS, main
from tests.cli.command import Command

HEAVY = ("mitmproxy", "cryptography", "diskcache", "httpcore2", "sqlite3", "asyncio")


def modules_after(code: str, home: Path) -> set[str]:
    """The names of the modules that are loaded after `code`."""
    program = f"import sys\ntry:\n  {code}\nexcept SystemExit: pass\nprint('\\n', *sys.modules, file=sys.stderr)"
    environ = {name: value for name, value in Command(home).environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environ,
        cwd=home,
    )
    return set(done.stderr.splitlines()[-1].split())


def test_importing_the_package_loads_nothing(tmp_path: Path) -> None:
    """`import isartor_addon` loads itself and nothing that Python had not loaded already."""
    before = modules_after("pass", tmp_path)
    assert {"isartor_addon"} == modules_after("import isartor_addon", tmp_path) - before


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["env"], ["status"], ["config"], ["up", "--help"]])
def test_small_verbs_load_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    """Help, `env` and their like load neither mitmproxy nor anything else that takes long."""
    ca = tmp_path / ".isartor" / "ca"
    ca.mkdir(parents=True)
    for name in ("mitmproxy-ca-cert.pem", "isartor-bundle.pem"):
        (ca / name).write_text("")
    heavy = HEAVY if words != ["status"] else HEAVY[:1]
    loaded = modules_after(f"from isartor_addon.cli import main; main({words!r})", tmp_path)
    assert set() == loaded & set(heavy)


def test_help_names_every_verb(isartor: Command) -> None:
    """`isartor --help` has a line for each verb."""
    done = isartor("--help")
    assert (0, "") == (done.returncode, done.stderr)
    assert [] == [verb for verb in VERBS if f"\n  {verb} " not in done.stdout]


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every verb in the list exists and explains itself."""
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert 0 == left.value.code
    assert f"usage: isartor {verb}" in capsys.readouterr().out


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`isartor --version` prints the package's version."""
    with pytest.raises(SystemExit):
        main(["--version"])
    assert f"isartor {__version__}\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["dance"], 2),
        (["up", "--port", "x"], 2),
        (["up", "--port", "70000"], 2),
        (["up", "--replay"], 2),
        (["up", "--record", "--replay", "--cassette", "f"], 2),
        (["up", "--set", "isartor_colour=red"], 2),
        (["up", "--set", "isartor_hosts"], 2),
        (["up", "--host", "0.0.0.0"], 2),
        (["up", "--host", "::"], 2),
        (["up", "--host", ""], 2),
        (["up", "--mode", "regular@0.0.0.0:0"], 2),
        (["up", "--mode", "sideways"], 2),
        (["up", "--set", "confdir=x"], 2),
        (["up", "--set", "listen_port=x"], 2),
        (["up", "-s", "nowhere.py"], 2),
        (["up", "--cassette", "nowhere/c", "--replay"], 2),
        (["up", "--config", "nowhere.toml"], 2),
        (["up", "--home", "file"], 1),
        (["env", "--shell", "tcsh"], 2),
        (["env", "--config", "file"], 2),
        (["run"], 2),
        (["run", "--", "true"], 3),
        (["status"], 3),
        (["stop"], 0),
        (["cache"], 2),
        (["cache", "show", "xyz"], 2),
        (["cache", "show", "abcdef"], 1),
        (["cache", "pin", "abcdef"], 1),
        (["cache", "clear", "--older-than", "soon"], 2),
        (["cassette", "import", "nowhere"], 2),
        (["cassette", "import", "file"], 2),
        (["cassette", "export", "nowhere/f"], 1),
        (["explain", "abcdef"], 1),
        (["explain", "a", "b", "c"], 2),
        (["trust", "--install", "--remove"], 2),
    ],
)
def test_bad_input_gets_a_line_and_a_code(words: list[str], code: int, isartor: Command) -> None:
    """Whatever is wrong, there is a line on stderr that begins with our name, and no traceback."""
    (isartor.home / "file").write_text("= not toml")
    done = isartor(*words)
    lines = done.stderr.strip().splitlines()
    assert code == done.returncode, done
    assert [] == [line for line in lines if "Traceback" in line or line.startswith("  File")]
    assert words in ([], ["status"]) or lines[-1].startswith("isartor"), done


def test_bad_environment_is_one_line(isartor: Command) -> None:
    """A variable of ours that is no setting stops every verb with one sentence."""
    done = isartor("env", environ={"ISARTOR_CACHE_TTL": "1"})
    sentence = "isartor: The environment variable ISARTOR_CACHE_TTL is no setting of Isartor; the nearest is "
    assert (2, sentence + "ISARTOR_CACHE_TTL_S.\n", "") == (done.returncode, done.stderr, done.stdout)


def test_reader_that_leaves_is_no_fault(isartor: Command) -> None:
    """`isartor config | head -1` ends without a message."""
    command = f"'{sys.executable}' -P -m isartor_addon config --table | head -n 1"
    done = subprocess.run(
        ["sh", "-c", command],
        env=isartor.environ,
        cwd=isartor.home,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ("| setting | type | default | meaning |\n", "") == (done.stdout, done.stderr)


def test_addon_path_is_a_file(isartor: Command) -> None:
    """`isartor addon-path` prints a file that mitmproxy can load."""
    assert "addons = [" in Path(isartor("addon-path").stdout.strip()).read_text()
