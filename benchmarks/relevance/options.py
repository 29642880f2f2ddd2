"""The options of a relevance measurement: systems, baseline, split, and how judgements are read."""

from __future__ import annotations

from dataclasses import dataclass

from clew.benchmarks.relevance import systems
from clew.core.errors import UsageError
from clew.search.identical_ids import IdenticalIds

DEFAULT_SYSTEMS = ("bm25", "dense", "rrf", "hybrid")


@dataclass(frozen=True, slots=True)
class Options:
    """How systems are measured.

    baseline: the system that the others are compared with. gains: gain of grade 0, 1, 2, … as decimal text (None: the
    grades). judged_only: only each query's judged documents are candidates (re-rank sets). depth: documents per query,
    1 to 10,000. sample: at most so many queries, drawn by seed. allow_unknown: accept judged ids that the data set does
    not contain. model: the bi-encoder. rebuild: do not reuse an index. reranker: the cross-encoder of systems that
    rerank, if the index has none. identical_ids: whether a document with the query's id is left out (see
    `clew.search.identical_ids`). Raises UsageError for values out of range, UnknownNameError for a system.
    """

    systems: tuple[str, ...] = DEFAULT_SYSTEMS
    baseline: str = "bm25"
    split: str = "test"
    gains: tuple[str, ...] | None = None
    judged_only: bool = False
    depth: int = 100
    sample: int | None = None
    seed: int = 0
    allow_unknown: bool = False
    model: str = "default"
    rebuild: bool = False
    reranker: str = "default"
    identical_ids: IdenticalIds = "auto"

    def __post_init__(self) -> None:
        for name in self.names:
            systems.load(name)
        if not 1 <= self.depth <= 10_000:
            raise UsageError(f"depth is {self.depth}", "give 1 to 10,000 documents per query")
        if self.sample is not None and self.sample < 1:
            raise UsageError(f"sample is {self.sample}", "give 1 or more queries")

    @property
    def names(self) -> tuple[str, ...]:
        """The systems to run; the baseline is always one of them."""
        return self.systems if self.baseline in self.systems else (self.baseline, *self.systems)
