"""What a document is about, by its node, its values and its title."""

import pytest

from clew.kg.annotate import TEXT_WEIGHT, Annotator, document_mapping, open_linker, steps_of, value_id
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
    """Entity → weight, or (entity, said) → weight for one that an edge joins to the document."""
    ids = snapshot.ids([row for row, _ in weights])
    said = ["", *(step.text for step in steps_of(snapshot.relations))]
    named = [(name, said[step]) if step else name for name, (_, step) in zip(ids, weights, strict=True)]
    return dict(zip(named, weights.values(), strict=True))


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


def written(folder, types, edges):
    """A graph of entities by type → ids."""
    entities = [Entity(name, kind, name) for kind, names in types.items() for name in names]
    return write_snapshot(folder, "g", entities, [Edge(*edge) for edge in edges], created="2025-01-01T00:00:00Z")


PEOPLE, FILMS = [f"p{n}" for n in range(1_600)], [f"f{n}" for n in range(400)]
DIRECTED = [(film, "directed_by", person) for film, person in zip(FILMS, PEOPLE, strict=False)]


@pytest.mark.parametrize("ratings", [("r1",), ("r1", "r2", "r3"), ()])
def test_a_rare_type_changes_nothing_where_documents_are_the_entities(tmp_path, ratings):
    graph = written(tmp_path, {"film": FILMS, "person": PEOPLE, "rating": ratings}, DIRECTED)
    found = document_mapping(graph, "auto", [*FILMS, *PEOPLE, *ratings[:1]])
    assert (found.documents, found.types, found.about) == ("{id}", (), ())
    linker = open_linker(graph.folder, spec(documents="{id}", document_types=list(found.types)))
    assert linker.link("p7").mentions
    graph.close()


def test_films_and_people_with_pages_are_entities_though_genres_have_none(tmp_path):
    genres = [(film, "has_genre", "g1") for film in FILMS]
    graph = written(tmp_path, {"film": FILMS, "person": PEOPLE, "genre": ["g1"]}, [*DIRECTED, *genres])
    assert document_mapping(graph, "auto", [*FILMS, *PEOPLE]).types == ()
    graph.close()


def test_a_brand_with_a_page_does_not_make_brands_a_type_of_documents(tmp_path):
    brands = [f"b{n}" for n in range(5)]
    made = [(film, "made_by", brands[at % 5]) for at, film in enumerate(FILMS)]
    graph = written(tmp_path, {"film": FILMS, "brand": brands}, made)
    assert document_mapping(graph, "auto", [*FILMS, "b1"]).types == ("film",)
    graph.close()


def test_one_product_with_a_brand_is_too_few_for_a_type_of_its_own(tmp_path):
    sequels = list(zip(FILMS[1:], ["sequel_of"] * 399, FILMS, strict=False))
    graph = written(tmp_path, {"film": FILMS, "rating": ["r1"]}, [*sequels, ("f0", "rated", "r1")])
    assert document_mapping(graph, "auto", FILMS).types == ()
    graph.close()


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
    assert rows(snapshot, weights) == {
        ("brand:fjord", "brand of"): 1.0,
        ("category:sofas", "sold as"): 1.0,
        "product:1": 1.0,
    }
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


def test_an_edge_says_more_than_a_value_or_a_mention(snapshot):
    found = Annotator(snapshot, spec()).entities("1", ["Fjord"], [("brand", ["Fjord"])])
    assert [key for key in rows(snapshot, found) if "brand:fjord" in key] == [("brand:fjord", "brand of")]


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
