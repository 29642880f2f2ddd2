"""The candidates of one search in the order in which they are shown, reranked or as fused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from clew.core.types import Floats, Ints
from clew.search.fusion import FusedCandidates
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.spec import RerankSpec
from clew.search.types import RerankUse, StageScore


@dataclass(frozen=True, slots=True)
class Ordering:
    """The m candidates of a pool in order. A place is the index of a candidate in the pool.

    fused: (m,) int64 places by fused score, best first. order: (m,) int64 places as reranked: the documents that the
    cross-encoder read by log-odds, then the others as fused. shown: (n,) int64 places of `order` without the documents
    that were dropped. scores, log_odds: (m,) float64 by place, NaN for a document that was not read. reached: how many
    were read, of `wanted`. stopped: what ended reranking; None if it did not run, scores and log_odds are empty then.
    """

    pool: FusedCandidates
    fused: Ints
    order: Ints
    shown: Ints
    scores: Floats
    log_odds: Floats
    calibration: Calibration
    reached: int = 0
    wanted: int = 0
    stopped: Literal["all", "budget", "settled"] | None = None

    @classmethod
    def as_fused(cls, pool: FusedCandidates) -> Ordering:
        """Order the candidates by their fused scores."""
        fused, none = pool.order(), np.empty(0)
        return cls(pool, fused, fused, fused, none, none, Calibration())

    def without_unlikely(self, min_probability: float | None) -> Ordering:
        """Drop the reranked documents whose probability is below min_probability (0 to 1; None: drop none).

        If that drops all of them, nothing is shown: documents that were not read rank behind those that were.
        """
        if self.stopped is None or min_probability is None:
            return self
        # A document that was not read has NaN, which is below nothing.
        shown = self.shown[~(Calibration.probability(self.log_odds[self.shown]) < min_probability)]
        if self.reached and len(self.fused) - len(shown) == self.reached:
            shown = shown[:0]
        return replace(self, shown=shown)

    @property
    def dropped(self) -> int:
        """How many reranked documents were not likely enough."""
        return min(len(self.fused) - len(self.shown), self.reached)

    def judged(self, at: int) -> bool:
        """Whether the document at a place was reranked."""
        return self.stopped is not None and not np.isnan(self.log_odds[at])

    def score(self, at: int) -> tuple[float, str, float | None]:
        """(score, the stage it is of, probability if it was reranked) of the document at a place."""
        if not self.judged(at):
            return float(self.pool.totals[at]), "fusion", None
        odds = self.log_odds[at]
        return float(odds), "rerank", float(Calibration.probability(odds))

    def stages(self, at: int) -> tuple[StageScore, ...]:
        """What fusion, and reranking if it ran, made of the document at a place."""
        fused = StageScore("fusion", float(self.pool.totals[at]), rank_in(self.fused, at), self.pool.parts_of(at))
        if self.stopped is None:
            return (fused,)
        if not self.judged(at):
            return (fused, StageScore("rerank", None, None))
        parts = self.calibration.parts(float(self.scores[at]), float(self.pool.totals[at]))
        rank = rank_in(self.order, at)
        return (fused, StageScore("rerank", float(self.log_odds[at]), rank, parts))

    def use(self, spec: RerankSpec, window: Ints) -> RerankUse:
        """What reranking did for a search. window: (k,) int64 places that are shown."""
        return RerankUse(
            model=spec.model,
            reranked=self.reached,
            of=min(spec.top, len(self.fused)),
            dropped=self.dropped,
            unjudged=sum(not self.judged(int(at)) for at in window),
            stopped=self.stopped or "unavailable",
        )

    def note(self, min_probability: float | None) -> tuple[str, ...]:
        """The note that no document which was judged is likely enough, if that is so."""
        if min_probability is None or not 0 < self.dropped == self.reached:
            return ()
        best = Calibration.probability(self.log_odds[self.order[:1]])[0]
        return (nothing_good(self.dropped, "documents", min_probability, float(best)),)

    def first(self, count: int) -> tuple[Ints, Floats]:
        """((n,) int64 places, (n,) float64 scores) of the first `count` shown, the scores on one descending scale.

        Log-odds of what was reranked. What was not reached has its fused score, moved as a whole below these.
        """
        places = self.shown[:count]
        scores = self.pool.totals[places]
        if self.stopped is None or not len(places):
            return places, scores
        odds = self.log_odds[places]
        after = np.isnan(odds)
        if after.any():
            odds[after] = scores[after] - scores[after].max() + odds[~after].min() - 1
        return places, odds


def nothing_good(count: int, what: str, min_probability: float, best: float) -> str:
    """The note that none of `count` judged documents (or answers: `what`) is likely enough; probabilities 0 to 1."""
    least = f"min_probability {min_probability:g}"
    return f"nothing good: none of {count:,} {what} reaches {least}, the best has {best:.2g}"


def rank_in(places: Ints, at: int) -> int | None:
    """Rank (1 is best) of a place in an order; None if it is not in it."""
    found = np.flatnonzero(places == at)
    return int(found[0]) + 1 if len(found) else None
