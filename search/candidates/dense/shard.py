"""The vectors of one shard, searched."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

import numpy as np

from clew.core.errors import MismatchError
from clew.core.types import Bools, Contribution, Floats, Ints, Ranking, Vectors, empty_ranking
from clew.search.candidates.dense.exact import best_of, cosines, exact_top
from clew.search.candidates.dense.int16 import Fixed
from clew.search.candidates.dense.vector_statistics import VectorStatistics
from clew.search.protocols import CandidateRequest, ParsedQuery

# An approximate search proposes twice the passages wanted, so that exact scores decide between near ties.
_LEAST_FETCH = 64


class Proposer(Protocol):
    """Finds passages that are probably near a query without comparing all their vectors."""

    @property
    def efforts(self) -> tuple[int, ...]:
        """Search efforts to try, ascending."""
        ...

    def effort_for(self, fetch: int, effort: int, share: float) -> int:
        """The effort that can return `fetch` passages out of a share of all (above 0, at most 1), at least `effort`."""
        ...

    def compared(self, effort: int) -> float:
        """What a search takes: about as many exact comparisons of vectors."""
        ...

    def search(self, query: Vectors, fetch: int, effort: int, allowed: Bools | None = None) -> Ints:
        """Allowed passages near a (dim,) query, in no promised order: about `fetch`, or more where that is no work."""
        ...


class DenseShard:
    """Finds the passages whose vectors are nearest to the query's; a score is the cosine. A CandidateGenerator.

    kind: how they are found, "flat" where all are compared. proposer: what proposes them, None where all are. effort:
    its measured search effort. exact_below: with at most so many candidates every one is compared. moments: of the
    version, None where only candidates are wanted.
    """

    def __init__(
        self,
        vectors: Fixed,
        kind: str,
        proposer: Proposer | None,
        effort: int,
        exact_below: int,
        vector_statistics: VectorStatistics | None = None,
    ) -> None:
        """vectors: (passages, dim) unit vectors in steps, mapped from the file."""
        self._vectors = vectors
        self._kind = kind
        self._proposer = proposer
        self._effort = effort
        self._exact_below = exact_below
        self._vector_statistics = vector_statistics

    @property
    def size(self) -> int:
        """Passages covered."""
        return len(self._vectors)

    def candidates(self, request: CandidateRequest) -> Ranking:
        """The k nearest allowed passages, fewer only where fewer are allowed; none for a query without vector."""
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
        """The k nearest allowed passages of a (dim,) unit vector."""
        count = self.size if allowed is None else int(np.count_nonzero(allowed))
        wanted = min(k, count)
        if wanted <= 0:
            return empty_ranking()
        fetch = max(2 * wanted, _LEAST_FETCH)
        if self._proposer is not None and count > self._exact_below:
            effort = self._proposer.effort_for(fetch, self._effort, count / self.size)
            if self._proposer.compared(effort) < count:
                rows = self._proposer.search(vector, fetch, effort, allowed)
                # A filter can hide all that the search meets; what is then missing exists all the same.
                if len(rows) >= wanted:
                    return best_of(self._vectors, vector, k, rows)
        return exact_top(self._vectors, vector, k, allowed)

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """(n,) float64 cosines of the given passages; NaN where the query or the passage has no vector."""
        vector = self._vector(query)
        if vector is None:
            return np.full(len(ordinals), np.nan)
        found = cosines(self._vectors, vector, ordinals)
        found[self._unreadable(ordinals, found)] = np.nan
        return found

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """One part, the cosine; none where the query or the passage has no vector."""
        vector = self._vector(query)
        if vector is None:
            return []
        value = float(self.score(query, np.array([ordinal]))[0])
        if math.isnan(value):
            return []
        return [Contribution("dense", "cosine", value, {"search": self._kind, "dim": self._vectors.shape[1]})]

    def close(self) -> None:
        """Let go of the vectors and of what proposes them."""
        self._vectors = np.empty((0, self._vectors.shape[1]), np.int16)
        self._proposer = None

    def _unreadable(self, rows: Ints, scores: Floats) -> Bools:
        """(n,) bool: passages whose text the model cannot read; theirs is the zero vector, so they score 0."""
        found: Bools = scores == 0
        found[found] = ~self._vectors[rows[found]].any(axis=1)
        return found

    def _vector(self, query: ParsedQuery) -> Vectors | None:
        if query.vector is not None and self.size and query.vector.shape != self._vectors.shape[1:]:
            raise MismatchError(
                f"the query's vector has shape {query.vector.shape}, the index holds vectors of "
                f"{self._vectors.shape[1]} numbers",
                "open the index with the encoder it was built with",
            )
        return query.vector
