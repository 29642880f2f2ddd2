"""The graph of an index: which one, where it is kept, how an existing database is read, how queries use it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from clew.kg.expand import ExpandSpec
from clew.kg.linker import LinkSpec

_URI = re.compile(r"(bolt|neo4j)(\+s|\+ssc)?://[^/@\s]+")
# What may be a label, a relationship type or a property here: it is quoted in Cypher, so no quote may end it early.
_WORD = re.compile(r"[^\x00-\x1f\x7f`\\]{1,256}")


@dataclass(frozen=True, slots=True)
class Neo4jSpec:
    """A Neo4j database.

    uri: bolt:// or neo4j:// (+s, +ssc for TLS), without a password. password_env: environment variable that holds the
    password. labels: node labels of an existing database that are entities; empty: the graph was loaded by Clew, under
    a label of its own. The rest describes such an existing database, which is only ever read: relations: relationship
    types that are used (empty: all there are when the graph is pulled); id, name, description: properties; aliases:
    properties that hold other names (a string or a list of strings each); names: language code → property.
    connections: most connections at a time (1 to 100). connect_ms: how long connecting may take (1 to 60,000).
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
        """Whether it is an existing database, which Clew only reads."""
        return bool(self.labels)


@dataclass(frozen=True, slots=True)
class Attached:
    """How documents are in a graph.

    documents: pattern of a document's node id, such as "product:{id}" ("": they are no nodes). types: entity types
    that only documents have (none where documents are entities like the others). about: relations that join such
    nodes to others.
    """

    documents: str
    types: tuple[str, ...] = ()
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """The graph of an index.

    name: of a graph that was loaded (its newest snapshot is taken), or of the one that nodes and edges are loaded as
    ("": the index's name). nodes, edges: files that the build loads. store: where queries walk. neo4j: the database,
    for store = "neo4j". documents: how the id of a document's own node is made of the document's id, such as
    "product:{id}" ("auto": found by looking, "": documents are no nodes). annotate: fields whose text is linked to
    entities at build ("title" stands for the title field). use: "ranking" (documents of what is reached are
    candidates) and "terms" (names of what is reached are added to BM25). terms: most names that are added.
    terms_weight: weight of the likeliest of them beside a word of the query (0 to 1). link, expand: see LinkSpec and
    ExpandSpec. document_types, about: see Attached; the build finds them where documents is "auto". snapshot: the
    snapshot's id; the build fills it in.
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
    def attached(self) -> Attached:
        """How documents are in the graph, once a build has found it."""
        return Attached(self.documents, tuple(self.document_types), tuple(self.about))
