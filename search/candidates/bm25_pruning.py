"""The best passages of a query without scoring those that cannot be among them, compiled.

MaxScore (Turtle, Flood: Query evaluation: strategies and optimizations, IPM 1995), a term at a time: terms are taken
by what they can add at most, largest first. Once the k-th best score so far exceeds all that the terms still to come
can add together, no passage that holds only these can be among the best, so they are only added to passages met
before, of which those that cannot reach the k-th score any more are dropped before each term.

What a term adds is rounded to a multiple of 2^-38, so that sums below 2^15 are exact in float64 and do not depend on
the order of the terms: scores and ties equal those of scoring everything, however passages are sharded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types as nb

from search.candidates.bm25_kernel import compiled, read_only

# The score of a passage that was not met.
UNMET = -np.inf
# Steps of what a term adds, in 1: a power of two.
STEPS = 2.0**38
# Looking a passage up in a list costs about as much as reading this many of its postings.
_LOOK_UP = 24


@compiled(
    nb.void(
        nb.int64, nb.int64, read_only(nb.int32), read_only(nb.float32), read_only(nb.float32), nb.float64, nb.float64,
        nb.float64, nb.float64[::1],
    )
)  # fmt: skip
def moments(
    start: int, end: int, passages: Any, tf: Any, lengths: Any, scale: float, base: float, slope: float, found: Any
) -> None:
    """Write what a term of weight 1 adds to its passages into found, (3,): the most, the sum, the sum of squares.

    start, end: where its postings lie; the others as of `best_matches`.
    """
    most, total, squares = 0.0, 0.0, 0.0
    for at in range(start, end):
        frequency = np.float64(tf[at])
        part = frequency * scale / (frequency + (base + slope * lengths[passages[at]]))
        most = max(most, part)
        total += part
        squares += part * part
    found[0], found[1], found[2] = most, total, squares


@compiled(nb.float64(nb.int64, nb.int64, nb.float64[::1], nb.int32[::1], nb.float64[::1]))
def _kth_score(found: int, k: int, scores: Any, touched: Any, heap: Any) -> float:
    """The k-th best score of the touched passages, 0 < k <= found. heap: (n,) workspace."""
    for at in range(k):
        # A heap of the k best scores so far, with the smallest on top.
        child = at
        score = scores[touched[at]]
        while child > 0 and heap[(child - 1) // 2] > score:
            heap[child] = heap[(child - 1) // 2]
            child = (child - 1) // 2
        heap[child] = score
    for at in range(k, found):
        score = scores[touched[at]]
        if score <= heap[0]:
            continue
        parent, child = 0, 1
        while child < k:
            if child + 1 < k and heap[child + 1] < heap[child]:
                child += 1
            if heap[child] >= score:
                break
            heap[parent] = heap[child]
            parent, child = child, 2 * child + 1
        heap[parent] = score
    return float(heap[0])


@compiled(
    nb.int64(nb.int64, nb.float64, nb.float64[::1], nb.boolean[::1], nb.int32[::1], nb.float64[::1])
)  # fmt: skip
def collect(found: int, least: float, scores: Any, seen: Any, touched: Any, best: Any) -> int:
    """Bring touched passages that score at least `least` to the front of touched, their scores to best; clean up.

    Returns how many they are. scores and seen are all 0 afterwards.
    """
    kept = 0
    for at in range(found):
        passage = touched[at]
        score = scores[passage]
        scores[passage] = 0.0
        seen[passage] = False
        if score >= least:
            touched[kept] = passage
            best[kept] = score
            kept += 1
    return kept


@compiled(
    nb.void(
        nb.int64, nb.int64, nb.int64, nb.float64, read_only(nb.int32), read_only(nb.float32), read_only(nb.float32),
        nb.float64, nb.float64, nb.float64, nb.float64[::1], nb.int32[::1],
    )
)  # fmt: skip
def _add(
    found: int, start: int, end: int, weight: float, passages: Any, tf: Any, lengths: Any, scale: float, base: float,
    slope: float, scores: Any, touched: Any,
) -> None:  # fmt: skip
    """Add a term to the scores of the touched passages alone."""
    if found * _LOOK_UP < end - start:
        for row in range(found):
            passage = touched[row]
            low, high = start, end
            while low < high:
                middle = (low + high) // 2
                if passages[middle] < passage:
                    low = middle + 1
                else:
                    high = middle
            if low < end and passages[low] == passage:
                frequency = np.float64(tf[low])
                part = weight * (frequency * scale / (frequency + (base + slope * lengths[passage])))
                scores[passage] += np.rint(part * STEPS) / STEPS
    else:
        for at in range(start, end):
            passage = passages[at]
            if scores[passage] > UNMET:
                frequency = np.float64(tf[at])
                part = weight * (frequency * scale / (frequency + (base + slope * lengths[passage])))
                scores[passage] += np.rint(part * STEPS) / STEPS


@compiled(nb.int64(nb.int64, nb.float64, nb.float64[::1], nb.int32[::1]))
def _drop(found: int, least: float, scores: Any, touched: Any) -> int:
    """Keep the touched passages that score at least `least`; returns how many they are."""
    kept = 0
    for at in range(found):
        passage = touched[at]
        if scores[passage] >= least:
            touched[kept] = passage
            kept += 1
        else:
            scores[passage] = UNMET
    return kept


@compiled(
    nb.int64(
        nb.int64, nb.int64, nb.int64, nb.float64, read_only(nb.int32), read_only(nb.float32), read_only(nb.float32),
        nb.float64, nb.float64, nb.float64, read_only(nb.boolean), nb.float64[::1], nb.int32[::1],
    )
)  # fmt: skip
def _meet(
    found: int, start: int, end: int, weight: float, passages: Any, tf: Any, lengths: Any, scale: float, base: float,
    slope: float, allowed: Any, scores: Any, touched: Any,
) -> int:  # fmt: skip
    """Add a term to the scores of all allowed passages that hold it; returns how many are touched now."""
    for at in range(start, end):
        passage = passages[at]
        if len(allowed) and not allowed[passage]:
            continue
        frequency = np.float64(tf[at])
        part = weight * (frequency * scale / (frequency + (base + slope * lengths[passage])))
        part = np.rint(part * STEPS) / STEPS
        if scores[passage] == UNMET:
            scores[passage] = part
            touched[found] = passage
            found += 1
        else:
            scores[passage] += part
    return found


@compiled(
    nb.int64(
        nb.int64, read_only(nb.int64), read_only(nb.int64), read_only(nb.float64), read_only(nb.float64),
        read_only(nb.int64), read_only(nb.int32), read_only(nb.float32), read_only(nb.float32), nb.float64, nb.float64,
        nb.float64, read_only(nb.boolean), nb.float64[::1], nb.int32[::1], nb.float64[::1],
    )
)  # fmt: skip
def best_matches(
    k: int, starts: Any, ends: Any, weights: Any, bounds: Any, order: Any, passages: Any, tf: Any, lengths: Any,
    scale: float, base: float, slope: float, allowed: Any, scores: Any, touched: Any, best: Any,
) -> int:  # fmt: skip
    """Find the k best passages, and all that tie with the last of them; returns how many they are.

    k: above 0. starts, ends: (t,) int64 postings of each term, in the query's order; weights: (t,) query weight times
    idf; bounds: (t,) what each can add at most, 0 or more, in whole steps. order: (t,) int64 terms: first those of a
    weight below 0, then by bound, the largest first. passages, tf: the postings. lengths: (n,) float32. scale = k1 + 1;
    base + slope * length is the denominator's constant. allowed: (n,) bool, or (0,) for all. scores: (n,) workspace,
    all UNMET before and after; touched, best: (n,) written: the passages, in no order, and their scores.
    """
    rest = np.zeros(len(order) + 1)
    left = np.zeros(len(order) + 1, np.int64)
    for turn in range(len(order) - 1, -1, -1):
        rest[turn] = rest[turn + 1] + bounds[order[turn]]
        left[turn] = left[turn + 1] + ends[order[turn]] - starts[order[turn]]
    found, turn, least = 0, 0, 0.0
    while turn < len(order):
        # Looking for the k-th score reads every passage met so far: worth it where more than that is still to be read.
        if k <= found < left[turn]:
            least = _kth_score(found, k, scores, touched, best)
            if rest[turn] < least:
                break
        t = order[turn]
        found = _meet(
            found, starts[t], ends[t], weights[t], passages, tf, lengths, scale, base, slope, allowed, scores, touched
        )
        turn += 1
    while turn < len(order):
        found = _drop(found, least - rest[turn], scores, touched)
        t = order[turn]
        _add(found, starts[t], ends[t], weights[t], passages, tf, lengths, scale, base, slope, scores, touched)
        turn += 1
        if found > k:
            least = _kth_score(found, k, scores, touched, best)
    if found > k:
        found = _drop(found, _kth_score(found, k, scores, touched, best), scores, touched)
    for row in range(found):
        best[row] = scores[touched[row]]
        scores[touched[row]] = UNMET
    return found
