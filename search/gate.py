"""Whether a query uses the graph: a logistic model over what is known once every source has answered.

It is small and shows its reasons: each feature's share of the log-odds is a Contribution. The default weights were
learned on train and dev queries of fb15k237-simpleqa, medquad and esci-us-sample, each with the same say (`clew bench
graph … --gate`); an index with judged queries learns its own, regularised towards
these (`clew.indexer.tuning.gate`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clew.core.types import Contribution, Floats, Ints
from clew.search.protocols import ParsedQuery

# Feature → weight in log-odds. Features are scaled to about 0 to 1.
DEFAULT_WEIGHTS: Mapping[str, float] = {
    "bias": -2.264143,
    "link probability": 1.840257,
    "link margin": 2.898471,
    "mentions": -1.29665,
    "share of words linked": -2.711352,
    "words": 2.85921,
    "seed connections": 0.724591,
    "best weight": 1.872562,
    "weight margin": -1.293732,
    "bm25 top": 0.128606,
    "bm25 lead": 3.278783,
    "dense top": -0.370981,
    "bm25 dense overlap": -1.794932,
    "graph top": -1.260195,
    "graph candidates": 0.234528,
    "graph overlap": 0.207769,
}
FEATURES = tuple(DEFAULT_WEIGHTS)
# How many documents of a list are compared with another's.
TOP = 10


@dataclass(frozen=True, slots=True)
class Seen:
    """What one source answered: (n,) documents best first, their scores, and the score's mean and deviation."""

    documents: Ints
    scores: Floats
    background: tuple[float, float]

    def standing(self, rank: int) -> float:
        """How many deviations above the mean the score at a rank (from 0) is; 0 where there is none."""
        mean, deviation = self.background
        return (float(self.scores[rank]) - mean) / deviation if rank < len(self.scores) and deviation > 0 else 0.0


def features(query: ParsedQuery, lists: Mapping[str, Seen], connections: float) -> Floats:
    """(FEATURES,) float64 of a query whose expansion reached something.

    connections: prominence of the entity that is linked best (0 to 1).
    """
    expansion = query.expansion
    assert expansion is not None  # noqa: S101 - the caller expanded it
    mentions = expansion.linked.mentions
    words = max(1, len(expansion.linked.words))
    best = max(mentions, key=lambda mention: mention.probability)
    rivals = [
        c.probability for c in expansion.linked.candidates if c.dropped and c.first < best.last and best.first < c.last
    ]
    weights = sorted((reached.weight for reached in expansion.reached), reverse=True)
    steps = sorted({(r.path[0].step.key, r.weight) for r in expansion.reached if r.path}, key=lambda s: -s[1])
    leading = next((weight for key, weight in steps if key != steps[0][0]), 0.0) if steps else 0.0
    bm25, dense, graph = (lists.get(name) for name in ("bm25", "dense", "graph"))
    return np.array(
        [
            1.0,
            best.probability,
            best.probability - max(rivals, default=0.0),
            len(mentions) / 4,
            sum(mention.last - mention.first for mention in mentions) / words,
            math.log(words) / 3,
            connections,
            weights[0] if weights else 0.0,
            (weights[0] - leading) if weights else 0.0,
            _squashed(bm25),
            (bm25.standing(0) - bm25.standing(1)) / max(bm25.standing(0), 1.0) if bm25 else 0.0,
            _squashed(dense),
            _overlap(bm25, [dense]),
            _squashed(graph),
            math.log1p(len(graph.documents)) / 6 if graph else 0.0,
            _overlap(graph, [bm25, dense]),
        ],
        np.float64,
    )


def _squashed(seen: Seen | None) -> float:
    """How far the first document stands out, on a scale where 1 is about 50 deviations."""
    return math.log1p(max(0.0, seen.standing(0))) / 4 if seen else 0.0


def _overlap(one: Seen | None, others: Sequence[Seen | None]) -> float:
    """Share of a list's first documents that are among the first of any other list."""
    if one is None or not len(one.documents):
        return 0.0
    known = {int(d) for other in others if other for d in other.documents[:TOP]}
    first = [int(d) for d in one.documents[:TOP]]
    return sum(d in known for d in first) / len(first)


@dataclass(frozen=True, slots=True)
class Gate:
    """A learned gate. weights: feature → weight. threshold: least probability at which the graph is used (0 to 1).

    queries: how many it was learned on beside the default's.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    threshold: float = 0.5
    queries: int = 0

    def probability(self, found: Floats) -> float:
        """Chance (0 to 1) that the graph helps a query with these features."""
        odds = float(found @ np.array([self.weights.get(name, 0.0) for name in FEATURES]))
        return 1 / (1 + math.exp(-min(max(odds, -500.0), 500.0)))

    def parts(self, found: Floats) -> tuple[Contribution, ...]:
        """The log-odds as one contribution a feature; they add up."""
        pairs = zip(FEATURES, found.tolist(), strict=True)
        return tuple(
            Contribution("gate", name, self.weights.get(name, 0.0) * value, {"value": value}) for name, value in pairs
        )

    def as_table(self) -> dict[str, Any]:
        """As it is stored in a release."""
        return {"weights": dict(self.weights), "threshold": self.threshold, "queries": self.queries}

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> Gate:
        """From what `as_table` gave; the default gate for an empty table."""
        return cls(table["weights"], table["threshold"], table["queries"]) if table else cls()
