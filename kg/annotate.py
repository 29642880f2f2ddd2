"""Find the entities a document is about: its own node, that node's neighbours, its field values and its title.

The graph itself shows how documents are part of it, see `document_mapping`. If documents are nodes of their own type
(products, articles), the neighbours of these nodes are annotations: they are stored with the index, and queries do not
traverse these edges. If documents are entities like all others, queries reach them by graph expansion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.core.fold import fold, normalise
from clew.core.types import Bools, Ints
from clew.kg.dictionary import Dictionary
from clew.kg.linker import Linker, LinkSpec
from clew.kg.snapshot import Snapshot
from clew.kg.spec import DocumentMapping, GraphSpec

# Weight of a mention in a document's text; an explicit edge or field value has weight 1.
TEXT_WEIGHT = 0.7
# Least share of the sampled documents that must be nodes for an id pattern to be accepted.
_LEAST_SHARE = 0.5
_SAMPLE = 1_000
# A type that no entity has: an empty list of types would mean all types.
_NO_TYPE = "\0"


def document_mapping(snapshot: Snapshot, pattern: str, ids: Sequence[str]) -> DocumentMapping:
    """Find out how the documents with these ids are part of a graph.

    pattern: see GraphSpec.documents. If no node matches the pattern, documents are not nodes in the result.
    """
    if not pattern or not ids:
        return DocumentMapping("", (), ())
    sample = ids[:: max(1, len(ids) // _SAMPLE)]
    found = _pattern(snapshot, sample) if pattern == "auto" else pattern
    if not found:
        return DocumentMapping("", (), ())
    types = _types(snapshot, found, sample) or _types(snapshot, found, ids)
    if not types:
        return DocumentMapping("", (), ())
    # A type is taken to belong to documents alone if it has hardly more entities than there are documents.
    own = tuple(sorted(t for t in types if t and snapshot.counts.types[t] <= 1.1 * len(ids) + 1))
    if not own or len(own) == len(snapshot.counts.types):
        return DocumentMapping(found, (), ())
    rows = _rows_of_types(Dictionary(snapshot.folder), own)
    joined = rows[snapshot.edges[0]] | rows[snapshot.edges[2]]
    codes = np.unique(snapshot.edges[1][joined])
    return DocumentMapping(found, own, tuple(snapshot.relations[code] for code in codes.tolist()))


def _types(snapshot: Snapshot, pattern: str, ids: Sequence[str]) -> Counter[str]:
    """Count the types of the nodes of some documents."""
    nodes = snapshot.entities([pattern.replace("{id}", name) for name in ids])
    return Counter(node.type for node in nodes if node is not None)


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


def open_linker(folder: Path, spec: GraphSpec, vectors: NDArray[np.floating] | None = None) -> Linker:
    """Open the linker of a snapshot's folder; entity types that only documents have are not linked."""
    dictionary = Dictionary(folder)
    link: LinkSpec = spec.link
    if spec.document_types and not link.types:
        others = [name for name in dictionary.types if name not in spec.document_types]
        link = replace(link, types=others or [_NO_TYPE])
    return Linker(dictionary, link, vectors)


class Annotator:
    """Annotates documents with the entities of one snapshot."""

    def __init__(self, snapshot: Snapshot, spec: GraphSpec) -> None:
        self._snapshot = snapshot
        self._pattern = spec.documents
        self._linker = open_linker(snapshot.folder, spec)
        self._neighbours = _document_edges(snapshot, self._linker.dictionary, spec.document_mapping)

    def entities(
        self, document: str, texts: Sequence[str], values: Sequence[tuple[str, Sequence[str]]]
    ) -> dict[int, float]:
        """Return row → weight (above 0, at most 1) of the entities that a whole document is about.

        texts: texts to link, such as the title. values: (entity type, path) of the values of its linked fields.
        """
        weights = self.mentioned(texts)
        for kind, path in values:
            row = self._snapshot.row(value_id(kind, path))
            if row is not None:
                weights[row] = 1.0
        own = self._snapshot.row(self._pattern.replace("{id}", document)) if self._pattern else None
        if own is not None:
            weights[own] = 1.0
            weights.update(dict.fromkeys(self._neighbours.get(own, ()), 1.0))
        return dict(sorted(weights.items()))

    def mentioned(self, texts: Sequence[str]) -> dict[int, float]:
        """Return row → weight (above 0, below 1) of the entities that some texts mention."""
        weights: dict[int, float] = {}
        for text in texts:
            for mention in self._linker.link(text).mentions:
                weight = TEXT_WEIGHT * mention.probability
                weights[mention.entity] = max(weight, weights.get(mention.entity, 0.0))
        return weights


def _document_edges(snapshot: Snapshot, dictionary: Dictionary, found: DocumentMapping) -> dict[int, list[int]]:
    """Map the row of each document node to the rows of its neighbours that are not document nodes."""
    if not found.types:
        return {}
    own = _rows_of_types(dictionary, found.types)
    source, target = (np.asarray(snapshot.edges[at], np.int64) for at in (0, 2))
    joined: dict[int, list[int]] = {}
    pairs: list[tuple[Ints, Ints]] = [(source, target), (target, source)]
    for near, far in pairs:
        crossing = own[near] & ~own[far]
        for document, entity in zip(near[crossing].tolist(), far[crossing].tolist(), strict=True):
            joined.setdefault(document, []).append(entity)
    return joined
