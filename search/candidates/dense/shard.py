"""Search over the vectors of one shard."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

import numpy as np

from clew.core.errors import MismatchError
from clew.core.types import Bools, Contribution, Floats, Ints, Ranking, Vectors, empty_ranking
from clew.search.candidates.dense.exact import best_of, cosines, exact_top
from clew.search.candidates.dense.int16 import Int16Vectors
from clew.search.candidates.dense.vector_statistics import VectorStatistics
from clew.search.protocols import CandidateRequest, ParsedQuery

# An approximate search proposes twice as many passages as wanted, so that exact scores decide between near ties.
_LEAST_FETCH = 64


class ApproximateSearch(Protocol):
    """An approximate search: it proposes passages that are probably near a query without comparing all vectors."""

    @property
    def efforts(self) -> tuple[int, ...]:
        """Search efforts to try, ascending."""
        ...

    def effort_for(self, fetch: int, effort: int, share: float) -> int:
        """Return the effort, at least `effort`, at which a search can return `fetch` passages under a filter.

        share: share of the passages that the filter allows (above 0, at most 1).
        """
        ...

    def compared(self, effort: int) -> float:
        """Return the approximate cost of a search, in exact comparisons of vectors."""
        ...

    def search(self, query: Vectors, fetch: int, effort: int, allowed: Bools | None = None) -> Ints:
        """Return about `fetch` allowed passages near a (dim,) query, in any order; more if they cost no extra work."""
        ...


class DenseShard:
    """A CandidateGenerator of the passages whose vectors are nearest to the query's; a score is the cosine.

    kind: name of the search method, "flat" for a full scan. proposer: the approximate search, None for a full scan.
    effort: its search effort, as measured at the build. exact_below: with at most this many allowed passages, all are
    compared. vector_statistics: those of the version, None if score statistics are not needed.
    """

    def __init__(
        self,
        vectors: Int16Vectors,
        kind: str,
        proposer: ApproximateSearch | None,
        effort: int,
        exact_below: int,
        vector_statistics: VectorStatistics | None = None,
    ) -> None:
        """vectors: (passages, dim) int16-quantised unit vectors, memory-mapped."""
        self._vectors = vectors
        self._kind = kind
        self._proposer = proposer
        self._effort = effort
        self._exact_below = exact_below
        self._vector_statistics = vector_statistics

    @property
    def size(self) -> int:
        """The number of passages in the shard."""
        return len(self._vectors)

    @property
    def approximate(self) -> bool:
        """Return whether a search without a filter compares only some of the vectors."""
        return self._proposer is not None and self.size > self._exact_below

    def candidates(self, request: CandidateRequest) -> Ranking:
        """Return the k nearest allowed passages, or fewer if fewer are allowed; none for a query without a vector."""
        vector = self._vector(request.query)
        if vector is None:
            return empty_ranking()
        found = self.nearest(vector, request.k, request.allowed)
        if self._unreadable(found.ordinals, found.scores).any():
            readable: Bools = np.asarray(self._vectors.any(axis=1))
            if request.allowed is not None:
                readable &= request.allowed
            found = self.nearest(vector, request.k, readable)
        score_statistics = self._vector_statistics.score_statistics(vector) if self._vector_statistics else None
        return replace(found, score_statistics=score_statistics)

    def nearest(self, vector: Vectors, k: int, allowed: Bools | None = None) -> Ranking:
        """Return the k allowed passages that are nearest to a (dim,) unit vector."""
        count = self.size if allowed is None else int(np.count_nonzero(allowed))
        wanted = min(k, count)
        if wanted <= 0:
            return empty_ranking()
        fetch = max(2 * wanted, _LEAST_FETCH)
        if self._proposer is not None and count > self._exact_below:
            effort = self._proposer.effort_for(fetch, self._effort, count / self.size)
            if self._proposer.compared(effort) < count:
                rows = self._proposer.search(vector, fetch, effort, allowed)
                # A filter can exclude most of what the search visits. If too few are left, fall back to the full scan.
                if len(rows) >= wanted:
                    return best_of(self._vectors, vector, k, rows)
        return exact_top(self._vectors, vector, k, allowed)

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """Return (n,) float64 cosines of the given passages; NaN if the query or the passage has no vector."""
        vector = self._vector(query)
        if vector is None:
            return np.full(len(ordinals), np.nan)
        found = cosines(self._vectors, vector, ordinals)
        found[self._unreadable(ordinals, found)] = np.nan
        return found

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """Return one contribution, the cosine; none if the query or the passage has no vector."""
        vector = self._vector(query)
        if vector is None:
            return []
        value = float(self.score(query, np.array([ordinal]))[0])
        if math.isnan(value):
            return []
        return [Contribution("dense", "cosine", value, {"search": self._kind, "dim": self._vectors.shape[1]})]

    def close(self) -> None:
        """Release the vectors and the proposer."""
        self._vectors = np.empty((0, self._vectors.shape[1]), np.int16)
        self._proposer = None

    def _unreadable(self, rows: Ints, scores: Floats) -> Bools:
        """Return (n,) bool: passages whose text the model cannot read. Their vector is zero, so they score 0."""
        found: Bools = scores == 0
        found[found] = ~self._vectors[rows[found]].any(axis=1)
        return found

    def _vector(self, query: ParsedQuery) -> Vectors | None:
        if query.vector is not None and self.size and query.vector.shape != self._vectors.shape[1:]:
            raise MismatchError(
                f"the query's vector has shape {query.vector.shape}, but the index holds vectors of "
                f"{self._vectors.shape[1]} numbers",
                "open the index with the encoder it was built with",
            )
        return query.vector
