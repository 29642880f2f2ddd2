"""Every segmentation is measured on the same queries and compared with the first."""

import pytest

from clew.benchmarks.words.measure import data, measure, table
from clew.benchmarks.words.segmentation import SEGMENTATIONS
from clew.benchmarks.words.shop_names import Queries
from clew.core.errors import UsageError


def test_each_way_is_compared_with_the_first():
    texts = {"a": "羊毛毯子", "b": "羊毛衫", "c": "水壶"}
    sets = {"shop": Queries(texts, {"q1": "毯", "q2": "水壶"}, {"q1": {"a": 1}, "q2": {"c": 1}})}
    done = []
    found = measure(sets, done.append)
    assert done == list(SEGMENTATIONS)
    means = {name: row["mean"] for name, row in found["shop"]["nDCG@10"].items()}
    first = next(iter(SEGMENTATIONS))
    # 毯 alone is a term only where characters are.
    assert (means[first], means["characters"], means["pairs"]) == (1.0, 1.0, 0.5)
    assert found["shop"]["nDCG@10"]["pairs"]["against_first"]["difference"] == -0.5
    assert found["shop"]["queries"] == 2
    assert table(found).row_count == len(SEGMENTATIONS)


def test_test_queries_are_refused():
    with pytest.raises(UsageError, match="'test'"):
        data("test")
