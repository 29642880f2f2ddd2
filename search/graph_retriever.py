"""Graph retrieval: link a query to entities, walk the graph from them, and weight the entities that are reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from clew.core.errors import StageUnavailable, UsageError
from clew.core.mapped import open_array
from clew.core.text import Analyzer
from clew.core.types import Bools, CosineScale, Deadline, Floats, Ints, Vectors
from clew.kg.annotate import open_linker, steps_of
from clew.kg.cached import CachedStore
from clew.kg.expand import ExpandSpec, Reached, RelationSpec, expand
from clew.kg.linker import FEATURES, Candidate, Linked, Linker
from clew.kg.paths import LearnedPath, path_edges
from clew.kg.relations import COSINE, LIKELIHOOD, LINK, RelationModel, Step, name_units, named_share, remainder
from clew.kg.snapshot import Snapshot, find_snapshot
from clew.kg.snapshot_walk import neighbourhood
from clew.kg.spec import DocumentMapping, GraphSpec, pulled
from clew.kg.store import STORES, GraphStore
from clew.kg.types import Direction, EdgeTable
from clew.kg.unavailable import UnavailableStore
from clew.search.protocols import DocumentSteps, Expansion, ParsedQuery
from clew.search.types import LinkedEntity

# (entities, dim) float16 and (relations, dim) float32 unit vectors in the snapshot's order, stored with the statistics.
ENTITY_VECTORS, RELATION_VECTORS = "entity_vectors.npy", "relation_vectors.npy"
# (2,) float64: the scale of the encoder's cosines. Versions without it have vectors of the English encoder of before.
COSINE_SCALE = "cosine_scale.npy"
_ENGLISH = CosineScale(0.042, 0.064)
# Stands for the cosine, in deviations, of a query with the name of a relation that it has in full, without vectors.
_NAMED = 4.0
# How long an answer of an external database, which others may change, is cached.
_EXTERNAL_SECONDS = 60.0


def graph_label(snapshot: str) -> str:
    """Return the label under which Clew loads a snapshot into Neo4j."""
    return f"Clew_{snapshot}"


@dataclass(frozen=True, slots=True)
class GraphRetriever:
    """The opened graph of a release. Safe for concurrent use.

    If a graph's server cannot answer, queries walk over the snapshot's edges on disk instead.

    policy: the spec's, completed for how the documents are part of the graph (see `resolved_policy`). walks: whether
    there is any relation to walk. relation_vectors: relation → (dim,) float32 unit vector of its name in words; empty
    if the index has no vectors. scale: of the encoder's cosines. model: what was learned about the relations from
    judged questions.
    """

    spec: GraphSpec
    policy: ExpandSpec
    walks: bool
    snapshot: Snapshot
    store: GraphStore
    linker: Linker
    relation_vectors: Mapping[str, Vectors]
    scale: CosineScale
    model: RelationModel

    def expand(self, query: ParsedQuery, deadline: Deadline) -> Expansion:
        """Link a query and expand it in the graph. Raises StageUnavailable if the store cannot answer in time."""
        linked = self.linker.link(query.text, query.vector)
        if deadline.passed:
            raise StageUnavailable("the time budget was used up by entity linking")
        return self.expansion(query, linked, deadline)

    def expansion(self, query: ParsedQuery, linked: Linked, deadline: Deadline) -> Expansion:
        """Expand a query that is linked already. Raises StageUnavailable if the store cannot answer in time."""
        mentions = linked.with_rivals(self.spec.link.rival)
        if not mentions:
            return Expansion(linked, (), np.empty(0, np.int64), ())
        ids = self.snapshot.ids(np.array([mention.entity for mention in mentions], np.int64))
        named: dict[str, Candidate] = {}
        for name, mention in zip(ids, mentions, strict=True):
            if name not in named or mention.probability > named[name].probability:
                named[name] = mention
        policy = self.policy
        table, lost = self._neighbourhood(list(named), deadline)
        seeds = {name: mention.probability for name, mention in named.items()}
        fits, learned = self._fits(query, named, table, policy) if policy.fit else ({}, ())
        reached = tuple(expand(table, seeds, fits, policy, learned))
        rows, stored = self._rows(reached)
        labels = self._labels(stored)
        paths = tuple(_path(found, named[found.seed], query.text, labels, policy) for found in stored)
        cut = _cut(table, policy) or len(reached) == policy.most
        spans = tuple((named[found.seed].start, named[found.seed].end) for found in stored)
        return Expansion(linked, stored, rows, paths, cut, self._document_steps(query, named), lost, spans)

    def _neighbourhood(self, seeds: list[str], deadline: Deadline) -> tuple[EdgeTable, str]:
        """Return the edges around the seeds, and why they are not the server's ("" if they are the store's own).

        If a server cannot answer, the edges are those of the snapshot. Raises StageUnavailable if another store cannot.
        """
        if not self.walks:
            return table_without_edges(seeds), ""
        try:
            return self.store.neighbourhood(seeds, self.policy.walk, deadline), ""
        except StageUnavailable as error:
            if self.spec.store != "neo4j":
                raise
            return neighbourhood(self.snapshot, seeds, self.policy.walk), error.message

    def entities(self, expansion: Expansion, text: str) -> tuple[LinkedEntity, ...]:
        """Return the entities that a query's text names, in text order."""
        return linked_entities(self.snapshot, expansion.linked.mentions, text)

    def prominence(self, query: ParsedQuery) -> float:
        """Return how well connected the most probable entity of an expanded query is, 0 to 1."""
        assert query.expansion is not None  # noqa: S101 - the caller expanded it
        best = max(query.expansion.linked.mentions, key=lambda mention: mention.probability)
        return float(self.linker.dictionary.entities["prominence"][best.entity])

    def names(self, query: ParsedQuery, analyzer: Analyzer) -> tuple[tuple[tuple[str, float], ...], dict[str, str]]:
        """Return index terms of the names of the entities reached, with weights below 1, and the path to each term.

        An entity that the query names adds its other names, in every language. Entities whose names have no new term
        add nothing and do not count towards the limit `terms` of the spec.
        """
        expansion = query.expansion
        if expansion is None or not expansion.reached:
            return (), {}
        asked = {term for term, _ in query.terms}
        best = expansion.reached[0].weight
        weights: dict[str, float] = {}
        origins: dict[str, str] = {}
        seen: set[str] = set()
        names = 0
        for reached, path in zip(expansion.reached, expansion.paths, strict=True):
            if names >= self.spec.terms:
                break
            if reached.entity in seen:
                continue
            seen.add(reached.entity)
            fresh = self._fresh(reached, asked, analyzer)
            names += bool(fresh)
            for term in fresh:
                weights.setdefault(term, self.spec.terms_weight * reached.weight / best)
                origins.setdefault(term, path)
        return tuple(sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))), origins

    def _fresh(self, reached: Reached, asked: set[str], analyzer: Analyzer) -> list[str]:
        """Return the terms of an entity's names that the query does not have."""
        entity = self.snapshot.entities([reached.entity])[0]
        if entity is None:
            return []
        names = (entity.name, *(() if reached.path else (*entity.aliases, *entity.names.values())))
        # A character of a longer word alone would bring documents that only share it.
        found = (term for name in names for term, kind in analyzer.query_terms(name) if kind != "character")
        terms = dict.fromkeys(found)
        return [term for term in terms if term not in asked and term not in analyzer.function_terms]

    def close(self) -> None:
        """Release the store and the snapshot."""
        self.store.close()
        self.snapshot.close()

    def _fits(
        self, query: ParsedQuery, named: Mapping[str, Candidate], table: EdgeTable, policy: ExpandSpec
    ) -> tuple[dict[tuple[str, Step], float], tuple[LearnedPath, ...]]:
        """Return (seed, step) → how well the step fits the query relative to the best step or path, and learned paths.

        A fit is 0 to 1. The seed is "" for the steps of later hops.
        """
        learned = bool(self.model)
        rest = {name: remainder(query.text, [(mention.start, mention.end)]) for name, mention in named.items()}
        whole = remainder(query.text, [(mention.start, mention.end) for mention in named.values()])
        cosines = self.cosines(query, table.relations)
        odds: dict[tuple[str, Step], float] = {}
        for near, relation, outgoing in sorted(
            set(zip(table.near.tolist(), table.relation.tolist(), table.outgoing.tolist(), strict=True))
        ):
            step = Step(table.relations[relation], outgoing)
            seed = table.nodes[near] if table.hops[near] == 0 else ""
            value = COSINE[learned] * cosines[relation]
            if learned:
                value += LIKELIHOOD * self.model.fit(rest.get(seed, whole), step)
            if seed:
                value += LINK[learned] * named[seed].log_odds
            odds[seed, step] = value
        places = {name: at for at, name in enumerate(table.relations)}
        leading = path_edges(table, self.model.paths)
        paths = {
            (seed, path): COSINE[learned] * sum(cosines[places[step.relation]] for step in path) / len(path)
            + LIKELIHOOD * self.model.fit(rest[seed], *path)
            + LINK[learned] * named[seed].log_odds
            for seed, path in leading
        }
        later = max((value for (seed, _), value in odds.items() if not seed), default=0.0)
        first = max([*(value for (seed, _), value in odds.items() if seed), *paths.values()], default=0.0)
        fits = {key: float(np.exp(policy.fit * (value - (first if key[0] else later)))) for key, value in odds.items()}
        return fits, tuple(
            LearnedPath(key[0], float(np.exp(policy.fit * (value - first))), leading[key])
            for key, value in paths.items()
        )

    def _document_steps(self, query: ParsedQuery, named: Mapping[str, Candidate]) -> DocumentSteps | None:
        """Return how the relations that join documents of types of their own to entities fit the query."""
        if not self.spec.document_types:
            return None
        relations = self.snapshot.relations
        rest = remainder(query.text, [(mention.start, mention.end) for mention in named.values()])
        odds, weights, said = [0.0], [1.0], [""]
        learned = bool(self.model)
        cosines = self.cosines(query, relations) if self.policy.fit else [0.0] * len(relations)
        for at, step in enumerate(steps_of(relations)):
            value = COSINE[learned] * cosines[at // 2]
            if learned:
                value += LIKELIHOOD * self.model.fit(rest, step)
            odds.append(self.policy.fit * value)
            relation = self.spec.expand.relation(step.relation)
            weights.append(relation.weight if relation.direction in {"both", step.direction} else 0.0)
            said.append(self.policy.step_text(step))
        return DocumentSteps(np.array(odds, np.float64), np.array(weights, np.float64), tuple(said))

    def cosines(self, query: ParsedQuery, relations: Sequence[str]) -> list[float]:
        """Return how close the query is to the name of each relation: the cosine of their vectors, in deviations.

        Where one of them has no vector, because there is no encoder or it cannot read the text, it is _NAMED times the
        share of the name that the query has.
        """
        found: Floats = np.zeros(len(relations))
        known: Bools = np.zeros(len(relations), np.bool_)
        if query.vector is not None and self.relation_vectors and relations:
            vectors = np.stack([self.relation_vectors[name] for name in relations])
            found = self.scale.standard(np.vecdot(vectors, query.vector).astype(np.float64))
            known = np.asarray(vectors.any(axis=1))
        asked = name_units(query.text) if not known.all() else frozenset[str]()
        for at in np.flatnonzero(~known).tolist():
            found[at] = _NAMED * named_share(relations[at], asked)
        cosines: list[float] = found.tolist()
        return cosines

    def _rows(self, reached: Sequence[Reached]) -> tuple[Ints, tuple[Reached, ...]]:
        """Return the snapshot rows of the entities reached, and the entities that have one.

        A database may have entities that were added after the snapshot; those are left out.
        """
        rows = [(self.snapshot.row(found.entity), found) for found in reached]
        known = [(row, found) for row, found in rows if row is not None]
        return np.array([row for row, _ in known], np.int64), tuple(found for _, found in known)

    def _labels(self, reached: Sequence[Reached]) -> dict[str, str]:
        """Return id → label of every entity on the paths."""
        ids = list(dict.fromkeys([*(r.seed for r in reached), *(way.to for r in reached for way in r.path)]))
        found = zip(ids, self.snapshot.entities(ids), strict=True)
        return {name: entity.label if entity else name for name, entity in found}


def linked_entities(snapshot: Snapshot, candidates: Sequence[Candidate], text: str) -> tuple[LinkedEntity, ...]:
    """Convert the linker's candidates for a text into the entities of a response."""
    ids = snapshot.ids(np.array([mention.entity for mention in candidates], np.int64)) if candidates else []
    found = []
    for mention, entity in zip(candidates, snapshot.entities(ids), strict=True):
        assert entity is not None  # noqa: S101 - its row came from this snapshot
        surface = text[mention.start : mention.end]
        found.append(
            LinkedEntity(
                id=entity.id,
                name=entity.label,
                type=entity.type,
                start=mention.start,
                end=mention.end,
                text=surface,
                probability=mention.probability,
            )
        )
    return tuple(found)


def open_graph_retriever(
    spec: GraphSpec, home: Path, statistics: Path, learned: Mapping[str, Any], *, verify: bool
) -> GraphRetriever:
    """Open the graph of a version. statistics: the version's graph folder; learned: the relation model of a release.

    A database that cannot be reached raises an error only when it is queried. Raises NotFoundError, CorruptError
    or FormatError that names the file of a snapshot.
    """
    folder = find_snapshot(home, spec.name, spec.snapshot)
    with ExitStack() as opened:
        snapshot = Snapshot.open(folder, verify=verify)
        opened.callback(snapshot.close)
        policy, walks = resolved_policy(spec.expand, walked(spec, snapshot.relations), spec.document_mapping)
        vectors = statistics / ENTITY_VECTORS
        names = open_array(statistics / RELATION_VECTORS) if (statistics / RELATION_VECTORS).exists() else None
        stored = statistics / COSINE_SCALE
        scale = CosineScale(*open_array(stored).tolist()) if stored.exists() else _ENGLISH
        store = open_store(spec, snapshot) if walks else UnavailableStore("the expansion policy walks no relation")
        opened.callback(store.close)
        graph_retriever = GraphRetriever(
            spec=spec,
            policy=policy,
            walks=walks,
            snapshot=snapshot,
            store=store,
            linker=open_linker(folder, spec, open_array(vectors) if vectors.exists() else None, scale),
            relation_vectors={} if names is None else dict(zip(snapshot.relations, names, strict=True)),
            scale=scale,
            model=RelationModel.of_table(learned),
        )
        opened.pop_all()
    return graph_retriever


def open_store(spec: GraphSpec, snapshot: Snapshot) -> GraphStore:
    """Open the store that a spec names, for an open snapshot."""
    if spec.neo4j is None or spec.store != "neo4j":
        store: GraphStore = STORES[spec.store].open(snapshot.folder, verify=False)
        return store
    try:
        if not spec.neo4j.is_external:
            return CachedStore(STORES["neo4j"](spec.neo4j, graph_label(snapshot.id)))
        source = pulled(snapshot.manifest.lineage) or spec.neo4j
        # The ids in the snapshot are those of the mapping that it was pulled with.
        database = replace(
            spec.neo4j,
            labels=source.labels,
            id=source.id,
            nodes=source.nodes,
            relations=walked(spec, snapshot.relations),
        )
        return CachedStore(STORES["neo4j"](database, ""), seconds=_EXTERNAL_SECONDS)
    except UsageError as error:
        return UnavailableStore(error.message)


def walked(spec: GraphSpec, relations: Sequence[str]) -> list[str]:
    """Return those of a snapshot's relations that a store may walk; a database can have more than were pulled."""
    mapped = spec.neo4j.relations if spec.store == "neo4j" and spec.neo4j and spec.neo4j.is_external else []
    return [name for name in relations if not mapped or name in mapped]


def resolved_policy(policy: ExpandSpec, relations: Sequence[str], found: DocumentMapping) -> tuple[ExpandSpec, bool]:
    """Fill in the values of a policy that depend on how documents are part of the graph; also return whether it walks.

    Relations between documents and entities are not walked unless the policy names them, because the postings of the
    index have them already.
    """
    if policy.itself is None:
        policy = replace(policy, itself=0.0 if found.are_entities else 1.0)
    if policy.relations:
        return policy, any(name in relations for name in policy.relations)
    if not found.about:
        return policy, bool(relations)
    others: dict[str, Direction | RelationSpec] = {name: "both" for name in relations if name not in found.about}
    return replace(policy, relations=others), bool(others)


def _cut(table: EdgeTable, policy: ExpandSpec) -> bool:
    """Return whether a limit of the policy cut a walk."""
    if not len(table):
        return False
    hops = np.bincount(table.hops[table.near])
    return bool(table.fans.max() > policy.fan_out or hops.max() >= policy.steps)


def table_without_edges(seeds: Sequence[str]) -> EdgeTable:
    """Return the edge table of a walk that has only seeds and no edges."""
    none = np.empty(0, np.int64)
    zeros = np.zeros(len(seeds), np.int64)
    return EdgeTable(tuple(seeds), zeros, zeros, (), none, none, np.empty(0, np.bool_), none, none)


def _path(reached: Reached, mention: Candidate, text: str, labels: Mapping[str, str], policy: ExpandSpec) -> str:
    """Describe the path to an entity in plain words: couch → alias of Sofas → subcategory Sleeper Sofas."""
    surface, name = text[mention.start : mention.end], labels[reached.seed]
    alias = mention.features[_ALIAS] > 0
    parts = [name] if surface.casefold() == name.casefold() else [surface, f"alias of {name}" if alias else name]
    parts += [f"{policy.step_text(way.step)} {labels[way.to]}" for way in reached.path]
    return " → ".join(parts)


_ALIAS = FEATURES.index("alias")
