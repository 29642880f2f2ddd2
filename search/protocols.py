"""The interfaces of search. `clew.search.candidates.KINDS` names the implementations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from clew.core.types import Bools, Contribution, Deadline, Floats, Ints, Ranking, Vectors
from clew.kg.expand import Reached
from clew.kg.linker import Linked


@dataclass(frozen=True, slots=True, eq=False)
class DocumentSteps:
    """How well the steps that lead from entities to documents fit a query, by step code (see clew.kg.annotate).

    odds: (c,) float64 log-odds. weights: (c,) float64 of the policy, 0 or more. said: each step in plain words. Code 0
    is an annotation without a relation, which always counts in full.
    """

    odds: Floats
    weights: Floats
    said: tuple[str, ...]

    def factors(self, codes: Ints) -> Floats:
        """Return (c,) float64 factors of the documents of one entity, relative to the step that fits best.

        codes: (n,) the steps that lead from this entity to any document, without 0.
        """
        found = np.zeros(len(self.odds), np.float64)
        walked = codes[self.weights[codes] > 0]
        best = self.odds[walked].max(initial=-np.inf)
        found[walked] = self.weights[walked] * np.exp(self.odds[walked] - best)
        found[0] = 1.0
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """The entities of the graph that a query names or leads to.

    linked: candidates and mentions of its text. reached: the entities reached, by descending weight. rows: (r,)
    int64 row of each in the graph. paths: how each is reached, in plain words. truncated: whether a limit of the policy
    cut the walk or the list of entities reached. steps: how relations to documents count (None: all in full).
    lost: why the edges are those of the snapshot and not of the graph's server, "" if that did not happen. spans: the
    characters (start, end) of the query that name the entity at which the path to each of `reached` starts.
    """

    linked: Linked
    reached: tuple[Reached, ...]
    rows: Ints
    paths: tuple[str, ...]
    truncated: bool = False
    steps: DocumentSteps | None = None
    lost: str = ""
    spans: tuple[tuple[int, int], ...] = ()

    def named_by(self, span: tuple[int, int]) -> Expansion:
        """Return the expansion with only the entities to which these characters of the query lead."""
        chosen = [at for at, own in enumerate(self.spans) if own == span]
        return replace(
            self,
            reached=tuple(self.reached[at] for at in chosen),
            rows=self.rows[chosen],
            paths=tuple(self.paths[at] for at in chosen),
            spans=(span,) * len(chosen),
        )


@dataclass(frozen=True, slots=True)
class Spelling:
    """Another spelling of a word of the query or of a part of it: "otterbox" of "otter", "otter" of "otterbox".

    term: its index term. of: the term of the query's word. start, end: the part of the word that it spells (0 to 1).
    searched: whether documents are found by it.
    """

    term: str
    of: str
    start: float = 0.0
    end: float = 1.0
    searched: bool = True


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query after query analysis.

    text: as typed, Unicode-normalised. terms: (index term, weight) in query order, with repetitions; the weight is at
    most 1, and less for function words and for terms that the graph added. vector: (dim,) float32 unit vector, None if
    dense ranking is not requested or not possible. unknown: share of tokens that the encoder does not know (0 to 1).
    notes: what query analysis decided, for the response. expansion: the entities that it names and those reached from
    them, None if the graph is not used. origins: term that the graph added → the path to its entity, in plain words.
    identifiers: index terms of identifiers that it names, which are among the terms. required: index terms of its other
    content words; a document with one of the identifiers and all of these comes first. spellings: which of the terms
    are other spellings of its words.
    """

    text: str
    terms: tuple[tuple[str, float], ...] = ()
    vector: Vectors | None = None
    unknown: float = 0.0
    notes: tuple[str, ...] = ()
    expansion: Expansion | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    spellings: tuple[Spelling, ...] = ()


@dataclass(frozen=True, slots=True)
class CandidateRequest:
    """A request to a source of candidates.

    k: passages wanted. allowed: (n,) bool, which passages may be returned (None: all); n is the number of passages of
    the version, or of the shard after `Sharded` has sliced it.
    """

    query: ParsedQuery
    k: int
    allowed: Bools | None = None
    deadline: Deadline = field(default_factory=Deadline)


class CandidateGenerator(Protocol):
    """A source of candidates over one shard, or (Sharded) over a whole version."""

    @property
    def size(self) -> int:
        """Return the number of passages covered."""
        ...

    def candidates(self, request: CandidateRequest) -> Ranking:
        """Return the best `k` allowed passages, or fewer if fewer match. BM25 returns only passages with a query term.

        Raises StageUnavailable if it cannot answer.
        """
        ...

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """Return (n,) float64 scores of the given passages, equal to those that `candidates` would give them.

        A score is NaN if this source has none for a passage (in BM25 a passage without any query term scores 0.0).
        """
        ...

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """Return the parts of one passage's score; their values add up to `score` (within 1e-6)."""
        ...

    def close(self) -> None:
        """Release files and memory maps. May be called twice."""
        ...


@runtime_checkable
class MatchesAny(Protocol):
    """A source that can tell which passages contain a term of a query."""

    def matches_any(self, terms: Sequence[str]) -> Bools:
        """Return (n,) bool, true for passages that contain at least one of the index terms."""
        ...

    def passages_with(self, term: str) -> Ints:
        """Return (m,) int64 ascending ordinals of the passages that contain an index term."""
        ...


@runtime_checkable
class MayMiss(Protocol):
    """A source that may not find all of a query's best passages."""

    @property
    def approximate(self) -> bool:
        """Return whether its candidates are found by an approximate search."""
        ...


@runtime_checkable
class Vocabulary(Protocol):
    """A source that knows in how many passages a term is."""

    def document_frequency(self, term: str) -> int:
        """Return the number of passages that contain an index term."""
        ...


@runtime_checkable
class WordIndex(MatchesAny, Vocabulary, Protocol):
    """A source that ranks by words: it knows how frequent they are and which passages have them."""


@dataclass(frozen=True, slots=True)
class PassageSet:
    """The passages of one shard, in order, as an index kind reads them.

    fields: searched field → text of that field in each passage (every passage of a document has its full title and
    keywords, but only its own part of a body field). vectors: (n, dim) float32 unit vectors, None if the index has no
    vectors. documents: id of each passage's document; the passages of a document are adjacent.
    linked: field whose values are entities → its values in each passage. identifiers: the id of each passage's document
    and the values of its identifier fields; empty if they are not searched.
    """

    fields: Mapping[str, Sequence[str]]
    vectors: Vectors | None = None
    documents: Sequence[str] = ()
    linked: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    identifiers: Sequence[Sequence[str]] = ()

    def __len__(self) -> int:
        return len(next(iter(self.fields.values()), [])) if self.vectors is None else len(self.vectors)


LocalStatistics = TypeVar("LocalStatistics")
GlobalStatistics = TypeVar("GlobalStatistics")


class IndexKind(Protocol[LocalStatistics, GlobalStatistics]):
    """One way to index passages: a map, a reduce and another map, so that local and distributed builds share one loop.

    `LocalStatistics` and `GlobalStatistics` can be pickled. An index kind writes only inside the folder it is given.
    """

    def local_statistics(self, passages: PassageSet, directory: Path) -> LocalStatistics:
        """Return a shard's share of the version's statistics; write files that need no other shard into `directory`."""
        ...

    def combine(self, add: Sequence[LocalStatistics], remove: Sequence[LocalStatistics] = ()) -> GlobalStatistics:
        """Return the statistics of the version; `remove` subtracts those of deleted passages exactly."""
        ...

    def build(self, passages: PassageSet, global_statistics: GlobalStatistics, directory: Path) -> Mapping[str, Any]:
        """Write the rest of the shard's files into `directory`, next to those that `local_statistics` wrote.

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
        """Return the names of files that may differ between builds of the same input (ANN graphs)."""
        ...
