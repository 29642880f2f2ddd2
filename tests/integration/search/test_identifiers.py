"""Identifiers over built indexes: found whole, first, and with a part of their own in explanations."""

import pytest

import clew
from tests.builders import build_home, spec_table

FIELDS = {
    "title": {"type": "text", "weight": 2.0},
    "text": {"type": "text"},
    "sku": {"type": "keyword"},
    "codes": {"type": "list", "identifier": True},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    docs = [
        {
            "id": f"LMP-{number}", "title": "Brass desk lamp", "text": "A warm lamp for the desk. " * 12,
            "sku": f"BX/{number}", "codes": [f"40063813{number:05}", f"Z{number}K"],
        }
        for number in range(300, 500)
    ]  # fmt: skip
    docs.append(
        {"id": "other", "title": "LMP handbook 333", "text": "Spare bulb for lamp BX 333, LMP 333.", "sku": "HB"}
    )
    dense = spec_table("hybrid", fields=FIELDS, dense={"model": "hashing-64"}, passages={"size": 24, "step": 16})
    words = spec_table("words", fields=FIELDS, dense=False, build={"shards": 3})
    reference = spec_table("reference", fields=FIELDS, dense=False, bm25={"backend": "rank_bm25"})
    return build_home(tmp_path_factory.mktemp("identifiers"), dense, words, reference, docs=docs)


@pytest.mark.parametrize("index", ["hybrid", "words", "reference"])
@pytest.mark.parametrize(
    "query", ["LMP-333", "lmp333", "LMP 333", "bx333", "BX/333", "z333k", "4006381300333", "sku BX-333", "bx333 lamp"]
)
def test_an_identifier_brings_its_document_first_among_near_equals(home, index, query):
    with clew.open(index, home) as opened:
        assert opened.search(query, k=3).hits[0].id == "LMP-333"


def test_the_explanation_names_the_identifier_and_adds_up(home):
    with clew.open("hybrid", home) as opened:
        hit = opened.search("LMP-333", k=1, explain=True).hits[0]
    assert "identifier 'lmp333'" in [part.what for part in hit.why[0].parts]
    for stage in hit.why:
        assert sum(part.value for part in stage.parts) == pytest.approx(stage.score, abs=1e-6)


def test_a_document_about_the_named_one_may_win_if_it_alone_has_the_other_words(home):
    with clew.open("words", home) as opened:
        assert opened.search("BX-333 spare bulb", k=1).hits[0].id == "other"


def test_several_identifiers_bring_all_their_documents(home):
    with clew.open("hybrid", home) as opened:
        assert {hit.id for hit in opened.search("LMP-301 LMP-302", k=2).hits} == {"LMP-301", "LMP-302"}


def test_words_that_the_index_knows_are_not_a_handle(tmp_path):
    docs = [
        {"id": "running-shoes", "title": "Gift card"},
        {"id": "a", "title": "Running shoe for men"},
        {"id": "b", "title": "Shoes for a run"},
    ]
    table = {"name": "shop", "dense": False, "source": {"path": "docs.jsonl"}, "fields": {"title": {"type": "text"}}}
    with clew.open("shop", build_home(tmp_path, table, docs=docs)) as shop:
        assert shop.search("running shoes", k=1).hits[0].id != "running-shoes"
        assert shop.search("running-shoes", k=1).hits[0].id == "running-shoes"
