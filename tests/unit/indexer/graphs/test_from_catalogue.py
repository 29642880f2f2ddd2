"""A graph from a catalogue's own fields."""

import json
from pathlib import Path

import pytest

from clew.core.errors import DataError, SpecError
from clew.indexer.graphs.from_catalogue import build
from clew.indexer.spec import read_spec
from clew.kg.snapshot import Snapshot, find_snapshot
from clew.kg.types import Edge, Entity
from clew.search.fields import FieldSpec
from tests.builders import write_rows

SHOP = Path(__file__).parents[4] / "examples" / "shop"
FIELDS = """
title = { type = "text" }
brand = { type = "keyword", entity = "brand" }
category = { type = "keyword", facet = "hierarchy", entity = "category" }
tags = { type = "list", entity = "tag" }
colour = { type = "keyword" }
"""
ROWS = [
    {"id": "1", "title": "Lamp", "brand": "Orvané", "category": "Home > Light > Lamps", "tags": ["Oak", "oak ", "LED"]},
    {"id": "2", "title": "Bulb", "brand": " ORVANE", "category": "Home>Light", "colour": "red"},
    {"id": "3", "title": "Void"},
]


@pytest.fixture
def make(tmp_path):
    def make(rows=ROWS, fields=FIELDS, source="", **options):
        write_rows(tmp_path, shop=rows)
        spec = f'name = "shop"\n[source]\npath = "shop.jsonl"\n{source}\n[fields]\n{fields}'
        (tmp_path / "shop.toml").write_text(spec)
        return build(tmp_path / "home", read_spec(tmp_path / "shop.toml"), **options)

    make.home = tmp_path / "home"
    return make


def contents(home, name="shop"):
    found = Snapshot.open(find_snapshot(home, name))
    return list(found.all_entities()), list(found.all_edges())


def test_documents_and_values_become_nodes(make):
    report = make()
    entities, edges = contents(make.home)
    assert entities == [
        Entity("brand:orvane", "brand", "Orvané"),
        Entity("category:home", "category", "Home"),
        Entity("category:home > light", "category", "Light"),
        Entity("category:home > light > lamps", "category", "Lamps"),
        Entity("product:1", "product", "Lamp"),
        Entity("product:2", "product", "Bulb"),
        Entity("product:3", "product", "Void"),
        Entity("tag:led", "tag", "LED"),
        Entity("tag:oak", "tag", "Oak"),
    ]
    assert edges == [
        Edge("category:home > light", "subcategory_of", "category:home"),
        Edge("category:home > light > lamps", "subcategory_of", "category:home > light"),
        Edge("product:1", "has_brand", "brand:orvane"),
        Edge("product:1", "has_tag", "tag:led"),
        Edge("product:1", "has_tag", "tag:oak"),
        Edge("product:1", "in_category", "category:home > light > lamps"),
        Edge("product:2", "has_brand", "brand:orvane"),
        Edge("product:2", "in_category", "category:home > light"),
    ]
    assert (report.graph, report.entities, report.edges, report.repeated, report.rejected) == ("shop", 9, 8, 0, 0)


@pytest.mark.parametrize("source", ["variants = true", 'id = "sku"\ngroup = "id"'], ids=["one id", "a group"])
def test_the_entities_of_all_variants_are_linked_to_the_product(make, source):
    rows = [{"id": "1", "sku": f"1-{at}", **row} for at, row in enumerate(
        [{"title": "Lamp", "brand": "Orvane", "tags": ["oak"]}, {"brand": "Kestrio"}, {"tags": ["led"]}]
    )]  # fmt: skip
    assert make(rows, source=source).rejected == 0
    entities, edges = contents(make.home)
    assert [entity.id for entity in entities if entity.type == "product"] == ["product:1"]
    assert [edge.target for edge in edges] == ["brand:kestrio", "brand:orvane", "tag:led", "tag:oak"]


def test_names_types_and_prefixes_can_be_chosen(make):
    report = make(name="other", document_type="article", prefix="sku/", licence="own")
    assert report.graph == "other"
    assert Entity("sku/3", "article", "Void") in contents(make.home, "other")[0]


def test_the_same_catalogue_makes_the_same_graph(make):
    first = make()
    assert (make().status, make(ROWS[::-1]).entities) == ("unchanged", first.entities)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "1", "title": "again"}, r"shop\.jsonl:4: id '1' was seen before, at .*shop\.jsonl:1"),
        ({"id": "9", "title": {}, "brand": {"a": 1}}, r"shop\.jsonl:4: field 'brand' is {'a': 1}"),
        ({"title": "none"}, r"shop\.jsonl:4: the record has no field"),
        ({"id": "9", "title": "x" * 10_001}, r"shop\.jsonl:4: field 'name' has 10,001 characters"),
        ({"id": "9", "title": "x", "brand": "b" * 1_001}, r"shop\.jsonl:4: field 'id' is 'brand:bbb"),
    ],
)
def test_bad_records_are_treated_as_the_source_says(make, row, message):
    with pytest.raises(DataError, match=message) as error:
        make([*ROWS, row], source='on_error = "stop"')
    assert 'on_error = "skip-record"' in error.value.hint
    report = make([*ROWS, row], source='on_error = "skip-record"')
    assert report.rejected == 1
    assert {edge.relation for edge in contents(make.home)[1] if "9" in edge.source} == set()
    assert make().id == make(source='on_error = "skip-record"').id


@pytest.mark.parametrize(
    ("fields", "options", "message"),
    [
        ('title = { type = "text" }', {}, "no field of 'shop' has an entity type"),
        (FIELDS, {"document_type": "brand"}, r"\[fields\] brand: entity 'brand' is also the type of the documents"),
        (FIELDS, {"prefix": "tag:"}, r"\[fields\] tags: entity 'tag' is also the type of the documents"),
        (FIELDS, {"document_type": "a b"}, "the documents' type 'a b' is invalid"),
    ],
)
def test_specs_that_cannot_be(make, fields, options, message):
    with pytest.raises(SpecError, match=message):
        make(fields=fields, **options)


@pytest.mark.parametrize("kind", ["text", "number", "bool", "date", "geo"])
def test_only_keywords_and_lists_hold_entities(kind):
    assert FieldSpec("list", entity="brand").entity == FieldSpec("keyword", entity="brand").entity == "brand"
    with pytest.raises(ValueError, match=f"a {kind} field cannot contain entities"):
        FieldSpec(kind, entity="brand")


@pytest.mark.parametrize("entity", ["a b", "a:b", "x" * 65, "`"])
def test_an_entity_type_is_a_word(entity):
    with pytest.raises(ValueError, match="entity is "):
        FieldSpec("keyword", entity=entity)


def test_the_sample_catalogue_gives_the_relations_of_the_sample_graph(tmp_path):
    """The sample's own graph was made by hand from the same fields; only its spelling of ids differs."""
    text = (SHOP / "shop.toml").read_text()
    for name, kind in (("brand", "brand"), ("colour", "colour"), ("category", "category"), ("attributes", "attribute")):
        line = next(line for line in text.splitlines() if line.startswith(name))
        if "entity" not in line:
            text = text.replace(line, line.replace(" }", f', entity = "{kind}" }}'))
    (tmp_path / "shop.toml").write_text(text.replace('path = "catalogue.jsonl"', f'path = "{SHOP}/catalogue.jsonl"'))
    report = build(tmp_path / "home", read_spec(tmp_path / "shop.toml"))
    by_hand = [json.loads(line)["relation"] for line in (SHOP / "edges.jsonl").read_text().splitlines()]
    wanted = {name: by_hand.count(name) for name in set(by_hand) - {"accessory_of", "compatible_with"}}
    assert report.relations == wanted
