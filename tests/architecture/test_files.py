"""Sizes, names and habits that hold for every file of the product."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CEILING = 400
CEILING_OF_TESTS = 600
EXCEPTIONS: frozenset[str] = frozenset()
BANNED = ("util", "utils", "helper", "helpers", "manager", "handler", "common", "misc")
# The export runs as a process of its own and hands its result back on stdout.
MAY_WRITE_TO_STDOUT = ("clew/cli/", "clew/models/export.py", "clew/core/isolated.py")
WORKPLACE = ("/wo" + "rk/", ".libr" + "ary", "TO" + "DO", "FIX" + "ME")


def sources() -> list[Path]:
    packages = ("clew", "kg", "search", "indexer", "api", "benchmarks", "examples")
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Public functions and methods of public classes, with their qualified names."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from functions(node, f"{inside}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield inside + node.name, node


def test_an_installation_holds_every_file_of_the_models_that_come_with_clew() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    models = ROOT / "clew" / "models"
    packed = {path for pattern in project["tool"]["setuptools"]["package-data"]["*"] for path in models.glob(pattern)}
    files = {path for path in (models / "shipped").rglob("*") if path.is_file()}
    assert files
    assert not {shown(path) for path in files - packed}


def test_no_file_is_longer_than_the_ceiling() -> None:
    lengths = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in every_file()}
    ceilings = {name: CEILING_OF_TESTS if name.startswith("tests/") else CEILING for name in lengths}
    assert not {name: n for name, n in lengths.items() if n > ceilings[name] and name not in EXCEPTIONS}


def every_file() -> list[Path]:
    return sources() + sorted((ROOT / "tests").rglob("*.py"))


def test_no_grab_bag_names() -> None:
    wrong = []
    for path in sources():
        words = {word for part in path.relative_to(ROOT).with_suffix("").parts for word in part.lower().split("_")}
        wrong += [f"{shown(path)}: file name"] if words & set(BANNED) else []
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef) and node.name.lower().endswith(BANNED):
                wrong.append(f"{shown(path)}:{node.lineno} class {node.name}")
    assert not wrong, "\n".join(wrong)


def test_public_functions_name_their_arguments() -> None:
    wrong = [
        f"{shown(path)}:{node.lineno} {name}(**{node.args.kwarg.arg})"
        for path in sources()
        for name, node in functions(parsed(path))
        if node.args.kwarg
    ]
    assert not wrong, "\n".join(wrong)


def test_results_go_through_one_place() -> None:
    """No print: stdout belongs to results, and those pass through clew.cli."""
    wrong = []
    for path in sources():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                wrong.append(f"{shown(path)}:{node.lineno} print")
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).endswith("stdout.write")
                and not shown(path).startswith(MAY_WRITE_TO_STDOUT)
            ):
                wrong.append(f"{shown(path)}:{node.lineno} writes to stdout")
    assert not wrong, "\n".join(wrong)


def test_workers_are_spawned() -> None:
    """A forked process inherits locks held by threads of numeric libraries, and hangs."""
    wrong = [
        f"{shown(path)}:{node.lineno} {ast.unparse(node)}"
        for path in sources()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and (
            ast.unparse(node.func) in {"os.fork", "multiprocessing.Pool", "multiprocessing.Process"}
            or (ast.unparse(node.func).endswith("get_context") and "'spawn'" not in ast.unparse(node))
        )
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_is_pickled_to_disk() -> None:
    """Pickles run code when they are read, so no format of ours is one."""
    wrong = []
    for path in sources():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                call = ast.unparse(node.func)
                allows = any(k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in node.keywords)
                if call in {"pickle.load", "pickle.loads", "pickle.dump", "joblib.load"} or allows:
                    wrong.append(f"{shown(path)}:{node.lineno} {call}")
    assert not wrong, "\n".join(wrong)


def test_no_names_of_a_workplace_and_no_leftovers() -> None:
    texts = [*every_file(), *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
    texts += [ROOT / "Makefile", ROOT / "pyproject.toml", *sorted((ROOT / "examples").rglob("*.toml"))]
    wrong = [
        f"{shown(path)}: {word}" for path in texts for word in WORKPLACE if word in path.read_text(encoding="utf-8")
    ]
    assert not wrong, "\n".join(wrong)


def test_the_seams_have_docstrings() -> None:
    """Every public module of the product says in its first line what it is."""
    silent = [
        shown(path)
        for path in sources()
        if path.read_text(encoding="utf-8").strip() and not ast.get_docstring(parsed(path))
    ]
    assert not silent
