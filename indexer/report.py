"""The report of a build."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from clew.indexer.graphs.annotated import Annotated
from clew.indexer.releases.override import Override


@dataclass(slots=True)
class BuildReport:
    """The report of a build.

    status: "published", or "unchanged" if the live release already has the same content. rejected: number of records
    that could not be used; bad_values: number of values left out of documents; joined: number of records that
    are further variants of a document; empty: number of documents without searched text; all are listed in the file
    `rejects`. encoded: texts that were encoded, including those of the graph's entities and relations; reused: texts
    whose vector was taken from the cache. graph: how documents are part of the graph and which types are linked, None
    without a graph. relevance: means on the judged queries (0 to 1). comparison: with a release that uses other models,
    empty if there was none. stages: what each stage adds (see `Proof`). rerank_seconds: time that reranking a query
    takes on this machine, None if the release does not rerank or is unchanged. override: the override that the release
    was published with, None if it needed none. seconds: step → time.
    """

    index: str
    status: str = ""
    release: str = ""
    version: str = ""
    content: str = ""
    documents: int = 0
    passages: int = 0
    shards: int = 0
    rejected: int = 0
    bad_values: int = 0
    joined: int = 0
    empty: int = 0
    rejects: str = ""
    encoded: int = 0
    reused: int = 0
    graph: Annotated | None = None
    recall: dict[str, float] = field(default_factory=dict)
    relevance: dict[str, float] = field(default_factory=dict)
    comparison: dict[str, Any] = field(default_factory=dict)
    stages: list[dict[str, Any]] = field(default_factory=list)
    rerank_seconds: float | None = None
    override: Override | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def as_table(self) -> dict[str, Any]:
        """Return the report as plain data, as `clew build --json` prints it; `override` is {} if there is none."""
        return asdict(self) | {"override": self.override.as_table() if self.override else {}}
