"""The rooms of Clew: what each is, and which others it may import. Tests and docs/architecture.md take it from here.

`python -m tests.architecture.rooms` writes the drawing and the table into docs/architecture.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
# A room that may import more rooms than this is on top of the house.
MANY = 10
START, END = "<!-- rooms: python -m tests.architecture.rooms -->", "<!-- /rooms -->"


@dataclass(frozen=True)
class Room:
    """A package, or the commands of one. imports: names of the rooms it may import, all below it."""

    what: str
    imports: frozenset[str] = frozenset()


def _room(what: str, *imports: str) -> Room:
    return Room(what, frozenset(imports))


_OPTIONS = "clew.cli.options"

# Name → room, from the ground up. A module belongs to the room with the longest name that begins its own.
ROOMS: Mapping[str, Room] = {
    "clew.core": _room("words that all rooms share: types, errors, specs, text analysis, files, measures"),
    "clew.cli.options": _room("options and output that all commands share", "clew.core"),
    "clew.models": _room("load and run models, save them as artifacts", "clew.core"),
    "clew.kg": _room("the graph: snapshots, stores, linking, expansion", "clew.core"),
    "clew.models.command": _room("`clew models`", "clew.models", _OPTIONS, "clew.core"),
    "clew.search": _room("answer queries; reads the disk and never writes", "clew.kg", "clew.models", "clew.core"),
    "clew.search.commands": _room(
        "`clew search`, `answer`, `why-not`, `run`, `graph link`", "clew.search", "clew.kg", _OPTIONS, "clew.core"
    ),
    "clew.training": _room("train models on judged queries and clicks", "clew.models", "clew.core"),
    "clew.indexer": _room(
        "build, verify, tune and publish; the only writer", "clew.search", "clew.kg", "clew.models", "clew.core"
    ),
    "clew.indexer.commands": _room(
        "`clew init`, `schema`, `build`, `indexes`, `tune`, `graph`",
        "clew.indexer", "clew.search.commands", "clew.search", "clew.kg", _OPTIONS, "clew.core",
    ),
    "clew.training.command": _room(
        "`clew train`: hands an index to training",
        "clew.training", "clew.indexer", "clew.search", "clew.models", _OPTIONS, "clew.core",
    ),
    "clew.api": _room("HTTP over search", "clew.search", "clew.core"),
    "clew.api.command": _room("`clew serve`", "clew.api", "clew.search", _OPTIONS),
    "clew.benchmarks": _room(
        "measure relevance and speed",
        "clew.indexer", "clew.training", "clew.search", "clew.kg", "clew.models", "clew.core",
    ),
    "clew.benchmarks.commands": _room(
        "`clew bench`",
        "clew.benchmarks", "clew.indexer.commands", "clew.search", "clew.models", _OPTIONS, "clew.core",
    ),
    "clew": _room(
        "the lazy table of public names: `clew.open`, `clew.build`, …", "clew.indexer", "clew.search", "clew.core"
    ),
    "clew.cli": _room(
        "the table of commands, each imported when it is called; `clew demo`, `clew doctor`",
        "clew", "clew.models.command", "clew.search.commands", "clew.indexer.commands", "clew.training.command",
        "clew.api.command", "clew.benchmarks.commands", "clew.indexer", "clew.search", "clew.kg", "clew.models",
        _OPTIONS, "clew.core",
    ),
    "clew.__main__": _room("`python -m clew`", "clew.cli"),
}  # fmt: skip


def floors() -> dict[str, int]:
    """Room → the length of the longest way down from it. Raises RecursionError if rooms may import in a circle."""

    def floor(name: str) -> int:
        return 1 + max(map(floor, ROOMS[name].imports), default=-1)

    return {name: floor(name) for name in ROOMS}


def folder(name: str) -> str:
    """Where a room is in the tree: `clew.search` is `search/`."""
    parts = name.split(".")
    at_top = len(parts) > 1 and not (ROOT / "clew" / parts[1]).is_symlink()
    path = "/".join(parts if at_top or len(parts) == 1 else parts[1:])
    return f"{path}.py" if (ROOT / f"{path}.py").is_file() else f"{path}/"


def section() -> str:
    """The drawing and the table."""
    levels = floors()
    lines = ["Every arrow goes down: a room imports rooms of lower floors only.", "", "```"]
    lines += [
        f"{level}  " + "   ".join(folder(name) for name in ROOMS if levels[name] == level)
        for level in sorted(set(levels.values()), reverse=True)
    ]
    lines += ["```", "", "| room | what it does | may import |", "| --- | --- | --- |"]
    for name, room in sorted(ROOMS.items(), key=lambda item: (-levels[item[0]], item[0])):
        allowed = [f"`{folder(other)}`" for other in sorted(room.imports, key=lambda other: (-levels[other], other))]
        shown = "everything below" if len(allowed) > MANY else ", ".join(allowed) or "no other room"
        lines.append(f"| `{folder(name)}` | {room.what} | {shown} |")
    return "\n".join(lines)


def refreshed(text: str) -> str:
    """The page with its section written again."""
    found, count = re.subn(
        rf"{re.escape(START)}.*?{re.escape(END)}", lambda _: f"{START}\n{section()}\n{END}", text, flags=re.DOTALL
    )
    assert count == 1, f"{PAGE} lacks {START} … {END}"
    return found


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
