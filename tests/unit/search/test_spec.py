"""The part of a spec that serving reads, from a spec file's tables and as it is stored with a version."""

import json

import pytest

from clew.core.errors import SpecError
from clew.search.fields import FieldSpec
from clew.search.fusion import FusionSpec
from clew.search.rerank.spec import RerankSpec
from clew.search.spec import SearchSpec

FIELDS = {"title": {"type": "text", "weight": 2.0}, "brand": {"type": "keyword"}}


def test_tables_that_serving_does_not_read_are_ignored():
    spec = SearchSpec.of_table({"fields": FIELDS, "source": {"path": "a"}, "fusion": {"method": "rrf"}})
    assert spec.fields["title"] == FieldSpec("text", 2.0)
    assert spec.fusion == FusionSpec("rrf")
    assert spec.dense is not None
    assert (spec.graph, spec.rerank) == (None, None)


@pytest.mark.parametrize("absent", [False, None])
def test_an_index_may_have_no_vectors(absent):
    assert SearchSpec.of_table({"fields": FIELDS, "dense": absent}).dense is None


def test_nested_tables_are_typed():
    relations = {"made_by": {"weight": 2.0}, "in": "both"}
    table = {"fields": FIELDS, "rerank": {"model": "overlap"}, "graph": {"expand": {"relations": relations}}}
    spec = SearchSpec.of_table(json.loads(json.dumps(table)))
    assert spec.rerank == RerankSpec("overlap")
    assert spec.graph is not None
    assert spec.graph.expand.relations["made_by"].weight == 2.0


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"fields": {"title": {"tpye": "text"}}}, r"shop.toml \[fields\] title: unknown key 'tpye'"),
        ({"fields": 3}, "shop.toml fields is 3"),
        ({"fields": FIELDS, "rerank": {"top": 0}}, r"shop.toml \[rerank\]: top is 0"),
        ({"fields": FIELDS, "graph": {"link": {"x": 1}}}, r"shop.toml \[graph\] link: unknown key 'x'"),
        ({"fields": FIELDS, "dense": 3}, r"shop.toml \[dense\] is int, expected a table"),
    ],
)
def test_a_wrong_value_is_named_with_its_table(table, says):
    with pytest.raises(SpecError, match=says):
        SearchSpec.of_table(table, "shop.toml")
