"""The candidates of one search in the order in which they are shown, reranked or as fused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.core.types import Floats, Ints
from clew.search.fusion import Pool
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.stage import Reranked, Reranker
from clew.search.types import RerankUse, StageScore


@dataclass(frozen=True, slots=True)
class Ordering:
    """Where every candidate of a pool stands.

    fused, shown: (m,), (n,) int64 places in the pool, best first: as fused, and as shown, those that are not likely
    enough left out. reranked: None where that stage did not run.
    """

    pool: Pool
    fused: Ints
    shown: Ints
    reranked: Reranked | None

    @classmethod
    def of(cls, pool: Pool, reranked: Reranked | None, min_probability: float | None = None) -> Ordering:
        """The order of a pool.

        min_probability: reranked documents below it (0 to 1) are dropped. Where that leaves none of them, nothing is
        shown: what ranked behind those that were read and found wanting is no better.
        """
        fused = pool.order()
        if reranked is None:
            return cls(pool, fused, fused, None)
        shown = reranked.order
        if min_probability is not None:
            # NaN, which was not judged, is below nothing.
            shown = shown[~(Calibration.probability(reranked.log_odds[shown]) < min_probability)]
            if reranked.reached and len(fused) - len(shown) == reranked.reached:
                shown = shown[:0]
        return cls(pool, fused, shown, reranked)

    @property
    def dropped(self) -> int:
        """How many reranked documents were not likely enough."""
        return 0 if self.reranked is None else min(len(self.fused) - len(self.shown), self.reranked.reached)

    def judged(self, at: int) -> bool:
        """Whether the document at a place of the pool was reranked."""
        return self.reranked is not None and not np.isnan(self.reranked.log_odds[at])

    def score(self, at: int) -> tuple[float, str, float | None]:
        """(score, stage that it is of, probability where it was reranked) of the document at a place of the pool."""
        if self.reranked is None or not self.judged(at):
            return float(self.pool.totals[at]), "fusion", None
        odds = self.reranked.log_odds[at]
        return float(odds), "rerank", float(Calibration.probability(odds))

    def stages(self, at: int) -> tuple[StageScore, ...]:
        """What fusion, and reranking where it ran, made of the document at a place of the pool."""
        fused = StageScore("fusion", float(self.pool.totals[at]), rank_in(self.fused, at), self.pool.parts_of(at))
        if self.reranked is None:
            return (fused,)
        if not self.judged(at):
            return (fused, StageScore("rerank", None, None))
        parts = self.reranked.calibration.parts(float(self.reranked.scores[at]), float(self.pool.totals[at]))
        rank = rank_in(self.reranked.order, at)
        return (fused, StageScore("rerank", float(self.reranked.log_odds[at]), rank, parts))

    def use(self, reranker: Reranker, window: Ints) -> RerankUse:
        """What the stage did for a search. window: (k,) int64 places of the pool that are shown."""
        found = self.reranked
        return RerankUse(
            model=reranker.spec.model,
            reranked=found.reached if found else 0,
            of=min(reranker.spec.top, len(self.fused)),
            dropped=self.dropped,
            unjudged=sum(not self.judged(int(at)) for at in window),
            stopped=found.stopped if found else "unavailable",
        )

    def note(self, min_probability: float | None) -> tuple[str, ...]:
        """What is to be said where no document that was judged is likely enough."""
        if self.reranked is None or min_probability is None or not 0 < self.dropped == self.reranked.reached:
            return ()
        best = Calibration.probability(self.reranked.log_odds[self.reranked.order[:1]])[0]
        return (nothing_good(self.dropped, "documents", min_probability, float(best)),)

    def first(self, count: int) -> tuple[Ints, Floats]:
        """((n,) int64 places, (n,) float64 scores) of the first `count` shown, the scores on one descending scale.

        Log-odds of what was reranked; what was not reached has its fused score, moved as a whole below these.
        """
        places = self.shown[:count]
        scores = self.pool.totals[places]
        if self.reranked is None or not len(places):
            return places, scores
        odds = self.reranked.log_odds[places]
        after = np.isnan(odds)
        if after.any():
            odds[after] = scores[after] - scores[after].max() + odds[~after].min() - 1
        return places, odds


def nothing_good(count: int, what: str, min_probability: float, best: float) -> str:
    """The note that none of `count` judged documents (or answers: `what`) is likely enough; probabilities 0 to 1."""
    least = f"min_probability {min_probability:g}"
    return f"nothing good: none of {count:,} {what} reaches {least}, the best has {best:.2g}"


def rank_in(places: Ints, at: int) -> int | None:
    """Rank (1 is best) of a place of the pool in an order; None where it is not in it."""
    found = np.flatnonzero(places == at)
    return int(found[0]) + 1 if len(found) else None
