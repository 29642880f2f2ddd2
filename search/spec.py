"""The part of an index's spec that serving reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clew.core.errors import SpecError
from clew.core.spec import parse
from clew.core.text import AnalyzerSpec
from clew.kg.expand import ExpandSpec, RelationSpec
from clew.kg.linker import LinkSpec
from clew.kg.spec import GraphSpec, Neo4jSpec
from clew.search.candidates.bm25 import BM25Spec
from clew.search.candidates.dense import DenseSpec
from clew.search.fields import Fields, FieldSpec
from clew.search.fusion import FusionSpec
from clew.search.rerank.spec import RerankSpec


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """How an index is searched. dense, graph, rerank: None if the index has no vectors, no graph or no reranker."""

    fields: Fields
    analyzer: AnalyzerSpec = field(default_factory=AnalyzerSpec)
    bm25: BM25Spec = field(default_factory=BM25Spec)
    dense: DenseSpec | None = field(default_factory=DenseSpec)
    fusion: FusionSpec = field(default_factory=FusionSpec)
    graph: GraphSpec | None = None
    rerank: RerankSpec | None = None

    @classmethod
    def of_table(cls, table: Mapping[str, Any], where: str = "", *, stored: bool = False) -> SearchSpec:
        """Read the tables of a spec, from a spec file or as they are stored with a version; ignore all other tables.

        `dense = false` and a stored null mean an index without vectors. With `enabled = false` in [dense], [graph] or
        [rerank] the index has no such stage. where: the file's name in messages. stored:
        whether it is the table of a version, which may have keys with old names. Raises SpecError that names the table
        and the key.
        """
        prefix = f"{where} " if where else ""
        parts: dict[str, Any] = {"fields": _fields(table["fields"], prefix)}
        for key, spec in (("analyzer", AnalyzerSpec), ("bm25", BM25Spec), ("fusion", FusionSpec)):
            if key in table:
                parts[key] = parse(spec, table[key], f"{prefix}[{key}]", stored=stored)
        if "dense" in table:
            no_vectors = table["dense"] is None or table["dense"] is False
            parts["dense"] = None if no_vectors else parse(DenseSpec, table["dense"], f"{prefix}[dense]", stored=stored)
        if table.get("graph") is not None:
            parts["graph"] = parse_graph(table["graph"], f"{prefix}[graph]", stored=stored)
        if table.get("rerank") is not None:
            parts["rerank"] = parse(RerankSpec, table["rerank"], f"{prefix}[rerank]", stored=stored)
        for key in ("dense", "graph", "rerank"):
            if parts.get(key) is not None and parts[key].enabled is False:
                parts[key] = None
        return cls(**parts)


def parse_graph(table: Mapping[str, Any], where: str, *, stored: bool = False) -> GraphSpec:
    """Read the [graph] table of a spec with the tables in it. Raises SpecError that names the table and the key."""
    parts: dict[str, Any] = dict(table)
    for name, spec in (("link", LinkSpec), ("expand", ExpandSpec), ("neo4j", Neo4jSpec)):
        if parts.get(name) is not None:
            inner = parts[name]
            if name == "expand" and isinstance(inner, Mapping) and isinstance(inner.get("relations"), Mapping):
                inner = {**inner, "relations": {
                    relation: parse(RelationSpec, options, f"{where} expand.relations.{relation}")
                    if isinstance(options, Mapping) else options
                    for relation, options in inner["relations"].items()
                }}  # fmt: skip
            parts[name] = parse(spec, inner, f"{where} {name}", stored=stored)
    return parse(GraphSpec, parts, where)


def _fields(table: object, prefix: str) -> dict[str, FieldSpec]:
    if not isinstance(table, Mapping):
        raise SpecError(f"{prefix}fields is {table!r}, expected a table", 'such as: title = { type = "text" }')
    return {
        name: value if isinstance(value, FieldSpec) else parse(FieldSpec, value, f"{prefix}[fields] {name}")
        for name, value in table.items()
    }
