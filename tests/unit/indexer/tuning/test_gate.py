"""Fitting the gate."""

from __future__ import annotations

import numpy as np

from clew.indexer.tuning.gate import learn
from clew.search.gate import FEATURES, Gate


def query(best: float, gain: float) -> tuple[np.ndarray, float]:
    row = np.zeros(len(FEATURES))
    row[0], row[FEATURES.index("link probability")] = 1.0, best
    return row, gain


def test_it_learns_what_goes_with_a_gain() -> None:
    examples = [query(0.9, 0.5), query(0.8, 0.4), query(0.2, -0.5), query(0.1, -0.4)] * 20
    gate = learn(examples, Gate(dict.fromkeys(FEATURES, 0.0)))
    assert gate.probability(query(0.9, 0)[0]) > 0.6
    assert gate.probability(query(0.1, 0)[0]) < 0.4
    assert gate.queries == 80


def test_large_gains_weigh_more_than_small_ones() -> None:
    examples = [query(0.5, 1.0), *[query(0.5, -0.01)] * 10]
    assert learn(examples, Gate(dict.fromkeys(FEATURES, 0.0))).probability(query(0.5, 0)[0]) > 0.5


def test_few_queries_stay_near_the_start() -> None:
    start = Gate({**dict.fromkeys(FEATURES, 0.0), "bias": 2.0})
    near = learn([query(0.5, -0.1)], start)
    assert 1.0 < near.weights["bias"] < 2.0
    assert learn([query(0.5, 0.0)], start) is start  # nothing to gain, nothing learned
