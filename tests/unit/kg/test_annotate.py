"""What a document is about, by its node, its values and its title."""

import pytest

from clew.kg.annotate import TEXT_WEIGHT, Annotator, document_mapping, open_linker, value_id
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.spec import GraphSpec
from clew.kg.types import Edge, Entity

ENTITIES = [
    *(Entity(f"product:{n}", "product", f"Fjord chair {n}") for n in range(4)),
    Entity("brand:fjord", "brand", "Fjord"),
    Entity("category:sofas", "category", "Sofas", ("couch",), {"zh": "沙发"}),
    Entity("category:home > sofas", "category", "Sofas"),
]
EDGES = [Edge(f"product:{n}", "has_brand", "brand:fjord") for n in range(4)] + [
    Edge("category:sofas", "sold_as", "product:1"),
    Edge("category:home > sofas", "broader", "category:sofas"),
]
IDS = [str(n) for n in range(4)]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    found = write_snapshot(tmp_path_factory.mktemp("home"), "shop", ENTITIES, EDGES, created="2025-01-01T00:00:00Z")
    yield found
    found.close()


def rows(snapshot, weights):
    return dict(zip(snapshot.ids(list(weights)), weights.values(), strict=True))


def spec(**values):
    return GraphSpec(name="shop", **{"documents": "product:{id}", "document_types": ["product"], **values})


def test_documents_are_found_in_the_graph_by_looking(snapshot):
    found = document_mapping(snapshot, "auto", IDS)
    assert (found.documents, found.types, found.about) == ("product:{id}", ("product",), ("has_brand", "sold_as"))


def test_documents_that_are_no_nodes(snapshot):
    assert document_mapping(snapshot, "auto", ["a", "b", "c"]).documents == ""
    assert document_mapping(snapshot, "", IDS).documents == ""
    assert document_mapping(snapshot, "auto", []).documents == ""
    assert document_mapping(snapshot, "item:{id}", IDS).documents == ""


def test_a_pattern_holds_where_hardly_any_document_is_a_node(snapshot):
    found = document_mapping(snapshot, "product:{id}", [f"other-{n}" for n in range(2_001)] + ["1"])
    assert (found.documents, found.types) == ("product:{id}", ("product",))


def test_documents_that_are_entities_like_the_others(snapshot):
    found = document_mapping(snapshot, "auto", [entity.id for entity in ENTITIES])
    assert (found.documents, found.types, found.about) == ("{id}", (), ())


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("brand", ["Fjord"], "brand:fjord"),
        ("brand", ["  FJÖRD  & Co "], "brand:fjord co"),
        ("category", ["Home", "Sofas"], "category:home > sofas"),
        ("brand", ["!!!"], "brand:!!!"),
    ],
)
def test_values_have_ids_that_spelling_does_not_change(kind, path, expected):
    assert value_id(kind, path) == expected


def test_a_document_is_about_its_node_and_what_that_is_joined_to(snapshot):
    weights = Annotator(snapshot, spec()).entities("1", [], [])
    assert rows(snapshot, weights) == {"brand:fjord": 1.0, "category:sofas": 1.0, "product:1": 1.0}
    assert list(weights) == sorted(weights)
    assert Annotator(snapshot, spec()).entities("unknown", [], []) == {}


def test_a_document_is_about_the_values_of_its_fields(snapshot):
    weights = Annotator(snapshot, spec()).entities("x", [], [("brand", ["FJORD"]), ("category", ["Home", "Sofas"])])
    assert rows(snapshot, weights) == {"brand:fjord": 1.0, "category:home > sofas": 1.0}
    assert Annotator(snapshot, spec()).entities("x", [], [("brand", ["unheard of"])]) == {}


def test_a_mention_in_the_title_counts_less_and_never_lowers_a_value(snapshot):
    annotator = Annotator(snapshot, spec())
    (weight,) = annotator.entities("x", ["Fjord"], []).values()
    linker = open_linker(snapshot.folder, spec())
    assert weight == pytest.approx(TEXT_WEIGHT * linker.link("Fjord").mentions[0].probability)
    assert rows(snapshot, annotator.entities("x", ["Fjord"], [("brand", ["Fjord"])])) == {"brand:fjord": 1.0}


def test_of_several_texts_the_surest_mention_counts(snapshot):
    annotator = Annotator(snapshot, spec())
    texts = ["Fjord", "a chair that is made by Fjord", "nothing"]
    each = [annotator.mentioned([text]) for text in texts]
    assert each[2] == {}
    (row,) = each[0]
    assert annotator.mentioned(texts) == {row: max(found.get(row, 0.0) for found in each)}


def test_entities_that_only_documents_are_are_not_linked(snapshot):
    assert {c.entity for c in open_linker(snapshot.folder, spec()).link("Fjord chair 1").candidates} == {
        snapshot.row("brand:fjord")
    }
    everything = open_linker(snapshot.folder, spec(document_types=[]))
    assert snapshot.row("product:1") in {c.entity for c in everything.link("Fjord chair 1").candidates}


def test_where_there_are_only_documents_nothing_is_linked(tmp_path):
    alone = write_snapshot(tmp_path, "alone", ENTITIES[:4], [], created="2025-01-01T00:00:00Z")
    try:
        assert open_linker(alone.folder, spec()).link("Fjord chair 1").candidates == ()
    finally:
        alone.close()
