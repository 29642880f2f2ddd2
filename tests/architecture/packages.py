"""The packages of Clew, what each does, and which others it may import: used by the tests and docs/architecture.md.

`python -m tests.architecture.packages` writes the diagram and the table into docs/architecture.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
# The table says "all lower layers" for a package that may import more packages than this.
MANY = 10
START, END = "<!-- packages: python -m tests.architecture.packages -->", "<!-- /packages -->"


@dataclass(frozen=True)
class Package:
    """A package, or the commands of one. imports: names of the packages it may import, all in lower layers."""

    what: str
    imports: frozenset[str] = frozenset()


def _package(what: str, *imports: str) -> Package:
    return Package(what, frozenset(imports))


_OPTIONS = "clew.cli.options"

# Name → package, lowest layer first. A module belongs to the package with the longest name that is a prefix of its own.
PACKAGES: Mapping[str, Package] = {
    "clew.core": _package("what all packages share: types, errors, specs, text analysis, files, measures"),
    "clew.cli.options": _package("options and output that all commands share", "clew.core"),
    "clew.models": _package("load and run models, save them as artifacts", "clew.core"),
    "clew.kg": _package("the graph: snapshots, stores, linking, expansion", "clew.core"),
    "clew.models.command": _package("`clew models`", "clew.models", _OPTIONS, "clew.core"),
    "clew.search": _package("answer queries; reads the disk and never writes", "clew.kg", "clew.models", "clew.core"),
    "clew.search.commands": _package(
        "`clew search`, `answer`, `why-not`, `run`, `graph link`", "clew.search", "clew.kg", _OPTIONS, "clew.core"
    ),
    "clew.training": _package("train models on judged queries and clicks", "clew.models", "clew.core"),
    "clew.indexer": _package(
        "build, verify, tune and publish; the only writer", "clew.search", "clew.kg", "clew.models", "clew.core"
    ),
    "clew.indexer.commands": _package(
        "`clew init`, `schema`, `build`, `indexes`, `tune`, `graph`",
        "clew.indexer", "clew.search.commands", "clew.search", "clew.kg", _OPTIONS, "clew.core",
    ),
    "clew.training.command": _package(
        "`clew train`: hands an index to training",
        "clew.training", "clew.indexer", "clew.search", "clew.models", _OPTIONS, "clew.core",
    ),
    "clew.api": _package("HTTP over search", "clew.search", "clew.core"),
    "clew.api.command": _package("`clew serve`", "clew.api", "clew.search", _OPTIONS),
    "clew.benchmarks": _package(
        "measure relevance and speed",
        "clew.indexer", "clew.training", "clew.search", "clew.kg", "clew.models", "clew.core",
    ),
    "clew.benchmarks.commands": _package(
        "`clew bench`",
        "clew.benchmarks", "clew.indexer.commands", "clew.search", "clew.models", _OPTIONS, "clew.core",
    ),
    "clew": _package(
        "the lazy table of public names: `clew.open`, `clew.build`, …", "clew.indexer", "clew.search", "clew.core"
    ),
    "clew.cli": _package(
        "the table of commands, each imported when it is called; `clew demo`, `clew doctor`",
        "clew", "clew.models.command", "clew.search.commands", "clew.indexer.commands", "clew.training.command",
        "clew.api.command", "clew.benchmarks.commands", "clew.indexer", "clew.search", "clew.kg", "clew.models",
        _OPTIONS, "clew.core",
    ),
    "clew.__main__": _package("`python -m clew`", "clew.cli"),
}  # fmt: skip


def layers() -> dict[str, int]:
    """Map each package to its layer: the length of its longest chain of imports. A cycle raises RecursionError."""

    def layer(name: str) -> int:
        return 1 + max(map(layer, PACKAGES[name].imports), default=-1)

    return {name: layer(name) for name in PACKAGES}


def folder(name: str) -> str:
    """Return the path of a package in the tree: `clew.search` is `search/`."""
    parts = name.split(".")
    at_top = len(parts) > 1 and not (ROOT / "clew" / parts[1]).is_symlink()
    path = "/".join(parts if at_top or len(parts) == 1 else parts[1:])
    return f"{path}.py" if (ROOT / f"{path}.py").is_file() else f"{path}/"


def section() -> str:
    """Return the diagram and the table."""
    levels = layers()
    lines = ["Imports go down: a package imports only packages of lower layers.", "", "```"]
    lines += [
        f"{level}  " + "   ".join(folder(name) for name in PACKAGES if levels[name] == level)
        for level in sorted(set(levels.values()), reverse=True)
    ]
    lines += ["```", "", "| package | what it does | may import |", "| --- | --- | --- |"]
    for name, package in sorted(PACKAGES.items(), key=lambda item: (-levels[item[0]], item[0])):
        allowed = [f"`{folder(other)}`" for other in sorted(package.imports, key=lambda other: (-levels[other], other))]
        shown = "all lower layers" if len(allowed) > MANY else ", ".join(allowed) or "no other package"
        lines.append(f"| `{folder(name)}` | {package.what} | {shown} |")
    return "\n".join(lines)


def refreshed(text: str) -> str:
    """Return the page with its generated section replaced."""
    found, count = re.subn(
        rf"{re.escape(START)}.*?{re.escape(END)}", lambda _: f"{START}\n{section()}\n{END}", text, flags=re.DOTALL
    )
    assert count == 1, f"{PAGE} lacks {START} … {END}"
    return found


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
