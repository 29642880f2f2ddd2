"""What a build found out about its graph: how documents are part of it, what is linked, how many are annotated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clew.kg.annotate import linked_types
from clew.kg.manifest import load
from clew.kg.snapshot import graph_folder
from clew.kg.spec import GraphSpec
from clew.search.versions import ShardManifest


@dataclass(frozen=True, slots=True)
class Annotated:
    """The graph of a build.

    graph: its name. nodes: pattern of the node id of a document ("": documents are not nodes). document_types: entity
    types that only documents have. linked: entity type → entities, of the types whose names are linked ("" for entities
    without a type). documents: how many documents have an annotation: an entity other than their own node, or any
    entity where documents are entities like all others.
    """

    graph: str
    nodes: str
    document_types: tuple[str, ...]
    linked: dict[str, int]
    documents: int

    def describe(self, total: int) -> str:
        """Return one line for people. total: the number of documents."""
        types = ", ".join(f"{name or 'without a type'} {count:,}" for name, count in self.linked.items())
        return f"graph {self.graph}: {self.documents:,} of {total:,} documents annotated; linked: {types or 'nothing'}"

    def notices(self, total: int) -> list[str]:
        """Return what is likely to be a mistake. total: the number of documents."""
        found = []
        if not any(self.linked.values()):
            own = ", ".join(self.document_types)
            found.append(
                f"[graph] no name is linked: only documents have the types of graph {self.graph!r} ({own or 'none'}); "
                "if their names are to be found in queries, list them in [graph.link] types"
            )
        if total and not self.documents:
            found.append(
                f"[graph] no document is annotated with an entity of graph {self.graph!r}; check documents, annotate "
                "and the entity types of fields"
            )
        return found


def annotated(spec: GraphSpec, home: Path, shards: Sequence[ShardManifest]) -> Annotated:
    """Collect what the shards of a built version know of its graph."""
    counts = load(graph_folder(home, spec.name) / spec.snapshot).counts
    names = linked_types(counts.types, spec)
    documents = sum(int(shard.facts.get("graph", {}).get("documents", 0)) for shard in shards)
    linked = {name: counts.types[name] for name in names}
    return Annotated(spec.name, spec.documents, tuple(spec.document_types), linked, documents)
