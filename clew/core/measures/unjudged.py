"""What documents that nobody judged could change: condensed nDCG, bounds of nDCG, and bounds of a difference of two.

Condensed lists (Sakai 2007, 10.1145/1277741.1277756) leave unjudged documents out of a ranking. Bounds assume the worst
and the best about them, as the residuals of Moffat and Zobel do (2008, 10.1145/1416950.1416952): every unjudged
document among the first k is either not relevant or of the highest grade, whichever is lower or higher for the measure.
The ideal ranking contains those that are relevant, so that "all relevant" need not be the highest value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log2

from clew.core.measures.ndcg import ndcg

DEPTH = 10


def condensed_ndcg(ranked: Iterable[str], gains: Mapping[str, int], k: int = DEPTH) -> float:
    """Return nDCG@k (0 to 1) of a ranking without its unjudged documents. gains: of the judged documents, 0 or more."""
    return ndcg([gains[name] for name in ranked if name in gains], list(gains.values()), k)


def weights(after: Sequence[str], before: Sequence[str] = (), k: int = DEPTH) -> dict[str, float]:
    """Return document → discount of its rank in `after` minus that in `before`, for the documents in either first k."""
    found: dict[str, float] = {}
    for ranked, sign in ((after, 1.0), (before, -1.0)):
        for rank, name in enumerate(ranked[:k], 1):
            found[name] = found.get(name, 0.0) + sign / log2(rank + 1)
    return found


def bounds(weighed: Mapping[str, float], gains: Mapping[str, int], highest: int, k: int = DEPTH) -> tuple[float, float]:
    """Return the lowest and the highest value of nDCG@k, or of a difference in it, over all judgements of the unjudged.

    weighed: as `weights` returns it. gains: of the judged documents of the query, 0 or more, at least one above 0.
    highest: the gain of the highest grade. Exact: of the judgements with m relevant documents, which have the same
    ideal, those that give the relevance to the m largest or smallest weights are extreme.
    """
    unjudged = sorted((weight for name, weight in weighed.items() if name not in gains), reverse=True)
    known = sum(weight * gains[name] for name, weight in weighed.items() if name in gains)
    ideal = sorted(gains.values(), reverse=True)
    low, high = float("inf"), float("-inf")
    for relevant in range(len(unjudged) + 1):
        best = _dcg([highest] * relevant + ideal, k)
        high = max(high, (known + highest * sum(unjudged[:relevant])) / best)
        low = min(low, (known + highest * sum(unjudged[len(unjudged) - relevant :])) / best)
    return low, high


def influence(weight: float, gains: Mapping[str, int], highest: int, k: int = DEPTH) -> float:
    """Return how far one unjudged document of that weight can move the measure of its query, its ideal unchanged."""
    return highest * abs(weight) / _dcg(sorted(gains.values(), reverse=True), k)


def _dcg(gains: Sequence[float], k: int) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains[:k], 1))
