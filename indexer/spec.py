"""The spec of an index: one TOML file. Each table is a Spec class of the part that uses it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from clew.core.errors import SpecError, UsageError, nearest
from clew.core.files import shown_url
from clew.core.spec import as_table, parse, read_toml
from clew.indexer.passages import PassagesSpec
from clew.indexer.sources.forms import Form, SourceSpec, default_fields, form_of
from clew.models.folder import check_one_model
from clew.search.candidates.dense import DenseSpec
from clew.search.fields import FieldSpec, searched
from clew.search.identical_ids import IdenticalIds
from clew.search.rerank.spec import RerankSpec
from clew.search.spec import SearchSpec
from clew.search.versions import INDEX_NAME

Model = TypeVar("Model", DenseSpec, RerankSpec)

FIELD_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


@dataclass(frozen=True, slots=True)
class QualitySpec:
    """The judged queries that every new version is measured on before it goes live.

    queries: folder with queries.jsonl and qrels/<split>.tsv (BEIR). split: which qrels are read.
    max_drop: how far nDCG@10 may fall below that of the live release (0 to 1); a larger drop is not published.
    minimum: the lowest nDCG@10 that is published (0 to 1). identical_ids: whether a document with the query's id is
    left out (see `clew.search.identical_ids`).
    """

    queries: str = ""
    split: str = "dev"
    max_drop: float = 0.01
    minimum: float = 0.0
    identical_ids: IdenticalIds = "auto"

    def __post_init__(self) -> None:
        for name, value in (("max_drop", self.max_drop), ("minimum", self.minimum)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}, expected 0 to 1")


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """How a build runs. Only `shards` changes what is built.

    shards: number of parts that the documents are split into (1 to 1024). workers: number of processes (0: one, whose
    threads use every core). threads: number of threads of each process (0: cores / workers).
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


# The tables of a spec in the order in which they are stored with a version.
_STORED = (
    "name", "source", "fields", "passages", "analyzer", "bm25", "dense", "fusion", "quality", "build", "graph",
    "rerank",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """The complete spec of an index. search: the part that serving reads; its tables are top-level ones in the file."""

    name: str
    source: SourceSpec
    search: SearchSpec
    passages: PassagesSpec = field(default_factory=PassagesSpec)
    quality: QualitySpec = field(default_factory=QualitySpec)
    build: BuildSpec = field(default_factory=BuildSpec)

    def __post_init__(self) -> None:
        if not INDEX_NAME.fullmatch(self.name):
            raise ValueError(
                f"name is {self.name!r}, expected 1 to 64 characters of a-z, 0-9, '_', '.' and '-', "
                "starting with a letter or digit"
            )
        search = self.search
        for name in search.fields:
            if not FIELD_NAME.fullmatch(name):
                raise ValueError(f"field name {name!r} is invalid, expected 1 to 128 characters, no control characters")
        sources = ["bm25", *(["dense"] if search.dense else []), *(["graph"] if search.graph else [])]
        for name in search.fusion.weights:
            if name not in sources:
                raise ValueError(f"[fusion] weights: unknown source {name!r}, expected {' or '.join(sources)}")
        if not searched(search.fields):
            raise ValueError("no field is searched: give a field the type text, or give a keyword field a weight")

    @property
    def form(self) -> Form:
        """The form of the source; reads the source if the spec says "auto"."""
        return form_of(self.source)

    def as_table(self) -> dict[str, Any]:
        """Return the spec as it is stored with a version: the tables of the file with defaults and without secrets."""
        table = as_table(self)
        table |= table.pop("search")
        table["source"]["path"] = shown_url(self.source.path)
        if (graph := self.search.graph) is not None:
            table["graph"] |= {"nodes": shown_url(graph.nodes), "edges": shown_url(graph.edges)}
        return {key: table[key] for key in _STORED}


# The tables that only a build reads; SearchSpec reads the others.
_TABLES: Mapping[str, type] = {
    "source": SourceSpec,
    "passages": PassagesSpec,
    "quality": QualitySpec,
    "build": BuildSpec,
}


def read_spec(path: Path) -> IndexSpec:
    """Read an index spec. Relative paths in it are relative to its folder.

    Raises SpecError that names the file, the table and the key (with the nearest known name), or NotFoundError if the
    source has to be read and is missing.
    """
    return spec_of(read_toml(path), str(path), path.absolute().parent)


def spec_of(table: Mapping[str, Any], where: str, base: Path, *, stored: bool = False) -> IndexSpec:
    """Return the spec that a parsed TOML file describes.

    where: the file's name for messages. base: the folder that relative paths start from. stored: the table is that of a
    version, which may have keys with old names. Raises the errors of `read_spec`.
    """
    for key in table:
        if key not in _STORED:
            raise SpecError(f"{where}: unknown key {key!r}", nearest(key, _STORED))
    for key in ("name", "source"):
        if key not in table:
            raise SpecError(
                f"{where}: {key!r} is missing", "add it (see docs/spec.md), or write a spec: clew init DATA"
            )
    parts: dict[str, Any] = {
        key: parse(cls, table[key], f"{where} [{key}]", stored=stored) for key, cls in _TABLES.items() if key in table
    }
    source = replace(parts["source"], path=_resolve_path(parts["source"].path, base))
    parts["source"] = source
    if "quality" in parts and parts["quality"].queries:
        parts["quality"] = replace(parts["quality"], queries=_resolve_path(parts["quality"].queries, base))
    fields = table["fields"] if table.get("fields") is not None else _default_fields(source, where)
    search = SearchSpec.of_table({**table, "fields": fields}, where, stored=stored)
    search = _resolve_search(search, str(table["name"]), where, base)
    return parse(IndexSpec, {"name": table["name"], "search": search, **parts}, where)


def _resolve_search(spec: SearchSpec, index: str, where: str, base: Path) -> SearchSpec:
    """Resolve the spec's relative paths against the folder of the file, and name an unnamed graph after the index."""
    dense, rerank, graph = spec.dense, spec.rerank, spec.graph
    if dense is not None:
        dense = _with_model(dense, base, f"{where} [dense]")
    if rerank is not None:
        rerank = _with_model(rerank, base, f"{where} [rerank]")
    if graph is not None:
        nodes, edges = (_resolve_path(path, base) if path else "" for path in (graph.nodes, graph.edges))
        graph = replace(graph, nodes=nodes, edges=edges, name=graph.name or index)
    return replace(spec, dense=dense, rerank=rerank, graph=graph)


def _with_model(spec: Model, base: Path, where: str) -> Model:
    """Resolve the table's model against the spec's folder if it is a path; any other text is the name of a model."""
    try:
        return replace(spec, model=_resolve_model(spec.model, base))
    except UsageError as error:
        raise SpecError(f"{where}: model {error.message}", error.hint) from None


def _resolve_model(model: str, base: Path) -> str:
    """Resolve a model folder against the spec's folder; return other text unchanged."""
    if (base / model).is_dir():
        return str(base / model)
    check_one_model(model, base)
    return model


def with_variant_fields(spec: IndexSpec, names: Collection[str]) -> IndexSpec:
    """Return the spec with these fields as fields of variants."""
    if not names:
        return spec
    fields = {
        name: replace(field, variant=True) if name in names else field for name, field in spec.search.fields.items()
    }
    return replace(spec, search=replace(spec.search, fields=fields))


def _default_fields(source: SourceSpec, where: str) -> dict[str, FieldSpec]:
    """Return the fields of a source whose form defines them. Raises SpecError for any other source."""
    default = default_fields(form_of(source))
    if default is None:
        raise SpecError(f"{where}: [fields] is missing", "add it; `clew init DATA` proposes fields for your data")
    return default


def _resolve_path(path: str, base: Path) -> str:
    """Resolve a path against the folder of the spec; return URLs and absolute paths unchanged."""
    return path if "://" in path or "::" in path else str(base / Path(path).expanduser())
