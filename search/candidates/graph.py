"""Candidates by entity: postings from each entity of the graph to the passages that are about it.

    score(passage) = sum over the entities a query leads to of  weight x annotation x rarity

with rarity = ln(1 + N / n) / ln(1 + N) for an entity that n of N passages are about (1 if n is 1). Annotations from
a document's node, values and title apply to all its passages, those from a body field to the window that they are in.

    <shard>/graph/     entities.npy (e,) int32 rows of the graph, ascending; offsets.npy (e + 1,) int64;
                       passages.npy (postings,) int32, ascending for each entity; weights.npy (postings,) float32;
                       graph.json
    <version>/graph/   entities.npy, frequencies.npy (e,) int64 passages of each; graph.json
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.core.mapped import open_array
from clew.core.tables import read_table
from clew.core.types import Contribution, Floats, Ints, Ranking, empty_ranking, ranked
from clew.kg.annotate import Annotator
from clew.kg.snapshot import Snapshot
from clew.kg.spec import GraphSpec
from clew.search.candidates.sharded import Sharded
from clew.search.columns import levels
from clew.search.fields import Fields, body_fields, title_field
from clew.search.protocols import CandidateGenerator, CandidateRequest, ParsedQuery, PassageSet

FORMAT = 1
ENTITIES, OFFSETS, PASSAGES, WEIGHTS = "entities.npy", "offsets.npy", "passages.npy", "weights.npy"
FREQUENCIES, TABLE = "frequencies.npy", "graph.json"


@dataclass(frozen=True, slots=True, eq=False)
class EntityCounts:
    """How many passages are about each entity; the local and the global statistics of the kind.

    passages: the number of passages. entities: (e,) int64 rows of the graph, ascending. frequencies: (e,) int64, at
    least 1.
    """

    passages: int
    entities: Ints
    frequencies: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Postings:
    """The annotations of a shard: (p,) int64 entity rows, (p,) int64 passages, (p,) float64 weights."""

    rows: Ints
    passages: Ints
    weights: Floats


class GraphKind:
    """An IndexKind for entity postings."""

    def __init__(self, spec: GraphSpec, fields: Fields, folder: Path) -> None:
        """folder: of the snapshot; needed only to build."""
        self._spec = spec
        self._fields = fields
        self._folder = folder

    def local_statistics(self, passages: PassageSet, directory: Path) -> EntityCounts:
        """Count the passages about each entity, and write the shard's postings."""
        found = self._postings(passages)
        order = np.lexsort((found.passages, found.rows))
        entities, heads, frequencies = np.unique(found.rows[order], return_index=True, return_counts=True)
        directory.mkdir(parents=True, exist_ok=True)
        for name, values in (
            (ENTITIES, entities.astype(np.int32)),
            (OFFSETS, np.append(heads, len(order)).astype(np.int64)),
            (PASSAGES, found.passages[order].astype(np.int32)),
            (WEIGHTS, found.weights[order].astype(np.float32)),
        ):
            np.save(directory / name, values)
        table = {"format": FORMAT, "passages": len(passages.documents)}
        (directory / TABLE).write_text(json.dumps(table) + "\n", encoding="utf-8")
        return EntityCounts(len(passages.documents), entities.astype(np.int64), frequencies.astype(np.int64))

    def combine(self, add: Sequence[EntityCounts], remove: Sequence[EntityCounts] = ()) -> EntityCounts:
        """Add the shards' counts and subtract those of deleted passages. Raises ValueError if a result is negative."""
        entities = np.unique(np.concatenate([np.empty(0, np.int64), *(part.entities for part in (*add, *remove))]))
        total = np.zeros(len(entities), np.int64)
        for sign, parts in ((1, add), (-1, remove)):
            for part in parts:
                total[np.searchsorted(entities, part.entities)] += sign * part.frequencies
        passages = sum(part.passages for part in add) - sum(part.passages for part in remove)
        if passages < 0 or total.min(initial=0) < 0:
            raise ValueError("entity counts would fall below zero: passages were removed that had never been added")
        return EntityCounts(passages, entities[total > 0], total[total > 0])

    def build(self, passages: PassageSet, global_statistics: EntityCounts, directory: Path) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the counts of a shard; `local_statistics` has written its files."""
        annotated = open_array(directory / PASSAGES)
        return {
            "passages": len(passages.documents),
            "annotated": len(np.unique(annotated)),
            "entities": len(open_array(directory / ENTITIES)),
            "postings": len(annotated),
        }

    def save(self, global_statistics: EntityCounts, directory: Path) -> None:
        """Write the counts of a version."""
        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / ENTITIES, global_statistics.entities)
        np.save(directory / FREQUENCIES, global_statistics.frequencies)
        table = {"format": FORMAT, "passages": global_statistics.passages}
        (directory / TABLE).write_text(json.dumps(table) + "\n", encoding="utf-8")

    def open(self, directories: Sequence[Path], global_statistics: Path) -> CandidateGenerator:
        """Open the shards of a version. Raises NotFoundError, CorruptError or FormatError that names the file."""
        table = read_table(global_statistics / TABLE, FORMAT)
        entities = open_array(global_statistics / ENTITIES, np.int64, (None,))
        frequencies = open_array(global_statistics / FREQUENCIES, np.int64, entities.shape)
        rarity = EntityIdf(int(table["passages"]), entities, frequencies)
        shards = [GraphShard(folder, rarity) for folder in directories]
        return shards[0] if len(shards) == 1 else Sharded(shards)

    def derived(self) -> frozenset[str]:
        """Return no names: the same input gives identical files."""
        return frozenset()

    def _postings(self, passages: PassageSet) -> _Postings:
        snapshot = Snapshot.open(self._folder, verify=False)
        try:
            rows: list[int] = []
            places: list[int] = []
            weights: list[float] = []
            for passage, found in enumerate(self._annotations(passages, Annotator(snapshot, self._spec))):
                rows += found.keys()
                places += [passage] * len(found)
                weights += found.values()
        finally:
            snapshot.close()
        return _Postings(np.array(rows, np.int64), np.array(places, np.int64), np.array(weights, np.float64))

    def _annotations(self, passages: PassageSet, annotator: Annotator) -> Iterator[dict[int, float]]:
        """Yield the entities of each passage in turn, row → weight."""
        entire, windowed = self._texts(passages)
        for first, last in _documents(passages.documents):
            values = [
                (self._fields[name].entity, path)
                for name, column in passages.linked.items()
                for path in self._paths(name, column[first])
            ]
            shared = annotator.entities(passages.documents[first], [text[first] for text in entire], values)
            mentioned: dict[str, dict[int, float]] = {}
            for passage in range(first, last):
                found = dict(shared)
                for window in (text[passage] for text in windowed):
                    if window not in mentioned:
                        mentioned[window] = annotator.mentioned([window])
                    for row, weight in mentioned[window].items():
                        found[row] = max(weight, found.get(row, 0.0))
                yield found

    def _texts(self, passages: PassageSet) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
        """Return the columns of texts to link: those of whole documents, and those of windows of body fields."""
        title, cut = title_field(self._fields), body_fields(self._fields)
        named = dict.fromkeys(title if name == "title" and title else name for name in self._spec.annotate)
        known = [name for name in named if name in passages.fields]
        return (
            [passages.fields[name] for name in known if name not in cut],
            [passages.fields[name] for name in known if name in cut],
        )

    def _paths(self, name: str, values: Sequence[str]) -> Iterator[Sequence[str]]:
        for value in values:
            path = levels(value) if self._fields[name].facet == "hierarchy" else (value,)
            if path:
                yield path


def _documents(ids: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first passage of each document and the one after its last."""
    first = 0
    for at in range(1, len(ids) + 1):
        if at == len(ids) or ids[at] != ids[first]:
            yield first, at
            first = at


@dataclass(frozen=True, slots=True, eq=False)
class EntityIdf:
    """How rare each entity is in the version."""

    passages: int
    entities: NDArray[np.int64]
    frequencies: NDArray[np.int64]

    def of(self, row: int) -> float:
        """Return the rarity: 1 for an entity with one passage, less for one with more passages, 0 for one with none."""
        at = int(np.searchsorted(self.entities, row))
        if at == len(self.entities) or self.entities[at] != row:
            return 0.0
        return math.log1p(self.passages / int(self.frequencies[at])) / math.log1p(self.passages)


@dataclass(frozen=True, slots=True)
class _Matched:
    """An entity of a query that passages of the shard are about, with its postings from start to end."""

    at: int
    weight: float
    start: int
    end: int


class GraphShard:
    """A CandidateGenerator over a shard's entity postings. Safe to use from several threads."""

    def __init__(self, directory: Path, rarity: EntityIdf) -> None:
        """Open the files that `GraphKind` wrote. Raises NotFoundError, CorruptError or FormatError, naming the file."""
        self._size = int(read_table(directory / TABLE, FORMAT)["passages"])
        self._entities = open_array(directory / ENTITIES, np.int32, (None,))
        self._offsets = open_array(directory / OFFSETS, np.int64, (len(self._entities) + 1,))
        postings = (int(self._offsets[-1]),)
        self._passages = open_array(directory / PASSAGES, np.int32, postings)
        self._weights = open_array(directory / WEIGHTS, np.float32, postings)
        self._rarity = rarity

    @property
    def size(self) -> int:
        """The number of passages in the shard."""
        return self._size

    def candidates(self, request: CandidateRequest) -> Ranking:
        """Return the best k allowed passages that are about an entity the query leads to."""
        passages, scores = self._summed(request.query)
        # Score statistics are over all passages, where the others score 0, and before the filter, as in BM25.
        mean = float(scores.sum()) / self._size if self._size else 0.0
        square = float(np.square(scores).sum()) / self._size if self._size else 0.0
        score_statistics = (mean, math.sqrt(max(0.0, square - mean**2)))
        if request.allowed is not None:
            allowed = request.allowed[passages]
            passages, scores = passages[allowed], scores[allowed]
        if request.k <= 0 or not len(passages):
            return replace(empty_ranking(), score_statistics=score_statistics)
        return replace(ranked(passages, scores, request.k), score_statistics=score_statistics)

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """Return (n,) float64 scores; 0.0 for a passage about none of the entities, NaN without graph expansion."""
        if query.expansion is None:
            return np.full(len(ordinals), np.nan)
        passages, scores = self._summed(query)
        found = np.zeros(len(ordinals), np.float64)
        if len(passages):
            at = np.minimum(np.searchsorted(passages, ordinals), len(passages) - 1)
            hit = passages[at] == ordinals
            found[hit] = scores[at[hit]]
        return found

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """Return one contribution for each path from the query to an entity that the passage is about."""
        if query.expansion is None:
            return []
        parts = []
        for match in self._matches(query):
            at = match.start + int(np.searchsorted(self._passages[match.start : match.end], ordinal))
            if at < match.end and self._passages[at] == ordinal:
                reached = query.expansion.reached[match.at]
                rarity = self._rarity.of(int(query.expansion.rows[match.at]))
                detail = {"entity": reached.entity, "weight": reached.weight, "annotation": float(self._weights[at]),
                          "rarity": rarity, "hops": len(reached.path)}  # fmt: skip
                value = match.weight * float(self._weights[at])
                parts.append(Contribution("graph", query.expansion.paths[match.at], value, detail))
        return parts

    def close(self) -> None:
        """Do nothing: the files are unmapped when no running query reads them."""

    def _matches(self, query: ParsedQuery) -> Iterator[_Matched]:
        """Yield the entities of a query's expansion that have postings in this shard, in the expansion's order."""
        if query.expansion is None or not len(self._entities):
            return
        rows = query.expansion.rows
        places = np.minimum(np.searchsorted(self._entities, rows), len(self._entities) - 1)
        for at in np.flatnonzero(self._entities[places] == rows).tolist():
            place = int(places[at])
            weight = query.expansion.reached[at].weight * self._rarity.of(int(rows[at]))
            yield _Matched(at, weight, int(self._offsets[place]), int(self._offsets[place + 1]))

    def _summed(self, query: ParsedQuery) -> tuple[Ints, Floats]:
        """Return the passages about a query's entities, ascending, and their scores, summed in expansion order."""
        matches = list(self._matches(query))
        if not matches:
            return np.empty(0, np.int64), np.empty(0, np.float64)
        found = np.concatenate([self._passages[match.start : match.end] for match in matches])
        parts = np.concatenate(
            [match.weight * self._weights[match.start : match.end].astype(np.float64) for match in matches]
        )
        passages, place = np.unique(found, return_inverse=True)
        return passages.astype(np.int64), np.bincount(place, parts, len(passages)).astype(np.float64)
