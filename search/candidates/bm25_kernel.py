"""The loops of BM25, compiled: counting words, sorting postings, scoring.

Importing this module compiles or loads the machine code, so import it (or call `search.candidates.bm25.warm`)
before the first query is timed. The code is cached beside this file, in the user's cache folder where that is
read-only (numba's own rule; NUMBA_CACHE_DIR overrides it), and nowhere if neither can be written.

All arrays a function only reads are typed read-only, so memory-mapped files go in as they are. No fast-math: sums
are taken in query-term order, in float64, which is what makes scores equal however passages are sharded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba import types as nb

Function = TypeVar("Function", bound=Callable[..., Any])


def _read(dtype: Any) -> Any:
    return nb.Array(dtype, 1, "C", readonly=True)


def _compiled(signature: Any) -> Callable[[Function], Function]:
    def compile_it(function: Function) -> Function:
        try:
            made: Function = numba.njit(signature, cache=True, nogil=True)(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            made = numba.njit(signature, nogil=True)(function)
        return made

    return compile_it


@_compiled(
    nb.int64(
        _read(nb.int32), _read(nb.int64), _read(nb.float64), nb.int64,
        nb.int64[::1], nb.int64[::1], nb.int32[::1], nb.int32[::1], nb.float64[::1],
    )
)  # fmt: skip
def count_words(
    words: Any, ends: Any, weights: Any, first: int, seen: Any, slot: Any, term: Any, passage: Any, tf: Any
) -> int:
    """Count the words of some passages; returns the number of (term, passage, tf) triples written.

    words: (n,) int32 term of each word, passage by passage and, inside one, field by field. ends: (p * f,) int64
    where each passage's field ends in words. weights: (f,) float64 what a word of the field adds to tf.
    first: ordinal of the first passage. seen, slot: (terms,) int64 workspaces; seen holds the passage a term was
    last seen in (-1: none). term, passage, tf: (n,) written: unique within a passage, passages ascending.
    """
    fields = len(weights)
    found = 0
    at = 0
    for part in range(len(ends)):
        ordinal = first + part // fields
        weight = weights[part % fields]
        while at < ends[part]:
            word = words[at]
            if seen[word] != ordinal:
                seen[word] = ordinal
                slot[word] = found
                term[found] = word
                passage[found] = ordinal
                tf[found] = weight
                found += 1
            else:
                tf[slot[word]] += weight
            at += 1
    return found


@_compiled(
    nb.void(
        _read(nb.int32), _read(nb.int32), _read(nb.float32), _read(nb.int32), nb.int64[::1],
        nb.int32[::1], nb.float32[::1],
    )
)  # fmt: skip
def sort_postings(term: Any, passage: Any, tf: Any, rank: Any, cursor: Any, passages: Any, frequencies: Any) -> None:
    """Bring triples into the order of their terms' ranks, keeping passages ascending (a counting sort).

    rank: (terms,) int32. cursor: (terms,) int64, where each rank's postings begin; used up.
    passages, frequencies: (n,) written.
    """
    for at in range(len(term)):
        to = cursor[rank[term[at]]]
        cursor[rank[term[at]]] = to + 1
        passages[to] = passage[at]
        frequencies[to] = tf[at]


@_compiled(
    nb.int64(
        _read(nb.int64), _read(nb.int64), _read(nb.float64),
        _read(nb.int32), _read(nb.float32), _read(nb.float32), nb.float64, nb.float64, nb.float64,
        nb.float64[::1], nb.boolean[::1], nb.int32[::1],
    )
)  # fmt: skip
def score_matches(
    starts: Any, ends: Any, weights: Any, passages: Any, tf: Any, lengths: Any, scale: float, base: float,
    slope: float, scores: Any, seen: Any, touched: Any,
) -> int:  # fmt: skip
    """Score all passages that hold a term; returns how many they are.

    starts, ends: (t,) int64 postings of each query term. weights: (t,) float64 query weight times idf.
    passages, tf: the postings. lengths: (n,) float32. scale = k1 + 1; base + slope * length is the denominator's
    constant. scores, seen, touched: (n,) workspaces, the first two all 0;
    written: touched[:found] are the passages, in the order in which they were met, and scores holds their scores.
    """
    found = 0
    for t in range(len(starts)):
        weight = weights[t]
        for at in range(starts[t], ends[t]):
            passage = passages[at]
            if not seen[passage]:
                seen[passage] = True
                touched[found] = passage
                found += 1
            frequency = np.float64(tf[at])
            scores[passage] += weight * (frequency * scale / (frequency + (base + slope * lengths[passage])))
    return found


@_compiled(nb.int64(nb.int64, _read(nb.boolean), nb.float64[::1], nb.boolean[::1], nb.int32[::1], nb.float64[::1]))
def tally(found: int, allowed: Any, scores: Any, seen: Any, touched: Any, sums: Any) -> int:
    """Sum up all scores and their squares in sums, (2,); then keep the allowed of the touched passages.

    allowed: (n,) bool, or (0,) for all. Returns how many are kept; the others' workspaces are 0 again.
    """
    total = 0.0
    squares = 0.0
    kept = 0
    for at in range(found):
        passage = touched[at]
        score = scores[passage]
        total += score
        squares += score * score
        if len(allowed) == 0 or allowed[passage]:
            touched[kept] = passage
            kept += 1
        else:
            scores[passage] = 0.0
            seen[passage] = False
    sums[0] = total
    sums[1] = squares
    return kept


@_compiled(nb.float64(nb.int64, nb.int64, nb.float64[::1], nb.int32[::1], nb.float64[::1]))
def kth_score(found: int, k: int, scores: Any, touched: Any, heap: Any) -> float:
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


@_compiled(
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


@_compiled(
    nb.void(
        _read(nb.int64), _read(nb.int64), _read(nb.int32), _read(nb.float32), _read(nb.int64), nb.float64[:, ::1],
    )
)  # fmt: skip
def look_up(starts: Any, ends: Any, passages: Any, tf: Any, wanted: Any, frequencies: Any) -> None:
    """Write the tf of each term in each wanted passage (0 where it is not) into frequencies, (t, len(wanted))."""
    for t in range(len(starts)):
        for row in range(len(wanted)):
            low, high = starts[t], ends[t]
            while low < high:
                middle = (low + high) // 2
                if passages[middle] < wanted[row]:
                    low = middle + 1
                else:
                    high = middle
            frequencies[t, row] = tf[low] if low < ends[t] and passages[low] == wanted[row] else 0.0
