"""The house's plan, enforced: who may import whom, how large a module may grow, what pure rooms may not touch."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "isartor_addon"
NAME = PACKAGE.name

LARGEST = 500
"""Lines of a module."""

INNER = frozenset({"core", "wire", "clients", "config", "layers", "store", "models", "observe", "trust"})

MAY: dict[str, frozenset[str]] = {
    "core": frozenset({"core"}),
    "wire": frozenset({"core", "wire"}),
    "clients": frozenset({"core", "clients"}),
    "config": frozenset({"core", "config"}),
    "layers": frozenset({"core", "layers", "wire", "config.schema"}),
    "models": frozenset({"core", "models", "layers.ports", "config.schema", "config.places"}),
    "store": frozenset({"core", "store", "layers.ports", "config.schema", "config.places", "config.private"}),
    "observe": frozenset({"core", "observe", "layers.ports", "config.schema", "config.places", "config.private"}),
    "workers": frozenset({"core", "workers", "store.running"}),
    "trust": frozenset({"core", "trust", "wire.hosts", "config.schema", "config.places", "config.private"}),
    "intake": frozenset({"core", "wire", "clients", "config"}),
    "pipeline": frozenset({"core", "layers.base", "layers.ports"}),
    "semantics": INNER,
    "accounts": frozenset({"core", "config", "layers", "store"}),
    "assemble": INNER | {"accounts", "intake", "pipeline", "semantics"},
    "roster": frozenset({"core", "config.schema", "layers.cloud", "assemble"}),
    "proxy": INNER - {"layers", "store", "models"}
    | {"proxy", "workers", "assemble", "intake", "pipeline", "layers.ports", "store.running"},
    "cli": INNER - {"layers", "models"}
    | {
        "cli",
        "workers",
        "assemble",
        "semantics",
        "roster",
        "pipeline",
        "proxy",
        "layers.ports",
        "layers.cloud.configured",
    }
    | {"layers.semantic.evidence"},
    "addon": frozenset({"proxy"}),
    "__main__": frozenset({"cli"}),
    "script_name": frozenset(),
    "": frozenset(),
}
"""Room (or module at the top) to what it may import from the package: a room, or one module of it."""

NAMED = {"core": frozenset({"wire.base"})}
"""What a room may name in its types, without importing it when it runs."""

LATE_ONLY = {"cli": frozenset({"proxy"})}
"""What a room may import inside functions only: the command line must start quickly."""

OUTSIDE: dict[str, frozenset[str]] = {
    "core": frozenset({"orjson"}),
    "wire": frozenset({"orjson"}),
    "clients": frozenset({"orjson"}),
    "layers": frozenset({"orjson", "numpy", "httpx2", "httpcore2", "h2"}),
}
"""Rooms that may use no other distribution than these."""

PURE = ("core", "wire", "clients")
IMPURE = frozenset(
    "asyncio concurrent ctypes datetime fcntl glob http io logging multiprocessing os pathlib platform queue random "
    "secrets select selectors shutil signal socket sqlite3 ssl subprocess tempfile threading time urllib.request "
    "uuid".split()
)
"""Modules that a pure room does not import: time, ids and the world are arguments there."""

CHAIN = (
    "breaker catalog chain configured failures features health keys meter order outgoing plan provider report".split()
)
"""Modules of `layers/cloud` that are pure as well."""

FORBIDDEN = ("utils", "util", "helpers", "helper", "common", "manager", "handler", "misc")


@dataclass(frozen=True, slots=True)
class Import:
    module: Path
    target: str
    when: Literal["now", "late", "typing"]
    """With the module, when a function runs, or never but for the type checker."""

    def __str__(self) -> str:
        return f"{self.module.relative_to(ROOT)} imports {self.target}"


@cache
def modules() -> tuple[Path, ...]:
    return tuple(sorted(PACKAGE.rglob("*.py")))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem.removeprefix("__init__")


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    def visit(node: ast.AST, when: Literal["now", "late", "typing"]) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, alias.name, when)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the whole name"
            assert node.module is not None
            for alias in node.names:
                yield Import(path, _module(node.module, alias.name), when)
        if _typing_only(node):
            when = "typing"
        elif when == "now" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            when = "late"
        for child in ast.iter_child_nodes(node):
            yield from visit(child, when)

    return tuple(visit(tree_of(path), "now"))


def _module(package: str, name: str) -> str:
    """`from package import name`: the module meant, which may be a name inside the package."""
    place = ROOT.joinpath(*package.split("."))
    if (place / f"{name}.py").exists() or (place / name).is_dir():
        return f"{package}.{name}"
    return package


def _typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def all_imports() -> list[Import]:
    return [each for path in modules() for each in imports_of(path)]


def test_every_module_has_a_room() -> None:
    """A room or module that the plan does not name has no business here."""
    assert {room_of(path) for path in modules()} - MAY.keys() == set()


def test_imports_follow_the_arrows() -> None:
    """A room imports from the package what the plan lets it, and nothing else."""
    wrong = []
    for each in all_imports():
        if each.target.partition(".")[0] != NAME:
            continue
        target = each.target.removeprefix(NAME).removeprefix(".")
        room = room_of(each.module)
        allowed = MAY[room] | (NAMED.get(room, frozenset()) if each.when == "typing" else frozenset())
        if target and not any(target == name or target.startswith(f"{name}.") for name in allowed):
            wrong.append(str(each))
    assert wrong == []


def test_no_edge_imports_another_while_it_is_imported() -> None:
    """The command line reaches for the proxy only when a command needs it."""
    late_only = [
        str(each)
        for each in all_imports()
        for room in LATE_ONLY.get(room_of(each.module), ())
        if each.target.startswith(f"{NAME}.{room}") and each.when == "now"
    ]
    assert late_only == []


def test_a_layer_imports_no_other_layer() -> None:
    """Layers know their own folder, and what stands beside the folders: how an answer is delivered, base and ports."""
    wrong = []
    for each in all_imports():
        parts = each.module.relative_to(PACKAGE).parts
        if parts[0] == "layers" and len(parts) > 2 and each.target.startswith(f"{NAME}.layers."):
            layer = each.target.split(".")[2]
            if layer not in (parts[1], "base", "delivery", "pace", "ports"):
                wrong.append(str(each))
    assert wrong == []


def test_only_the_proxy_imports_mitmproxy() -> None:
    """Everything else can be used and tested without it."""
    users = [str(each) for each in all_imports() if each.target.split(".")[0] in ("mitmproxy", "mitmproxy_rs")]
    assert [user for user in users if not user.startswith(f"{NAME}/proxy/")] == []


@pytest.mark.parametrize("room", OUTSIDE)
def test_inner_rooms_lean_on_little(room: str) -> None:
    """The vocabulary, the wires, the clients' tables and the layers need the standard library and little more."""
    allowed = OUTSIDE[room] | sys.stdlib_module_names | {NAME}
    wrong = [
        str(each)
        for path in modules()
        if room_of(path) == room
        for each in imports_of(path)
        if each.target.split(".")[0] not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_do_not_touch_the_world(room: str) -> None:
    """No I/O, no clock, no chance, no threads: what they say depends on their arguments alone."""
    wrong = [
        str(each)
        for path in modules()
        if room_of(path) == room
        for each in imports_of(path)
        if each.target in IMPURE or each.target.split(".")[0] in IMPURE
    ]
    assert wrong == []


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_open_nothing(room: str) -> None:
    """Nor do they call `open`, `print` or `input`, or define coroutines."""
    wrong = []
    for path in modules():
        for node in ast.walk(tree_of(path)) if room_of(path) == room else ():
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if called in ("open", "print", "input") or isinstance(node, ast.AsyncFunctionDef):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")  # type: ignore[attr-defined]
    assert wrong == []


def test_the_chain_does_not_touch_the_world() -> None:
    """Nor does what decides whom to ask: time and chance are its arguments, and its driver connects."""
    wrong = [
        str(each)
        for name in CHAIN
        for each in imports_of(PACKAGE / "layers" / "cloud" / f"{name}.py")
        if each.target in IMPURE or each.target.split(".")[0] in IMPURE
    ]
    assert wrong == []


def test_modules_stay_small() -> None:
    """No module grows past what one can read at a sitting."""
    assert [dotted(path) for path in modules() if len(path.read_text().splitlines()) > LARGEST] == []


def test_every_module_says_what_it_is_for() -> None:
    """Each begins with a docstring."""
    assert [dotted(path) for path in modules() if not ast.get_docstring(tree_of(path))] == []


def test_names_say_what_is_inside() -> None:
    """No module is called by a word that fits everything."""
    wrong = [dotted(path) for path in modules() if set(re.split(r"[_\W]+", path.stem)) & set(FORBIDDEN)]
    assert wrong == []


def test_nothing_at_the_top_hides_another_module() -> None:
    """mitmproxy puts a script's folder on `sys.path`: no module there may bear the name of anybody else's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    dependencies = {re.split(r"[<>=\[ ;]", each)[0].replace("-", "_").lower() for each in project["dependencies"]}
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()} - {"__init__"}
    assert names & (sys.stdlib_module_names | dependencies) == set()


def test_the_top_level_is_as_agreed() -> None:
    """The checkout holds the folders the README names, and none that nobody knows."""
    known = {"isartor_addon", "scripts", "certs", "tests", "examples"}
    tracked = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))}
    assert known - tracked == set()
    assert tracked - known - {"dist", "build", "htmlcov"} == set()
