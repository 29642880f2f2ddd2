"""Compiled search for the best passages of a query, which does not score passages that cannot be among them.

MaxScore (Turtle, Flood: Query evaluation: strategies and optimizations, IPM 1995), a term at a time: terms are
processed by the most that they can add to a score, largest first. Passages with a score so far form the pool. Once the
k-th best score in it exceeds the sum of all that the remaining terms can add, no passage that contains only these terms
can be among the best. The remaining terms are then only added to passages in the pool, which is pruned before each
term. While fewer than k passages are known, the same bound keeps passages of a long list out of the pool.

What a term adds is rounded to a multiple of 2^-38, so that sums below 2^15 are exact in float64 and do not depend on
the order of the terms. Scores and ties therefore equal those of exhaustive scoring, however passages are sharded.

The inner loops unpack the tuple of arrays first and write the arithmetic out, because passing arrays to a function, or
reading a field of a tuple inside a loop, takes ten times as long. They avoid unpredictable branches on scores.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types as nb
from numpy.typing import NDArray

from clew.search.candidates.compiled import compiled, read_only

# The code of rare frequencies, those without a code of their own.
RARE = 255
# The row of a passage that is not in the pool.
NO_ROW = -1
# What a term adds is a multiple of 1 / STEPS; a power of two.
STEPS = 2.0**38
# Looking a passage up in a list costs about as much as reading this many of its postings.
_SEARCH_COST = 16
# A list has one entry in its skips per 2^_SKIP_BITS postings on average, and none if there would be under _MIN_SKIPS.
_SKIP_BITS = 3
_MIN_SKIPS = 8
NO_SKIPS = -1
# Postings of a long list that are read before the k-th score is determined again.
_BLOCK = 512

_SKIPS = nb.int32[::1]
_ROWS, _POOL, _SCORES = nb.int32[::1], nb.int32[::1], nb.float64[::1]


class PostingArrays(NamedTuple):
    """The postings of a shard and the constants of their scores, as arguments of compiled functions.

    passages: (p,) int32. codes: (p,) uint8, the code of each term frequency. values: (255 + r,) float64, the frequency
    of each code, then of each posting with code RARE. rare: (r,) int64 places of these postings. lengths: (n,) float32.
    scale: k1 + 1. The denominator of a score is frequency + base + slope * length.
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
    PostingArrays,
)


def allocate_skips(postings: int) -> NDArray[np.int32]:
    """Allocate the skips of a shard's terms. Only what is written takes memory: the skips of queried terms."""
    return np.empty((postings >> _SKIP_BITS) + 1, np.int32)


def skip_shift(start: int, end: int, size: int) -> int:
    """Return log2 of the number of passages per skip entry of a term; NO_SKIPS if its posting list is short.

    start, end: where its postings begin and end. size: the number of passages in the shard.
    """
    room = (end >> _SKIP_BITS) - (start >> _SKIP_BITS)
    if room < _MIN_SKIPS:
        return NO_SKIPS
    # The smallest shift with (size - 1 >> shift) + 2 <= room.
    return max(0, ((size - 1) // (room - 1)).bit_length())


@compiled(nb.float64(nb.int64, read_only(nb.uint8), nb.float64[::1], read_only(nb.int64)))
def frequency_at(at: int, codes: Any, values: Any, rare: Any) -> float:
    """Return the term frequency of a posting."""
    code = codes[at]
    if code != RARE:
        return float(values[code])
    return float(values[RARE + np.searchsorted(rare, at)])


@compiled(nb.void(nb.int64, nb.int64, nb.int64, POSTINGS, _SKIPS, nb.float64[::1]))
def read_term(start: int, end: int, shift: int, shard: Any, skips: Any, found: Any) -> None:
    """Write into found, (3,), the maximum, sum and sum of squares of what a term of weight 1 adds to its passages.

    start, end: where its postings begin and end. shift: from `skip_shift`. skips: the term's entries are written, see
    `best_matches`.
    """
    passages, codes, values, rare, lengths, scale, base, slope = shard
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
        skips[(start >> _SKIP_BITS) + run] = at - start


@compiled(nb.float64(nb.int64, nb.int64, nb.float64, _SCORES, nb.float64[::1]))
def _kth_score(found: int, k: int, least: float, scores: Any, left: Any) -> float:
    """Return the k-th best score in the pool, 0 < k <= found, which is known to be `least` or more.

    left: (found,) workspace. Quickselect without branches on scores, because their order is unpredictable.
    """
    low, high = 0, 0
    for row in range(found):
        left[high] = scores[row]
        high += scores[row] >= least
    place = k - 1
    while high - low > 1:
        # The pivot is the median of three. Scores larger than it are moved to the front.
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


@compiled(nb.int64(nb.int64, nb.int64, nb.int64, nb.float64, POSTINGS, read_only(nb.boolean), _ROWS, _POOL, _SCORES))
def _add_all(
    found: int, start: int, end: int, weight: float, shard: Any, allowed: Any, rows: Any, pool: Any, scores: Any
) -> int:
    """Add a term to the scores of all allowed passages that contain it; return the new size of the pool."""
    passages, codes, values, rare, lengths, scale, base, slope = shard
    for at in range(start, end):
        passage = passages[at]
        if len(allowed) and not allowed[passage]:
            continue
        code = codes[at]
        frequency = values[code] if code != RARE else frequency_at(at, codes, values, rare)
        part = frequency * scale / (frequency + (base + slope * lengths[passage]))
        part = np.rint(weight * part * STEPS) / STEPS
        row = rows[passage]
        if row == NO_ROW:
            rows[passage] = found
            pool[found] = passage
            scores[found] = part
            found += 1
        else:
            scores[row] += part
    return found


@compiled(
    nb.int64(
        nb.int64, nb.int64, nb.int64, nb.float64, nb.int64, nb.float64, nb.float64, POSTINGS, read_only(nb.boolean),
        _ROWS, _POOL, _SCORES, nb.float64[::1],
    )
)  # fmt: skip
def _add_promising(
    found: int, start: int, end: int, weight: float, k: int, least: float, rest: float, shard: Any, allowed: Any,
    rows: Any, pool: Any, scores: Any, left: Any,
) -> int:  # fmt: skip
    """Add the allowed passages of a term that can still be among the best to the pool; return its new size.

    Passages that are in the pool already have been given this term's score. least: a score that k passages reach, or
    -inf. rest: the most that later terms can add.
    """
    passages, codes, values, rare, lengths, scale, base, slope = shard
    first_new, block_end = found, min(start + _BLOCK, end)
    # A passage with a lower score is left out, and one with this score if k earlier ones of this list are as good.
    border, skip_ties, next_check = least - rest, False, 0
    at = start
    while at < end:
        while at < block_end:
            passage = passages[at]
            code = codes[at]
            frequency = values[code] if code != RARE else frequency_at(at, codes, values, rare)
            part = frequency * scale / (frequency + (base + slope * lengths[passage]))
            part = np.rint(weight * part * STEPS) / STEPS
            at += 1
            # A single, predictable branch: nearly all passages are left out.
            if (part < border) | ((part == border) & skip_ties):
                continue
            if rows[passage] == NO_ROW and (len(allowed) == 0 or allowed[passage]):
                rows[passage] = found
                pool[found] = passage
                scores[found] = part
                found += 1
        block_end = min(at + _BLOCK, end)
        if found >= max(k, next_check) and at < end:
            next_check = 2 * found
            least = max(least, _kth_score(found, k, least, scores, left))
            border = least - rest
            as_good = 0
            for row in range(first_new, found):
                as_good += scores[row] >= least
            skip_ties = as_good >= k
    return found


@compiled(nb.int64(nb.int64, nb.float64, _POOL, _SCORES))
def _prune(found: int, least: float, pool: Any, scores: Any) -> int:
    """Remove passages that score less than `least` from the pool; return its new size."""
    size = 0
    for row in range(found):
        pool[size] = pool[row]
        scores[size] = scores[row]
        size += scores[row] >= least
    return size


@compiled(nb.void(nb.int64, nb.int64, nb.int64, nb.int64, nb.float64, POSTINGS, _SKIPS, _POOL, _SCORES))
def _search_list(
    found: int, start: int, end: int, shift: int, weight: float, shard: Any, skips: Any, pool: Any, scores: Any
) -> None:
    """Add a term to the scores of the pool by a binary search for each passage in the term's list."""
    passages, codes, values, rare, lengths, scale, base, slope = shard
    for row in range(found):
        passage = pool[row]
        low, high = start, end
        if shift != NO_SKIPS:
            run = (start >> _SKIP_BITS) + (passage >> shift)
            low, high = start + skips[run], start + skips[run + 1]
        # Binary search without branches on the comparison.
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


@compiled(nb.void(nb.int64, nb.int64, nb.int64, nb.float64, POSTINGS, _ROWS, _POOL, _SCORES))
def _scan_list(found: int, start: int, end: int, weight: float, shard: Any, rows: Any, pool: Any, scores: Any) -> None:
    """Add a term to the scores of the pool by a scan of the term's list. rows: all NO_ROW before and after."""
    passages, codes, values, rare, lengths, scale, base, slope = shard
    for row in range(found):
        rows[pool[row]] = row
    for at in range(start, end):
        passage = passages[at]
        row = rows[passage]
        if row != NO_ROW:
            code = codes[at]
            frequency = values[code] if code != RARE else frequency_at(at, codes, values, rare)
            part = frequency * scale / (frequency + (base + slope * lengths[passage]))
            part = np.rint(weight * part * STEPS) / STEPS
            scores[row] += part
    for row in range(found):
        rows[pool[row]] = NO_ROW


@compiled(nb.void(nb.int64, _POOL, _SCORES))
def _sort(found: int, pool: Any, scores: Any) -> None:
    """Sort the first `found` rows of the pool by score, descending, then by passage, ascending (merge sort)."""
    passages, values = np.empty(found, np.int32), np.empty(found)
    width = 1
    while width < found:
        for first in range(0, found, 2 * width):
            one, other = first, min(first + width, found)
            middle, last = other, min(first + 2 * width, found)
            for to in range(first, last):
                earlier = other >= last
                if one < middle and other < last:
                    tie = scores[one] == scores[other]
                    earlier = scores[one] > scores[other] or (tie and pool[one] < pool[other])
                source = one if earlier else other
                passages[to], values[to] = pool[source], scores[source]
                one += earlier
                other += not earlier
        pool[:found] = passages
        scores[:found] = values
        width *= 2


@compiled(nb.int64[::1](nb.float64[::1]))
def _term_order(bounds: Any) -> Any:
    """Return (t,) int64 terms in processing order: by bound, descending."""
    order = np.empty(len(bounds), np.int64)
    for t in range(len(bounds)):
        at = t
        while at > 0:
            before = order[at - 1]
            if bounds[before] >= bounds[t]:
                break
            order[at] = before
            at -= 1
        order[at] = t
    return order


@compiled(
    nb.int64(
        nb.int64, nb.int64[:, ::1], nb.float64[:, ::1], POSTINGS, _SKIPS, read_only(nb.boolean), _ROWS, _POOL, _SCORES,
        nb.float64[::1],
    )
)  # fmt: skip
def best_matches(
    k: int, places: Any, terms: Any, shard: Any, skips: Any, allowed: Any, rows: Any, pool: Any, scores: Any, space: Any
) -> int:
    """Rank the k best passages by score, descending, then by passage, ascending; return how many there are.

    k: above 0. places: (3, t) int64 where the postings of each term begin and end, and its `skip_shift`, in the
    query's order. terms: (2, t) float64 the query's weight of each term times its idf, and the maximum that it adds to
    a passage with weight 1. skips: int32, written by `read_term`: from start >> 3 on, where in the term's list each run
    of 2^shift passages begins. allowed: (n,) bool, or (0,) for all. rows: (n,) workspace, all NO_ROW before and after.
    pool, scores: (n,), output: the passages and their scores. space: (n,) workspace.
    """
    starts, ends, shifts, weights = places[0], places[1], places[2], terms[0]
    bounds = np.rint(weights * terms[1] * STEPS) / STEPS
    order = _term_order(bounds)
    rest = np.zeros(len(order) + 1)
    left = np.zeros(len(order) + 1, np.int64)
    for turn in range(len(order) - 1, -1, -1):
        rest[turn] = rest[turn + 1] + bounds[order[turn]]
        left[turn] = left[turn + 1] + ends[order[turn]] - starts[order[turn]]
    found, turn, least = 0, 0, -np.inf
    while turn < len(order):
        t = order[turn]
        # Determining the k-th score reads the whole pool. This pays if more postings than that are still to be read.
        if k <= found < left[turn]:
            least = _kth_score(found, k, least, scores, space)
            if rest[turn] < least:
                break
        size = ends[t] - starts[t]
        if size > _BLOCK and found * _SEARCH_COST < size:
            _search_list(found, starts[t], ends[t], shifts[t], weights[t], shard, skips, pool, scores)
            found = _add_promising(
                found, starts[t], ends[t], weights[t], k, least, rest[turn + 1], shard, allowed, rows,
                pool, scores, space,
            )  # fmt: skip
        else:
            found = _add_all(found, starts[t], ends[t], weights[t], shard, allowed, rows, pool, scores)
        turn += 1
    for row in range(found):
        rows[pool[row]] = NO_ROW
    while turn < len(order):
        found = _prune(found, least - rest[turn], pool, scores)
        t = order[turn]
        if found * _SEARCH_COST < ends[t] - starts[t]:
            _search_list(found, starts[t], ends[t], shifts[t], weights[t], shard, skips, pool, scores)
        else:
            _scan_list(found, starts[t], ends[t], weights[t], shard, rows, pool, scores)
        turn += 1
        if found > k:
            least = _kth_score(found, k, least, scores, space)
    if found > k:
        found = _prune(found, _kth_score(found, k, least, scores, space), pool, scores)
    _sort(found, pool, scores)
    return min(found, k)


@compiled(nb.void(read_only(nb.int64), read_only(nb.int64), POSTINGS, read_only(nb.int64), nb.float64[:, ::1]))
def term_frequencies(starts: Any, ends: Any, shard: Any, ordinals: Any, frequencies: Any) -> None:
    """Write the tf of each term in each passage, 0 if it does not contain it, into frequencies, (t, len(ordinals))."""
    passages, codes, values, rare, _, _, _, _ = shard
    for t in range(len(starts)):
        listed = passages[starts[t] : ends[t]]
        for row in range(len(ordinals)):
            at = np.searchsorted(listed, ordinals[row])
            contains = at < len(listed) and listed[at] == ordinals[row]
            frequencies[t, row] = frequency_at(starts[t] + at, codes, values, rare) if contains else 0.0
