"""The interface of graph stores: a store has entities and edges and walks from seeds. All scoring happens outside, on
the edge table it returns, so that every store gives the same results.

`tests/contracts/test_graph_store.py` runs over every name in STORES.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from clew.core.registry import Registry
from clew.core.types import Deadline
from clew.kg.types import Edge, EdgeTable, Entity, GraphCounts, Walk


class GraphStore(Protocol):
    """A store of one graph. Safe for concurrent use by several threads.

    Methods with a deadline raise StageUnavailable if the answer does not arrive in time or the store cannot be reached.
    No call takes longer than its deadline by more than a few milliseconds.
    """

    def entities(self, ids: Sequence[str], deadline: Deadline) -> list[Entity | None]:
        """Return the entities of some ids, in the given order; None for an unknown id."""
        ...

    def neighbourhood(self, seeds: Sequence[str], walk: Walk, deadline: Deadline) -> EdgeTable:
        """Return the edges around some entities (see EdgeTable); unknown ids are ignored, duplicates count once."""
        ...

    def count(self, deadline: Deadline) -> GraphCounts:
        """Count the entities and edges of the graph."""
        ...

    def all_entities(self) -> Iterator[Entity]:
        """Iterate over all entities, by ascending id."""
        ...

    def all_edges(self) -> Iterator[Edge]:
        """Iterate over all edges, each once, by ascending source, relation and target."""
        ...

    def write(self, entities: Iterable[Entity], edges: Iterable[Edge]) -> None:
        """Add entities and edges, or replace existing ones; writing twice changes nothing.

        Raises DataError for an edge whose source or target is not an entity, UsageError if the store is read-only.
        """
        ...

    def close(self) -> None:
        """Release memory, connections and threads. May be called twice."""
        ...


@runtime_checkable
class HealthReporting(Protocol):
    """A store that can be unavailable and reports this without a request."""

    @property
    def problem(self) -> str:
        """Why the store does not answer now, as a message for users; "" if no problem is known."""
        ...


# Constructors differ; `clew.search.graph_retriever.open_store` knows the arguments of each store.
STORES: Registry[Any] = Registry(
    "graph store",
    {
        "networkx": "clew.kg.networkx_store:NetworkxStore",
        "neo4j": "clew.kg.neo4j_store:Neo4jStore",
    },
)
