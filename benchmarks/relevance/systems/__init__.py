"""The systems that can be measured by name: one TOML file each beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clew.core.errors import unknown_name
from clew.core.spec import parse, read_toml
from clew.search.types import Expand

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class System:
    """One way to search an index.

    about: one line for reports. sources: candidate sources. fusion: how they are joined (None: the index's default).
    backend: BM25 backend the index is built with. tuned: fusion weights are learned on the dev split first. expand:
    when the graph is used, as in a search; use: how, as in [graph] use (empty: as the spec says). rerank: the first
    documents are reranked, by the index's cross-encoder or the one that the run names; where the system is tuned, with
    a calibration learned on dev too. settle: stop reranking early, as in [rerank].
    """

    about: str
    sources: tuple[str, ...]
    fusion: str | None = None
    backend: str = "bm25"
    tuned: bool = False
    expand: Expand = "off"
    use: tuple[Literal["ranking", "terms"], ...] = ()
    rerank: bool = False
    settle: float = 0.0

    @property
    def graph(self) -> bool:
        """Whether it needs an index with a graph."""
        return "graph" in self.sources


def names() -> list[str]:
    """Names of all systems."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load(name: str) -> System:
    """A system by name. Raises UnknownNameError with the nearest known one."""
    if name not in names():
        raise unknown_name("system", name, names())
    path = _FOLDER / f"{name}.toml"
    return parse(System, read_toml(path), str(path))
