"""Which entities a document is about: its own node, the nodes that one is joined to, its fields' values, its title.

How documents are in a graph is told by the graph itself, see `attached`: where they are nodes of a type of their own
(products, articles), what these are joined to are annotations, kept with the index and never walked at query time;
where a document is an entity like the others, it is found by walking.
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
from clew.kg.spec import Attached, GraphSpec

# What a mention in a document's text counts beside an edge or a field that says so outright.
TEXT_WEIGHT = 0.7
# How many of the documents must be nodes for the graph to be taken as theirs.
_LEAST_SHARE = 0.5
_SAMPLE = 1_000
# No entity's type: an empty list of types would stand for all of them.
_NO_TYPE = "\0"


def attached(snapshot: Snapshot, pattern: str, ids: Sequence[str]) -> Attached:
    """How documents with these ids are in a graph: no nodes where none fits the pattern, see GraphSpec.documents."""
    if not pattern or not ids:
        return Attached("", (), ())
    sample = ids[:: max(1, len(ids) // _SAMPLE)]
    found = _pattern(snapshot, sample) if pattern == "auto" else pattern
    if not found:
        return Attached("", (), ())
    types = _types(snapshot, found, sample) or _types(snapshot, found, ids)
    if not types:
        return Attached("", (), ())
    # A type is the documents' own where it has hardly more entities than there are documents.
    own = tuple(sorted(t for t in types if t and snapshot.counts.types[t] <= 1.1 * len(ids) + 1))
    if not own or len(own) == len(snapshot.counts.types):
        return Attached(found, (), ())
    rows = _rows_of_types(Dictionary(snapshot.folder), own)
    joined = rows[snapshot.edges[0]] | rows[snapshot.edges[2]]
    codes = np.unique(snapshot.edges[1][joined])
    return Attached(found, own, tuple(snapshot.relations[code] for code in codes.tolist()))


def _types(snapshot: Snapshot, pattern: str, ids: Sequence[str]) -> Counter[str]:
    """How often each type is among the nodes of some documents."""
    nodes = snapshot.entities([pattern.replace("{id}", name) for name in ids])
    return Counter(node.type for node in nodes if node is not None)


def _pattern(snapshot: Snapshot, sample: Sequence[str]) -> str:
    """The commonest way the sample's ids are node ids: as they are, or behind a prefix such as "product:"."""
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
    """(entities,) bool: which rows are of some types."""
    codes = [code for code, name in enumerate(dictionary.types) if name in types]
    return np.isin(dictionary.entities["type"], codes)


def value_id(kind: str, path: Sequence[str]) -> str:
    """Id of the node of a field's value. kind: the entity type; path: the levels of a hierarchy, else one value."""
    return f"{kind}:" + " > ".join(map(_folded, path))


def _folded(value: str) -> str:
    """A value as it is compared: spaces, case and accents made one."""
    return normalise(fold(normalise(value))[0]) or value


def open_linker(folder: Path, spec: GraphSpec, vectors: NDArray[np.floating] | None = None) -> Linker:
    """The linker of a snapshot's folder; entity types that only documents have are not linked."""
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
        self._neighbours = _document_edges(snapshot, self._linker.dictionary, spec.attached)

    def entities(
        self, document: str, texts: Sequence[str], values: Sequence[tuple[str, Sequence[str]]]
    ) -> dict[int, float]:
        """Row → weight (above 0, at most 1) of the entities that the whole of one document is about.

        texts: to be linked, such as the title. values: (entity type, path) of the values of its linked fields.
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
        """Row → weight (above 0, below 1) of the entities that some texts name."""
        weights: dict[int, float] = {}
        for text in texts:
            for mention in self._linker.link(text).mentions:
                weight = TEXT_WEIGHT * mention.probability
                weights[mention.entity] = max(weight, weights.get(mention.entity, 0.0))
        return weights


def _document_edges(snapshot: Snapshot, dictionary: Dictionary, found: Attached) -> dict[int, list[int]]:
    """Row of a document's node → rows it is joined to."""
    if not found.types:
        return {}
    own = _rows_of_types(dictionary, found.types)
    source, target = (np.asarray(snapshot.edges[at], np.int64) for at in (0, 2))
    joined: dict[int, list[int]] = {}
    pairs: list[tuple[Ints, Ints]] = [(source, target), (target, source)]
    for near, far in pairs:
        kept = own[near] & ~own[far]
        for document, entity in zip(near[kept].tolist(), far[kept].tolist(), strict=True):
            joined.setdefault(document, []).append(entity)
    return joined
