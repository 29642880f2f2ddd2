"""The spec of an index: one TOML file, each table a Spec of the part that reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clew.core.errors import SpecError, UsageError, nearest
from clew.core.files import shown_url
from clew.core.spec import as_table, parse, read_toml
from clew.core.text import AnalyzerSpec
from clew.indexer.passages import PassagesSpec
from clew.indexer.sources.forms import Form, SourceSpec, default_fields, form_of
from clew.kg.spec import GraphSpec
from clew.models.averaged import PLUS, parts_of
from clew.search.assemble import parse_graph
from clew.search.candidates.bm25 import BM25Spec
from clew.search.candidates.dense import DenseSpec
from clew.search.fields import FieldSpec, searched
from clew.search.fusion import FusionSpec
from clew.search.rerank.spec import RerankSpec
from clew.search.versions import INDEX_NAME

FIELD_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


@dataclass(frozen=True, slots=True)
class QualitySpec:
    """Judged queries that every new version answers before it goes live.

    queries: folder with queries.jsonl[.gz] and qrels/<split>.tsv (BEIR). split: which qrels are read.
    max_drop: how much nDCG@10 may fall below the live release (0 to 1); more than that is not published.
    minimum: nDCG@10 below which nothing is published (0 to 1).
    """

    queries: str = ""
    split: str = "dev"
    max_drop: float = 0.01
    minimum: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("max_drop", self.max_drop), ("minimum", self.minimum)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}, expected 0 to 1")


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """How the build runs; none of it but `shards` changes what is built.

    shards: parts the documents are cut into (1 to 1024). workers: processes (0: one; its threads use every core).
    threads: threads of each process (0: cores / workers).
    """

    shards: int = 1
    workers: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("shards", self.shards, 1, 1024),
            ("workers", self.workers, 0, 256),
            ("threads", self.threads, 0, 1024),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}, expected {least} to {most}")


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """Everything that decides an index. dense: None where `dense = false`; graph, rerank: None where there is none."""

    name: str
    source: SourceSpec
    fields: Mapping[str, FieldSpec]
    passages: PassagesSpec = field(default_factory=PassagesSpec)
    analyzer: AnalyzerSpec = field(default_factory=AnalyzerSpec)
    bm25: BM25Spec = field(default_factory=BM25Spec)
    dense: DenseSpec | None = field(default_factory=DenseSpec)
    fusion: FusionSpec = field(default_factory=FusionSpec)
    quality: QualitySpec = field(default_factory=QualitySpec)
    build: BuildSpec = field(default_factory=BuildSpec)
    graph: GraphSpec | None = None
    rerank: RerankSpec | None = None

    def __post_init__(self) -> None:
        if not INDEX_NAME.fullmatch(self.name):
            raise ValueError(
                f"name is {self.name!r}, expected 1 to 64 of a-z, 0-9, '_', '.' and '-', a letter or digit first"
            )
        for name in self.fields:
            if not FIELD_NAME.fullmatch(name):
                raise ValueError(f"field name {name!r} has control characters or not 1 to 128 characters")
        sources = ["bm25", *(["dense"] if self.dense else []), *(["graph"] if self.graph else [])]
        for name in self.fusion.weights:
            if name not in sources:
                raise ValueError(f"[fusion] weights name the source {name!r}, the index has {' and '.join(sources)}")
        if not searched(self.fields):
            raise ValueError("no field is searched: give one the type text, or a keyword field a weight")

    @property
    def form(self) -> Form:
        """Form of the source, looked at where the spec says "auto"."""
        return form_of(self.source)

    def as_table(self) -> dict[str, Any]:
        """The spec as it is stored with a version: the tables of the file, defaults filled in, secrets left out."""
        table = as_table(self)
        table["source"]["path"] = shown_url(self.source.path)
        if self.graph is not None:
            table["graph"] |= {"nodes": shown_url(self.graph.nodes), "edges": shown_url(self.graph.edges)}
        return table


_TABLES: Mapping[str, type] = {
    "source": SourceSpec,
    "passages": PassagesSpec,
    "analyzer": AnalyzerSpec,
    "bm25": BM25Spec,
    "dense": DenseSpec,
    "fusion": FusionSpec,
    "quality": QualitySpec,
    "build": BuildSpec,
}


def read_spec(path: Path) -> IndexSpec:
    """Read an index spec. Relative paths in it are relative to its folder.

    Raises SpecError that names the file, the table and the key (with the nearest known name), NotFoundError where
    the source has to be looked at and is not there.
    """
    return spec_of(read_toml(path), str(path), path.absolute().parent)


def spec_of(table: Mapping[str, Any], where: str, base: Path) -> IndexSpec:
    """The spec that a table of tables says. where: the file's name in messages; base: where relative paths start."""
    known = ["name", "fields", "graph", "rerank", *_TABLES]
    for key in table:
        if key not in known:
            raise SpecError(f"{where}: unknown key {key!r}", nearest(key, known))
    for key in ("name", "source"):
        if key not in table:
            raise SpecError(f"{where}: {key!r} is missing", "see docs/spec.md, or write a spec with `clew init DATA`")
    parts: dict[str, Any] = {}
    for key, cls in _TABLES.items():
        if key == "dense" and table.get(key) is False:
            parts[key] = None
        elif key in table:
            parts[key] = parse(cls, table[key], f"{where} [{key}]")
    source = replace(parts["source"], path=_based(parts["source"].path, base))
    parts["source"] = source
    if parts.get("quality") and parts["quality"].queries:
        parts["quality"] = replace(parts["quality"], queries=_based(parts["quality"].queries, base))
    if table.get("rerank") is not None:
        parts["rerank"] = parse(RerankSpec, table["rerank"], f"{where} [rerank]")
    parts |= {key: _with_model(parts[key], base, f"{where} [{key}]") for key in ("dense", "rerank") if parts.get(key)}
    if table.get("graph") is not None:
        parts["graph"] = _graph(table["graph"], str(table["name"]), where, base)
    fields = _fields(table.get("fields"), source, where)
    return parse(IndexSpec, {"name": table["name"], "fields": fields, **parts}, where)


def _with_model(spec: Any, base: Path, where: str) -> Any:
    """The table with its model as from the spec's folder, if a folder it is; other words are names of models."""
    try:
        return replace(spec, model=_based_model(spec.model, base))
    except UsageError as error:
        raise SpecError(f"{where}: model {error.message}", error.hint) from None


def _based_model(model: str, base: Path) -> str:
    """A folder as from the spec's folder, the parts of an average each; other words as they are."""
    if (base / model).is_dir():
        return str(base / model)
    parts = parts_of(model, base)
    return PLUS.join(_based_model(part, base) for part in parts) if parts else model


def _graph(table: Mapping[str, Any], index: str, where: str, base: Path) -> GraphSpec:
    """The graph's table, its files as from the spec's folder. Without a name it is called as the index."""
    found = parse_graph(table, f"{where} [graph]")
    nodes, edges = (_based(path, base) if path else "" for path in (found.nodes, found.edges))
    return replace(found, nodes=nodes, edges=edges, name=found.name or index)


def _fields(table: object, source: SourceSpec, where: str) -> dict[str, FieldSpec]:
    if table is None:
        default = default_fields(form_of(source))
        if default is None:
            raise SpecError(f"{where}: [fields] is missing", "`clew init DATA` proposes fields from a look at the data")
        return default
    if not isinstance(table, Mapping):
        raise SpecError(f"{where}: fields is {table!r}, expected a table", 'such as: title = { type = "text" }')
    return {name: parse(FieldSpec, value, f"{where} [fields] {name}") for name, value in table.items()}


def _based(path: str, base: Path) -> str:
    """A path as seen from the folder of the spec; URLs and absolute paths as they are."""
    return path if "://" in path or "::" in path else str(base / Path(path).expanduser())
