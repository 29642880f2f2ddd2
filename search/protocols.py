"""The seams of search. Implementations live beside this file and are named in `clew.search.candidates.KINDS`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from clew.core.types import Bools, Contribution, Deadline, Floats, Ints, Ranking, Vectors
from clew.kg.expand import Reached
from clew.kg.linker import Linked


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """What the graph says of a query.

    linked: candidates and mentions of its text. reached: the entities that it leads to, heaviest first. rows: (r,)
    int64 row of each in the graph. paths: how each is reached, in plain words. truncated: whether a limit of the policy
    cut the walk or what it reached.
    """

    linked: Linked
    reached: tuple[Reached, ...]
    rows: Ints
    paths: tuple[str, ...]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query after understanding.

    text: as typed, Unicode-normalised. terms: (index term, weight) in query order, repetitions kept; original terms
    weigh 1, expansion terms less. vector: (dim,) float32 unit vector, None where no dense ranking is wanted or
    possible. unknown: share of word pieces the encoder does not know (0 to 1). notes: what understanding decided,
    for the trace. expansion: the entities it names and what they lead to, None where the graph was not asked.
    origins: term that the graph added → the way it was reached, in plain words.
    """

    text: str
    terms: tuple[tuple[str, float], ...] = ()
    vector: Vectors | None = None
    unknown: float = 0.0
    notes: tuple[str, ...] = ()
    expansion: Expansion | None = None
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CandidateRequest:
    """What a source is asked.

    k: passages wanted. allowed: (n,) bool over the passages of whoever is asked (None: all); n is the number of
    passages of the version, or of the shard once `Sharded` has sliced it.
    """

    query: ParsedQuery
    k: int
    allowed: Bools | None = None
    deadline: Deadline = field(default_factory=Deadline)


class CandidateGenerator(Protocol):
    """A source of candidates over one shard, or (Sharded) over a whole version."""

    @property
    def size(self) -> int:
        """Passages covered."""
        ...

    def candidates(self, request: CandidateRequest) -> Ranking:
        """The best `k` allowed passages; fewer only where fewer match. BM25 returns only passages with a query term.

        Raises StageUnavailable when it cannot answer.
        """
        ...

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """(n,) float64 scores of the given passages, equal to what `candidates` would give them.

        NaN where this source has no score for a passage (a BM25 passage without any query term scores 0.0).
        """
        ...

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """Parts of one passage's score; their values add up to `score` (1e-6)."""
        ...

    def close(self) -> None:
        """Release files and memory maps. May be called twice."""
        ...


@runtime_checkable
class MatchesAny(Protocol):
    """A source that can say which passages match at all."""

    def matches_any(self, terms: Sequence[str]) -> Bools:
        """(n,) bool: passages that hold at least one of the index terms."""
        ...


@dataclass(frozen=True, slots=True)
class PassageSet:
    """The passages of one shard, in order, as an index kind reads them.

    fields: searched field → text of that field in each passage (the title and keywords repeat in every passage of
    a document; a body field gives its slice inside the window). vectors: (n, dim) float32 unit vectors, None where
    the index has no dense part. documents: id of each passage's document; a document's passages follow one another.
    linked: field whose values are entities → its values in each passage.
    """

    fields: Mapping[str, Sequence[str]]
    vectors: Vectors | None = None
    documents: Sequence[str] = ()
    linked: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.fields.values()), [])) if self.vectors is None else len(self.vectors)


LocalStatistics = TypeVar("LocalStatistics")
GlobalStatistics = TypeVar("GlobalStatistics")


class IndexKind(Protocol[LocalStatistics, GlobalStatistics]):
    """One way to index passages: a map, a reduce, and a map again, so local and distributed builds share one loop.

    `LocalStatistics` and `GlobalStatistics` can be pickled. A kind writes only inside the folder it is given.
    """

    def local_statistics(self, passages: PassageSet, directory: Path) -> LocalStatistics:
        """What one shard adds to the statistics of the version. Files that need no other shard go into `directory`."""
        ...

    def combine(self, add: Sequence[LocalStatistics], remove: Sequence[LocalStatistics] = ()) -> GlobalStatistics:
        """Statistics of the version; `remove` takes deleted passages out exactly."""
        ...

    def build(self, passages: PassageSet, global_statistics: GlobalStatistics, directory: Path) -> Mapping[str, Any]:
        """Write the rest of the shard's files into `directory`, where those of its survey are.

        Returns facts for the manifest (kind, sizes, recall).
        """
        ...

    def save(self, global_statistics: GlobalStatistics, directory: Path) -> None:
        """Write the version's statistics into `directory`."""
        ...

    def open(self, directories: Sequence[Path], global_statistics: Path) -> CandidateGenerator:
        """Open the shards of a version, given their folders in ordinal order and the folder of the statistics."""
        ...

    def derived(self) -> frozenset[str]:
        """Names of files that need not come out byte for byte the same from the same input (ANN graphs)."""
        ...
