"""Batches: every row once, like lengths together, work for every lane; and padding that is not read."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clew.models.batches import batches, padded


@given(st.lists(st.integers(2, 300), max_size=60), st.integers(1, 600), st.integers(1, 8))
def test_every_row_is_in_one_batch_that_is_no_larger_than_asked(lengths, tokens, workers):
    found = list(batches(lengths, tokens, workers))
    assert sorted(row for rows in found for row in rows) == list(range(len(lengths)))
    for rows in found:
        assert len(rows) == 1 or len(rows) * lengths[rows[0]] <= tokens
    widths = [lengths[row] for rows in found for row in rows]
    assert widths == sorted(widths, reverse=True)


def test_few_texts_are_shared_among_the_workers():
    assert [len(rows) for rows in batches([60] * 4, 256, 1)] == [4]
    assert [len(rows) for rows in batches([60] * 4, 256, 2)] == [2, 2]
    assert [len(rows) for rows in batches([60] * 20, 256, 2)] == [4, 4, 4, 4, 4]


def test_shorter_texts_are_padded():
    long, short = (SimpleNamespace(ids=ids, type_ids=types) for ids, types in (([7, 8, 9], [0, 1, 1]), ([5], [0])))
    ids, mask, types = padded([long, short])
    assert np.array_equal(ids, [[7, 8, 9], [5, 0, 0]])
    assert np.array_equal(mask, [[1, 1, 1], [1, 0, 0]])
    assert np.array_equal(types, [[0, 1, 1], [0, 0, 0]])
    assert {array.dtype for array in (ids, mask, types)} == {np.dtype(np.int64)}
