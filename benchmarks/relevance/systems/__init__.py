"""The systems that can be measured by name: one TOML file each in this folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clew.core.errors import unknown_name
from clew.core.spec import parse, read_toml
from clew.search.types import GraphMode

_FOLDER = Path(__file__).parent
# Old name → name: stored results and scripts may have the old one.
OLD_NAMES: Mapping[str, str] = {
    "never": "off",
    "always": "on",
    "gated": "auto",
    "always-terms": "on-terms",
    "gated-terms": "auto-terms",
    "hybrid-tuned-settled": "hybrid-tuned-early-stop",
}


@dataclass(frozen=True, slots=True)
class System:
    """One way to search an index.

    about: one line for reports. sources: candidate sources. fusion: how they are fused (None: the index's default).
    backend: BM25 backend that the index is built with. tuned: learn fusion weights on the dev split first. expand: when
    the graph is used, as `graph` in a search; use: how, as in [graph] use (empty: as in the spec). rerank: rerank the
    first documents, with the cross-encoder of the index or of the run; a tuned system also learns a calibration on dev.
    early_stop: as in [rerank].
    """

    about: str
    sources: tuple[str, ...]
    fusion: str | None = None
    backend: str = "bm25"
    tuned: bool = False
    expand: GraphMode = "off"
    use: tuple[Literal["ranking", "terms"], ...] = ()
    rerank: bool = False
    early_stop: float = 0.0

    @property
    def graph(self) -> bool:
        """Whether the system needs an index with a graph."""
        return "graph" in self.sources


def current_name(name: str) -> str:
    """Return the name of a system; an old name is replaced by the present one."""
    return OLD_NAMES.get(name, name)


def names() -> list[str]:
    """Return the names of all systems."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load(name: str) -> System:
    """Load a system by its name or an old name. Raises UnknownNameError with the nearest known name."""
    name = current_name(name)
    if name not in names():
        raise unknown_name("system", name, names())
    path = _FOLDER / f"{name}.toml"
    return parse(System, read_toml(path), str(path))
