"""The systems that can be measured by name: one TOML file each in this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clew.core.errors import unknown_name
from clew.core.spec import parse, read_toml
from clew.search.types import GraphMode

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class System:
    """One way to search an index.

    about: one line for reports. sources: candidate sources. fusion: how they are fused (None: the index's default).
    backend: BM25 backend that the index is built with. tuned: learn fusion weights on the dev split first. expand: when
    the graph is used, as in a search; use: how, as in [graph] use (empty: as in the spec). rerank: rerank the first
    documents, with the index's cross-encoder or the run's; a tuned system also learns a calibration on dev. settle:
    stop reranking early, as in [rerank].
    """

    about: str
    sources: tuple[str, ...]
    fusion: str | None = None
    backend: str = "bm25"
    tuned: bool = False
    expand: GraphMode = "off"
    use: tuple[Literal["ranking", "terms"], ...] = ()
    rerank: bool = False
    settle: float = 0.0

    @property
    def graph(self) -> bool:
        """Whether the system needs an index with a graph."""
        return "graph" in self.sources


def names() -> list[str]:
    """Return the names of all systems."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load(name: str) -> System:
    """Load a system by name. Raises UnknownNameError with the nearest known name."""
    if name not in names():
        raise unknown_name("system", name, names())
    path = _FOLDER / f"{name}.toml"
    return parse(System, read_toml(path), str(path))
