"""Hard negatives: retrieved from the index, not relevant, and not likely to be so."""

import pytest

from clew.training.negatives import candidates_example, indexed_texts, mined_example
from clew.training.spec import NegativesSpec

BODIES = {
    "right": "the kettle boils water in two minutes and switches itself off",
    "copy": "The kettle boils water in two minutes and switches itself off",
    "near": "a kettle for the hob that whistles when water boils",
    "far": "water shoes for the beach",
    **{f"other{at}": f"kettle stand number {at} of steel" for at in range(30)},
    "unrelated": "a lamp",
}


@pytest.fixture
def source(word_index):
    return word_index({name: f"T {name}\n{text}" for name, text in BODIES.items()})


def mined(source, judged, query="kettle boils water", seed=0, **spec):
    given = NegativesSpec(**({"count": 4, "depth": 20, "margin": 2.0} | spec))
    return mined_example(source, "set", "q", query, judged, given, seed)


def test_negatives_are_found_by_the_index_and_nobody_called_them_relevant(source):
    found = mined(source, {"right": 1})
    assert found is not None
    assert found.ids[0] == "right"
    assert found.gains == (1.0, 0.0, 0.0, 0.0, 0.0)
    assert "unrelated" not in found.ids
    assert len(set(found.ids)) == len(found.ids)
    assert found.passages[0] == f"T right\n{BODIES['right']}"


def test_a_copy_of_a_relevant_passage_is_no_negative(source):
    for seed in range(8):
        assert "copy" not in mined(source, {"right": 1}, seed=seed, count=18, depth=40, similar=0.7).ids
    assert any(
        "copy" in mined(source, {"right": 1}, seed=seed, count=18, depth=40, similar=1.0).ids for seed in range(8)
    )


def test_a_copy_of_a_relevant_passage_in_chinese_is_no_negative(word_index):
    text = "这款电热水壶可以调节温度，两分钟内烧开一升水，水开后自动断电。"
    bodies = {
        "right": text,
        "copy": text.replace("一升", "两升"),
        "other": "这款炒锅适合各种炉灶，手柄不烫手，可以放进洗碗机清洗。",
    }
    source = word_index({name: f"{body} 水壶" for name, body in bodies.items()})
    assert mined(source, {"right": 1}, query="水壶").ids == ("right", "other")
    assert set(mined(source, {"right": 1}, query="水壶", similar=1.0).ids) == {"right", "other", "copy"}


def test_what_is_closer_to_the_query_than_the_relevant_one_is_no_negative(source):
    far = mined(source, {"other3": 1}, count=18, depth=40, margin=0.0)
    wide = mined(source, {"other3": 1}, count=18, depth=40)
    assert "right" in wide.ids
    assert "right" not in far.ids


def test_documents_judged_irrelevant_may_be_negatives_and_grades_are_shares(source):
    found = mined(source, {"right": 2, "near": 1, "far": 0}, count=6)
    assert found.ids[:2] == ("right", "near")
    assert found.gains[:2] == (1.0, 0.5)
    assert set(found.gains[2:]) == {0.0}


def test_the_seed_decides_which(source):
    assert mined(source, {"right": 1}) == mined(source, {"right": 1})
    assert any(mined(source, {"right": 1}) != mined(source, {"right": 1}, seed=seed) for seed in range(1, 5))


@pytest.mark.parametrize(
    ("judged", "query"), [({"nowhere": 1}, "kettle"), ({"right": 1}, " "), ({"right": 1}, "x" * 10_001)]
)
def test_what_cannot_be_compared_is_no_example(source, judged, query):
    assert mined(source, judged, query) is None


def test_dev_candidates_are_in_the_order_of_the_search_and_must_hold_a_relevant_one(source):
    ids = list(source.candidates("kettle boils water", 10).ids)
    found = candidates_example(source, "set", "q", "kettle boils water", {"right": 2, "near": 1}, 10)
    assert list(found.ids) == ids
    assert found.gains[ids.index("right")] == 1.0
    assert found.gains[ids.index("near")] == 0.5
    assert candidates_example(source, "set", "q", "kettle boils water", {"unrelated": 1}, 10) is None


def test_indexed_texts_leave_out_what_the_index_does_not_hold(source):
    found = indexed_texts(source, "kettle boils water", ["unrelated", "nowhere", "right"], 5)
    assert found == {"unrelated": "T unrelated\na lamp", "right": f"T right\n{BODIES['right']}"}
    assert indexed_texts(source, " ", ["right"], 5) == {}
