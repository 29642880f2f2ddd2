"""Who may import whom, read from the sources: packages, vendors, and what is loaded only when it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx
import pytest

from tests.architecture.packages import PACKAGES, PAGE, layers, refreshed

ROOT = Path(__file__).parents[2]

# Vendor → where it may be imported, also inside functions. A place is a folder or a file.
# The last measures the first two.
TORCH = ("clew/models/", "clew/training/", "benchmarks/device/")
VENDORS = {
    "torch": TORCH,
    "transformers": TORCH,
    "sentence_transformers": TORCH,
    "faiss": ("search/candidates/dense/",),
    "neo4j": ("kg/neo4j_store.py", "kg/neo4j_errors.py"),
    "networkx": ("kg/networkx_store.py",),
    "ray": ("indexer/ray_runner.py", "api/ray_app.py"),
    "markdown_it": ("indexer/sources/markdown.py",),
    "fastapi": ("api/",),
    "starlette": ("api/",),
    "uvicorn": ("api/",),
    "ir_measures": ("clew/core/measures/", "benchmarks/"),
    "scipy": ("clew/core/measures/", "indexer/tuning/", "benchmarks/"),
}
UNBOUND = ("benchmarks/peers/",)

HEAVY = ("torch", "transformers", "sentence_transformers", "faiss", "numba", "pyarrow", "scipy", "ir_measures",
         "fastapi", "uvicorn", "onnxruntime", "onnx", "pandas", "ray", "numpy")  # fmt: skip
NOT_IN_SERVING = ("torch", "transformers", "sentence_transformers", "ray", "scipy", "pandas", "ir_measures", "onnx")


def sources() -> list[Path]:
    """Every Python file of the product."""
    packages = ("clew", "kg", "search", "indexer", "api", "benchmarks")
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def module_of(path: Path) -> str:
    """The import name: a folder next to clew/ is imported through a link in clew/."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "clew" else ("clew", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> tuple[tuple[int, str], ...]:
    """Line and full name of everything a file imports anywhere; the strings of lazy tables count as imports."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], base]).strip(".")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            if node.args and isinstance(node.args[0], ast.Constant):
                yield node.lineno, str(node.args[0].value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_place(node.value):
            yield node.lineno, node.value.replace(":", ".")


def _is_place(text: str) -> bool:
    """Whether a string is a lazy import of ours, "module.path:attribute"."""
    module, colon, attribute = text.partition(":")
    return (
        bool(colon)
        and module.split(".")[0] == "clew"
        and attribute.isidentifier()
        and all(p.isidentifier() for p in module.split("."))
    )


def package_of(name: str) -> str | None:
    """Return the package of a module or of a name in it; None outside Clew."""
    matching = [package for package in PACKAGES if name == package or name.startswith(package + ".")]
    return max(matching, key=len, default=None)


def test_packages_import_only_lower_layers() -> None:
    wrong = []
    for path in sources():
        package = package_of(module_of(path))
        for line, name in imports(path):
            target = package_of(name)
            if target and package and target != package and target not in PACKAGES[package].imports:
                wrong.append(f"{path.relative_to(ROOT)}:{line} ({package}) imports {name} ({target})")
    assert not wrong, "\n".join(wrong)


def test_every_allowed_import_is_used() -> None:
    used: dict[str, set[str]] = {package: set() for package in PACKAGES}
    for path in sources():
        package = package_of(module_of(path))
        assert package is not None
        used[package] |= {target for _, name in imports(path) if (target := package_of(name)) and target != package}
    unused = {package: set(rule.imports) - used[package] for package, rule in PACKAGES.items()}
    assert not {package: names for package, names in unused.items() if names}


def test_packages_are_in_layers_and_the_page_shows_them() -> None:
    levels = layers()
    assert all(levels[below] < levels[name] for name, package in PACKAGES.items() for below in package.imports)
    text = PAGE.read_text(encoding="utf-8")
    assert text == refreshed(text), "run: python -m tests.architecture.packages"


def module_imports() -> dict[str, set[str]]:
    """Module → the modules it imports, at its top, inside functions, in lazy tables and for type checking alike."""
    paths = {module_of(path): path for path in sources()}

    def imported(name: str) -> str:
        while name not in paths and "." in name:
            name = name.rpartition(".")[0]  # the name of something in a module
        return name

    found = {module: {imported(name) for _, name in imports(path)} for module, path in paths.items()}
    return {module: (names & paths.keys()) - {module} for module, names in found.items()}


def test_there_is_no_cycle_of_modules() -> None:
    """A cycle is two or more modules, each of which imports the next, and the last of which imports the first.

    Imports that only type checkers see count too: to understand such a module one has to read the other as well.
    """
    graph = networkx.DiGraph([(module, name) for module, names in module_imports().items() for name in names])
    cycles = {frozenset(found) for found in networkx.strongly_connected_components(graph) if len(found) > 1}
    assert not [sorted(cycle) for cycle in cycles]


def test_no_package_is_imported_by_its_bare_name() -> None:
    """A project that uses Clew may have an `api/` or a `search/` of its own."""
    bare = {"search", "indexer", "kg", "api", "benchmarks"}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in [*sources(), *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "examples").rglob("*.py"))]
        for line, name in imports(path)
        if name.split(".")[0] in bare
    ]
    assert not wrong, "\n".join(wrong)


def test_vendors_are_imported_only_where_they_are_allowed() -> None:
    wrong = []
    for path in sources():
        place = path.relative_to(ROOT).as_posix()
        for line, name in imports(path):
            allowed = VENDORS.get(name.split(".")[0])
            if allowed and not place.startswith((*allowed, *UNBOUND)):
                wrong.append(f"{place}:{line} imports {name}; only {', '.join(allowed)} may")
    assert not wrong, "\n".join(wrong)


def test_the_rules_see_lazy_and_relative_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader itself: an import inside a function, a relative one and a lazy table all count."""
    folder = tmp_path / "search" / "candidates"
    folder.mkdir(parents=True)
    file = folder / "x.py"
    file.write_text(
        "from . import bm25\nfrom ..fields import body\n"
        "def f():\n    import torch.nn\n    from clew.indexer.build import build\n    import_module('faiss')\n"
        "T = {'a': 'clew.api.app:create_app'}\n"
    )
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert {name for _, name in imports(file)} == {
        "clew.search.candidates.bm25",
        "clew.search.fields.body",
        "torch.nn",
        "clew.indexer.build.build",
        "faiss",
        "clew.api.app.create_app",
    }


def loaded_by(code: str, names: tuple[str, ...]) -> set[str]:
    """Which of `names` are loaded in a fresh interpreter after running `code`."""
    script = f"{code}\nimport sys\nsys.stderr.write('LOADED ' + ' '.join(m for m in {names!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rpartition("LOADED ")[2].split())


def test_import_clew_loads_nothing_heavy() -> None:
    assert loaded_by("import clew, clew.cli", HEAVY) == set()


def test_help_loads_nothing_heavy() -> None:
    """`clew --help`, and the help of every command."""
    code = (
        "import clew.cli, sys\n"
        "for words in [[], *([name] for name in clew.cli.COMMANDS)]:\n"
        "    sys.argv = ['clew', *words, '--help']\n"
        "    try:\n        clew.cli.main()\n    except SystemExit as ended:\n        assert not ended.code, words\n"
    )
    assert loaded_by(code, HEAVY) == set()


@pytest.mark.parametrize(
    "module", ["clew.search.assemble", "clew.search.pipeline", "clew.api.app", "clew.indexer.build"]
)
def test_serving_and_the_start_of_a_build_load_no_training_library(module: str) -> None:
    assert loaded_by(f"import {module}", NOT_IN_SERVING) == set()


@pytest.mark.slow
def test_importing_everything_writes_nothing(tmp_path: Path) -> None:
    """Importing opens no index, makes no folder and reads no model."""
    modules = [
        module_of(path)
        for path in sources()
        if not path.relative_to(ROOT).as_posix().startswith(UNBOUND) and path.name != "__main__.py"
    ]
    code = f"import importlib\nfor name in {modules!r}:\n    importlib.import_module(name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []
