"""The graph in memory, as networkx graphs: one directed graph without attributes for each relation.

Their nodes are the rows of the entities in the order of the ids, and edges are added in that order. So neighbours are
iterated by ascending id, and the limits of a walk need no sorting. Entities are in a dict after `write`, and in the
memory-mapped file of the snapshot after `open`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

import networkx as nx
import numpy as np

from clew.core.errors import DataError, StageUnavailable, UsageError
from clew.core.types import Deadline, Ints
from clew.kg.types import Edge, EdgeTable, Entity, GraphCounts, Walk

_NO_ATTRIBUTES: dict[str, Any] = {}


def _no_attributes() -> dict[str, Any]:
    return _NO_ATTRIBUTES


class _ThinGraph(nx.DiGraph):  # type: ignore[misc]
    """A graph whose edges and nodes share one empty dict of attributes, as networkx recommends to save memory."""

    edge_attr_dict_factory = staticmethod(_no_attributes)
    node_attr_dict_factory = staticmethod(_no_attributes)


class _Nodes(Protocol):
    """The entities of the rows; implemented by Snapshot, among others."""

    @property
    def counts(self) -> GraphCounts: ...

    def row(self, id: str) -> int | None: ...  # noqa: A002 - it is an entity's id

    def ids(self, rows: Ints) -> list[str]: ...

    def entities(self, ids: Sequence[str]) -> list[Entity | None]: ...

    def all_entities(self) -> Iterator[Entity]: ...

    def close(self) -> None: ...


class _Written:
    """The entities that were written into the store, in the order of their ids."""

    def __init__(self, entities: dict[str, Entity], relations: Counter[str]) -> None:
        self._entities = {name: entities[name] for name in sorted(entities)}
        self._ids = list(self._entities)
        self._rows = {name: row for row, name in enumerate(self._ids)}
        types = Counter(entity.type for entity in self._entities.values())
        self.counts = GraphCounts(
            len(self._ids), relations.total(), dict(sorted(relations.items())), dict(sorted(types.items()))
        )

    def row(self, id: str) -> int | None:  # noqa: A002
        return self._rows.get(id)

    def ids(self, rows: Ints) -> list[str]:
        return [self._ids[row] for row in rows.tolist()]

    def entities(self, ids: Sequence[str]) -> list[Entity | None]:
        return [self._entities.get(name) for name in ids]

    def all_entities(self) -> Iterator[Entity]:
        return iter(self._entities.values())

    def close(self) -> None:
        pass


class _Adjacency:
    """The edges of the graph, by rows of the nodes.

    relations: names, ascending. degrees: (n,) int64 edges of each node in both directions, a loop counted twice.
    """

    def __init__(self, nodes: int, relations: Sequence[str], source: Ints, relation: Ints, target: Ints) -> None:
        """Build the graphs. source, relation, target: (m,) integers, in lexicographic order, each edge once."""
        self.relations = tuple(relations)
        numbers = np.arange(nodes).astype(object)  # all graphs share one Python int for a node
        self._graphs: list[Any] = []
        by_relation = np.argsort(relation, kind="stable")
        borders = np.searchsorted(relation[by_relation], np.arange(len(relations) + 1))
        for code in range(len(relations)):
            places = by_relation[borders[code] : borders[code + 1]]
            graph = _ThinGraph()
            graph.add_edges_from(zip(numbers[source[places]], numbers[target[places]], strict=True))
            self._graphs.append(graph)
        self.degrees: Ints = np.bincount(source, minlength=nodes) + np.bincount(target, minlength=nodes)
        self._group(nodes, source, relation, target)

    def _group(self, nodes: int, source: Ints, relation: Ints, target: Ints) -> None:
        """Index the relations of each node, so that a walk only reads the graphs that contain the node."""
        count = 2 * len(self.relations)
        out = source.astype(np.int64) * count + 2 * relation
        into = target.astype(np.int64) * count + 2 * relation + 1
        keys, fans = np.unique(np.concatenate([out, into]), return_counts=True)
        owners, self._directed_relations = np.divmod(keys, count) if count else (keys, keys)
        self._directed_relations = self._directed_relations.astype(np.int32)
        self._fans = fans.astype(np.int32)
        self._first = np.searchsorted(owners, np.arange(nodes + 1))

    def directed_relations(self, row: int) -> Iterator[tuple[int, int]]:
        """Yield (2 * relation, plus 1 for edges that enter; number of edges) by relation, leaving before entering."""
        first, last = int(self._first[row]), int(self._first[row + 1])
        return zip(self._directed_relations[first:last].tolist(), self._fans[first:last].tolist(), strict=True)

    def neighbours(self, row: int, way: int) -> Iterator[int]:
        """Yield the rows at the other end of a node's edges of one relation and direction, ascending."""
        graph = self._graphs[way >> 1]
        found: Iterator[int] = graph.predecessors(row) if way & 1 else graph.successors(row)
        return found

    def edges(self) -> Iterator[tuple[int, int, int]]:
        """Yield (source, relation, target) of every edge, ascending."""
        for row in range(len(self.degrees)):
            for way, _ in self.directed_relations(row):
                if not way & 1:
                    for other in self.neighbours(row, way):
                        yield row, way >> 1, other


class NetworkxStore:
    """A GraphStore in this process: empty and writable, or opened from a snapshot and read-only."""

    def __init__(self) -> None:
        self._writable = True
        nothing = np.empty(0, np.int64)
        # `write` replaces the whole tuple, so that a reader sees the graph either before or after it.
        self._state: tuple[_Nodes, _Adjacency] = (
            _Written({}, Counter()),
            _Adjacency(0, (), nothing, nothing, nothing),
        )

    @classmethod
    def open(cls, folder: Path, *, verify: bool = True) -> NetworkxStore:
        """Open a snapshot's folder; `verify` checks the sha256 of every file.

        Raises NotFoundError, CorruptError or FormatError that names the file.
        """
        from clew.kg.snapshot import Snapshot

        snapshot = Snapshot.open(folder, verify=verify)
        store = cls()
        store._writable = False
        rows = snapshot.edges
        store._state = (snapshot, _Adjacency(snapshot.counts.entities, snapshot.relations, rows[0], rows[1], rows[2]))
        return store

    def entities(self, ids: Sequence[str], deadline: Deadline) -> list[Entity | None]:
        """See GraphStore."""
        _in_time(deadline)
        return self._state[0].entities(ids)

    def neighbourhood(self, seeds: Sequence[str], walk: Walk, deadline: Deadline) -> EdgeTable:
        """See GraphStore."""
        nodes, adjacency = self._state
        found = _Walked(adjacency, walk)
        found.start(row for row in map(nodes.row, seeds) if row is not None)
        for hop in range(1, walk.hops + 1):
            found.hop(hop, deadline)
        return found.table(nodes)

    def count(self, deadline: Deadline) -> GraphCounts:
        """See GraphStore."""
        _in_time(deadline)
        return self._state[0].counts

    def all_entities(self) -> Iterator[Entity]:
        """See GraphStore."""
        return self._state[0].all_entities()

    def all_edges(self) -> Iterator[Edge]:
        """See GraphStore."""
        nodes, adjacency = self._state
        ids = nodes.ids(np.arange(nodes.counts.entities))
        for source, relation, target in adjacency.edges():
            yield Edge(ids[source], adjacency.relations[relation], ids[target])

    def write(self, entities: Iterable[Entity], edges: Iterable[Edge]) -> None:
        """See GraphStore. Rebuilds the whole graph, so write in large batches; an error leaves it unchanged.

        Raises UsageError if the store was opened from a snapshot.
        """
        if not self._writable:
            raise UsageError("a graph snapshot is read-only", "load a new one with `clew graph load`")
        every = {entity.id: entity for entity in self.all_entities()} | {entity.id: entity for entity in entities}
        joined = {(edge.source, edge.relation, edge.target) for edge in self.all_edges()}
        for edge in edges:
            for end in (edge.source, edge.target):
                if end not in every:
                    raise DataError(
                        f"edge {edge} refers to {end!r}, which is not an entity", "write that entity as well"
                    )
            joined.add((edge.source, edge.relation, edge.target))
        nodes = _Written(every, Counter(relation for _, relation, _ in joined))
        relations = list(nodes.counts.relations)
        codes = {name: code for code, name in enumerate(relations)}
        rows = np.array([(nodes.row(a), codes[r], nodes.row(b)) for a, r, b in sorted(joined)], np.int64).reshape(-1, 3)
        self._state = (nodes, _Adjacency(len(every), relations, rows[:, 0], rows[:, 1], rows[:, 2]))

    def close(self) -> None:
        """See GraphStore."""
        self._state[0].close()


class _Walked:
    """The state of one walk: the nodes and edges found so far."""

    def __init__(self, adjacency: _Adjacency, walk: Walk) -> None:
        self._adjacency, self._walk = adjacency, walk
        # Whether each relation and direction may be followed; None: all.
        self._allowed: list[bool] | None = None
        if walk.relations is not None:
            directions: tuple[Literal["out", "in"], ...] = ("out", "in")
            self._allowed = [walk.allows(name, way) for name in adjacency.relations for way in directions]
        self._places: dict[int, int] = {}
        self._hops: list[int] = []
        self._frontier: list[int] = []
        # A run for each node, relation and direction: near, way, fan, and how many of its edges were followed.
        self._runs: list[tuple[int, int, int, int]] = []
        self._far: list[int] = []

    def start(self, rows: Iterable[int]) -> None:
        """Start the walk at the seeds."""
        self._frontier = list(dict.fromkeys(rows))
        self._places = {row: place for place, row in enumerate(self._frontier)}
        self._hops = [0] * len(self._frontier)

    def hop(self, hop: int, deadline: Deadline) -> None:
        """Walk one more hop. Raises StageUnavailable if the deadline has passed."""
        left = self._walk.steps
        known = len(self._places)
        places, allowed = self._places, self._allowed
        for row in self._frontier:
            _in_time(deadline)
            near = places[row]
            for way, fan in self._adjacency.directed_relations(row):
                if allowed is not None and not allowed[way]:
                    continue
                taken = list(islice(self._adjacency.neighbours(row, way), min(self._walk.fan_out, left)))
                self._far += [places.setdefault(other, len(places)) for other in taken]
                self._runs.append((near, way, fan, len(taken)))
                left -= len(taken)
                if not left:
                    break
            if not left:
                break
        self._frontier = list(islice(places, known, None))
        self._hops += [hop] * len(self._frontier)

    def table(self, nodes: _Nodes) -> EdgeTable:
        """Return the edge table of the walk, with ids and names."""
        rows = np.fromiter(self._places, np.int64, len(self._places))
        runs = np.array(self._runs, np.int64).reshape(-1, 4)
        near, way, fans = (np.repeat(runs[:, column], runs[:, 3]) for column in range(3))
        used, relation = np.unique(way >> 1, return_inverse=True)
        return EdgeTable(
            nodes=tuple(nodes.ids(rows)),
            hops=np.array(self._hops, np.int64),
            degrees=self._adjacency.degrees[rows].astype(np.int64),
            relations=tuple(self._adjacency.relations[code] for code in used.tolist()),
            near=near,
            relation=relation.astype(np.int64),
            outgoing=way & 1 == 0,
            far=np.array(self._far, np.int64),
            fans=fans,
        )


def _in_time(deadline: Deadline) -> None:
    if deadline.passed:
        raise StageUnavailable("the graph did not answer in time", "allow more time, or use fewer hops or steps")
