"""What a build says of its graph."""

import pytest

from clew.indexer.graphs.annotated import Annotated, annotated
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.spec import GraphSpec
from clew.kg.types import Edge, Entity
from clew.search.versions import ShardManifest

ENTITIES = [Entity("product:1", "product", "Chair"), Entity("brand:fjord", "brand", "Fjord"), Entity("x", "", "X")]


def shard(documents):
    return ShardManifest(documents=9, passages=9, files={}, facts={"graph": {"documents": documents}})


@pytest.fixture
def snapshot(tmp_path):
    edges = [Edge("product:1", "made_by", "brand:fjord")]
    found = write_snapshot(tmp_path, "shop", ENTITIES, edges, created="2025-01-01T00:00:00Z")
    found.close()
    return found.id


def test_the_linked_types_and_annotated_documents_are_named(tmp_path, snapshot):
    spec = GraphSpec("shop", documents="product:{id}", document_types=["product"], snapshot=snapshot)
    found = annotated(spec, tmp_path, [shard(3), shard(4)])
    assert found == Annotated("shop", "product:{id}", ("product",), {"": 1, "brand": 1}, 7)
    assert found.describe(18) == "graph shop: 7 of 18 documents annotated; linked: without a type 1, brand 1"
    assert found.notices(18) == []


def test_a_graph_of_which_nothing_is_used_is_noticed(tmp_path, snapshot):
    spec = GraphSpec("shop", documents="", document_types=["product", "brand", ""], snapshot=snapshot)
    nothing, nobody = annotated(spec, tmp_path, [shard(0)]).notices(9)
    assert "no name is linked: only documents have the types of graph 'shop'" in nothing
    assert "no document is annotated" in nobody
