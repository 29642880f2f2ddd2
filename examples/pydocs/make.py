"""Make the `pydocs` sample: the docstrings of the standard library of the Python that runs this file.

    python examples/pydocs/make.py FOLDER

writes FOLDER/pydocs.jsonl.gz and, beside it, the spec FOLDER/pydocs.toml. The sources are parsed with `ast`; nothing
is imported, so nothing of them runs. The same Python gives the same bytes.

Taken are public modules, classes, functions and methods with a docstring of at least 30 characters: at most 3,500, each
cut after 800 characters, so that the sample builds in about a minute on two cores.
"""

from __future__ import annotations

import ast
import gzip
import inspect
import json
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

SHORTEST = 30
LONGEST = 800
MOST = 3_500
LEFT_OUT = {
    "__phello__",
    "distutils",  # gone since Python 3.12
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
    "turtle.py",
}

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def main(arguments: list[str]) -> int:
    """Write the sample into the folder that is named; returns the exit code."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: make.py FOLDER\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    records = collect(Path(sysconfig.get_path("stdlib")))
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    # No time stamp, and nothing written where nothing changed: the next build then finds its work done.
    packed = gzip.compress(text.encode(), mtime=0)
    target = folder / "pydocs.jsonl.gz"
    if not target.exists() or target.read_bytes() != packed:
        target.write_bytes(packed)
    shutil.copyfile(Path(__file__).with_name("pydocs.toml"), folder / "pydocs.toml")
    sys.stderr.write(f"{len(records):,} docstrings of Python {sys.version.split()[0]} written to {target}\n")
    return 0


def collect(root: Path) -> list[dict[str, object]]:
    """The records of every module under the standard library's folder, at most MOST, one for each name.

    Modules, classes and functions all stay; where there is not room for every method, they are thinned out evenly.
    """
    found: dict[str, dict[str, object]] = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if LEFT_OUT.isdisjoint(parts) and not any(part.startswith("_") and part != "__init__.py" for part in parts):
            for record in read_module(path, parts):
                found.setdefault(str(record["name"]), record)
    kept = [record for record in found.values() if record["kind"] != "method"]
    methods = [record for record in found.values() if record["kind"] == "method"]
    room = min(max(0, MOST - len(kept)), len(methods))
    kept += [methods[i * len(methods) // room] for i in range(room)]
    return sorted(kept, key=lambda record: str(record["name"]))


def read_module(path: Path, parts: tuple[str, ...]) -> Iterator[dict[str, object]]:
    """The records of one source file; none where it is not valid Python (templates, old grammars)."""
    names = [part.removesuffix(".py") for part in parts if part != "__init__.py"]
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    module = ".".join(names)
    common = {"module": module, "package": " > ".join(names), "file": "/".join(parts)}
    text = docstring(tree)
    if text:
        yield {
            "name": module,
            "title": module,
            "kind": "module",
            "signature": f"import {module}",
            "text": text,
            "line": 1,
            "coroutine": False,
        } | common
    yield from read_body(tree, module, "function", common)


def read_body(node: ast.AST, prefix: str, kind: str, common: dict[str, str]) -> Iterator[dict[str, object]]:
    """The records of the public definitions inside a module or a class, classes opened, functions not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If | ast.Try):
            yield from read_body(child, prefix, kind, common)
        if not isinstance(child, Definition) or child.name.startswith("_"):
            continue
        name = f"{prefix}.{child.name}"
        text = docstring(child)
        if text:
            yield {
                "name": name,
                "title": title(name, child.name),
                "kind": "class" if isinstance(child, ast.ClassDef) else kind,
                "signature": signature(child),
                "text": text,
                "line": child.lineno,
                "coroutine": isinstance(child, ast.AsyncFunctionDef),
            } | common
        if isinstance(child, ast.ClassDef):
            yield from read_body(child, name, "method", common)


def title(qualified: str, name: str) -> str:
    """The qualified name; a name in CamelCase also in plain words, which are what people search for."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+", name)
    return f"{qualified} ({' '.join(words).lower()})" if len(words) > 1 and "_" not in name else qualified


def docstring(node: ast.Module | Definition) -> str:
    """A docstring, cleaned and cut at a line end; empty where there is none worth keeping."""
    text = inspect.cleandoc(ast.get_docstring(node) or "").strip()
    if len(text) < SHORTEST:
        return ""
    if len(text) <= LONGEST:
        return text
    cut = text.rfind("\n", LONGEST // 2, LONGEST)
    return text[: cut if cut > 0 else LONGEST].rstrip()


def signature(node: Definition) -> str:
    """How a definition is written: `dumps(obj, *, skipkeys=False)` or `class Pool(Base)`."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
