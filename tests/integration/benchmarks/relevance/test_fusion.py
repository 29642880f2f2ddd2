import pytest

from clew.benchmarks.data.datasets import open_dataset
from clew.benchmarks.relevance.fusion import FUSED, Options, sweep, table
from clew.core.errors import DataError, UsageError


def test_every_fusion_is_measured_on_the_splits_that_are_there(beir, tmp_path):
    found = sweep(open_dataset(beir), tmp_path / "home", Options(model="hashing-32"))
    assert list(found) == ["dev"]
    assert found["dev"]["queries"] == 2
    assert list(found["dev"]["nDCG@10"]) == list(FUSED)
    # Both queries name their document by words that no other has.
    assert found["dev"]["nDCG@10"]["bm25"] == 1
    assert all(0 <= mean <= 1 for mean in found["dev"]["nDCG@10"].values())
    assert table({"tiny": found}).row_count == 1


def test_a_sample_is_drawn_by_its_seed(beir, tmp_path):
    found = sweep(open_dataset(beir), tmp_path / "home", Options(sample=1, model="hashing-32"))
    assert found["dev"]["queries"] == 1


def test_nothing_is_chosen_on_test_queries():
    with pytest.raises(UsageError, match="split is 'test'"):
        Options(splits=("dev", "test"))
    with pytest.raises(UsageError, match="sample is 0"):
        Options(sample=0)


def test_without_any_of_the_splits_the_ones_there_are_named(beir, tmp_path):
    with pytest.raises(DataError, match="tiny has no split train") as caught:
        sweep(open_dataset(beir), tmp_path / "home", Options(splits=("train",), model="hashing-32"))
    assert caught.value.hint == "it has dev, test"
