"""Build a graph from the fields of a catalogue that have an entity type, such as `entity = "brand"` in an index spec.

Each document becomes a node, and so does each distinct value of such a field, with the relation has_brand from the
document to the value. Each level of a hierarchy becomes a node: the document has the relation in_category to the
deepest level, and each level has the relation subcategory_of to the one above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from clew.core.errors import SpecError
from clew.core.fold import normalise
from clew.core.progress import Progress, Silent
from clew.core.types import Document
from clew.indexer.collect import converter
from clew.indexer.graphs.load import LoadReport, Reading, keep
from clew.indexer.graphs.read import Link, Node, lineage
from clew.indexer.graphs.records import edge_of, entity_of
from clew.indexer.sources.forms import files_of
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Fault, Record
from clew.indexer.spec import IndexSpec
from clew.indexer.variants import joining, own_id
from clew.kg.annotate import value_id
from clew.kg.spec import Neo4jSpec
from clew.search.columns import levels
from clew.search.fields import ENTITY_TYPE, FieldSpec, title_field

PRODUCT = "product"


def build(
    home: Path,
    spec: IndexSpec,
    *,
    name: str = "",
    document_type: str = PRODUCT,
    prefix: str = "",
    licence: str = "",
    progress: Progress | None = None,
    neo4j: Neo4jSpec | None = None,
) -> LoadReport:
    """Build the graph of a catalogue and store it as a snapshot of the graph `name` ("": the name of the spec).

    document_type: entity type of the documents. prefix: prefix of a document id in its node id ("": the type and ":").
    licence, neo4j: see `clew.indexer.graphs.load.load`. [source] on_error in the spec decides what happens to invalid
    records.

    Raises SpecError if no field has an `entity` or one has the type of the documents, and the errors of loading.
    """
    catalogue = Catalogue(spec, document_type, prefix or f"{document_type}:")
    reading = Reading(
        progress or Silent(),
        skip_bad=spec.source.on_error != "stop",
        hint='correct the record, or leave out invalid records with [source] on_error = "skip-record"',
    )
    sources = lineage(files_of(spec.source, spec.form))
    nodes, edges = catalogue.nodes(), catalogue.edges()
    return keep(home, name or spec.name, reading, nodes, edges, sources, licence=licence, neo4j=neo4j)


class Catalogue:
    """A catalogue as rows of nodes and edges. Each reads the source again, so that documents are not kept in memory."""

    def __init__(self, spec: IndexSpec, document_type: str, prefix: str) -> None:
        """Check the spec. Raises SpecError, see `build`."""
        self._spec, self._type, self._prefix = spec, document_type, prefix
        self._fields = {name: field for name, field in spec.search.fields.items() if field.entity}
        self._title = title_field(spec.search.fields)
        if not self._fields:
            raise SpecError(
                f"no field of {spec.name!r} has an entity type",
                'set one in [fields], for example brand = { type = "keyword", entity = "brand" }',
            )
        if not ENTITY_TYPE.fullmatch(document_type):
            raise SpecError(
                f"the documents' type {document_type!r} is invalid", "use 1 to 64 letters, digits, '_' and '-'"
            )
        for name, field in self._fields.items():
            if field.entity == document_type or self._prefix == f"{field.entity}:":
                raise SpecError(
                    f"[fields] {name}: entity {field.entity!r} is also the type of the documents",
                    "give the documents another type with --type",
                )

    def nodes(self) -> Iterator[Node | Fault]:
        """Yield the documents in their order, then the values of their fields in order of first use."""
        values: dict[str, Record] = {}
        for document in self._documents():
            if isinstance(document, Fault):
                yield document
                continue
            title = document.fields.get(self._title) if self._title else None
            yield _node(Record({"id": self._id(document), "type": self._type, "name": title}, document.origin))
            for name, field in self._fields.items():
                for path in _paths(document, name, field):
                    for depth in range(1, len(path) + 1):
                        place = value_id(field.entity, path[:depth])
                        row = {"id": place, "type": field.entity, "name": path[depth - 1]}
                        values.setdefault(place, Record(row, document.origin))
        yield from map(_node, values.values())

    def edges(self) -> Iterator[Link | Fault]:
        """Yield the edges from each document to its values, and one from each hierarchy level to the level above it."""
        above: set[str] = set()
        for document in self._documents():
            if isinstance(document, Fault):
                continue  # reported by `nodes`
            for source, relation, target in dict.fromkeys(self._links(document, above)):
                edge = edge_of(Record({"source": source, "relation": relation, "target": target}, document.origin))
                if not isinstance(edge, Fault):
                    yield edge, document.origin

    def _links(self, document: Document, above: set[str]) -> Iterator[tuple[str, str, str]]:
        for name, field in self._fields.items():
            ladder = field.facet == "hierarchy"
            for path in _paths(document, name, field):
                ids = [value_id(field.entity, path[:depth]) for depth in range(1, len(path) + 1)]
                yield self._id(document), f"{'in' if ladder else 'has'}_{field.entity}", ids[-1]
                for parent, child in pairwise(ids):
                    if child not in above:
                        above.add(child)
                        yield child, f"sub{field.entity}_of", parent

    def _documents(self) -> Iterator[Document | Fault]:
        form = self._spec.form
        fields = self._spec.search.fields
        convert = converter(self._spec.source, form, fields).convert
        whole_records = self._spec.source.on_error != "skip-value"
        origins: dict[str, str] = {}
        with joining(self._spec.source, form, fields) as joins:
            for record in read(self._spec.source, form):
                converted = record if isinstance(record, Fault) else convert(record)
                if isinstance(converted, Fault):
                    yield converted
                    continue
                document, bad = converted
                own = own_id(document)
                first = origins.get(own)
                if bad and whole_records:
                    yield bad[0].fault(document.origin)
                elif first is not None and not joins.accepts(document):
                    reason = f"id {own!r} was seen before, at {first}"
                    yield Fault(document.origin, reason, "give each record its own id")
                else:
                    origins.setdefault(own, document.origin)
                    yield from joins.add(document)
            yield from joins.rest()

    def _id(self, document: Document) -> str:
        return self._prefix + document.id


def _node(record: Record) -> Node | Fault:
    entity = entity_of(record)
    return entity if isinstance(entity, Fault) else (entity, record.origin)


def _paths(document: Document, name: str, field: FieldSpec) -> Iterator[tuple[str, ...]]:
    """Yield the values of an entity field of a document and its variants, each as its levels.

    A value has several levels in a hierarchy, otherwise one.
    """
    for values in (document.fields, *(variant.fields for variant in document.variants)):
        value = values.get(name)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, str) and part.strip():
                path = levels(part) if field.facet == "hierarchy" else (normalise(part),)
                if path:
                    yield path
