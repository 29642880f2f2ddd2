"""Compiled loops of BM25 over words; `bm25_pruning` has those over postings."""

from __future__ import annotations

from typing import Any

from numba import types as nb

from clew.search.candidates.compiled import compiled, read_only


@compiled(
    nb.int64(
        read_only(nb.int32), read_only(nb.int64), read_only(nb.float64), nb.int64,
        nb.int64[::1], nb.int64[::1], nb.int32[::1], nb.int32[::1], nb.float64[::1],
    )
)  # fmt: skip
def count_words(
    words: Any, ends: Any, weights: Any, first: int, seen: Any, slot: Any, term: Any, passage: Any, tf: Any
) -> int:
    """Count the words of some passages; return the number of (term, passage, tf) triples written.

    words: (n,) int32 term of each word, ordered by passage and, within a passage, by field. ends: (p * f,) int64 index
    into words at which each field of each passage ends. weights: (f,) float64, what a word of the field adds to tf.
    first: ordinal of the first passage. seen, slot: (terms,) int64 workspaces; seen holds the last passage that
    contained the term (-1: none). term, passage, tf: (n,), output: terms are unique within a passage, passages ascend.
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


@compiled(
    nb.void(
        read_only(nb.int32), read_only(nb.int32), read_only(nb.float32), read_only(nb.int32), nb.int64[::1],
        nb.int32[::1], nb.float32[::1],
    )
)  # fmt: skip
def sort_postings(term: Any, passage: Any, tf: Any, rank: Any, cursor: Any, passages: Any, frequencies: Any) -> None:
    """Sort triples by the rank of their terms, with passages still ascending within a term (a counting sort).

    rank: (terms,) int32. cursor: (terms,) int64, where each rank's postings begin; overwritten. passages, frequencies:
    (n,), output.
    """
    for at in range(len(term)):
        to = cursor[rank[term[at]]]
        cursor[rank[term[at]]] = to + 1
        passages[to] = passage[at]
        frequencies[to] = tf[at]


@compiled(nb.int64(read_only(nb.float32), nb.float32[::1], nb.uint8[::1]))
def encode(frequencies: Any, values: Any, codes: Any) -> int:
    """Write the code of each frequency; return the number of distinct values that have a code of their own.

    frequencies: (n,). values: (at most 255,), output: distinct frequencies in order of first use. codes: (n,), output:
    the index of the frequency in values, or len(values) if values is full.
    """
    known = 0
    for at in range(len(frequencies)):
        code = 0
        while code < known and values[code] != frequencies[at]:
            code += 1
        if code == known and known < len(values):
            values[known] = frequencies[at]
            known += 1
        codes[at] = code
    return known
