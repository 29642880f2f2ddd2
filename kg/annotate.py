"""Find the entities a document is about: its own node, that node's neighbours, its field values and its title.

The graph itself shows how documents are part of it, see `document_mapping`. If documents are nodes of their own type
(products, articles), the neighbours of these nodes are annotations: they are stored with the index, and queries do not
traverse these edges. If documents are entities like all others, queries reach them by graph expansion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.core.fold import fold, normalise
from clew.core.types import Bools, CosineScale
from clew.kg.dictionary import Dictionary
from clew.kg.linker import Linker
from clew.kg.relations import Step
from clew.kg.snapshot import Snapshot
from clew.kg.spec import DocumentMapping, GraphSpec

# Weight of a mention in a document's text; an explicit edge or field value has weight 1.
TEXT_WEIGHT = 0.7
# Least share of the sampled documents that must be nodes for an id pattern to be accepted.
_LEAST_SHARE = 0.5
_SAMPLE = 1_000
# Least share of the document nodes with an edge that must have one of a kind for this kind to count.
_LEAST_JOINED = 0.1
# A type that no entity has: an empty list of types would mean all types.
_NO_TYPE = "\0"


def document_mapping(snapshot: Snapshot, pattern: str, ids: Sequence[str]) -> DocumentMapping:
    """Find out how the documents with these ids are part of a graph.

    pattern: see GraphSpec.documents. If no node matches the pattern, documents are not nodes in the result.

    A type belongs to documents alone if it has hardly more entities than there are documents and, where documents have
    the ids of their nodes, at least half of its entities are documents. Documents are entities like all others if no
    other type is left to link, if hardly any of them is joined to an entity of another type, or if they are of several
    types that are joined to each other (films and people, say).
    """
    if not pattern or not ids:
        return DocumentMapping("", (), ())
    sample = ids[:: max(1, len(ids) // _SAMPLE)]
    found = _pattern(snapshot, sample) if pattern == "auto" else pattern
    nodes = snapshot.among(found.replace("{id}", name) for name in ids) if found else np.empty(0, np.bool_)
    if not nodes.any():
        return DocumentMapping("", (), ())
    dictionary = Dictionary(snapshot.folder)
    codes = dictionary.entities["type"]
    total, documents = (np.bincount(some, minlength=len(dictionary.types)) for some in (codes, codes[nodes]))
    least = 1 if found != "{id}" else np.maximum(1, total / 2)
    own_codes = np.flatnonzero((documents >= least) & (total <= 1.1 * len(ids) + 1))
    own = tuple(sorted(dictionary.types[code] for code in own_codes.tolist() if dictionary.types[code]))
    if (
        not own
        or len(own) == np.count_nonzero(total)
        or _are_entities(snapshot, codes, _rows_of_types(dictionary, own))
    ):
        return DocumentMapping(found, (), ())
    rows = _rows_of_types(dictionary, own)
    joined = np.unique(snapshot.edges[1][rows[snapshot.edges[0]] | rows[snapshot.edges[2]]])
    return DocumentMapping(found, own, tuple(snapshot.relations[code] for code in joined.tolist()))


def _are_entities(snapshot: Snapshot, codes: NDArray[np.integer], own: Bools) -> bool:
    """Return whether document nodes are entities like all others, from what their edges join them to.

    codes: (entities,) type of each row. own: (entities,) bool, the rows of the types of documents.
    """
    source, target = snapshot.edges[0], snapshot.edges[2]
    inside, crossing = own[source] & own[target], own[source] ^ own[target]
    edged = int(np.count_nonzero(own & (snapshot.degrees > 0)))
    if not edged:
        return False

    def touched(edges: Bools) -> int:
        return int(np.count_nonzero(own[np.unique(np.concatenate([source[edges], target[edges]]))]))

    mixed = inside & (codes[source] != codes[target])
    return touched(crossing) < _LEAST_JOINED * edged or touched(mixed) >= _LEAST_JOINED * edged


def _pattern(snapshot: Snapshot, sample: Sequence[str]) -> str:
    """Return the most frequent pattern of node ids: the document id itself, or with a prefix such as "product:".

    Returns "" if the pattern matches less than _LEAST_SHARE of the sample.
    """
    wanted = set(sample)
    prefixes: Counter[str] = Counter()
    prefixes[""] = sum(snapshot.row(name) is not None for name in sample)
    for entity in snapshot.ids(np.arange(snapshot.counts.entities)):
        head, colon, tail = entity.partition(":")
        if colon and tail in wanted:
            prefixes[f"{head}:"] += 1
    best, count = max(prefixes.items(), key=lambda pair: (pair[1], pair[0] == ""))
    return f"{best}{{id}}" if count >= _LEAST_SHARE * len(sample) else ""


def _rows_of_types(dictionary: Dictionary, types: Collection[str]) -> Bools:
    """Return a mask, (entities,) bool, of the rows that have one of some types."""
    codes = [code for code, name in enumerate(dictionary.types) if name in types]
    return np.isin(dictionary.entities["type"], codes)


_SIGNS = dict.fromkeys(map(ord, '!"$%&()*/:;<=>?@[\\]^`{|}~\u00d7'), " ")


def value_id(kind: str, path: Sequence[str]) -> str:
    """Return the id of the node of a field value. kind: entity type; path: levels of a hierarchy, or a single value."""
    return f"{kind}:" + " > ".join(map(_folded, path))


def _folded(value: str) -> str:
    """Normalise spaces, case and accents of a value, for comparison."""
    plain = normalise(value)
    folded = fold(plain)[0]
    # Ids that graphs have already must not change: signs are kept only where all characters are ASCII.
    return normalise(folded if plain.isascii() else folded.translate(_SIGNS)) or value


def open_linker(
    folder: Path,
    spec: GraphSpec,
    vectors: NDArray[np.floating] | None = None,
    scale: CosineScale | None = None,
) -> Linker:
    """Open the linker of a snapshot's folder; entity types that only documents have are not linked.

    vectors, scale: as for `Linker`.
    """
    dictionary = Dictionary(folder)
    chosen = linked_types(dictionary.types, spec)
    types = [] if len(chosen) == len(dictionary.types) else chosen or [_NO_TYPE]
    return Linker(dictionary, replace(spec.link, types=types), vectors, scale=scale)


def linked_types(types: Iterable[str], spec: GraphSpec) -> list[str]:
    """Return the entity types whose names are linked: those of the spec, or all that not only documents have."""
    return [name for name in types if name in spec.link.types or not (spec.link.types or name in spec.document_types)]


# The code of an annotation that no edge made: a document's own node, a field value, a mention.
NO_STEP = 0


def step_code(relation: int, *, outgoing: bool) -> int:
    """Return the code (1 or more) of a step from an entity to a document. relation: its index in the snapshot."""
    return 1 + 2 * relation + outgoing


def steps_of(relations: Sequence[str]) -> list[Step]:
    """Return the step of each code from 1 on. relations: those of the snapshot, in its order."""
    return [Step(name, outgoing) for name in relations for outgoing in (False, True)]


class Annotator:
    """Annotates documents with the entities of one snapshot."""

    def __init__(self, snapshot: Snapshot, spec: GraphSpec) -> None:
        self._snapshot = snapshot
        self._pattern = spec.documents
        self._linker = open_linker(snapshot.folder, spec)
        self._neighbours = _document_edges(snapshot, self._linker.dictionary, spec.document_mapping)

    def entities(
        self, document: str, texts: Sequence[str], values: Sequence[tuple[str, Sequence[str]]]
    ) -> dict[tuple[int, int], float]:
        """Return (row, step code) → weight (above 0, at most 1) of the entities that a whole document is about.

        texts: texts to link, such as the title. values: (entity type, path) of the values of its linked fields. An
        entity that an edge joins to the document has the steps of its edges, and NO_STEP otherwise.
        """
        weights = self.mentioned(texts)
        for kind, path in values:
            row = self._snapshot.row(value_id(kind, path))
            if row is not None:
                weights[row] = 1.0
        own = self.node(document)
        joined: Sequence[tuple[int, int]] = ()
        if own is not None:
            weights[own] = 1.0
            joined = self._neighbours.get(own, ())
        for row, _ in joined:
            weights.pop(row, None)
        found = {(row, NO_STEP): weight for row, weight in weights.items()} | dict.fromkeys(joined, 1.0)
        return dict(sorted(found.items()))

    def node(self, document: str) -> int | None:
        """Return the row of a document's own node; None if it has none."""
        return self._snapshot.row(self._pattern.replace("{id}", document)) if self._pattern else None

    def mentioned(self, texts: Sequence[str]) -> dict[int, float]:
        """Return row → weight (above 0, below 1) of the entities that some texts mention."""
        weights: dict[int, float] = {}
        for text in texts:
            for mention in self._linker.link(text).mentions:
                weight = TEXT_WEIGHT * mention.probability
                weights[mention.entity] = max(weight, weights.get(mention.entity, 0.0))
        return weights


def _document_edges(
    snapshot: Snapshot, dictionary: Dictionary, found: DocumentMapping
) -> dict[int, list[tuple[int, int]]]:
    """Map the row of each document node to its neighbours that are not document nodes: (row, code of the step)."""
    if not found.types:
        return {}
    own = _rows_of_types(dictionary, found.types)
    source, relation, target = (np.asarray(row, np.int64) for row in snapshot.edges)
    joined: dict[int, list[tuple[int, int]]] = {}
    # The step leads from the entity to the document, so it leaves the source of the edge if that is the entity.
    for near, far, outgoing in ((source, target, False), (target, source, True)):
        crossing = own[near] & ~own[far]
        edges = zip(near[crossing].tolist(), relation[crossing].tolist(), far[crossing].tolist(), strict=True)
        for document, code, entity in edges:
            joined.setdefault(document, []).append((entity, step_code(code, outgoing=outgoing)))
    return joined
