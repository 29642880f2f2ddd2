"""A candidate source made of several shards, whose passages are numbered consecutively."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from clew.core.errors import StageUnavailable
from clew.core.types import Contribution, Floats, Ints, Ranking, empty_ranking, ranked
from clew.search.protocols import CandidateGenerator, CandidateRequest, MayMiss, ParsedQuery


class Sharded:
    """A CandidateGenerator over shards. A shard's ordinals follow those of the shards before it."""

    def __init__(self, shards: Sequence[CandidateGenerator]) -> None:
        self._shards = tuple(shards)
        self._starts = np.concatenate([[0], np.cumsum([shard.size for shard in self._shards])]).astype(np.int64)

    @property
    def size(self) -> int:
        """The number of passages in all shards."""
        return int(self._starts[-1])

    @property
    def approximate(self) -> bool:
        """Return whether a shard is searched approximately."""
        return any(isinstance(shard, MayMiss) and shard.approximate for shard in self._shards)

    def candidates(self, request: CandidateRequest) -> Ranking:
        """Return the best k of all shards.

        Unavailable shards are left out; `asked` counts all shards, `answered` those that answered. Raises
        StageUnavailable if no shard could answer.
        """
        if not self._shards:
            return empty_ranking()
        if len(self._shards) == 1:
            return self._shards[0].candidates(request)
        found: list[Ranking] = []
        sizes: list[int] = []
        reasons: list[str] = []
        for shard, start in zip(self._shards, self._starts[:-1], strict=True):
            allowed = None if request.allowed is None else request.allowed[start : start + shard.size]
            try:
                part = shard.candidates(replace(request, allowed=allowed))
            except StageUnavailable as error:
                reasons.append(error.message)
                continue
            found.append(replace(part, ordinals=part.ordinals + start))
            sizes.append(shard.size)
        if not found:
            raise StageUnavailable(f"none of {len(self._shards)} shards is available: {reasons[0]}")
        ordinals = np.concatenate([part.ordinals for part in found])
        best = ranked(ordinals, np.concatenate([part.scores for part in found]), max(request.k, 0))
        answered = sum(part.answered for part in found)
        asked = sum(part.asked for part in found) + len(reasons)
        return replace(best, answered=answered, asked=asked, score_statistics=_pooled(found, sizes))

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """Return (n,) float64 scores; NaN for the passages of an unavailable shard.

        Raises StageUnavailable if none of the passages' shards is available, IndexError if an ordinal is out of range.
        """
        owners = self._shards_of(ordinals)
        scores = np.full(len(ordinals), np.nan)
        failure: StageUnavailable | None = None
        answered = not len(ordinals)
        for owner in np.unique(owners):
            rows = np.flatnonzero(owners == owner)
            try:
                scores[rows] = self._shards[owner].score(query, ordinals[rows] - self._starts[owner])
                answered = True
            except StageUnavailable as error:
                failure = error
        if failure is not None and not answered:
            raise failure
        return scores

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """Return the contributions to a passage's score, from its shard. Raises IndexError if it is out of range."""
        owner = int(self._shards_of(np.array([ordinal], np.int64))[0])
        return self._shards[owner].explain(query, ordinal - int(self._starts[owner]))

    def close(self) -> None:
        """Close all shards."""
        for shard in self._shards:
            shard.close()

    def _shards_of(self, ordinals: Ints) -> Ints:
        """Return (n,) int64: the (non-empty) shard of each ordinal. Raises IndexError if one is out of range."""
        if len(ordinals) and (ordinals.min() < 0 or ordinals.max() >= self.size):
            raise IndexError(
                f"passage ordinals {ordinals.min()} to {ordinals.max()} are not all in 0 to {self.size - 1}"
            )
        return np.searchsorted(self._starts, ordinals, side="right").astype(np.int64) - 1


def _pooled(found: Sequence[Ranking], sizes: Sequence[int]) -> tuple[float, float] | None:
    """Return mean and standard deviation over the passages of all shards; None if no shard has score statistics."""
    pairs = zip(found, sizes, strict=True)
    known = [(size, *part.score_statistics) for part, size in pairs if part.score_statistics and size]
    total = sum(size for size, _, _ in known)
    if not total:
        return None
    mean = sum(size * mean for size, mean, _ in known) / total
    square = sum(size * (deviation**2 + mean**2) for size, mean, deviation in known) / total
    return mean, math.sqrt(max(0.0, square - mean**2))
