"""The seam of the graph: a store keeps entities and edges and walks from seeds. All scoring happens outside, on its
edge table, so that every store gives the same answers.

`tests/contracts/test_graph_store.py` runs over every name in STORES.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from clew.core.registry import Registry
from clew.core.types import Deadline
from clew.kg.types import Edge, EdgeTable, Entity, GraphCounts, Walk


class GraphStore(Protocol):
    """A graph, kept somewhere. Safe to ask from several threads.

    What is asked with a deadline raises StageUnavailable when the answer does not come in time or the store cannot be
    reached; no call outlasts its deadline by more than a few milliseconds.
    """

    def entities(self, ids: Sequence[str], deadline: Deadline) -> list[Entity | None]:
        """The entities of some ids, in their order; None for an id the graph does not know."""
        ...

    def neighbourhood(self, seeds: Sequence[str], walk: Walk, deadline: Deadline) -> EdgeTable:
        """What lies around some entities (see EdgeTable); unknown ids are left out, repeated ones count once."""
        ...

    def count(self, deadline: Deadline) -> GraphCounts:
        """How much the graph holds."""
        ...

    def all_entities(self) -> Iterator[Entity]:
        """Every entity, by ascending id."""
        ...

    def all_edges(self) -> Iterator[Edge]:
        """Every edge once, ascending by source, relation and target."""
        ...

    def write(self, entities: Iterable[Entity], edges: Iterable[Edge]) -> None:
        """Add entities and edges; what is there already is replaced, so writing twice changes nothing.

        Raises DataError for an edge with an end the graph does not know, UsageError where the store is read-only.
        """
        ...

    def close(self) -> None:
        """Release memory, connections and threads. May be called twice."""
        ...


@runtime_checkable
class Guarded(Protocol):
    """A store that may be out of reach and says so without being asked a question."""

    @property
    def trouble(self) -> str:
        """Why it does not answer now, in words that may be shown; "" where nothing is known against it."""
        ...


# Constructors differ; `clew.search.graph_retriever.open_store` knows what a store needs to open a graph.
STORES: Registry[Any] = Registry(
    "graph store",
    {
        "networkx": "clew.kg.networkx_store:NetworkxStore",
        "neo4j": "clew.kg.neo4j_store:Neo4jStore",
    },
)
