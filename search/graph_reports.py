"""Reports for people on a text, an entity or a query, from the graph of an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.core.errors import NotFoundError, QueryError, StageUnavailable
from clew.core.text import normalise
from clew.core.types import Deadline, Ints, Vectors
from clew.kg.linker import FEATURES, Candidate, Linker
from clew.kg.relations import Step
from clew.kg.snapshot import Snapshot
from clew.kg.store import HealthReporting
from clew.kg.types import MAX_FAN_OUT, EdgeTable, Walk
from clew.search.graph_retriever import GraphRetriever, linked_entities
from clew.search.pipeline import Searcher
from clew.search.protocols import ParsedQuery
from clew.search.types import MAX_QUERY_CHARACTERS, Degradation, LinkedEntity

# A long text of common words has tens of thousands of candidates; only the likeliest ones are listed.
MOST_CANDIDATES = 500
# Most edges that a store is asked for, over all relations. If an entity has more, the report uses the snapshot.
_STEPS = 10_000
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class EntityCandidate(LinkedEntity):
    """An entity that some words of a text may refer to.

    features: the linker's features by name, except those that are 0. dropped: why it is not a mention, "" if it is one.
    """

    features: Mapping[str, float]
    dropped: str


@dataclass(frozen=True, slots=True)
class LinkReport:
    """The result of linking a text.

    text: normalised; offsets are characters of it. graph, snapshot: what it was linked to. mentions: in text order.
    considered: how many candidate entities there were; candidates: the likeliest of them, if they were requested.
    """

    text: str
    graph: str
    snapshot: str
    mentions: tuple[LinkedEntity, ...]
    considered: int
    candidates: tuple[EntityCandidate, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """The id, name and type of an entity that another one is related to."""

    id: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class EntityRelation:
    """The neighbours of an entity along one relation, in one direction.

    said: the relation in plain words, to be read before the names. outgoing: whether the entity is the source of the
    edges. count: how many edges there are; entities: the first neighbours, by id.
    """

    relation: str
    said: str
    outgoing: bool
    count: int
    entities: tuple[NamedEntity, ...]


@dataclass(frozen=True, slots=True)
class EntityReport:
    """An entity and its neighbours at one hop.

    degree: number of its edges in the whole graph, in both directions together. degraded: set if the store could
    not answer; the relations are then those of the snapshot.
    """

    id: str
    type: str
    name: str
    aliases: tuple[str, ...]
    names: Mapping[str, str]
    description: str
    properties: Mapping[str, Any]
    graph: str
    snapshot: str
    degree: int
    relations: tuple[EntityRelation, ...]
    degraded: tuple[Degradation, ...] = ()


@dataclass(frozen=True, slots=True)
class ReachedEntity(NamedEntity):
    """An entity that is reached from a query. weight: above 0. hops: from the mention. path: in plain words."""

    weight: float
    hops: int
    path: str


@dataclass(frozen=True, slots=True)
class ExpandReport:
    """The entities that are reached from a query.

    reached: those with the highest weights; total: how many there are. truncated: whether a limit cut the walk.
    """

    query: str
    graph: str
    snapshot: str
    mentions: tuple[LinkedEntity, ...]
    reached: tuple[ReachedEntity, ...]
    total: int
    truncated: bool


def graph_of(searcher: Searcher) -> GraphRetriever:
    """Return the graph of an index. Raises QueryError if it has none."""
    if searcher.graph_retriever is None:
        raise QueryError(
            f"index {searcher.release.index!r} has no graph",
            "add a [graph] table to its spec and rebuild it; see docs/spec.md",
        )
    return searcher.graph_retriever


def store_problem(graph_retriever: GraphRetriever) -> str:
    """Return why the graph's store does not answer at the moment, "" if no problem is known; sends no request."""
    store = graph_retriever.store
    # If no relation is walked, no store is needed and none is open.
    return store.problem if graph_retriever.walks and isinstance(store, HealthReporting) else ""


def link(searcher: Searcher, text: str, *, trace: bool = False) -> LinkReport:
    """Return the entities that a text names, linked as a search would do it. Raises QueryError."""
    graph_retriever = graph_of(searcher)
    query = _read(searcher, text, "text")
    return link_text(graph_retriever.linker, graph_retriever.snapshot, query.text, query.vector, trace=trace)


def link_text(
    linker: Linker, snapshot: Snapshot, text: str, vector: Vectors | None = None, *, trace: bool = False
) -> LinkReport:
    """Return the entities that a text names, without an index.

    vector: (dim,) unit vector of the text, if the linker has vectors. Raises QueryError.
    """
    read = normalise(check_text(text, "text"))
    linked = linker.link(read, vector)
    shown = linked.candidates[:MOST_CANDIDATES] if trace else ()
    return LinkReport(
        text=read,
        graph=snapshot.manifest.name,
        snapshot=snapshot.id,
        mentions=linked_entities(snapshot, linked.mentions, read),
        considered=len(linked.candidates),
        candidates=tuple(_considered(snapshot, shown, read)),
    )


def describe(searcher: Searcher, id: str, *, limit: int = 20, deadline: Deadline | None = None) -> EntityReport:  # noqa: A002
    """Return an entity and its neighbours, from the store or, if it does not answer by the deadline, the snapshot.

    The snapshot is also used if an entity has too many neighbours for one answer of the store, so that no relation is
    left out. limit: maximum number of neighbours along one relation in one direction (1 to 10,000).
    Raises NotFoundError, QueryError.
    """
    graph_retriever = graph_of(searcher)
    if not 1 <= limit <= MAX_FAN_OUT:
        raise QueryError(
            f"limit is {limit}, expected 1 to {MAX_FAN_OUT:,}", "limit is the number of neighbours along each relation"
        )
    snapshot, policy = graph_retriever.snapshot, graph_retriever.policy
    entity = snapshot.entities([id])[0]
    row = snapshot.row(id)
    if entity is None or row is None:
        shown = id if len(id) <= _SHOWN_CHARACTERS else id[: _SHOWN_CHARACTERS - 1] + "…"
        raise NotFoundError(
            f"no entity {shown!r} in graph {graph_retriever.spec.name!r}",
            "give the exact id, upper and lower case included, or link a text to find entities by name",
        )
    walk = Walk(fan_out=limit, steps=_STEPS)
    degraded: tuple[Degradation, ...] = ()
    table: EdgeTable | None = None
    if graph_retriever.walks:
        try:
            table = graph_retriever.store.neighbourhood([id], walk, deadline or Deadline())
        except StageUnavailable as reason:
            degraded = (Degradation("graph", reason.message),)
    # A database that others change may no longer have the node, and a walk that was cut may lack whole relations.
    known = table is not None and bool(table.nodes) and len(table) < _STEPS
    groups = _of_table(table) if table is not None and known else _of_snapshot(snapshot, row, limit)
    return EntityReport(
        id=entity.id,
        type=entity.type,
        name=entity.label,
        aliases=entity.aliases,
        names=dict(entity.names),
        description=entity.description,
        properties=dict(entity.properties),
        graph=graph_retriever.spec.name,
        snapshot=snapshot.id,
        degree=int(table.degrees[0]) if table is not None and known else int(snapshot.degrees[row]),
        relations=tuple(
            EntityRelation(step.relation, policy.step_text(step), step.outgoing, count, _named(snapshot, ids))
            for step, count, ids in groups
        ),
        degraded=degraded,
    )


def expand(searcher: Searcher, query: str, *, most: int = 50, deadline: Deadline | None = None) -> ExpandReport:
    """Return the entities that are reached from a query; the gate is not used. Raises QueryError, StageUnavailable."""
    graph_retriever = graph_of(searcher)
    if most < 1:
        raise QueryError(f"k is {most}", "give the number of entities, 1 or more")
    read = _read(searcher, query, "query")
    found = graph_retriever.expand(read, deadline or Deadline())
    shown = found.reached[:most]
    named = _named(graph_retriever.snapshot, [reached.entity for reached in shown])
    return ExpandReport(
        query=read.text,
        graph=graph_retriever.spec.name,
        snapshot=graph_retriever.snapshot.id,
        mentions=graph_retriever.entities(found, read.text),
        reached=tuple(
            ReachedEntity(entity.id, entity.name, entity.type, reached.weight, len(reached.path), path)
            for entity, reached, path in zip(named, shown, found.paths, strict=False)
        ),
        total=len(found.reached),
        truncated=found.truncated,
    )


def check_text(text: str, what: str) -> str:
    """Return the text unchanged. Raises QueryError if it is blank or too long."""
    if not text.strip():
        raise QueryError(f"{what} is empty", f"give 1 to {MAX_QUERY_CHARACTERS:,} characters")
    if len(text) > MAX_QUERY_CHARACTERS:
        raise QueryError(f"{what} has {len(text):,} characters", f"give at most {MAX_QUERY_CHARACTERS:,} characters")
    return text


def _read(searcher: Searcher, text: str, what: str) -> ParsedQuery:
    """Analyse a text as a search would, with its vector if the index has an encoder that knows its tokens."""
    query = searcher.query_analyzer.terms(check_text(text, what))
    return query if searcher.query_analyzer.encoder is None else searcher.query_analyzer.vector(query)


def _considered(snapshot: Snapshot, candidates: Sequence[Candidate], text: str) -> list[EntityCandidate]:
    shown = linked_entities(snapshot, candidates, text)
    return [
        EntityCandidate(
            **{name: getattr(entity, name) for name in LinkedEntity.__dataclass_fields__},
            features={name: value for name, value in zip(FEATURES, candidate.features, strict=True) if value},
            dropped=candidate.dropped,
        )
        for entity, candidate in zip(shown, candidates, strict=True)
    ]


def _named(snapshot: Snapshot, ids: Sequence[str]) -> tuple[NamedEntity, ...]:
    """Look up entities by id; one that is newer than the snapshot has its id as its name."""
    return tuple(
        NamedEntity(name, entity.label if entity else name, entity.type if entity else "")
        for name, entity in zip(ids, snapshot.entities(ids), strict=True)
    )


def _of_table(table: EdgeTable) -> list[tuple[Step, int, list[str]]]:
    """Group the edges of a table with one seed: (step, how many edges, ids of their other ends)."""
    groups: dict[Step, tuple[int, list[str]]] = {}
    rows = zip(table.relation.tolist(), table.outgoing.tolist(), table.far.tolist(), table.fans.tolist(), strict=True)
    for relation, outgoing, far, fan in rows:
        _, ids = groups.setdefault(Step(table.relations[relation], outgoing), (fan, []))
        ids.append(table.nodes[far])
    return [(step, count, ids) for step, (count, ids) in groups.items()]


def _of_snapshot(snapshot: Snapshot, row: int, limit: int) -> list[tuple[Step, int, list[str]]]:
    """Group an entity's edges from the snapshot's files, in the order of a store."""
    source, relation, target = snapshot.edges
    groups: list[tuple[Step, int, list[str]]] = []
    sides = [(True, np.flatnonzero(source == row), target), (False, np.flatnonzero(target == row), source)]
    for outgoing, places, ends in sides:
        codes = relation[places]
        for code in np.unique(codes).tolist():
            others: Ints = np.asarray(ends[places[codes == code]], np.int64)
            step = Step(snapshot.relations[code], outgoing)
            groups.append((step, len(others), snapshot.ids(others[:limit])))
    return sorted(groups, key=lambda group: (group[0].relation, not group[0].outgoing))
