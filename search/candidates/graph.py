"""Candidates by entity: postings from each entity of the graph to the passages that are about it.

    score(passage) = sum over the entities a query leads to of  weight x annotation x rarity x fit

with rarity = ln(1 + N / n) / ln(1 + N) for an entity that n of N passages are about (1 if n is 1). Annotations from
a document's node, values and title apply to all its passages, those from a body field to the window that they are in.
An annotation that an edge made has a step; its fit is the weight of the relation in the policy times how well the step
fits the query, relative to the best step from that entity to any document (1 without an edge). If several edges join
the two, the best one counts.

    <shard>/graph/     entities.npy (e,) int32 rows of the graph, ascending; offsets.npy (e + 1,) int64;
                       passages.npy (postings,) int32, ascending for each entity; steps.npy (postings,) int32 step
                       codes, ascending for each passage; weights.npy (postings,) float32; graph.json
    <version>/graph/   entities.npy, frequencies.npy (e,) int64 passages of each; steps.npy (s,) int64 the steps from
                       each entity, row << 32 | step code, ascending; graph.json

Format 1 has no steps.npy: relations to documents count in full.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.core.errors import FormatError
from clew.core.mapped import open_array
from clew.core.tables import read_table
from clew.core.types import Contribution, Floats, Ints, Ranking, empty_ranking, ranked
from clew.kg.annotate import NO_STEP, Annotator
from clew.kg.snapshot import Snapshot
from clew.kg.spec import GraphSpec
from clew.search.candidates.sharded import Sharded
from clew.search.columns import levels
from clew.search.fields import Fields, body_fields, title_field
from clew.search.protocols import CandidateGenerator, CandidateRequest, DocumentSteps, ParsedQuery, PassageSet

FORMAT, WITHOUT_STEPS = 2, 1
ENTITIES, OFFSETS, PASSAGES, WEIGHTS = "entities.npy", "offsets.npy", "passages.npy", "weights.npy"
STEPS = "steps.npy"
# Bits of a step code; the row of the entity is above them.
ROW_BITS = 32
FREQUENCIES, TABLE = "frequencies.npy", "graph.json"


@dataclass(frozen=True, slots=True, eq=False)
class EntityCounts:
    """How many passages are about each entity; the local and the global statistics of the kind.

    passages: the number of passages. entities: (e,) int64 rows of the graph, ascending. frequencies: (e,) int64, at
    least 1. steps: (s,) int64 steps from an entity to a document, row << 32 | step code, ascending. uses: (s,) int64
    passages of each step, at least 1.
    """

    passages: int
    entities: Ints
    frequencies: Ints
    steps: Ints
    uses: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Postings:
    """The annotations of a shard: (p,) int64 entity rows, steps and passages each, (p,) float64 weights.

    documents: how many documents have an annotation; their own nodes do not count if these have types of their own.
    """

    rows: Ints
    steps: Ints
    passages: Ints
    weights: Floats
    documents: int


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
        order = np.lexsort((found.steps, found.passages, found.rows))
        entities, heads = np.unique(found.rows[order], return_index=True)
        about = np.unique(np.stack([found.rows, found.passages]), axis=1)
        frequencies = np.unique(about[0], return_counts=True)[1]
        steps, uses = np.unique((found.rows << ROW_BITS | found.steps)[found.steps > 0], return_counts=True)
        directory.mkdir(parents=True, exist_ok=True)
        for name, values in (
            (ENTITIES, entities.astype(np.int32)),
            (OFFSETS, np.append(heads, len(order)).astype(np.int64)),
            (PASSAGES, found.passages[order].astype(np.int32)),
            (STEPS, found.steps[order].astype(np.int32)),
            (WEIGHTS, found.weights[order].astype(np.float32)),
        ):
            np.save(directory / name, values)
        table = {"format": FORMAT, "passages": len(passages.documents), "documents": found.documents}
        (directory / TABLE).write_text(json.dumps(table) + "\n", encoding="utf-8")
        counts = (values.astype(np.int64) for values in (entities, frequencies, steps, uses))
        return EntityCounts(len(passages.documents), *counts)

    def combine(self, add: Sequence[EntityCounts], remove: Sequence[EntityCounts] = ()) -> EntityCounts:
        """Add the shards' counts and subtract those of deleted passages. Raises ValueError if a result is negative."""
        parts = [(1, part) for part in add] + [(-1, part) for part in remove]
        entities, total = _added([(sign, part.entities, part.frequencies) for sign, part in parts])
        steps, uses = _added([(sign, part.steps, part.uses) for sign, part in parts])
        passages = sum(sign * part.passages for sign, part in parts)
        if passages < 0 or total.min(initial=0) < 0 or uses.min(initial=0) < 0:
            raise ValueError("entity counts would fall below zero: passages were removed that had never been added")
        return EntityCounts(passages, entities[total > 0], total[total > 0], steps[uses > 0], uses[uses > 0])

    def build(self, passages: PassageSet, global_statistics: EntityCounts, directory: Path) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the counts of a shard; `local_statistics` has written its files."""
        annotated = open_array(directory / PASSAGES)
        return {
            "passages": len(passages.documents),
            "annotated": len(np.unique(annotated)),
            "entities": len(open_array(directory / ENTITIES)),
            "postings": len(annotated),
            "documents": read_table(directory / TABLE, FORMAT)["documents"],
        }

    def save(self, global_statistics: EntityCounts, directory: Path) -> None:
        """Write the counts of a version."""
        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / ENTITIES, global_statistics.entities)
        np.save(directory / FREQUENCIES, global_statistics.frequencies)
        np.save(directory / STEPS, global_statistics.steps)
        table = {"format": FORMAT, "passages": global_statistics.passages}
        (directory / TABLE).write_text(json.dumps(table) + "\n", encoding="utf-8")

    def open(self, directories: Sequence[Path], global_statistics: Path) -> CandidateGenerator:
        """Open the shards of a version. Raises NotFoundError, CorruptError or FormatError that names the file."""
        table = _table(global_statistics)
        entities = open_array(global_statistics / ENTITIES, np.int64, (None,))
        frequencies = open_array(global_statistics / FREQUENCIES, np.int64, entities.shape)
        with_steps = table["format"] >= FORMAT
        steps = open_array(global_statistics / STEPS, np.int64, (None,)) if with_steps else np.empty(0, np.int64)
        rarity = EntityIdf(int(table["passages"]), entities, frequencies, steps)
        shards = [GraphShard(folder, rarity) for folder in directories]
        return shards[0] if len(shards) == 1 else Sharded(shards)

    def derived(self) -> frozenset[str]:
        """Return no names: the same input gives identical files."""
        return frozenset()

    def _postings(self, passages: PassageSet) -> _Postings:
        snapshot = Snapshot.open(self._folder, verify=False)
        try:
            rows: list[int] = []
            steps: list[int] = []
            places: list[int] = []
            weights: list[float] = []
            documents: set[str] = set()
            annotator = Annotator(snapshot, self._spec)
            for passage, found in enumerate(self._annotations(passages, annotator)):
                rows += [row for row, _ in found]
                steps += [step for _, step in found]
                places += [passage] * len(found)
                weights += found.values()
                document = passages.documents[passage]
                own = annotator.node(document) if self._spec.document_types else None
                if any(row != own for row, _ in found):
                    documents.add(document)
        finally:
            snapshot.close()
        entities, codes, at = (np.array(values, np.int64) for values in (rows, steps, places))
        return _Postings(entities, codes, at, np.array(weights, np.float64), len(documents))

    def _annotations(self, passages: PassageSet, annotator: Annotator) -> Iterator[dict[tuple[int, int], float]]:
        """Yield the entities of each passage in turn, (row, step code) → weight."""
        entire, windowed = self._texts(passages)
        for first, last in _documents(passages.documents):
            values = [
                (self._fields[name].entity, path)
                for name, column in passages.linked.items()
                for path in self._paths(name, column[first])
            ]
            shared = annotator.entities(passages.documents[first], [text[first] for text in entire], values)
            joined = {row for row, step in shared if step}
            mentioned: dict[str, dict[int, float]] = {}
            for passage in range(first, last):
                found = dict(shared)
                for window in (text[passage] for text in windowed):
                    if window not in mentioned:
                        mentioned[window] = annotator.mentioned([window])
                    for row, weight in mentioned[window].items():
                        if row not in joined:
                            found[row, NO_STEP] = max(weight, found.get((row, NO_STEP), 0.0))
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


def _added(parts: Sequence[tuple[int, Ints, Ints]]) -> tuple[Ints, Ints]:
    """Return the keys of some (sign, keys, counts), ascending, and the sum of the signed counts of each."""
    keys = np.unique(np.concatenate([np.empty(0, np.int64), *(names for _, names, _ in parts)]))
    total = np.zeros(len(keys), np.int64)
    for sign, names, counts in parts:
        total[np.searchsorted(keys, names)] += sign * counts
    return keys, total


def _table(directory: Path) -> dict[str, Any]:
    """Read the table of this format or of the one before. Raises NotFoundError, CorruptError or FormatError."""
    try:
        return read_table(directory / TABLE, FORMAT)
    except FormatError:
        with suppress(FormatError):
            return read_table(directory / TABLE, WITHOUT_STEPS)
        raise


def _documents(ids: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first passage of each document and the one after its last."""
    first = 0
    for at in range(1, len(ids) + 1):
        if at == len(ids) or ids[at] != ids[first]:
            yield first, at
            first = at


@dataclass(frozen=True, slots=True, eq=False)
class EntityIdf:
    """How rare each entity is in the version, and the steps that lead from it to documents."""

    passages: int
    entities: NDArray[np.int64]
    frequencies: NDArray[np.int64]
    steps: NDArray[np.int64]

    def steps_of(self, row: int) -> Ints:
        """Return the codes of the steps from an entity to any document, ascending."""
        first, last = np.searchsorted(self.steps, [row << ROW_BITS, (row + 1) << ROW_BITS]).tolist()
        return np.asarray(self.steps[first:last], np.int64) & ((1 << ROW_BITS) - 1)

    def of(self, row: int) -> float:
        """Return the rarity: 1 for an entity with one passage, less for one with more passages, 0 for one with none."""
        at = int(np.searchsorted(self.entities, row))
        if at == len(self.entities) or self.entities[at] != row:
            return 0.0
        return math.log1p(self.passages / int(self.frequencies[at])) / math.log1p(self.passages)


@dataclass(frozen=True, slots=True)
class _Matched:
    """An entity of a query that passages of the shard are about.

    at: its place in the expansion. weight: without annotation and fit. passages: (p,) ascending, each once.
    annotations, steps, fits: (p,) of the best annotation of each passage.
    """

    at: int
    weight: float
    passages: Ints
    annotations: Floats
    steps: Ints
    fits: Floats


class GraphShard:
    """A CandidateGenerator over a shard's entity postings. Safe to use from several threads."""

    def __init__(self, directory: Path, rarity: EntityIdf) -> None:
        """Open the files that `GraphKind` wrote. Raises NotFoundError, CorruptError or FormatError, naming the file."""
        table = _table(directory)
        self._size = int(table["passages"])
        self._entities = open_array(directory / ENTITIES, np.int32, (None,))
        self._offsets = open_array(directory / OFFSETS, np.int64, (len(self._entities) + 1,))
        postings = (int(self._offsets[-1]),)
        self._passages = open_array(directory / PASSAGES, np.int32, postings)
        self._weights = open_array(directory / WEIGHTS, np.float32, postings)
        self._steps = open_array(directory / STEPS, np.int32, postings) if table["format"] >= FORMAT else None
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
            at = int(np.searchsorted(match.passages, ordinal))
            if at == len(match.passages) or match.passages[at] != ordinal or not match.fits[at]:
                continue
            reached, path = query.expansion.reached[match.at], query.expansion.paths[match.at]
            rarity = self._rarity.of(int(query.expansion.rows[match.at]))
            detail = {"entity": reached.entity, "weight": reached.weight, "annotation": float(match.annotations[at]),
                      "rarity": rarity, "hops": len(reached.path)}  # fmt: skip
            if match.steps[at] and query.expansion.steps is not None:
                said = query.expansion.steps.said[match.steps[at]]
                path, detail = f"{path} → {said}", detail | {"relation": said, "fit": float(match.fits[at])}
            value = match.weight * float(match.annotations[at] * match.fits[at])
            parts.append(Contribution("graph", path, value, detail))
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
            row, place = int(rows[at]), int(places[at])
            weight = query.expansion.reached[at].weight * self._rarity.of(row)
            postings = slice(int(self._offsets[place]), int(self._offsets[place + 1]))
            yield _Matched(at, weight, *self._best(query.expansion.steps, row, postings))

    def _best(self, steps: DocumentSteps | None, row: int, postings: slice) -> tuple[Ints, Floats, Ints, Floats]:
        """Return the passages of an entity's postings, and annotation, step and fit of the best posting of each."""
        passages = self._passages[postings].astype(np.int64)
        weights = self._weights[postings].astype(np.float64)
        if self._steps is None:
            return passages, weights, np.zeros(len(passages), np.int64), np.ones(len(passages))
        codes = self._steps[postings].astype(np.int64)
        fits = np.ones(len(codes)) if steps is None else steps.factors(self._rarity.steps_of(row))[codes]
        # The best of each passage, and of equals the first step.
        order = np.lexsort((codes, -weights * fits, passages))
        best = order[np.unique(passages[order], return_index=True)[1]]
        return passages[best], weights[best], codes[best], fits[best]

    def _summed(self, query: ParsedQuery) -> tuple[Ints, Floats]:
        """Return the passages about a query's entities, ascending, and their scores, summed in expansion order."""
        matches = list(self._matches(query))
        if not matches:
            return np.empty(0, np.int64), np.empty(0, np.float64)
        found = np.concatenate([match.passages for match in matches])
        parts = np.concatenate([match.weight * (match.annotations * match.fits) for match in matches])
        passages, place = np.unique(found, return_inverse=True)
        scores = np.bincount(place, parts, len(passages)).astype(np.float64)
        return passages[scores > 0], scores[scores > 0]
