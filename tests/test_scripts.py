"""The scripts, with a Python that only writes down what it is asked to do."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = [
    *sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file() and path.suffix == ""),
    ROOT / ".ci/run",
]

FAKE_PYTHON = """#!/bin/sh
# Python VERSION: makes environments that consist of itself, and writes down everything else.
case "$1" in
-VV) echo "Python VERSION" ;;
-c) [ VERSION != old ] && printf '%s\\n' "$0" ;;
-m) shift
    case "$1 $2" in
    "venv "*) mkdir -p "$2/bin" && cp "$0" "$2/bin/python" ;;
    "pip index") [ -n "${INDEX:-}" ] && printf '%s\\n' "mitmproxy (${INDEX%%,*})" "Available versions: $INDEX" ;;
    *) echo "$*" >>"$CALLS"; [ "$1" != "${FAILS:-}" ] ;;
    esac ;;
esac
"""


class Tree:
    """A checkout with nothing but the scripts in it, and the machine around it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        self.calls = folder / "calls"
        self.bin = folder / "bin"
        self.home = folder / "home"
        for each in (self.root / ".ci", self.bin, self.home):
            each.mkdir(parents=True)
        shutil.copytree(ROOT / "scripts", self.root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / ".ci/run", self.root / ".ci/run")
        for name in ("requirements.lock", "pyproject.toml"):
            (self.root / name).write_text("")

    def add_python(self, path: Path, version: str = "3.12") -> Path:
        """Put a fake Python there."""
        return self.add(path, FAKE_PYTHON.replace("VERSION", version))

    @staticmethod
    def add(path: Path, content: str) -> Path:
        """Put a program there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)
        return path

    def __call__(self, script: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts."""
        self.calls.write_text("")
        base = {"HOME": str(self.home), "PATH": f"{self.bin}:/usr/bin:/bin", "CALLS": str(self.calls)}
        return subprocess.run(
            [str(self.root / script), *words],
            env=base | environ,
            cwd=self.home,
            input="not read",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        """What the fake programs were asked to do by the last run."""
        return self.calls.read_text().splitlines()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A fresh checkout on a machine with Python 3.12."""
    tree = Tree(tmp_path)
    tree.add_python(tree.bin / "python3.12")
    return tree


INSTALLED = [
    "pip install --require-hashes --requirement requirements.lock --quiet --disable-pip-version-check --no-input",
    "pip install --no-deps --no-build-isolation --editable . --quiet --disable-pip-version-check --no-input",
]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_programs(path: Path) -> None:
    """Each may be executed and is sound shell."""
    first = path.read_text().splitlines()[0]
    assert os.access(path, os.X_OK)
    if first.endswith("sh"):
        shell = first.removeprefix("#!").split()[-1]
        subprocess.run([shell, "-n", str(path)], check=True, timeout=30)


def test_setup_installs_what_is_locked_once(tree: Tree) -> None:
    """The first run installs from the lock by hash, the second does nothing."""
    first = tree("scripts/setup")
    assert (0, INSTALLED, "") == (first.returncode, tree.asked, first.stdout), first
    second = tree("scripts/setup")
    assert (0, [], "") == (second.returncode, tree.asked, second.stdout + second.stderr)


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_setup_notices_changes(tree: Tree, name: str) -> None:
    """A changed lock or project file is installed into the environment that is there."""
    tree("scripts/setup")
    (tree.root / ".venv/kept").write_text("")
    (tree.root / name).write_text("# changed")
    tree("scripts/setup")
    assert (INSTALLED, True) == (tree.asked, (tree.root / ".venv/kept").exists())


def test_setup_makes_a_moved_or_broken_environment_anew(tree: Tree) -> None:
    """An environment whose Python is gone, or that was made elsewhere, is made again."""
    tree("scripts/setup")
    (tree.root / ".venv/bin/python").unlink()
    assert (0, INSTALLED) == (tree("scripts/setup").returncode, tree.asked)
    (tree.root / ".venv/old").write_text("")
    tree.root = tree.root.rename(tree.root.with_name("moved"))
    assert (0, INSTALLED) == (tree("scripts/setup").returncode, tree.asked)
    assert not (tree.root / ".venv/old").exists()


def test_setup_that_fails_is_tried_again(tree: Tree) -> None:
    """When pip fails the script fails, and the next run does not take the environment for finished."""
    assert 0 != tree("scripts/setup", FAILS="pip").returncode
    assert (0, INSTALLED) == (tree("scripts/setup").returncode, tree.asked)


def test_setup_looks_further_than_an_old_python(tree: Tree) -> None:
    """Where PATH has only old ones, one in pyenv is found, at home or behind PATH's shims; ISARTOR_PYTHON names one."""
    (tree.bin / "python3.12").unlink()
    for name in ("python3.12", "python3.13", "python3.14", "python3", "python"):
        tree.add_python(tree.bin / name, "old")
    tree.add_python(tree.home / ".pyenv/versions/3.9.1/bin/python", "old")
    good = tree.add_python(tree.home / ".pyenv/versions/3.13.0/bin/python")
    assert f"making .venv with {good}" in tree("scripts/setup").stderr
    shutil.rmtree(tree.root / ".venv")
    elsewhere = good.parents[3].rename(tree.home / "pyenv elsewhere")
    path = f"{tree.bin}:{elsewhere}/shims:/usr/bin:/bin"
    assert f"making .venv with {elsewhere}/versions/3.13.0" in tree("scripts/setup", PATH=path).stderr
    shutil.rmtree(tree.root / ".venv")
    named = tree.add_python(tree.home / "mine")
    assert f"making .venv with {named}" in tree("scripts/setup", ISARTOR_PYTHON=str(named)).stderr


def test_setup_asks_uv_last(tree: Tree) -> None:
    """Without any fitting Python uv is asked for one, and told to get one if it has none."""
    for name in ("python3.12", "python3.13", "python3.14", "python3", "python"):
        tree.add_python(tree.bin / name, "old")
    good = tree.add_python(tree.home / "uv's/python")
    has = tree.home / "has"
    tree.add(
        tree.bin / "uv",
        f'#!/bin/sh\ncase "$2" in install) : >"{has}" ;; find) [ -e "{has}" ] && echo "{good}" ;; esac\n',
    )
    assert f"making .venv with {good}" in tree("scripts/setup").stderr


def test_setup_says_what_is_missing(tree: Tree) -> None:
    """A Python that does not fit, or none at all, is an error that says what to do."""
    for name in ("python3.12", "python3.13", "python3.14", "python3", "python"):
        tree.add_python(tree.bin / name, "old")
    tree.add(tree.bin / "uv", "#!/bin/sh\nexit 1\n")
    for environ in ({}, {"ISARTOR_PYTHON": "/no/python"}):
        done = tree("scripts/setup", **environ)
        assert (1, True) == (done.returncode, "ISARTOR_PYTHON=" in done.stderr)
        assert not (tree.root / ".venv").exists()


def prepare(tree: Tree) -> None:
    """Set up, with programs in the environment that write down what they are asked."""
    tree("scripts/setup")
    for name in ("ruff", "mypy", "isartor"):
        program = f'#!/bin/sh\necho "{name} $*" >>"$CALLS"\n[ "{name} $1" != "${{FAILS:-}}" ]\n'
        tree.add(tree.root / ".venv/bin" / name, program)
    tree.add(tree.bin / "npm", "#!/bin/sh\nexit ${NPM:-1}\n")


CHECKS = ["ruff format --check .", "ruff check .", "mypy ", "pytest -q tests/test_layout.py"]
SUITE = [
    "coverage erase",
    "coverage run -m pytest --ignore=tests/e2e --ignore=tests/clients",
    "coverage combine --quiet",
    "coverage report --skip-covered --sort=cover",
    "pytest tests/e2e",
    "pytest -q tests/e2e",
]
"""The last again, without the fast lane."""
TOOLS = ["pytest tests/clients"]


def test_test_runs_checks_and_suite(tree: Tree) -> None:
    """The checks come first; real coding tools are tried where npm's registry answers."""
    prepare(tree)
    assert (0, [*CHECKS, *SUITE]) == (tree("scripts/test").returncode, tree.asked)
    assert (0, [*CHECKS, *SUITE, *TOOLS]) == (tree("scripts/test", NPM="0").returncode, tree.asked)
    assert (0, [*CHECKS, *SUITE, *TOOLS]) == (tree("scripts/test", CLIENTS="1").returncode, tree.asked)
    assert (0, [*CHECKS, *SUITE]) == (tree("scripts/test", NPM="0", CLIENTS="0").returncode, tree.asked)


def test_test_tries_other_releases(tree: Tree) -> None:
    """Where the package index answers; what fails there fails the whole."""
    prepare(tree)
    tree.add(tree.root / "scripts/releases", '#!/bin/sh\necho releases >>"$CALLS"\n[ "${FAILS:-}" != releases ]\n')
    assert (0, [*CHECKS, *SUITE, "releases"]) == (tree("scripts/test", INDEX="12.0.0").returncode, tree.asked)
    assert (1, [*CHECKS, *SUITE, "releases"]) == (
        tree("scripts/test", INDEX="12.0.0", FAILS="releases").returncode,
        tree.asked,
    )
    assert (0, [*CHECKS, *SUITE, "releases"]) == (tree("scripts/test", RELEASES="1").returncode, tree.asked)
    assert (0, [*CHECKS, *SUITE]) == (tree("scripts/test", INDEX="12.0.0", RELEASES="0").returncode, tree.asked)


@pytest.mark.parametrize(
    ("index", "tried"),
    [("13.0.0, 12.4.1, 12.4.0, 12.0.0", ["12.0", "12.4.1"]), ("12.3.1, 12.3.0, 12.0.0", ["12.0"])],
    ids=["newer", "locked"],
)
def test_releases_are_the_oldest_and_the_newest(tree: Tree, index: str, tried: list[str]) -> None:
    """The oldest that is allowed, and the newest if it is not the locked one, each in an environment of its own."""
    (tree.root / "pyproject.toml").write_text('    "mitmproxy>=12.0,<13",\n')
    (tree.root / "requirements.lock").write_text("mitmproxy==12.3.1 \\\n")
    assert 0 == tree("scripts/releases", INDEX=index).returncode
    installed = [word for line in tree.asked for word in line.split() if word.startswith("mitmproxy==")]
    assert [f"mitmproxy=={each}" for each in tried] == installed
    assert len(tried) == sum(line.startswith("pytest") for line in tree.asked)
    assert tried == sorted(each.name for each in (tree.root / ".releases").iterdir())
    assert 1 == tree("scripts/releases", "12.1.2", FAILS="pytest").returncode


def test_test_hands_arguments_to_pytest(tree: Tree) -> None:
    """With arguments only pytest runs."""
    prepare(tree)
    tree("scripts/test", "tests/wire", "-k", "a b")
    assert ["pytest tests/wire -k a b"] == tree.asked


@pytest.mark.parametrize("fails", ["ruff format", "ruff check", "mypy ", "pytest", "coverage"])
def test_ci_fails_when_anything_fails(tree: Tree, fails: str) -> None:
    """One failure fails the whole, and everything else still runs."""
    prepare(tree)
    steps = len(CHECKS) + len(SUITE)
    assert (1, steps) == (tree(".ci/run", FAILS=fails).returncode, len(tree.asked))
    assert (0, steps) == (tree(".ci/run").returncode, len(tree.asked))


def test_ci_says_so_and_has_no_input(tree: Tree) -> None:
    """CI's tests know that they run there, and wait for nobody."""
    tree.add(tree.root / "scripts/test", '#!/bin/sh\necho "CI=$CI"; cat\nexit 7\n')
    done = tree(".ci/run")
    assert (7, "CI=true\n") == (done.returncode, done.stdout)


def test_start_starts_once_and_prints_the_exports(tree: Tree) -> None:
    """A proxy that runs already is left running; the exports are printed either way."""
    prepare(tree)
    assert 0 == tree("scripts/start", "--port", "9000").returncode
    assert ["isartor status", "isartor status", "isartor env"] == tree.asked
    assert 0 == tree("scripts/start", "--port", "9000", FAILS="isartor status").returncode
    assert ["isartor status", "isartor up --detach --port 9000", "isartor env"] == tree.asked
    assert 0 != tree("scripts/start", FAILS="isartor env").returncode


def test_lock_has_hashes_and_no_addresses() -> None:
    """Every requirement is exact and has hashes; the lock names no place to download from."""
    lock = (ROOT / "requirements.lock").read_text()
    form = re.compile(r"#.*|[a-z0-9][a-z0-9.-]*==\S+( ; [^\\]+)? \\| {4}--hash=sha256:[0-9a-f]{64}( \\)?")
    assert [] == [line for line in lock.splitlines() if not form.fullmatch(line)]
    assert "://" not in lock


def test_lock_has_what_the_project_asks_for() -> None:
    """Each dependency of the project and of its tests is locked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.match(r"[A-Za-z0-9._-]+", each)[0].lower().replace("_", "-") for each in wanted}
    locked = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements.lock").read_text(), re.M))
    assert set() == names - locked
