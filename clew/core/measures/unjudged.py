"""What documents that nobody judged could change: condensed nDCG, bounds of nDCG, and bounds of a difference of two.

Condensed lists (Sakai 2007, 10.1145/1277741.1277756) leave unjudged documents out of a ranking. Bounds assume the worst
and the best about them, as the residuals of Moffat and Zobel do (2008, 10.1145/1416950.1416952): every unjudged
document among the first k has the gain, from 0 to the highest, that is worst or best for the measure. The ideal ranking
contains those that are relevant, so that "all of the highest grade" need not be the highest value: where a relevant
document of a low grade is missing, unjudged documents of the same grade are better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import log2

from clew.core.measures.ndcg import ndcg

DEPTH = 10
_ROUNDING = 1e-12


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
    highest: the gain of the highest grade. Exact, for all gains from 0 to the highest.
    """
    known = sum(weight * gains[name] for name, weight in weighed.items() if name in gains)
    unjudged = sorted((weight for name, weight in weighed.items() if name not in gains), reverse=True)
    opposite = [-weight for weight in reversed(unjudged)]
    return -_highest(-known, opposite, gains, highest, k), _highest(known, unjudged, gains, highest, k)


def _highest(known: float, unjudged: Sequence[float], gains: Mapping[str, int], highest: int, k: int) -> float:
    """Return the highest value of (known + sum of weight * gain) / ideal. unjudged: weights, descending.

    Between two gains of judged documents both sums are linear in a gain, and so is that of a group of equal gains, so
    that some best judgement has only gains of judged documents, 0 and the highest. The sums are those over all levels
    of gains: of the weights of the documents that reach a level, and of the first discounts, as many as documents reach
    it. Hence, for a given value v, how many unjudged documents reach each level to maximise sum - v * ideal is a
    question for each level alone; with v the best value, that maximum is 0 (Dinkelbach 1967, 10.1287/mnsc.13.7.492).
    """
    levels = sorted({gain for gain in gains.values() if gain > 0} | {highest})
    steps = [level - below for below, level in zip([0, *levels], levels, strict=False)]
    reach = [sum(gain >= level for gain in gains.values()) for level in levels]
    sums = list(accumulate(unjudged, initial=0.0))
    discounts = list(accumulate((1 / log2(rank + 1) for rank in range(1, k + 1)), initial=0.0))

    def value(counts: Sequence[int]) -> float:
        """Return the value if as many unjudged documents reach each level."""
        every = list(zip(steps, counts, reach, strict=True))
        ideal = sum(step * discounts[min(count + judged, k)] for step, count, judged in every)
        return (known + sum(step * sums[count] for step, count, _ in every)) / ideal

    # All of them not relevant or of the highest grade: the best judgement if no judgement gives a value above 0.
    best = max(value([number] * len(levels)) for number in range(len(sums)))
    while best > 0 and len(levels) > 1:
        counts = []
        for judged in reach:
            net = [total - best * discounts[min(number + judged, k)] for number, total in enumerate(sums)]
            counts.append(net.index(max(net)))
        if (found := value(counts)) <= best + _ROUNDING:
            break
        best = found
    return best


def influence(weight: float, gains: Mapping[str, int], highest: int, k: int = DEPTH) -> float:
    """Return how far one unjudged document of that weight can move the measure of its query, its ideal unchanged."""
    return highest * abs(weight) / _dcg(sorted(gains.values(), reverse=True), k)


def _dcg(gains: Sequence[float], k: int) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains[:k], 1))
