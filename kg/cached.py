"""A cache in front of a graph store: queries repeat, and so do the entities in them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from clew.core.types import Deadline
from clew.kg.store import GraphStore, HealthReporting
from clew.kg.types import Edge, EdgeTable, Entity, GraphCounts, Walk

V = TypeVar("V")


class _Recent(Generic[V]):
    """A cache of the most recently used values. Thread-safe.

    size: maximum number of values. room: maximum weight of all values together. seconds: how long a value is valid
    (None: for ever).
    """

    def __init__(self, size: int, room: int, seconds: float | None, clock: Callable[[], float]) -> None:
        self._size, self._room, self._seconds, self._clock = size, room, seconds, clock
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[V, int, float]] = OrderedDict()
        self._weight = 0
        self.epoch = 0

    def get(self, key: Hashable) -> tuple[V] | None:
        """Return the value in a tuple, because it may be None; None if it is not in the cache or no longer valid."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            if self._seconds is not None and self._clock() - found[2] >= self._seconds:
                self._drop(key)
                return None
            self._values.move_to_end(key)
            return (found[0],)

    def put(self, key: Hashable, value: V, weight: int, asked: float, epoch: int) -> None:
        """Store a value.

        asked: time of the clock at which it was requested. epoch: `self.epoch` at that time; if `forget` was called
        since then, the value is not stored.
        """
        with self._lock:
            if epoch != self.epoch or weight > self._room:
                return
            if key in self._values:
                self._drop(key)
            self._values[key] = (value, weight, asked)
            self._weight += weight
            while len(self._values) > self._size or self._weight > self._room:
                self._drop(next(iter(self._values)))

    def forget(self) -> None:
        """Drop all values, including those that are being fetched now."""
        with self._lock:
            self._values.clear()
            self._weight = 0
            self.epoch += 1

    def __len__(self) -> int:
        return len(self._values)

    def _drop(self, key: Hashable) -> None:
        self._weight -= self._values.pop(key)[1]


class CachedStore:
    """A GraphStore that caches the answers of another one. Thread-safe; failures are never cached.

    Callers share the returned tables, so their arrays are read-only.
    """

    def __init__(
        self,
        store: GraphStore,
        *,
        size: int = 1_024,
        edges: int = 1_000_000,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create an empty cache in front of `store`.

        size: maximum number of tables in the cache; 16 times as many entities. edges: maximum number of edges and nodes
        of all these tables together (a million are about 50 MB). seconds: how long an answer is valid, for graphs that
        change (None: for ever).
        """
        self._store, self._clock = store, clock
        self._tables: _Recent[EdgeTable] = _Recent(size, edges, seconds, clock)
        self._entities: _Recent[Entity | None] = _Recent(16 * size, 16 * size, seconds, clock)

    @property
    def problem(self) -> str:
        """See HealthReporting."""
        return self._store.problem if isinstance(self._store, HealthReporting) else ""

    def entities(self, ids: Sequence[str], deadline: Deadline) -> list[Entity | None]:
        """See GraphStore."""
        known = {name: found[0] for name in ids if (found := self._entities.get(name))}
        missing = list(dict.fromkeys(name for name in ids if name not in known))
        if missing:
            epoch, asked = self._entities.epoch, self._clock()
            for name, entity in zip(missing, self._store.entities(missing, deadline), strict=True):
                known[name] = entity
                self._entities.put(name, entity, 1, asked, epoch)
        return [known[name] for name in ids]

    def neighbourhood(self, seeds: Sequence[str], walk: Walk, deadline: Deadline) -> EdgeTable:
        """See GraphStore."""
        relations = None if walk.relations is None else tuple(sorted(walk.relations.items()))
        key = (tuple(seeds), relations, walk.hops, walk.fan_out, walk.steps)
        if found := self._tables.get(key):
            return found[0]
        epoch, asked = self._tables.epoch, self._clock()
        table = self._store.neighbourhood(seeds, walk, deadline)
        for array in (table.hops, table.degrees, table.near, table.relation, table.outgoing, table.far, table.fans):
            array.setflags(write=False)
        self._tables.put(key, table, len(table) + len(table.nodes), asked, epoch)
        return table

    def count(self, deadline: Deadline) -> GraphCounts:
        """See GraphStore."""
        return self._store.count(deadline)

    def all_entities(self) -> Iterator[Entity]:
        """See GraphStore."""
        return self._store.all_entities()

    def all_edges(self) -> Iterator[Edge]:
        """See GraphStore."""
        return self._store.all_edges()

    def write(self, entities: Iterable[Entity], edges: Iterable[Edge]) -> None:
        """See GraphStore. Empties the cache, even if writing fails half-way."""
        try:
            self._store.write(entities, edges)
        finally:
            self.forget()

    def forget(self) -> None:
        """Empty the cache."""
        self._entities.forget()
        self._tables.forget()

    def close(self) -> None:
        """See GraphStore."""
        self.forget()
        self._store.close()
