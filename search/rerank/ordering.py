"""The order in which the candidates of one search are shown, by reranked or by fused score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from clew.core.types import Floats, Ints
from clew.search.fusion import LIFT_MARGIN, FusedCandidates, identifier_part
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.spec import RerankSpec
from clew.search.types import RerankUse, StageScore


@dataclass(frozen=True, slots=True)
class Ordering:
    """The m candidates of a pool in order. A place is the index of a candidate in the pool.

    fused: (m,) int64 places by fused score, best first. order: (m,) int64 places as reranked: the documents that the
    cross-encoder scored by log-odds, then the others by fused score. shown: (n,) int64 places of `order` without the
    documents that were dropped. scores, log_odds: (m,) float64 by place, NaN for a document that was not scored.
    lift: what was added to the log-odds of the documents that the query names by an identifier, which come first.
    reached: how many were scored, of `wanted`. stopped: why reranking ended; None if it did not run, scores and
    log_odds are empty then. unread: share of the query's tokens that say nothing to the cross-encoder, if that is why
    nothing was scored (0 to 1).
    """

    pool: FusedCandidates
    fused: Ints
    order: Ints
    shown: Ints
    scores: Floats
    log_odds: Floats
    calibration: Calibration
    lift: float = 0.0
    reached: int = 0
    wanted: int = 0
    stopped: Literal["all", "budget", "early_stop", "unread"] | None = None
    unread: float = 0.0

    @classmethod
    def as_fused(cls, pool: FusedCandidates) -> Ordering:
        """Order the candidates by their fused scores."""
        fused, none = pool.order(), np.empty(0)
        return cls(pool, fused, fused, fused, none, none, Calibration())

    def extend(self, rest: FusedCandidates) -> Ordering:
        """Return the order with further candidates behind those it has, in their fused order."""
        pool = self.pool.merge(rest)
        places = np.searchsorted(pool.documents, self.pool.documents)
        last = np.searchsorted(pool.documents, rest.documents)[rest.order()]
        scores, log_odds = self.scores, self.log_odds
        if self.stopped is not None:
            scores, log_odds = (np.full(len(pool.documents), np.nan) for _ in range(2))
            scores[places], log_odds[places] = self.scores, self.log_odds
        fused, order, shown = (np.concatenate([places[each], last]) for each in (self.fused, self.order, self.shown))
        return replace(self, pool=pool, fused=fused, order=order, shown=shown, scores=scores, log_odds=log_odds)

    def filter_by_probability(self, min_probability: float | None) -> Ordering:
        """Drop the reranked documents whose probability is below min_probability (0 to 1; None: drop none).

        If that drops all of them, nothing is shown, because documents that were not scored rank below those that were.
        """
        if self.stopped is None or min_probability is None:
            return self
        # A document that was not scored has NaN, and comparing NaN with < is always false.
        shown = self.shown[~(Calibration.probability(self.log_odds[self.shown]) < min_probability)]
        if self.reached and len(self.fused) - len(shown) == self.reached:
            shown = shown[:0]
        return replace(self, shown=shown)

    @property
    def lost(self) -> Ints:
        """Return (d,) int64 documents that are not shown because of min_probability."""
        if len(self.shown) == len(self.order):
            return self.pool.documents[:0]
        return self.pool.documents[np.setdiff1d(self.order, self.shown)]

    @property
    def dropped(self) -> int:
        """Return how many reranked documents were dropped as less likely than min_probability."""
        return min(len(self.fused) - len(self.shown), self.reached)

    def places(self, documents: Ints) -> Ints:
        """Return (n,) int64 places of documents, (n,) ordinals that are all among the candidates."""
        return np.searchsorted(self.pool.documents, documents)

    def judged(self, at: int) -> bool:
        """Return whether the document at a place was reranked."""
        return self.stopped is not None and not np.isnan(self.log_odds[at])

    def as_ranked(self, at: int, log_odds: float) -> float:
        """Return the log-odds of a document that was not reranked as its rank allows, given those of its score.

        The documents that the query names by an identifier come first here too: they have the lift of those that were
        scored, and the others stay below these.
        """
        identified = self.pool.identified
        if identified is None:
            return log_odds
        if identified[at]:
            return log_odds + self.lift
        lowest = float(np.nanmin(self.log_odds[identified], initial=np.inf))
        return min(log_odds, lowest - LIFT_MARGIN)

    def score(self, at: int) -> tuple[float, str, float | None]:
        """Return (score, the stage that gave it, probability if it was reranked) of the document at a place."""
        if not self.judged(at):
            return float(self.pool.totals[at]), "fusion", None
        odds = self.log_odds[at]
        return float(odds), "rerank", float(Calibration.probability(odds))

    def stages(self, at: int) -> tuple[StageScore, ...]:
        """Return the scores of the document at a place in fusion and, if it ran, in reranking."""
        fused = StageScore("fusion", float(self.pool.totals[at]), rank_in(self.fused, at), self.pool.parts_of(at))
        if self.stopped is None:
            return (fused,)
        if not self.judged(at):
            return (fused, StageScore("rerank", None, None))
        parts = self.calibration.parts(self.scores, self.pool.totals, at, self.pool.titles)
        if self.lift and self.pool.identified is not None and self.pool.identified[at]:
            parts += (identifier_part("rerank", self.lift),)
        rank = rank_in(self.order, at)
        return (fused, StageScore("rerank", float(self.log_odds[at]), rank, parts))

    def use(self, spec: RerankSpec, window: Ints) -> RerankUse:
        """Return how documents were reranked in a search. window: (k,) int64 places that are shown."""
        return RerankUse(
            model=spec.model,
            reranked=self.reached,
            of=min(spec.top, len(self.fused)),
            dropped=self.dropped,
            unjudged=sum(not self.judged(int(at)) for at in window),
            stopped=self.stopped or "unavailable",
        )

    def note(self, min_probability: float | None) -> tuple[str, ...]:
        """Return the note that the query is not read or that no scored document reaches min_probability, if so."""
        if self.stopped == "unread":
            unread = f"the cross-encoder does not read {self.unread:.0%} of the query's tokens"
            return (f"not reranked, and no probabilities: {unread}",)
        if min_probability is None or not 0 < self.dropped == self.reached:
            return ()
        best = Calibration.probability(self.log_odds[self.order[:1]])[0]
        return (nothing_good(self.dropped, "documents", min_probability, float(best)),)

    def first(self, count: int) -> tuple[Ints, Floats]:
        """Return (n,) int64 places and (n,) float64 descending scores of the first `count` documents shown.

        Reranked documents have their log-odds as scores. The others have their fused scores, shifted together so that
        they are below these log-odds.
        """
        places = self.shown[:count]
        scores = self.pool.totals[places]
        # Candidates that `extend` added may have higher fused scores than those before them.
        rises = np.maximum(np.diff(scores), 0.0)
        scores[1:] -= np.cumsum(np.where(rises > 0, rises + 1e-6, 0.0))
        if not self.reached or not len(places):
            return places, scores
        odds = self.log_odds[places]
        after = np.isnan(odds)
        if after.any():
            odds[after] = scores[after] - scores[after].max() + odds[~after].min() - 1
        return places, odds


def nothing_good(count: int, what: str, min_probability: float, best: float) -> str:
    """Return the note that none of `count` scored documents (or answers: `what`) reaches min_probability (0 to 1)."""
    least = f"min_probability {min_probability:g}"
    return f"nothing good: none of {count:,} {what} reaches {least}, the best has {best:.2g}"


def rank_in(places: Ints, at: int) -> int | None:
    """Return the rank (1 is best) of a place in an order; None if the order does not contain it."""
    found = np.flatnonzero(places == at)
    return int(found[0]) + 1 if len(found) else None
