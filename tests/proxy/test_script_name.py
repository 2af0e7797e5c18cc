"""`mitmdump -s isartor_addon`, by that very name."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import isartor_addon
from isartor_addon.script_name import is_mitmproxy, rewrite

PACKAGE = Path(isartor_addon.__file__).parent
TELL = """
from mitmproxy import ctx
def running():
    print(*ctx.options.keys(), flush=True)
    ctx.master.shutdown()
"""
PTH = (PACKAGE / "isartor_addon.pth").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-s", "isartor_addon"], ["-s", "/a.py"]),
        (["-sisartor_addon"], ["-s/a.py"]),
        (["-s=isartor_addon"], ["-s=/a.py"]),
        (["-qs", "isartor_addon"], ["-qs", "/a.py"]),
        (["-nqsisartor_addon"], ["-nqs/a.py"]),
        (["--scripts", "isartor_addon"], ["--scripts", "/a.py"]),
        (["--script=isartor_addon"], ["--script=/a.py"]),
        (["--scr", "isartor_addon"], ["--scr", "/a.py"]),
        (["--set", "scripts=isartor_addon"], ["--set", "scripts=/a.py"]),
        (["--set=scripts=isartor_addon"], ["--set=scripts=/a.py"]),
        (["-s", "mine.py", "-s", "isartor_addon", "-p", "1"], ["-s", "mine.py", "-s", "/a.py", "-p", "1"]),
        (["-w", "isartor_addon"], ["-w", "isartor_addon"]),
        (["-s", "./isartor_addon"], ["-s", "./isartor_addon"]),
        (["-s", "isartor_addon.py"], ["-s", "isartor_addon.py"]),
        (["--set", "x=isartor_addon"], ["--set", "x=isartor_addon"]),
        (["isartor_addon"], ["isartor_addon"]),
        ([], []),
    ],
)
def test_only_a_script_of_our_name_is_replaced(words: list[str], expected: list[str]) -> None:
    """Every spelling that argparse takes for a script is understood; the word elsewhere stays."""
    assert ["mitmdump", *expected] == rewrite(["mitmdump", *words], "/a.py")


@given(st.lists(st.text(max_size=20)))
def test_other_arguments_stay(words: list[str]) -> None:
    """Arguments without our name are the same afterwards, whatever they are."""
    arguments = [word.replace("isartor_addon", "") for word in words]
    assert arguments == rewrite(arguments, "/a.py")


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("/usr/bin/mitmdump", True),
        ("mitmproxy", True),
        (r"C:\Python\Scripts\mitmweb.exe", True),
        (r"C:\Python\Scripts\MITMDUMP.EXE", True),
        (r"C:\Python\Scripts\mitmdump-script.py", True),
        ("/usr/bin/mitmdump2", False),
        ("/home/mitmdump/tool", False),
        ("", False),
        ("-c", False),
    ],
)
def test_programs_are_known_by_their_names(program: str, expected: bool) -> None:
    """mitmproxy's three programs, with the endings that Windows gives them, and no other."""
    assert expected == is_mitmproxy(program)


def test_other_programs_import_nothing_of_ours() -> None:
    """In any other program the installed `.pth` loads no module at all."""
    program = "import sys; print([name for name in sys.modules if name.startswith('isartor')])"
    assert (Path(sysconfig.get_path("purelib")) / "isartor_addon.pth").is_file(), "the package is not installed"
    for arguments in (["-c", program], ["-m", "site"]):
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, timeout=60)
        assert "" == done.stderr
        assert arguments == ["-m", "site"] or "[]\n" == done.stdout


def test_broken_argument_lists_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The `.pth` line runs while Python starts: no list of arguments makes it raise."""
    for arguments in ([], [""], ["\0"], ["mitm"], ["mitmdump", ""], ["/x/mitmweb.exe", "-s"]):
        monkeypatch.setattr(sys, "argv", list(arguments))
        exec(PTH, {})
        assert arguments == sys.argv


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment where our wheel is installed; mitmproxy comes from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=PACKAGE.parent,
        capture_output=True,
        check=True,
        timeout=120,
    )
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=os.name != "nt")
    scheme = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    site = Path(sysconfig.get_path("purelib", "venv", vars=scheme))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "aaa_dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    programs = Path(sysconfig.get_path("scripts", "venv", vars=scheme))
    for name in ("mitmdump", "mitmweb"):
        script = programs / name
        script.write_text(f"#!{programs / 'python'}\nfrom mitmproxy.tools.main import {name}\n{name}()\n")
        script.chmod(0o755)
    return programs


@pytest.mark.parametrize("name", ["mitmdump", "mitmweb"])
def test_wheel_is_found_by_name(name: str, installed: Path, tmp_path: Path) -> None:
    """From a wheel, and from a directory with a folder of our name in it, `-s isartor_addon` loads our options."""
    (tmp_path / "isartor_addon").mkdir()
    (tmp_path / "isartor_addon" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    done = mitmproxy(installed / name, "isartor_addon", tmp_path)
    assert (0, True) == (done.returncode, "isartor_cache_ttl_s" in done.stdout), done


def test_editable_install_is_found_by_name(tmp_path: Path) -> None:
    """The same where the tests run, with the package installed editable."""
    (tmp_path / "isartor_addon").mkdir()
    done = mitmproxy(Path(sys.executable).parent / "mitmdump", "isartor_addon", tmp_path)
    assert (0, True) == (done.returncode, "isartor_cache_ttl_s" in done.stdout), done


def test_bare_checkout_loads_by_path(installed: Path, tmp_path: Path) -> None:
    """`addon.py` of a checkout that is not installed finds its package, and leaves its own folder off the path."""
    site = next((installed.parent / "lib").glob("python*")) / "site-packages"
    package = (site / "isartor_addon").rename(tmp_path / "isartor_addon")
    try:
        (tmp_path / "spy.py").write_text(
            f"import sys\ndef running(): pass\nassert {str(package)!r} not in sys.path, sys.path\n"
        )
        done = mitmproxy(installed / "mitmdump", str(package / "addon.py"), tmp_path, "-s", "spy.py")
    finally:
        package.rename(site / "isartor_addon")
    assert (0, True) == (done.returncode, "isartor_cache_ttl_s" in done.stdout), done
    assert "AssertionError" not in done.stdout + done.stderr


def mitmproxy(program: Path, script: str, cwd: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Load a script and print all options; nothing listens. Before 12.2.2 `--options` does not load scripts."""
    tell = cwd / "tell.py"
    tell.write_text(TELL)
    quiet = ["-n", "--set", "confdir=conf"]
    if program.name == "mitmweb":
        quiet += ["--no-web-open-browser", "--web-port", "0"]
    environ = {"HOME": str(cwd), "USERPROFILE": str(cwd), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [str(program), *quiet, "-s", script, *more, "-s", str(tell)],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
