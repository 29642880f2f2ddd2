"""Hard negatives: found by the index, not relevant, and not likely to be so."""

import pytest

from clew.indexer.build import build
from clew.indexer.spec import spec_of
from clew.search.assemble import open_index
from clew.training.negatives import candidates_example, mined_example
from clew.training.spec import NegativesSpec

BODIES = {
    "right": "the kettle boils water in two minutes and switches itself off",
    "copy": "The kettle boils water in two minutes and switches itself off",
    "near": "a kettle for the hob that whistles when water boils",
    "far": "water shoes for the beach",
    **{f"other{at}": f"kettle stand number {at} of steel" for at in range(30)},
    "unrelated": "a lamp",
}


@pytest.fixture(scope="module")
def searcher(tmp_path_factory):
    root = tmp_path_factory.mktemp("negatives")
    lines = [f'{{"id": "{name}", "title": "T {name}", "text": "{text}"}}\n' for name, text in BODIES.items()]
    (root / "docs.jsonl").write_text("".join(lines))
    table = {
        "name": "kettles",
        "source": {"path": "docs.jsonl"},
        "dense": {"model": "hashing-64"},
        "fields": {"title": {"type": "text"}, "text": {"type": "text"}},
    }
    build(spec_of(table, "kettles.toml", root), root / "home")
    opened = open_index(root / "home", "kettles")
    yield opened
    opened.close()


def mined(searcher, judged, query="kettle boils water", seed=0, **spec):
    given = NegativesSpec(**({"count": 4, "depth": 20, "margin": 2.0} | spec))
    return mined_example(searcher, "set", "q", query, judged, given, seed)


def test_negatives_are_found_by_the_index_and_nobody_called_them_relevant(searcher):
    found = mined(searcher, {"right": 1})
    assert found is not None
    assert found.ids[0] == "right"
    assert found.gains == (1.0, 0.0, 0.0, 0.0, 0.0)
    assert "unrelated" not in found.ids
    assert len(set(found.ids)) == len(found.ids)
    assert found.passages[0] == f"T right\n{BODIES['right']}"


def test_a_copy_of_a_relevant_passage_is_no_negative(searcher):
    for seed in range(8):
        assert "copy" not in mined(searcher, {"right": 1}, seed=seed, count=18, depth=40, similar=0.7).ids
    assert any(
        "copy" in mined(searcher, {"right": 1}, seed=seed, count=18, depth=40, similar=1.0).ids for seed in range(8)
    )


def test_what_is_closer_to_the_query_than_the_relevant_one_is_no_negative(searcher):
    far = mined(searcher, {"other3": 1}, count=18, depth=40, margin=0.0)
    wide = mined(searcher, {"other3": 1}, count=18, depth=40)
    assert "right" in wide.ids
    assert "right" not in far.ids


def test_documents_judged_irrelevant_may_be_negatives_and_grades_are_shares(searcher):
    found = mined(searcher, {"right": 2, "near": 1, "far": 0}, count=6)
    assert found.ids[:2] == ("right", "near")
    assert found.gains[:2] == (1.0, 0.5)
    assert set(found.gains[2:]) == {0.0}


def test_the_seed_decides_which(searcher):
    assert mined(searcher, {"right": 1}) == mined(searcher, {"right": 1})
    assert any(mined(searcher, {"right": 1}) != mined(searcher, {"right": 1}, seed=seed) for seed in range(1, 5))


@pytest.mark.parametrize(
    ("judged", "query"), [({"nowhere": 1}, "kettle"), ({"right": 1}, " "), ({"right": 1}, "x" * 10_001)]
)
def test_what_cannot_be_compared_is_no_example(searcher, judged, query):
    assert mined(searcher, judged, query) is None


def test_dev_candidates_are_in_the_order_of_the_search_and_must_hold_a_relevant_one(searcher):
    ids, _ = searcher.rank("kettle boils water", 10)
    found = candidates_example(searcher, "set", "q", "kettle boils water", {"right": 2, "near": 1}, 10)
    assert list(found.ids) == ids
    assert found.gains[ids.index("right")] == 1.0
    assert found.gains[ids.index("near")] == 0.5
    assert candidates_example(searcher, "set", "q", "kettle boils water", {"unrelated": 1}, 10) is None
