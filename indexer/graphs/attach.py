"""The graph of an index: load it from the files of the spec or find it by name, and connect it to the documents."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.core.errors import CorruptError, FormatError, NotFoundError, SpecError, nearest
from clew.core.files import expand
from clew.core.progress import Progress
from clew.core.types import Vectors
from clew.indexer.encode import Encoding, encoder_of
from clew.indexer.graphs.load import load
from clew.indexer.graphs.read import lineage
from clew.indexer.graphs.used import is_intact
from clew.indexer.spec import IndexSpec
from clew.indexer.spool import read_ids
from clew.kg.annotate import document_mapping
from clew.kg.dictionary import is_current
from clew.kg.manifest import GraphManifest
from clew.kg.manifest import load as load_manifest
from clew.kg.relations import relation_words
from clew.kg.snapshot import Snapshot, find_snapshot, graph_folder, list_snapshots
from clew.kg.spec import GraphSpec, pulled
from clew.kg.types import GraphCounts
from clew.models.cosines import cosine_scale
from clew.search.fields import searched
from clew.search.graph_retriever import COSINE_SCALE, ENTITY_VECTORS, RELATION_VECTORS

# Limits of the text of an entity that is encoded to distinguish it from others of the same name.
_TEXT_CHARACTERS = 300
_MOST_ALIASES = 3


def resolved(spec: IndexSpec, home: Path, progress: Progress) -> IndexSpec:
    """Return the spec with the id of its snapshot. If the spec gives files, load them, unless they are loaded already.

    Raises NotFoundError if the graph is missing, SpecError if the spec gives both files and a snapshot, or an unknown
    type, relation or field, and the errors of loading.
    """
    graph = spec.search.graph
    if graph is None:
        return spec
    if graph.nodes:
        if graph.snapshot:
            raise SpecError(
                f"[graph] gives both the snapshot {graph.snapshot!r} and files, but only one is allowed",
                "remove snapshot, or remove nodes and edges",
            )
        server = graph.neo4j if graph.store == "neo4j" and graph.neo4j and not graph.neo4j.is_external else None
        known = None if server else _loaded(home, graph.name, graph.nodes, graph.edges)
        snapshot = known or load(home, graph.name, graph.nodes, graph.edges, progress=progress, neo4j=server).id
    else:
        snapshot = find_snapshot(home, graph.name, graph.snapshot or None).name
    manifest = load_manifest(graph_folder(home, graph.name) / snapshot)
    _check_names(spec, graph, manifest)
    _report_unknown_types(spec, graph.name, manifest.counts, progress)
    return _with_graph(spec, replace(graph, snapshot=snapshot))


def _with_graph(spec: IndexSpec, graph: GraphSpec) -> IndexSpec:
    return replace(spec, search=replace(spec.search, graph=graph))


def _check_names(spec: IndexSpec, graph: GraphSpec, manifest: GraphManifest) -> None:
    """Check that types, relations and fields in the [graph] table exist. Raises SpecError that names the key."""
    counts, source = manifest.counts, pulled(manifest.lineage)
    types, relations = f"an entity type of graph {graph.name!r}", f"a relation of graph {graph.name!r}"
    texts = {"title", *(name for name in searched(spec.search.fields) if spec.search.fields[name].type == "text")}
    named: list[tuple[str, Iterable[str], str, Collection[str]]] = [
        ("link.types", graph.link.types, types, counts.types),
        ("document_types", graph.document_types, types, counts.types),
        ("expand.relations", graph.expand.relations, relations, counts.relations),
        ("about", graph.about, relations, counts.relations),
        ("annotate", graph.annotate, "a searched text field of the index", texts),
    ]
    if graph.store == "neo4j" and graph.neo4j and graph.neo4j.is_external:
        walkable = {*counts.relations, *(source.relations if source else ())}
        named.append(("neo4j.relations", graph.neo4j.relations, relations, walkable))
        labels = source.labels if source else counts.types
        named.append(("neo4j.labels", graph.neo4j.labels, f"a label that graph {graph.name!r} was pulled with", labels))
    for key, names, what, known in named:
        for name in names:
            if name not in known:
                raise SpecError(
                    f"[graph] {key} names {name!r}, which is not {what}", nearest(name, filter(None, known))
                )


def _report_unknown_types(spec: IndexSpec, graph: str, counts: GraphCounts, progress: Progress) -> None:
    """Report fields whose entity type is not in the graph. This is not an error, because it can be intended."""
    for name, field in spec.search.fields.items():
        if field.entity and field.entity not in counts.types:
            hint = nearest(field.entity, filter(None, counts.types))
            progress.notice(f"[fields] {name}: graph {graph!r} has no entity of type {field.entity!r}; {hint}")


def _loaded(home: Path, name: str, nodes: str, edges: str) -> str | None:
    """Return the snapshot of exactly these files; None if none is undamaged and in today's format: load them then."""
    sources = lineage([url for path in (nodes, edges) for url in expand(path)])
    try:
        same = [found.id for found in list_snapshots(home, name) if dict(found.lineage) == sources]
        folders = ((known, graph_folder(home, name) / known) for known in same)
        return next((known for known, folder in folders if is_intact(folder) and is_current(folder)), None)
    except (NotFoundError, CorruptError, FormatError):
        return None


def joined(spec: IndexSpec, home: Path, spool: Path) -> IndexSpec:
    """Return the spec, completed with how the documents of a spool are part of its graph.

    Raises SpecError if the spec gives a pattern of node ids and no document has such a node.
    """
    graph = spec.search.graph
    if graph is None:
        return spec
    ids = read_ids(spool)
    snapshot = Snapshot.open(graph_folder(home, graph.name) / graph.snapshot, verify=False)
    try:
        found = document_mapping(snapshot, graph.documents, ids)
    finally:
        snapshot.close()
    if ids and graph.documents not in {"", "auto", found.documents}:
        example = graph.documents.replace("{id}", ids[0])
        raise SpecError(
            f"[graph] documents is {graph.documents!r}, but no document has such a node in graph {graph.name!r}",
            f'for example, there is no node {example!r}; use "auto" to detect the pattern, or "" if documents are not '
            "nodes of the graph",
        )
    types, about = graph.document_types or list(found.types), graph.about or list(found.about)
    return _with_graph(spec, replace(graph, documents=found.documents, document_types=types, about=about))


@dataclass(frozen=True, slots=True)
class GraphVectors:
    """The vectors of a graph's entities and relations: computed in `work`, then copied to a version's statistics."""

    spec: IndexSpec
    home: Path
    work: Path

    @property
    def total(self) -> int:
        """The number of vectors, for the progress display."""
        graph = self.spec.search.graph
        assert graph is not None  # noqa: S101 - the caller checked
        counts = load_manifest(graph_folder(self.home, graph.name) / graph.snapshot).counts
        documents = sum(counts.types.get(name, 0) for name in graph.document_types)
        return counts.entities - documents + len(counts.relations)

    def encode(self, encoding: Encoding) -> None:
        """Compute the vectors. Entities of types that only documents have are not encoded."""
        graph = self.spec.search.graph
        assert graph is not None  # noqa: S101 - the caller checked
        snapshot = Snapshot.open(graph_folder(self.home, graph.name) / graph.snapshot, verify=False)
        self.work.mkdir(parents=True, exist_ok=True)
        try:
            vectors = entity_vectors(snapshot, graph.document_types, encoding, self.work)
            names = [relation_words(relation) for relation in snapshot.relations]
        finally:
            snapshot.close()
        np.save(self.work / ENTITY_VECTORS, vectors)
        np.save(self.work / RELATION_VECTORS, _encoded(encoding, names, self.work / "relations.npy"))
        np.save(self.work / COSINE_SCALE, np.array(cosine_scale(encoder_of(encoding.model, encoding.home))))

    def put(self, statistics: Path) -> None:
        """Copy the vectors to the folder of a version's statistics."""
        for name in (ENTITY_VECTORS, RELATION_VECTORS, COSINE_SCALE):
            if (self.work / name).exists():
                shutil.copyfile(self.work / name, statistics / "graph" / name)


def entity_vectors(
    snapshot: Snapshot, document_types: Collection[str], encoding: Encoding, work: Path
) -> NDArray[np.float16]:
    """Compute vectors of a snapshot's entities, (entities, dim); 0 for document types and for entities without a name.

    work: an existing folder for a temporary file.
    """
    texts: list[str] = []
    rows: list[int] = []
    for row, entity in enumerate(snapshot.all_entities()):
        if entity.type in document_types:
            continue
        if not entity.name:
            encoding.progress.advance(1)  # there is nothing to encode, but it is counted
        else:
            about = entity.description or "; ".join(entity.aliases[:_MOST_ALIASES]) or entity.type
            texts.append(f"{entity.name}: {about}"[:_TEXT_CHARACTERS] if about else entity.name)
            rows.append(row)
    known = _encoded(encoding, texts, work / "entities.npy")
    vectors = np.zeros((snapshot.counts.entities, known.shape[1]), np.float16)
    vectors[rows] = known
    return vectors


def _encoded(encoding: Encoding, texts: Sequence[str], target: Path) -> Vectors:
    encoding.run(texts, target)
    found: Vectors = np.load(target)
    target.unlink()
    return found
