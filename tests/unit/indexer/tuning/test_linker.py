"""Fitting the linker's weights."""

import numpy as np
import pytest

from clew.core.errors import DataError
from clew.indexer.tuning.linker import THRESHOLDS, Examples, fit, learn
from clew.kg.linker import FEATURES


def examples(rows, shares=None):
    """Examples whose second feature is a number, and whether they are meant."""
    table = np.zeros((len(rows), len(FEATURES)))
    table[:, 0] = 1.0
    table[:, 1] = [value for value, _ in rows]
    meant = np.array([right for _, right in rows])
    return Examples(table, meant, np.ones(len(rows)) if shares is None else np.array(shares))


def test_the_bias_alone_is_the_odds_of_the_sample():
    rows = [(0.0, True)] * 20 + [(0.0, False)] * 60
    assert fit(examples(rows))["bias"] == (pytest.approx(np.log(1 / 3), abs=0.01),) * 2
    # What counts half weighs half.
    halved = fit(examples(rows, [0.5] * 20 + [1.0] * 60))
    assert halved["bias"][0] == pytest.approx(np.log(1 / 6), abs=0.01)


def test_weights_are_regularised_towards_zero_but_not_the_bias():
    few = fit(examples([(1.0, True)] * 3 + [(0.0, False)] * 3))["alias"][0]
    many = fit(examples([(1.0, True)] * 300 + [(0.0, False)] * 300))["alias"][0]
    assert 0 < few < many


@pytest.mark.parametrize("right", [True, False])
def test_examples_that_are_all_alike_teach_nothing(right):
    with pytest.raises(DataError, match="learning needs right and wrong candidates"):
        fit(examples([(0.0, right)] * 4))


def test_the_highest_of_the_best_thresholds_is_taken():
    found = learn(examples([(1.0, True), (0.0, False)]), lambda _, threshold: 0.9 if 0.3 <= threshold <= 0.5 else 0.4)
    assert found.threshold == 0.5
    assert tuple(found.dev) == THRESHOLDS
    assert found.examples == 2


def test_what_no_candidate_with_a_vector_has_counts_as_without_vectors():
    names = ("Chinese", "common Chinese word", "cosine")
    chinese, common, cosine = (FEATURES.index(name) for name in names)
    table = np.zeros((80, len(FEATURES)))
    table[:, 0] = 1.0
    table[:40, cosine] = np.linspace(0.1, 0.9, 40)
    table[40:, chinese] = 1.0
    table[60:, common] = 1.0
    meant = np.concatenate([np.arange(40) >= 20, np.arange(40) < 22])
    found = fit(Examples(table, meant, np.ones(80)))
    assert found["common Chinese word"][0] == found["common Chinese word"][1] < 0
    # What those without vectors are changes nothing for those with one.
    alone = fit(Examples(table[:40], meant[:40], np.ones(40)))
    assert [found[name][0] for name in ("bias", "cosine")] == [alone[name][0] for name in ("bias", "cosine")]
