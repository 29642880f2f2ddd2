"""The best passages of a query without scoring those that cannot be among them, compiled.

MaxScore (Turtle, Flood: Query evaluation: strategies and optimizations, IPM 1995), a term at a time: terms are taken
by what they can add at most, largest first. Once the k-th best score so far exceeds all that the terms still to come
can add together, no passage that holds only these can be among the best, so they are only added to passages met
before, of which those that cannot reach the k-th score any more are dropped before each term. The same bound keeps
passages of a long list out that has to be met while fewer than k are known.

What a term adds is rounded to a multiple of 2^-38, so that sums below 2^15 are exact in float64 and do not depend on
the order of the terms: scores and ties equal those of scoring everything, however passages are sharded.

The inner loops take their arrays out of the tuple first and spell the arithmetic out: a call with arrays, or a field of
a tuple read inside a loop, costs ten times what they do. They avoid branches on scores, which nothing foresees.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types as nb
from numpy.typing import NDArray

from clew.search.candidates.compiled import compiled, read_only

# The code of a frequency that is among the rare ones.
RARE = 255
# The row of a passage that was not met.
UNMET = -1
# Steps of what a term adds, in 1: a power of two.
STEPS = 2.0**38
# Looking a passage up in a list costs about as much as reading this many of its postings.
_LOOK_UP = 16
# A list has an entry in its skips for 2^_SKIP postings on average, and none where there would be fewer than _FEWEST.
_SKIP = 3
_FEWEST = 8
NO_SKIPS = -1
# Postings of a long list that are read before the k-th score is looked for again.
_FIRST = 512

_SKIPS = nb.int32[::1]
_ROWS, _MET, _SCORES = nb.int32[::1], nb.int32[::1], nb.float64[::1]


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


def skips_for(postings: int) -> NDArray[np.int32]:
    """Room for the skips of a shard's terms. Takes memory only where it is written: for terms that were asked for."""
    return np.empty((postings >> _SKIP) + 1, np.int32)


def skip_shift(start: int, end: int, size: int) -> int:
    """How many passages share an entry of a term's skips: 2 to the power of this; NO_SKIPS for a short list.

    start, end: where its postings lie. size: passages of the shard.
    """
    room = (end >> _SKIP) - (start >> _SKIP)
    if room < _FEWEST:
        return NO_SKIPS
    # The least shift with (size - 1 >> shift) + 2 <= room.
    return max(0, ((size - 1) // (room - 1)).bit_length())


@compiled(nb.float64(nb.int64, read_only(nb.uint8), nb.float64[::1], read_only(nb.int64)))
def frequency_at(at: int, codes: Any, values: Any, rare: Any) -> float:
    """The frequency of a posting."""
    code = codes[at]
    if code != RARE:
        return float(values[code])
    return float(values[RARE + np.searchsorted(rare, at)])


@compiled(nb.void(nb.int64, nb.int64, nb.int64, POSTINGS, _SKIPS, nb.float64[::1]))
def read_term(start: int, end: int, shift: int, held: Any, skips: Any, found: Any) -> None:
    """Write what a term of weight 1 adds to its passages into found, (3,): the most, the sum, the sum of squares.

    start, end: where its postings lie. shift: of `skip_shift`. skips: its part of them is written, see `best_matches`.
    """
    passages, codes, values, rare, lengths, scale, base, slope = held
    most, total, squares = 0.0, 0.0, 0.0
    for at in range(start, end):
        code = codes[at]
        frequency = values[code] if code != RARE else frequency_at(at, codes, values, rare)
        part = frequency * scale / (frequency + (base + slope * lengths[passages[at]]))
        most = max(most, part)
        total += part
        squares += part * part
    found[0], found[1], found[2] = most, total, squares
    if shift == NO_SKIPS:
        return
    at = start
    for run in range(((len(lengths) - 1) >> shift) + 2):
        while at < end and passages[at] >> shift < run:
            at += 1
        skips[(start >> _SKIP) + run] = at - start


@compiled(nb.float64(nb.int64, nb.int64, nb.float64, _SCORES, nb.float64[::1]))
def _kth_score(found: int, k: int, least: float, scores: Any, left: Any) -> float:
    """The k-th best score of the passages met, 0 < k <= found, which is `least` or more.

    left: (found,) workspace. Quickselect without branches on the scores: these are in no order that could be foreseen.
    """
    low, high = 0, 0
    for row in range(found):
        left[high] = scores[row]
        high += scores[row] >= least
    place = k - 1
    while high - low > 1:
        # The middle of three as the pivot, first; what is larger follows it, then the rest.
        first, middle, last = left[low], left[(low + high) // 2], left[high - 1]
        pivot = max(min(first, middle), min(max(first, middle), last))
        border = low
        for at in range(low, high):
            score = left[at]
            left[at] = left[border]
            left[border] = score
            border += score > pivot
        if place < border:
            high = border
            continue
        equal = border
        for at in range(border, high):
            score = left[at]
            left[at] = left[equal]
            left[equal] = score
            equal += score == pivot
        if place < equal:
            return float(pivot)
        low = equal
    return float(left[low])


@compiled(nb.int64(nb.int64, nb.int64, nb.int64, nb.float64, POSTINGS, read_only(nb.boolean), _ROWS, _MET, _SCORES))
def _meet(
    found: int, start: int, end: int, weight: float, held: Any, allowed: Any, rows: Any, met: Any, scores: Any
) -> int:
    """Add a term to the scores of all allowed passages that hold it; returns how many are met now."""
    passages, codes, values, rare, lengths, scale, base, slope = held
    for at in range(start, end):
        passage = passages[at]
        if len(allowed) and not allowed[passage]:
            continue
        code = codes[at]
        frequency = values[code] if code != RARE else frequency_at(at, codes, values, rare)
        part = frequency * scale / (frequency + (base + slope * lengths[passage]))
        part = np.rint(weight * part * STEPS) / STEPS
        row = rows[passage]
        if row == UNMET:
            rows[passage] = found
            met[found] = passage
            scores[found] = part
            found += 1
        else:
            scores[row] += part
    return found


@compiled(
    nb.int64(
        nb.int64, nb.int64, nb.int64, nb.float64, nb.int64, nb.float64, nb.float64, POSTINGS, read_only(nb.boolean),
        _ROWS, _MET, _SCORES, nb.float64[::1],
    )
)  # fmt: skip
def _meet_best(
    found: int, start: int, end: int, weight: float, k: int, least: float, rest: float, held: Any, allowed: Any,
    rows: Any, met: Any, scores: Any, left: Any,
) -> int:  # fmt: skip
    """Meet the allowed passages of a term that can still be among the best; those met before have it already.

    least: a score that k passages have, or -inf. rest: what the terms after it can add. Returns how many are met now.
    """
    passages, codes, values, rare, lengths, scale, base, slope = held
    fresh, goes_on = found, min(start + _FIRST, end)
    # A passage is left out below this; at it, too, where k of this list that come before it are as good.
    border, ties, again = least - rest, False, 0
    at = start
    while at < end:
        while at < goes_on:
            passage = passages[at]
            code = codes[at]
            frequency = values[code] if code != RARE else frequency_at(at, codes, values, rare)
            part = frequency * scale / (frequency + (base + slope * lengths[passage]))
            part = np.rint(weight * part * STEPS) / STEPS
            at += 1
            # One branch, which is foreseen: nearly all are left out.
            if (part < border) | ((part == border) & ties):
                continue
            if rows[passage] == UNMET and (len(allowed) == 0 or allowed[passage]):
                rows[passage] = found
                met[found] = passage
                scores[found] = part
                found += 1
        goes_on = min(at + _FIRST, end)
        if found >= max(k, again) and at < end:
            again = 2 * found
            least = max(least, _kth_score(found, k, least, scores, left))
            border = least - rest
            as_good = 0
            for row in range(fresh, found):
                as_good += scores[row] >= least
            ties = as_good >= k
    return found


@compiled(nb.int64(nb.int64, nb.float64, _MET, _SCORES))
def _drop(found: int, least: float, met: Any, scores: Any) -> int:
    """Keep the passages that score at least `least`; returns how many."""
    kept = 0
    for row in range(found):
        met[kept] = met[row]
        scores[kept] = scores[row]
        kept += scores[row] >= least
    return kept


@compiled(nb.void(nb.int64, nb.int64, nb.int64, nb.int64, nb.float64, POSTINGS, _SKIPS, _MET, _SCORES))
def _look_up(
    found: int, start: int, end: int, shift: int, weight: float, held: Any, skips: Any, met: Any, scores: Any
) -> None:
    """Add a term to the scores of the passages that were met, alone, each sought in the term's list."""
    passages, codes, values, rare, lengths, scale, base, slope = held
    for row in range(found):
        passage = met[row]
        low, high = start, end
        if shift != NO_SKIPS:
            run = (start >> _SKIP) + (passage >> shift)
            low, high = start + skips[run], start + skips[run + 1]
        # Without branches on what is compared.
        length = high - low
        while length > 1:
            half = length >> 1
            low += half * (passages[low + half - 1] < passage)
            length -= half
        if length == 1 and passages[low] < passage:
            low += 1
        if low < end and passages[low] == passage:
            code = codes[low]
            frequency = values[code] if code != RARE else frequency_at(low, codes, values, rare)
            part = frequency * scale / (frequency + (base + slope * lengths[passage]))
            part = np.rint(weight * part * STEPS) / STEPS
            scores[row] += part


@compiled(nb.void(nb.int64, nb.int64, nb.int64, nb.float64, POSTINGS, _ROWS, _MET, _SCORES))
def _go_through(found: int, start: int, end: int, weight: float, held: Any, rows: Any, met: Any, scores: Any) -> None:
    """The same, by going through the whole list. rows: all UNMET before and after."""
    passages, codes, values, rare, lengths, scale, base, slope = held
    for row in range(found):
        rows[met[row]] = row
    for at in range(start, end):
        passage = passages[at]
        row = rows[passage]
        if row != UNMET:
            code = codes[at]
            frequency = values[code] if code != RARE else frequency_at(at, codes, values, rare)
            part = frequency * scale / (frequency + (base + slope * lengths[passage]))
            part = np.rint(weight * part * STEPS) / STEPS
            scores[row] += part
    for row in range(found):
        rows[met[row]] = UNMET


@compiled(nb.void(nb.int64, _MET, _SCORES))
def _sort(found: int, met: Any, scores: Any) -> None:
    """Bring rows 0 to found into the order of a ranking: score descending, then passage ascending (merge sort)."""
    passages, values = np.empty(found, np.int32), np.empty(found)
    width = 1
    while width < found:
        for first in range(0, found, 2 * width):
            one, other = first, min(first + width, found)
            middle, last = other, min(first + 2 * width, found)
            for to in range(first, last):
                earlier = other >= last
                if one < middle and other < last:
                    level = scores[one] == scores[other]
                    earlier = scores[one] > scores[other] or (level and met[one] < met[other])
                source = one if earlier else other
                passages[to], values[to] = met[source], scores[source]
                one += earlier
                other += not earlier
        met[:found] = passages
        scores[:found] = values
        width *= 2


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
        nb.int64, nb.int64[:, ::1], nb.float64[:, ::1], POSTINGS, _SKIPS, read_only(nb.boolean), _ROWS, _MET, _SCORES,
        nb.float64[::1],
    )
)  # fmt: skip
def best_matches(
    k: int, places: Any, terms: Any, held: Any, skips: Any, allowed: Any, rows: Any, met: Any, scores: Any, space: Any
) -> int:
    """Rank the k best passages, score descending, then passage ascending; returns how many they are.

    k: above 0. places: (3, t) int64 where the postings of each term begin and end, and its `skip_shift`, in the
    query's order. terms: (2, t) float64 the query's weight of each times its idf, and the most that it adds to a
    passage with weight 1. skips: int32, of `read_term`: from start >> 3 on, for each run of 2^shift passages, where in
    the term's list it begins. allowed: (n,) bool, or (0,) for all. rows: (n,) workspace, all UNMET before and after.
    met, scores: (n,) written: the passages and their scores. space: (n,) workspace.
    """
    starts, ends, shifts, weights = places[0], places[1], places[2], terms[0]
    bounds = np.maximum(np.rint(weights * terms[1] * STEPS) / STEPS, 0.0)
    order = _turns(weights, bounds)
    rest = np.zeros(len(order) + 1)
    left = np.zeros(len(order) + 1, np.int64)
    for turn in range(len(order) - 1, -1, -1):
        rest[turn] = rest[turn + 1] + bounds[order[turn]]
        left[turn] = left[turn + 1] + ends[order[turn]] - starts[order[turn]]
    found, turn, least = 0, 0, -np.inf
    while turn < len(order):
        t = order[turn]
        # Looking for the k-th score reads every passage met so far: worth it where more than that is still to be read.
        if weights[t] >= 0 and k <= found < left[turn]:
            least = _kth_score(found, k, least, scores, space)
            if rest[turn] < least:
                break
        size = ends[t] - starts[t]
        if weights[t] >= 0 and size > _FIRST and found * _LOOK_UP < size:
            _look_up(found, starts[t], ends[t], shifts[t], weights[t], held, skips, met, scores)
            found = _meet_best(
                found, starts[t], ends[t], weights[t], k, least, rest[turn + 1], held, allowed, rows, met, scores, space
            )
        else:
            found = _meet(found, starts[t], ends[t], weights[t], held, allowed, rows, met, scores)
        turn += 1
    for row in range(found):
        rows[met[row]] = UNMET
    while turn < len(order):
        found = _drop(found, least - rest[turn], met, scores)
        t = order[turn]
        if found * _LOOK_UP < ends[t] - starts[t]:
            _look_up(found, starts[t], ends[t], shifts[t], weights[t], held, skips, met, scores)
        else:
            _go_through(found, starts[t], ends[t], weights[t], held, rows, met, scores)
        turn += 1
        if found > k:
            least = _kth_score(found, k, least, scores, space)
    if found > k:
        found = _drop(found, _kth_score(found, k, least, scores, space), met, scores)
    _sort(found, met, scores)
    return min(found, k)


@compiled(nb.void(read_only(nb.int64), read_only(nb.int64), POSTINGS, read_only(nb.int64), nb.float64[:, ::1]))
def look_up(starts: Any, ends: Any, held: Any, wanted: Any, frequencies: Any) -> None:
    """Write the tf of each term in each wanted passage (0 where it is not) into frequencies, (t, len(wanted))."""
    passages, codes, values, rare, _, _, _, _ = held
    for t in range(len(starts)):
        listed = passages[starts[t] : ends[t]]
        for row in range(len(wanted)):
            at = np.searchsorted(listed, wanted[row])
            held_there = at < len(listed) and listed[at] == wanted[row]
            frequencies[t, row] = frequency_at(starts[t] + at, codes, values, rare) if held_there else 0.0
