"""Recall over shards, and its target."""

import pytest

from clew.core.errors import QualityError
from clew.indexer.releases.verify import check_recall, recall_of
from clew.search.versions import ShardManifest


def shard(passages, **recall):
    return ShardManifest(1, passages, {}, facts={"dense": {"kind": "hnsw", **recall}, "bm25": {}})


def test_recall_is_the_mean_by_passages():
    found = recall_of([shard(300, **{"recall@10": 1.0}), shard(100, **{"recall@10": 0.96})])
    assert found == {"recall@10": pytest.approx(0.99)}


def test_no_dense_part_has_no_recall():
    assert recall_of([ShardManifest(1, 5, {})]) == {}


def test_recall_below_the_target_is_refused():
    check_recall({"recall@10": 0.97}, 0.97)
    check_recall({}, 0.97)
    with pytest.raises(
        QualityError, match=r"recall@100 of the vector index is 0\.9000, below \[dense\] recall = 0\.97"
    ):
        check_recall({"recall@10": 0.99, "recall@100": 0.9}, 0.97)
