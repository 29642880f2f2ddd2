"""Find out whether the documents that nobody judged could change a decision of the gate, and which to judge first."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clew.core.measures.evaluation import judged_queries
from clew.core.measures.unjudged import bounds, influence, weights

_ROUNDING = 1e-9

Ranked = Mapping[str, Sequence[str]]
Qrels = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and a document that nobody judged for it.

    influence: how far its judgement can move the mean that was decided on.
    """

    query: str
    document: str
    influence: float


@dataclass(frozen=True, slots=True)
class Undecided:
    """A decision that unjudged documents could change.

    value: what was measured, with unjudged documents as not relevant. low, high: its bounds over all judgements of the
    pairs. pairs: the largest influence first. first: the smallest number of pairs from the start that confirm the
    decision if none of them is relevant; if some are, the decision is made again.
    """

    value: float
    low: float
    high: float
    pairs: tuple[Pair, ...]
    first: int

    @property
    def said(self) -> str:
        """The verdict in one sentence."""
        return (
            f"cannot tell: judge these {self.first:,} pairs first (of {len(self.pairs):,} documents among the first "
            f"ten that nobody judged, with which {self.value:.4f} could be {self.low:.4f} to {self.high:.4f})"
        )


def undecided(qrels: Qrels, required: float, after: Ranked, before: Ranked | None = None) -> Undecided | None:
    """Return whether the mean nDCG@10 of a ranking can cross a required value; None if no judgement can change that.

    qrels: grades; only queries with a relevant document count. after, before: query → documents, best first; with
    `before` the value is the mean difference of the two.
    """
    material = _Material.of(qrels, after, before or {})
    value, _ = material.bounds(material.pairs)
    passes = value >= required - _ROUNDING

    def is_open(judged: Sequence[Pair]) -> bool:
        low, high = material.bounds(judged)
        return low < required - _ROUNDING if passes else high >= required - _ROUNDING

    if not is_open(()):
        return None
    counts = range(len(material.pairs) + 1)
    first = bisect_left(counts, True, key=lambda count: not is_open(material.pairs[:count]))
    return Undecided(value, *material.bounds(()), material.pairs, first)


def unjudged_pairs(qrels: Qrels, ranked: Ranked) -> tuple[Pair, ...]:
    """Return the unjudged documents among the first ten of each judged query, the largest influence first."""
    return _Material.of(qrels, ranked, {}).pairs


@dataclass(frozen=True, slots=True)
class _Material:
    """Per query the weights of the first ten documents and the gains of the judged ones, and the unjudged pairs."""

    weights: Mapping[str, Mapping[str, float]]
    gains: Mapping[str, Mapping[str, int]]
    highest: int
    pairs: tuple[Pair, ...]

    @classmethod
    def of(cls, qrels: Qrels, after: Ranked, before: Ranked) -> _Material:
        names = judged_queries(qrels)
        gains = {name: {doc: max(grade, 0) for doc, grade in qrels[name].items()} for name in names}
        highest = max(gain for judged in gains.values() for gain in judged.values())
        weighed = {name: weights(after.get(name, ()), before.get(name, ())) for name in names}
        pairs = [
            Pair(name, doc, influence(weight, gains[name], highest) / len(names))
            for name in names
            for doc, weight in weighed[name].items()
            if doc not in gains[name]
        ]
        return cls(weighed, gains, highest, tuple(sorted(pairs, key=lambda pair: -pair.influence)))

    def bounds(self, refused: Sequence[Pair]) -> tuple[float, float]:
        """Return the bounds of the mean if the pairs in `refused` are judged as not relevant."""
        zeros: dict[str, dict[str, int]] = {}
        for pair in refused:
            zeros.setdefault(pair.query, {})[pair.document] = 0
        found = [
            bounds(weighed, {**self.gains[name], **zeros.get(name, {})}, self.highest)
            for name, weighed in self.weights.items()
        ]
        return sum(low for low, _ in found) / len(found), sum(high for _, high in found) / len(found)
