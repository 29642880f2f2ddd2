"""The specs for the graph of an index: which graph, its store, how a database is read, how queries use the graph."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from clew.core.spec import parse
from clew.kg.expand import ExpandSpec
from clew.kg.linker import LinkSpec

_URI = re.compile(r"(bolt|neo4j)(\+s|\+ssc)?://[^/@\s]+")
# A valid label, relationship type or property: it is quoted in Cypher, so it must not contain a quote.
_WORD = re.compile(r"[^\x00-\x1f\x7f`\\]{1,256}")


@dataclass(frozen=True, slots=True)
class LabelSpec:
    """How nodes with one label are entities, where that differs from the other labels of a database.

    id: property with the id ("": the element id, which Neo4j gives each node); ids of a label with a property of its
    own get the label and a colon as prefix, because ids of different labels can be the same. name, description:
    properties ("": none). aliases, names: see Neo4jSpec. What is left out is as in [graph.neo4j].
    """

    id: str | None = None
    name: str | None = None
    aliases: list[str] | None = None
    names: Mapping[str, str] | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class NodeMapping:
    """The mapping of one label: properties, and the prefix of its ids. id: "" for the element id."""

    label: str
    id: str
    prefix: str
    name: str
    aliases: tuple[str, ...]
    names: Mapping[str, str]
    description: str

    @property
    def taken(self) -> frozenset[str]:
        """The properties that are not left over as properties of the entity."""
        return frozenset({self.id, self.name, self.description, *self.aliases, *self.names.values()})


@dataclass(frozen=True, slots=True)
class Neo4jSpec:
    """A Neo4j database.

    uri: bolt:// or neo4j:// (+s, +ssc for TLS), without a password. password_env: environment variable with the
    password. labels: labels of the nodes that are entities, in an existing database; empty: Clew loaded the graph under
    its own label. Clew only reads an existing database. These describe it: relations: relationship types to use (empty:
    all that exist when the graph is pulled); id, name, description: properties; aliases: properties with other names
    (each a string or a list of strings); names: language code → property; nodes: label → what differs for its nodes.
    connections: maximum number of connections at a time (1 to 100). connect_ms: time limit to connect (1 to 60,000).
    """

    uri: str
    database: str = "neo4j"
    user: str = "neo4j"
    password_env: str = "NEO4J_PASSWORD"  # noqa: S105 - the name of a variable, not a password
    labels: list[str] = field(default_factory=list)
    relations: list[str] = field(default_factory=list)
    id: str = "id"
    name: str = "name"
    aliases: list[str] = field(default_factory=list)
    names: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    nodes: Mapping[str, LabelSpec] = field(default_factory=dict)
    connections: int = 8
    connect_ms: int = 2_000

    def __post_init__(self) -> None:
        if "@" in self.uri:
            raise ValueError(
                "uri contains a user or password; set user here and put the password in an environment variable"
            )
        if not _URI.fullmatch(self.uri):
            raise ValueError(
                f"uri is {self.uri!r}, expected a URI such as bolt://127.0.0.1:7687 or neo4j+s://host:7687"
            )
        words = {
            "labels": self.labels,
            "relations": self.relations,
            "aliases": self.aliases,
            "names": [*self.names.values()],
        }
        words |= {"id": [self.id], "name": [self.name], "description": [self.description] if self.description else []}
        for label, node in self.nodes.items():
            if label not in self.labels:
                raise ValueError(
                    f"nodes: {label!r} is not one of labels ({', '.join(map(repr, self.labels)) or 'none'})"
                )
            given = (node.id, node.name, node.description, *(node.aliases or ()), *(node.names or {}).values())
            words[f"nodes.{label}"] = [value for value in given if value]
        for key, values in words.items():
            for value in values:
                if not _WORD.fullmatch(value):
                    raise ValueError(
                        f"{key}: {value!r} cannot be quoted in Cypher; use 1 to 256 characters without backticks, "
                        "backslashes or control characters"
                    )
        for key, number, most in (("connections", self.connections, 100), ("connect_ms", self.connect_ms, 60_000)):
            if not 1 <= number <= most:
                raise ValueError(f"{key} is {number}, expected 1 to {most:,}")

    @property
    def is_external(self) -> bool:
        """Whether this is an existing database, which Clew only reads."""
        return bool(self.labels)

    @property
    def mappings(self) -> tuple[NodeMapping, ...]:
        """The mapping of each label, in the order of `labels`: a node is mapped by the first of them that it has."""
        return tuple(self._mapping(label, self.nodes.get(label, LabelSpec())) for label in self.labels)

    def _mapping(self, label: str, own: LabelSpec) -> NodeMapping:
        return NodeMapping(
            label=label,
            id=self.id if own.id is None else own.id,
            prefix=f"{label}:" if own.id else "",
            name=self.name if own.name is None else own.name,
            aliases=tuple(self.aliases if own.aliases is None else own.aliases),
            names=self.names if own.names is None else own.names,
            description=self.description if own.description is None else own.description,
        )


def pulled(lineage: Mapping[str, str]) -> Neo4jSpec | None:
    """Return the database of a pulled snapshot, with the relationship types and ids of then; None if it was not pulled.

    Raises SpecError if the lineage has keys or values that this version of Clew does not know.
    """
    for source, text in lineage.items():
        if text.startswith("{"):
            return parse(Neo4jSpec, json.loads(text), source)
    return None


@dataclass(frozen=True, slots=True)
class DocumentMapping:
    """How documents are part of a graph.

    documents: pattern of the node id of a document, such as "product:{id}" ("": documents are not nodes). types: entity
    types that only documents have (empty if documents are entities like all others). about: relations between the
    documents' nodes and other nodes.
    """

    documents: str
    types: tuple[str, ...] = ()
    about: tuple[str, ...] = ()

    @property
    def are_entities(self) -> bool:
        """Return whether documents are entities like all others, which queries reach by walking."""
        return bool(self.documents) and not self.types


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """The graph of an index.

    name: name of a loaded graph (its newest snapshot is used), or the name under which nodes and edges are loaded ("":
    the name of the index). nodes, edges: files that the build loads. store: the graph store that queries use. neo4j:
    the database, for store = "neo4j". documents: pattern of the node id of a document, such as "product:{id}" ("auto":
    detected, "": documents are not nodes). annotate: fields whose text is linked to entities when the index is built
    ("title" means the title field). use: "ranking" (documents of the reached entities become candidates) and "terms"
    (names of the reached entities are added to BM25). terms: maximum number of names to add. terms_weight: weight of
    the most likely of them, relative to a word of the query (0 to 1). link, expand: see LinkSpec and ExpandSpec.
    document_types, about: see DocumentMapping; the build detects them if they are empty. snapshot: id of the snapshot;
    set by the build. enabled: "auto" (left out if it lowers nDCG@10 on the judged queries), true or false.
    """

    name: str = ""
    nodes: str = ""
    edges: str = ""
    store: Literal["networkx", "neo4j"] = "networkx"
    neo4j: Neo4jSpec | None = None
    documents: str = "auto"
    annotate: list[str] = field(default_factory=lambda: ["title"])
    use: list[Literal["ranking", "terms"]] = field(default_factory=lambda: ["ranking"])
    terms: int = 5
    terms_weight: float = 0.3
    link: LinkSpec = field(default_factory=LinkSpec)
    expand: ExpandSpec = field(default_factory=ExpandSpec)
    document_types: list[str] = field(default_factory=list)
    about: list[str] = field(default_factory=list)
    snapshot: str = ""
    enabled: Literal["auto"] | bool = "auto"

    def __post_init__(self) -> None:
        if bool(self.nodes) != bool(self.edges):
            raise ValueError(
                "nodes and edges must be set together; give both files, or only the name of a loaded graph"
            )
        if self.store == "neo4j" and self.neo4j is None:
            raise ValueError('store = "neo4j" needs a table [graph.neo4j] with the uri of the server')
        if self.documents not in {"", "auto"} and self.documents.count("{id}") != 1:
            raise ValueError(f"documents is {self.documents!r}, expected a pattern such as 'product:{{id}}'")
        if not self.use:
            raise ValueError('use is empty, expected "ranking", "terms" or both')
        for name, value, most in (("terms", self.terms, 50), ("terms_weight", self.terms_weight, 1)):
            if not 0 <= value <= most:
                raise ValueError(f"{name} is {value}, expected 0 to {most}")

    @property
    def document_mapping(self) -> DocumentMapping:
        """How documents are part of the graph, after a build has detected it."""
        return DocumentMapping(self.documents, tuple(self.document_types), tuple(self.about))
