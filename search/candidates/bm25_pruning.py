"""The best passages of a query without scoring those that cannot be among them, compiled.

MaxScore (Turtle, Flood: Query evaluation: strategies and optimizations, IPM 1995), a term at a time: terms are taken
by what they can add at most, largest first. Once the k-th best score so far exceeds all that the terms still to come
can add together, no passage that holds only these can be among the best, so they are only added to passages met
before, of which those that cannot reach the k-th score any more are dropped before each term.

What a term adds is rounded to a multiple of 2^-38, so that sums below 2^15 are exact in float64 and do not depend on
the order of the terms: scores and ties equal those of scoring everything, however passages are sharded.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types as nb

from search.candidates.bm25_kernel import compiled, read_only

# The code of a frequency that is among the rare ones.
RARE = 255
# The score of a passage that was not met.
UNMET = -np.inf
# Steps of what a term adds, in 1: a power of two.
STEPS = 2.0**38
# Looking a passage up in a list costs about as much as reading this many of its postings.
_LOOK_UP = 8
# A list has an entry in its skips for 2^_SKIP postings on average, and none where there would be fewer than _FEWEST.
_SKIP = 3
_FEWEST = 8
NO_SKIPS = -1

_SKIPS = nb.int32[::1]
_SCORES, _TOUCHED = nb.float64[::1], nb.int32[::1]


class HeldPostings(NamedTuple):
    """The postings of a shard and how they are scored, as compiled code takes them.

    passages: (p,) int32. codes: (p,) uint8, the code of each term frequency. values: (255 + r,) float64, that of each
    code, then of each posting of code RARE. rare: (r,) int64 places of these. lengths: (n,) float32. scale: k1 + 1.
    base + slope * length is the denominator's constant.
    """

    passages: Any
    codes: Any
    values: Any
    rare: Any
    lengths: Any
    scale: float
    base: float
    slope: float


POSTINGS = nb.NamedTuple(  # type: ignore[no-untyped-call]
    [
        *(read_only(nb.int32), read_only(nb.uint8), nb.float64[::1], read_only(nb.int64), read_only(nb.float32)),
        *(nb.float64, nb.float64, nb.float64),
    ],
    HeldPostings,
)


def skip_shift(start: int, end: int, size: int) -> int:
    """How many passages share an entry of a term's skips: 2 to the power of this; NO_SKIPS for a short list.

    start, end: where its postings lie. size: passages of the shard.
    """
    room = (end >> _SKIP) - (start >> _SKIP)
    if room < _FEWEST:
        return NO_SKIPS
    # The least shift with (size - 1 >> shift) + 2 <= room.
    return max(0, ((size - 1) // (room - 1)).bit_length())


@compiled(nb.int64(read_only(nb.float32), nb.float32[::1], nb.uint8[::1]))
def encode(frequencies: Any, values: Any, codes: Any) -> int:
    """Write the code of each frequency; returns how many values the codes stand for.

    frequencies, codes: (n,). values: (RARE,) written, in order of first use; a frequency that finds no room among them
    has the code RARE.
    """
    known = 0
    for at in range(len(frequencies)):
        code = 0
        while code < known and values[code] != frequencies[at]:
            code += 1
        if code == known and known < RARE:
            values[known] = frequencies[at]
            known += 1
        codes[at] = code
    return known


@compiled(nb.float64(nb.int64, POSTINGS))
def frequency_at(at: int, held: Any) -> float:
    """The frequency of a posting."""
    code = held.codes[at]
    if code != RARE:
        return float(held.values[code])
    return float(held.values[RARE + np.searchsorted(held.rare, at)])


@compiled(nb.float64(nb.int64, POSTINGS))
def _share(at: int, held: Any) -> float:
    """What the term of a posting adds to its passage where weight and idf are 1."""
    frequency = frequency_at(at, held)
    length = held.lengths[held.passages[at]]
    return float(frequency * held.scale / (frequency + (held.base + held.slope * length)))


@compiled(nb.void(nb.int64, nb.int64, nb.int64, POSTINGS, _SKIPS, nb.float64[::1]))
def read_term(start: int, end: int, shift: int, held: Any, skips: Any, found: Any) -> None:
    """Write what a term of weight 1 adds to its passages into found, (3,): the most, the sum, the sum of squares.

    start, end: where its postings lie. shift: of `skip_shift`. skips: its part of them is written, see `best_matches`.
    """
    most, total, squares = 0.0, 0.0, 0.0
    for at in range(start, end):
        part = _share(at, held)
        most = max(most, part)
        total += part
        squares += part * part
    found[0], found[1], found[2] = most, total, squares
    if shift == NO_SKIPS:
        return
    at = start
    for run in range(((len(held.lengths) - 1) >> shift) + 2):
        while at < end and held.passages[at] >> shift < run:
            at += 1
        skips[(start >> _SKIP) + run] = at - start


@compiled(nb.float64(nb.int64, nb.int64, _SCORES, _TOUCHED, nb.float64[::1]))
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


@compiled(nb.void(nb.int64, nb.int64, nb.int64, nb.int64, nb.float64, POSTINGS, _SKIPS, _SCORES, _TOUCHED))
def _add(
    found: int, start: int, end: int, shift: int, weight: float, held: Any, skips: Any, scores: Any, touched: Any
) -> None:
    """Add a term to the scores of the touched passages alone."""
    passages = held.passages
    if found * _LOOK_UP >= end - start:
        for at in range(start, end):
            if scores[passages[at]] > UNMET:
                scores[passages[at]] += np.rint(weight * _share(at, held) * STEPS) / STEPS
        return
    for row in range(found):
        passage = touched[row]
        low, high = start, end
        if shift != NO_SKIPS:
            run = (start >> _SKIP) + (passage >> shift)
            low, high = start + skips[run], start + skips[run + 1]
        while low < high:
            middle = (low + high) // 2
            if passages[middle] < passage:
                low = middle + 1
            else:
                high = middle
        if low < end and passages[low] == passage:
            scores[passage] += np.rint(weight * _share(low, held) * STEPS) / STEPS


@compiled(nb.int64(nb.int64, nb.float64, _SCORES, _TOUCHED))
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


@compiled(nb.int64(nb.int64, nb.int64, nb.int64, nb.float64, POSTINGS, read_only(nb.boolean), _SCORES, _TOUCHED))
def _meet(found: int, start: int, end: int, weight: float, held: Any, allowed: Any, scores: Any, touched: Any) -> int:
    """Add a term to the scores of all allowed passages that hold it; returns how many are touched now."""
    for at in range(start, end):
        passage = held.passages[at]
        if len(allowed) and not allowed[passage]:
            continue
        part = np.rint(weight * _share(at, held) * STEPS) / STEPS
        if scores[passage] == UNMET:
            scores[passage] = part
            touched[found] = passage
            found += 1
        else:
            scores[passage] += part
    return found


@compiled(nb.boolean(nb.int64, nb.int64, _TOUCHED, _SCORES))
def _comes_later(one: int, other: int, touched: Any, best: Any) -> bool:
    """Whether one row of a ranking belongs behind another."""
    if best[one] != best[other]:
        return bool(best[one] < best[other])
    return bool(touched[one] > touched[other])


@compiled(nb.void(nb.int64, nb.int64, _TOUCHED, _SCORES))
def _sift(row: int, found: int, touched: Any, best: Any) -> None:
    """Let a row sink in the heap of rows 0 to found, which has the last of the ranking on top."""
    while 2 * row + 1 < found:
        child = 2 * row + 1
        if child + 1 < found and _comes_later(child + 1, child, touched, best):
            child += 1
        if not _comes_later(child, row, touched, best):
            return
        touched[row], touched[child] = touched[child], touched[row]
        best[row], best[child] = best[child], best[row]
        row = child


@compiled(nb.void(nb.int64, _TOUCHED, _SCORES))
def _sort(found: int, touched: Any, best: Any) -> None:
    """Bring rows 0 to found into the order of a ranking: score descending, then passage ascending (heapsort)."""
    for row in range(found // 2 - 1, -1, -1):
        _sift(row, found, touched, best)
    for last in range(found - 1, 0, -1):
        touched[0], touched[last] = touched[last], touched[0]
        best[0], best[last] = best[last], best[0]
        _sift(0, last, touched, best)


@compiled(nb.int64[::1](nb.float64[::1], nb.float64[::1]))
def _turns(weights: Any, bounds: Any) -> Any:
    """(t,) int64 terms in the order they are taken: first those of a weight below 0, then by bound, largest first."""
    order = np.empty(len(weights), np.int64)
    for t in range(len(weights)):
        at = t
        while at > 0:
            before = order[at - 1]
            if weights[before] < 0 or (weights[t] >= 0 and bounds[before] >= bounds[t]):
                break
            order[at] = before
            at -= 1
        order[at] = t
    return order


@compiled(
    nb.int64(
        nb.int64, nb.int64[:, ::1], nb.float64[:, ::1], POSTINGS, _SKIPS, read_only(nb.boolean), _SCORES, _TOUCHED,
        nb.float64[::1],
    )
)  # fmt: skip
def best_matches(
    k: int, places: Any, terms: Any, held: Any, skips: Any, allowed: Any, scores: Any, touched: Any, best: Any
) -> int:
    """Rank the k best passages, score descending, then passage ascending; returns how many they are.

    k: above 0. places: (3, t) int64 where the postings of each term begin and end, and its `skip_shift`, in the
    query's order. terms: (2, t) float64 the query's weight of each times its idf, and the most that it adds to a
    passage with weight 1. skips: int32, of `read_term`: from start >> 3 on, for each run of 2^shift passages, where in
    the term's list it begins. allowed: (n,) bool, or (0,) for all. scores: (n,) workspace, all UNMET before and after;
    touched, best: (n,) written: the passages and their scores.
    """
    starts, ends, shifts, weights = places[0], places[1], places[2], terms[0]
    bounds = np.maximum(np.rint(weights * terms[1] * STEPS) / STEPS, 0.0)
    order = _turns(weights, bounds)
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
        found = _meet(found, starts[t], ends[t], weights[t], held, allowed, scores, touched)
        turn += 1
    while turn < len(order):
        found = _drop(found, least - rest[turn], scores, touched)
        t = order[turn]
        _add(found, starts[t], ends[t], shifts[t], weights[t], held, skips, scores, touched)
        turn += 1
        if found > k:
            least = _kth_score(found, k, scores, touched, best)
    if found > k:
        found = _drop(found, _kth_score(found, k, scores, touched, best), scores, touched)
    for row in range(found):
        best[row] = scores[touched[row]]
        scores[touched[row]] = UNMET
    _sort(found, touched, best)
    return min(found, k)


@compiled(nb.void(read_only(nb.int64), read_only(nb.int64), POSTINGS, read_only(nb.int64), nb.float64[:, ::1]))
def look_up(starts: Any, ends: Any, held: Any, wanted: Any, frequencies: Any) -> None:
    """Write the tf of each term in each wanted passage (0 where it is not) into frequencies, (t, len(wanted))."""
    for t in range(len(starts)):
        for row in range(len(wanted)):
            low, high = starts[t], ends[t]
            while low < high:
                middle = (low + high) // 2
                if held.passages[middle] < wanted[row]:
                    low = middle + 1
                else:
                    high = middle
            frequencies[t, row] = 0.0
            if low < ends[t] and held.passages[low] == wanted[row]:
                frequencies[t, row] = frequency_at(low, held)
