"""The rerank stage: a cross-encoder reads the first candidates of the fused order together with the query.

How many it reads depends on the spec and on the scores, never on the clock: with a time limit it reads all of them, or
the fused order stays. It may stop early, if hardly anything relevant is expected among the other candidates.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from clew.core.errors import StageUnavailable
from clew.core.types import Deadline, Floats, Ints
from clew.models.protocols import LanguageReader, PairScorer
from clew.models.unread import UNKNOWN_LIMIT
from clew.search.fusion import FusedCandidates, lift_above
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.ordering import Ordering
from clew.search.rerank.spec import RerankSpec

if TYPE_CHECKING:
    from clew.search.docstore import DocStore

# Enough that batches have texts of similar length, few enough that an early stop saves many.
CHUNK = 16
# With a time limit, how many of the first chunk are scored first, to measure the time of one.
FIRST = 4


@dataclass(frozen=True, slots=True)
class Reranker:
    """A loaded cross-encoder and how it is used. Safe for concurrent searches."""

    scorer: PairScorer
    spec: RerankSpec
    calibration: Calibration

    def rerank(self, query_text: str, pool: FusedCandidates, store: DocStore, deadline: Deadline) -> Ordering:
        """Score the first documents of the fused order, each by its best passage.

        If there is a time limit and not all of them can be scored in it, none is reranked (stopped is "budget"), so
        that pages of one query do not depend on how many were reached. If the cross-encoder does not read the query's
        language, its scores say nothing, and none is reranked either (stopped is "unread"). Raises StageUnavailable if
        the deadline has passed already, or if a score is not a finite number.
        """
        fused = pool.order()
        wanted = fused[: self.spec.top]
        if (unread := self.unread_share(query_text)) > UNKNOWN_LIMIT:
            return replace(self._not_reranked(pool, fused, len(wanted), "unread"), unread=unread)
        if len(wanted) and deadline.passed:
            raise StageUnavailable("the time budget was used up before this stage")
        scores = np.full(len(fused), np.nan)
        clock = _Clock.started(self.spec.budget_ms, deadline)
        reached = 0
        stopped: Literal["all", "early_stop"] = "all"
        while reached < len(wanted):
            if self._stops_early(wanted, reached, scores, pool.prior):
                stopped = "early_stop"
                break
            if not clock.allows(
                reached, min(CHUNK, len(wanted) - reached) if self._may_stop else len(wanted) - reached
            ):
                return self._not_reranked(pool, fused, len(wanted), "budget")
            chunk = wanted[reached : clock.next_end(reached)]
            texts = [store.embedded_text(pool.best_passage(int(at))) for at in chunk]
            scores[chunk] = self.scorer.score(query_text, texts)
            if not np.isfinite(scores[chunk]).all():
                raise StageUnavailable("the model gave a document a score that is not a finite number")
            reached += len(chunk)
        log_odds = self.calibration.log_odds(scores, pool.prior)
        first = wanted[:reached]
        lift = lift_above(log_odds, pool.identified)
        if pool.identified is not None:
            log_odds += lift * pool.identified
        order = np.concatenate([first[np.argsort(-log_odds[first], kind="stable")], fused[reached:]])
        return Ordering(
            pool=pool,
            fused=fused,
            order=order,
            shown=order,
            scores=scores,
            log_odds=log_odds,
            calibration=self.calibration,
            lift=lift,
            reached=reached,
            wanted=len(wanted),
            stopped=stopped,
        )

    def without_budget(self) -> Reranker:
        """Return this reranker without a time budget, so that its results do not depend on the machine."""
        return replace(self, spec=replace(self.spec, budget_ms=0.0))

    def exhaustive(self) -> Reranker:
        """Return this reranker without a time budget and early stop, to learn or measure on all candidates."""
        return replace(self, spec=replace(self.spec, budget_ms=0.0, early_stop=0.0))

    def unread_share(self, query_text: str) -> float:
        """Return the share (0 to 1) of a query's tokens that say nothing to the cross-encoder; 0 if it cannot tell."""
        return self.scorer.unread_share(query_text) if isinstance(self.scorer, LanguageReader) else 0.0

    def reads_any(self, queries: Iterable[str]) -> bool:
        """Return whether the cross-encoder reads the language of at least one of the queries."""
        return any(self.unread_share(query) <= UNKNOWN_LIMIT for query in queries)

    def _not_reranked(
        self, pool: FusedCandidates, fused: Ints, wanted: int, stopped: Literal["budget", "unread"]
    ) -> Ordering:
        """Return the fused order, as of a stage that ran out of time or does not read the query."""
        none = np.full(len(fused), np.nan)
        return Ordering(pool, fused, fused, fused, none, none, self.calibration, wanted=wanted, stopped=stopped)

    @property
    def _may_stop(self) -> bool:
        """Return whether reranking can end before all documents are scored."""
        return self.calibration.expected_relevant is not None and self.spec.early_stop > 0

    def _stops_early(self, wanted: Ints, reached: int, scores: Floats, fused: Floats) -> bool:
        """Return whether fewer relevant documents than early_stop are expected among those not scored yet.

        fused: (m,) prior of the candidates.
        """
        expected_relevant = self.calibration.expected_relevant
        if expected_relevant is None or not self._may_stop or reached < CHUNK:
            return False
        done, left = wanted[:reached], wanted[reached:]
        best = float(self.calibration.evidence(scores[done], fused[done]).max())
        return expected_relevant.remaining(fused[left], best) < self.spec.early_stop


@dataclass(frozen=True, slots=True)
class _Clock:
    """The start of the stage and its end by the time limit (seconds, monotonic)."""

    start: float
    end: float

    @classmethod
    def started(cls, budget_ms: float, deadline: Deadline) -> _Clock:
        now = time.monotonic()
        return cls(now, min(deadline.at, now + budget_ms / 1000 if budget_ms else float("inf")))

    def allows(self, done: int, count: int) -> bool:
        """Return whether `count` more pairs fit into the time left, at the mean time of the `done` pairs before."""
        if not done or self.end == float("inf"):
            return True
        now = time.monotonic()
        return (now - self.start) / done * count <= self.end - now + 1e-9

    def next_end(self, done: int) -> int:
        """Return how many pairs are scored after the next call: up to the next multiple of CHUNK.

        So an early stop is considered at the same places with a time limit and without one.
        """
        return FIRST if not done and self.end < float("inf") else (done // CHUNK + 1) * CHUNK
