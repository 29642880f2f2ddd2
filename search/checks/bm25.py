"""Check the postings of a shard and the statistics of a version; see `bm25_postings` and `bm25_statistics`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clew.core.check import (
    check_offsets,
    check_ordinals,
    check_range,
    check_rising,
    int_of,
    read_json,
    read_trie,
    require,
)
from clew.core.mapped import open_array
from clew.search.candidates.bm25_postings import FREQUENCIES as CODES
from clew.search.candidates.bm25_postings import LENGTHS, OFFSETS, PASSAGES, RARES, VALUES
from clew.search.candidates.bm25_pruning import RARE
from clew.search.candidates.bm25_statistics import FREQUENCIES, STATISTICS, TERMS
from clew.search.candidates.rank_bm25 import WORDS
from clew.search.fields import Fields, searched

_LARGEST = float(np.finfo(np.float32).max)
_MOST_WORDS = 2**53


def check_statistics(folder: Path, passages: int, fields: Fields) -> None:
    """Check the BM25 statistics of a version with so many passages."""
    path = folder / STATISTICS
    table = read_json(path)
    require(isinstance(table, dict), path, "it is not a JSON object")
    counted = int_of(table, "passages", 0, passages, path)
    require(isinstance(table.get("analyzer"), str), path, "analyzer is not text")
    for key in ("words", "weights"):
        found = table.get(key)
        require(isinstance(found, dict) and set(found) == set(searched(fields)), path, f"{key} are of other fields")
    for name in table["words"]:
        int_of(table["words"], name, 0, _MOST_WORDS, path)
    frequencies = open_array(folder / FREQUENCIES, np.int64, (None,))
    check_range(frequencies, 1, counted, folder / FREQUENCIES)
    read_trie(folder / TERMS, len(frequencies))


def check_postings(folder: Path, passages: int) -> None:
    """Check the postings of a shard with so many passages."""
    offsets = open_array(folder / OFFSETS, np.int64, (None,))
    listed = open_array(folder / PASSAGES, np.int32, (None,))
    codes = open_array(folder / CODES, np.uint8, listed.shape)
    rare = open_array(folder / RARES, np.int64, (None,))
    values = open_array(folder / VALUES, np.float32, (RARE + len(rare),))
    lengths = open_array(folder / LENGTHS, np.float32, (passages,))
    check_offsets(offsets, len(listed), folder / OFFSETS)
    check_ordinals(listed, passages, folder / PASSAGES)
    check_rising(listed, folder / PASSAGES, offsets)
    check_range(lengths, 0, _LARGEST, folder / LENGTHS)
    check_range(values, 0, _LARGEST, folder / VALUES)
    used = np.bincount(codes, minlength=RARE + 1)[:RARE] > 0
    require((values[:RARE][used] > 0).all() and (values[RARE:] > 0).all(), folder / VALUES, "a frequency is 0")
    require(np.array_equal(np.flatnonzero(codes == RARE), rare), folder / RARES, f"it does not belong to {CODES}")
    read_trie(folder / TERMS, len(offsets) - 1)


def check_words(folder: Path, passages: int) -> None:
    """Check the words of a shard for the backend rank_bm25."""
    path = folder / WORDS
    table = read_json(path)
    words: Any = table.get("words") if isinstance(table, dict) else None
    require(isinstance(words, list) and len(words) == passages, path, f"it has no words of {passages} passages")
    fine = all(isinstance(part, list) and all(isinstance(word, str) for word in part) for part in words)
    require(fine, path, "words are not lists of text")
