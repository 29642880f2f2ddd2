"""Decide whether a query uses the graph, with a logistic model over features of the answers of all sources.

The model is small and explains its decision: the share of each feature in the log-odds is a Contribution. The default
weights were learned on train and dev queries of fb15k237-simpleqa, medquad and esci-us-sample, all three weighted
equally (`clew bench graph … --gate`); an index with judged queries learns its own, regularised towards these
(`clew.indexer.tuning.gate`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clew.core.types import Contribution, Floats, Ranking
from clew.search.protocols import ParsedQuery

# Feature → its weight in the log-odds. Features are scaled to about 0 to 1.
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
# How many documents of a ranking are compared with another ranking.
TOP = 10


def features(query: ParsedQuery, lists: Mapping[str, Ranking], connections: float) -> Floats:
    """Return (FEATURES,) float64 features of a query whose expansion reached at least one entity.

    lists: source → its ranking. connections: prominence of the entity with the highest link probability (0 to 1).
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
            (bm25.deviations(0) - bm25.deviations(1)) / max(bm25.deviations(0), 1.0) if bm25 else 0.0,
            _squashed(dense),
            _overlap(bm25, [dense]),
            _squashed(graph),
            math.log1p(len(graph.ordinals)) / 6 if graph else 0.0,
            _overlap(graph, [bm25, dense]),
        ],
        np.float64,
    )


def _squashed(found: Ranking | None) -> float:
    """Return how far the first document stands out, on a log scale on which 1 is about 50 standard deviations."""
    return math.log1p(max(0.0, found.deviations(0))) / 4 if found else 0.0


def _overlap(one: Ranking | None, others: Sequence[Ranking | None]) -> float:
    """Return the share of a source's first TOP documents that are among the first TOP of any other source."""
    if one is None or not len(one):
        return 0.0
    known = {int(d) for other in others if other for d in other.ordinals[:TOP]}
    first = [int(d) for d in one.ordinals[:TOP]]
    return sum(d in known for d in first) / len(first)


@dataclass(frozen=True, slots=True)
class Gate:
    """A learned gate. weights: feature → weight. threshold: minimum probability at which the graph is used (0 to 1).

    queries: how many queries it was learned on, in addition to those of the default gate.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    threshold: float = 0.5
    queries: int = 0

    def probability(self, found: Floats) -> float:
        """Return the probability (0 to 1) that the graph helps a query with these features."""
        odds = float(found @ np.array([self.weights.get(name, 0.0) for name in FEATURES]))
        return 1 / (1 + math.exp(-min(max(odds, -500.0), 500.0)))

    def parts(self, found: Floats) -> tuple[Contribution, ...]:
        """Return the log-odds as one contribution per feature; their values add up to it."""
        pairs = zip(FEATURES, found.tolist(), strict=True)
        return tuple(
            Contribution("gate", name, self.weights.get(name, 0.0) * value, {"value": value}) for name, value in pairs
        )

    def as_table(self) -> dict[str, Any]:
        """Return the table that a release stores."""
        return {"weights": dict(self.weights), "threshold": self.threshold, "queries": self.queries}

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> Gate:
        """Read the table that `as_table` returned; an empty table gives the default gate."""
        return cls(table["weights"], table["threshold"], table["queries"]) if table else cls()
