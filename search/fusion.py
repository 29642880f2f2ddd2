"""Fuse the rankings of several sources into one. The parts of the sources add up to the fused score.

The default needs no judgements. It standardises the scores of each source over the whole collection, for this query:
(score - mean) / standard deviation. A rare model number lifts one product fifty deviations above the BM25 mean; the
words of "what are the symptoms of" lift thousands of documents a little. So how much a source counts depends on the
query: on how far its best documents stand out. Methods that use only the scores of a query's candidates (min-max,
z-scores of the list) or only ranks (RRF) lose that information.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from clew.core.errors import unknown_name
from clew.core.types import Bools, Contribution, Floats, Ints

_Value = TypeVar("_Value", np.bool_, np.float64)

# Chosen on train and dev splits only, together with the default of BM25's k1; `clew bench fusion DIR…` prints the
# results for other weights.
DEFAULT_WEIGHTS: Mapping[str, float] = {"bm25": 0.35, "dense": 1.0, "graph": 1.0}


# What a query's whole content in a document's title adds to its fused score, as what is known before it is reranked.
# Chosen on train and dev queries, together with the weight of the fused score in the default reranker's calibration.
TITLE_WEIGHT = 7.5
# How far the lowest document that a query names by an identifier is lifted above the best of the others.
LIFT_MARGIN = 0.1
_ROUNDING = 1e-9
# Why the score of a document from the graph counts as 0, as explanations say it.
OUTMATCHED = "other documents hold more of the query"
# Sources whose scores are the same for all passages of a document.
_OF_DOCUMENTS = frozenset({"graph"})


def passage_rows(sources: Sequence[str]) -> list[int]:
    """Return the indexes of the sources that score passages, or of all sources if all of them score whole documents."""
    return [row for row, name in enumerate(sources) if name not in _OF_DOCUMENTS] or list(range(len(sources)))


@dataclass(frozen=True, slots=True)
class FusionSpec:
    """How the scores of the sources are fused.

    method: hybrid (standardised sums, the default), sum (min-max sums) or rrf. weights: source → weight (0 or more);
    sources that are not named have their default. rrf_k: the constant of reciprocal rank fusion (Cormack et al. 2009).
    """

    method: str = "hybrid"
    weights: Mapping[str, float] = field(default_factory=dict)
    rrf_k: int = 60

    def __post_init__(self) -> None:
        if self.method not in FUSIONS:
            raise ValueError(f"method is {self.method!r}, expected one of {', '.join(sorted(FUSIONS))}")
        for name, weight in self.weights.items():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"weights.{name} is {weight}, expected 0 or more")
        if self.rrf_k < 1:
            raise ValueError(f"rrf_k is {self.rrf_k}, expected 1 or more")

    def weight(self, source: str) -> float:
        """Return a source's weight: the given one, else the default (1 for rrf and sum, and for an unknown source)."""
        equal = {} if self.method in {"rrf", "sum"} else DEFAULT_WEIGHTS
        return float(self.weights.get(source, equal.get(source, 1.0)))


def standardised(pool: FusedCandidates, spec: FusionSpec) -> Floats:
    """Return (S, m) weight * (score - mean) / deviation over the collection, divided by the sum of the weights.

    A missing score counts as the mean. The graph's weight is not part of the sum: what the graph says about some
    documents takes nothing from the evidence for others, which is compared with scores of other stages.
    """
    weights = np.array([spec.weight(name) for name in pool.sources])[:, None]
    mean, deviation = pool.score_statistics[:, :1], pool.score_statistics[:, 1:]
    parts = (pool.scores - mean) / np.where(deviation > 0, deviation, 1.0)
    whole = float(weights[passage_rows(pool.sources)].sum()) or float(weights.sum())
    joined: Floats = np.nan_to_num(weights * parts, nan=0.0) / max(whole, 1e-12)
    return joined


def min_max(pool: FusedCandidates, spec: FusionSpec) -> Floats:
    """Return (S, m) weight * (score - min) / (max - min), divided by the sum of the weights.

    min, max: of the source's scores of the candidates. A missing score counts as min.
    """
    weights = np.array([spec.weight(name) for name in pool.sources])[:, None]
    scores = np.where(np.isnan(pool.scores), np.inf, pool.scores)
    least = np.min(scores, axis=1, keepdims=True, initial=np.inf)
    least = np.where(np.isfinite(least), least, 0.0)
    filled = np.where(np.isfinite(scores), scores, least)
    span = np.max(filled, axis=1, keepdims=True, initial=-np.inf) - least
    joined: Floats = weights * (filled - least) / np.where(span > 0, span, 1.0) / max(float(weights.sum()), 1e-12)
    return joined


def reciprocal_rank(pool: FusedCandidates, spec: FusionSpec) -> Floats:
    """Return (S, m) weight / (rrf_k + rank), ranks from 1; 0 outside a source's list (Cormack et al. 2009)."""
    weights = np.array([spec.weight(name) for name in pool.sources])[:, None]
    return np.where(pool.ranks >= 0, weights / (spec.rrf_k + pool.ranks + 1.0), 0.0)


FUSIONS: Mapping[str, Callable[[FusedCandidates, FusionSpec], Floats]] = {
    "hybrid": standardised,
    "sum": min_max,
    "rrf": reciprocal_rank,
}


def fusion_of(asked: FusionSpec | str | None, usual: FusionSpec) -> FusionSpec:
    """Return the fusion that a request asks for. asked: a name; None: `usual`. Raises UnknownNameError."""
    if isinstance(asked, FusionSpec):
        return asked
    if asked is None:
        return usual
    if asked not in FUSIONS:
        raise unknown_name("fusion", asked, FUSIONS)
    return replace(usual, method=asked)


def identifier_part(stage: str, lift: float) -> Contribution:
    """Return what a stage adds to the score of a document that the query names by an identifier."""
    return Contribution(stage, "identifier", lift, {"reason": "the query names it"})


def lift_above(scores: Floats, first: Bools | None) -> float:
    """Return what to add to the scores of some documents so that all of them exceed all others; 0 if they do already.

    scores: (m,) float64. first: (m,) bool, the documents that come first (None: none). NaN scores are not compared.
    """
    if first is None:
        return 0.0
    lowest = float(np.nanmin(scores[first], initial=np.inf))
    highest = float(np.nanmax(scores[~first], initial=-np.inf))
    return max(0.0, highest - lowest + LIFT_MARGIN) if np.isfinite(lowest) and np.isfinite(highest) else 0.0


def _joined(
    one: NDArray[_Value] | None, other: NDArray[_Value] | None, sizes: tuple[int, int], order: Ints
) -> NDArray[_Value] | None:
    """Return the values of the candidates of two pools in this order, 0 for a pool without them; None if both are.

    sizes: numbers of candidates of the two pools.
    """
    known = one if one is not None else other
    if known is None:
        return None
    parts = [np.zeros(n, known.dtype) if each is None else each for each, n in zip((one, other), sizes, strict=True)]
    return np.concatenate(parts)[order]


def _no_parts() -> Floats:
    return np.empty((0, 0))


def _no_totals() -> Floats:
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class FusedCandidates:
    """The m candidate documents of one search, with their scores from S sources and their fused scores.

    documents: (m,) int64 ascending ordinals. scores: (S, m) float64, NaN if a source has no score for a document.
    ranks: (S, m) int64 rank in the source's own list, from 0; -1 outside it. score_statistics: (S, 2) float64 mean
    and standard deviation of each source's scores over the collection. best: (S, m) int64 best passage of each
    document according to each source. identified: (m,) bool, documents that the query names by an identifier, which
    come first; None if there are none. outmatched: (m,) bool, documents whose score from the graph counts as 0
    (`clew.search.outmatched`); None if there are none. parts: (S, m) float64 what each source adds to the fused score;
    totals: (m,) float64, their sums, with what lifts identified documents above the others; weights: the weight of each
    source. The three are empty before fusion. titles: (m,) float64 how much the title of each counts, 0 to 1
    (`clew.search.titles`); None if nothing is reranked.
    """

    documents: Ints
    sources: tuple[str, ...]
    scores: Floats
    ranks: Ints
    score_statistics: Floats
    best: Ints
    identified: Bools | None = None
    outmatched: Bools | None = None
    parts: Floats = field(default_factory=_no_parts)
    totals: Floats = field(default_factory=_no_totals)
    weights: tuple[float, ...] = ()
    titles: Floats | None = None

    @property
    def prior(self) -> Floats:
        """Return (m,) float64 what speaks for each document before it is reranked: its fused score and its title."""
        return self.totals if self.titles is None else self.totals + TITLE_WEIGHT * self.titles

    def fused(self, spec: FusionSpec) -> FusedCandidates:
        """Return the pool with the fused scores of a method and its weights; the other arrays are shared."""
        parts = FUSIONS[spec.method](self, spec)
        weights = tuple(spec.weight(name) for name in self.sources)
        totals = parts.sum(axis=0)
        lift = lift_above(totals, self.identified)
        if self.identified is not None:
            totals = totals + lift * self.identified
        return replace(self, parts=parts, totals=totals, weights=weights)

    def take(self, at: Ints) -> FusedCandidates:
        """Return the pool of the candidates at these ascending indexes, with the scores that they have in this one."""
        return replace(
            self,
            documents=self.documents[at],
            scores=self.scores[:, at],
            ranks=self.ranks[:, at],
            best=self.best[:, at],
            identified=None if self.identified is None else self.identified[at],
            outmatched=None if self.outmatched is None else self.outmatched[at],
            parts=self.parts[:, at],
            totals=self.totals[at],
            titles=None if self.titles is None else self.titles[at],
        )

    def without(self, document: int) -> FusedCandidates:
        """Return the pool without one document; ranks and fused scores stay as they are."""
        return self.take(np.flatnonzero(self.documents != document))

    def merge(self, rest: FusedCandidates) -> FusedCandidates:
        """Return the candidates of this pool and of another one without any of them, with their scores."""
        documents = np.concatenate([self.documents, rest.documents])
        order, sizes = np.argsort(documents), (len(self.documents), len(rest.documents))
        return replace(
            self,
            documents=documents[order],
            scores=np.concatenate([self.scores, rest.scores], axis=1)[:, order],
            ranks=np.concatenate([self.ranks, rest.ranks], axis=1)[:, order],
            best=np.concatenate([self.best, rest.best], axis=1)[:, order],
            identified=_joined(self.identified, rest.identified, sizes, order),
            outmatched=_joined(self.outmatched, rest.outmatched, sizes, order),
            parts=np.concatenate([self.parts, rest.parts], axis=1)[:, order],
            totals=np.concatenate([self.totals, rest.totals])[order],
            titles=_joined(self.titles, rest.titles, sizes, order),
        )

    def order(self) -> Ints:
        """Return (m,) int64 indexes of the documents, best first: score descending, then ordinal ascending."""
        return np.lexsort((self.documents, -self.totals)).astype(np.int64)

    def index_of(self, document: int) -> int | None:
        """Return the index of a document in the pool, None if no source found it."""
        at = int(np.searchsorted(self.documents, document))
        return at if at < len(self.documents) and self.documents[at] == document else None

    def best_passage(self, at: int) -> int:
        """Return the best passage of a document, by the source that adds most to its fused score.

        Only sources that score passages count, unless all of them score whole documents.
        """
        best = max(passage_rows(self.sources), key=lambda row: (self.parts[row, at], -row))
        return int(self.best[best, at])

    def parts_of(self, at: int) -> tuple[Contribution, ...]:
        """Return the fused score of one document as one contribution per source."""
        found: list[Contribution] = []
        for row, name in enumerate(self.sources):
            score, rank = float(self.scores[row, at]), int(self.ranks[row, at])
            mean, deviation = (float(x) for x in self.score_statistics[row])
            detail: dict[str, Any] = {
                "score": None if np.isnan(score) else score,
                "rank": rank + 1 if rank >= 0 else None,
                "weight": self.weights[row],
                "mean": mean,
                "deviation": deviation,
            }
            if name in _OF_DOCUMENTS and self.outmatched is not None and self.outmatched[at]:
                detail["reason"] = OUTMATCHED
            found.append(Contribution("fusion", name, float(self.parts[row, at]), detail))
        if self.identified is not None and self.identified[at]:
            # Merged candidates have the lift of their own pool.
            lift = float(self.totals[at] - self.parts[:, at].sum())
            found += [identifier_part("fusion", lift)] if lift > _ROUNDING else []
        return tuple(found)
