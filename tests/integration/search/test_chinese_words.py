"""A shop with short Chinese texts answers queries in other characters, units, numerals and with a wrong character."""

from __future__ import annotations

import pytest

import clew
from tests.builders import build_home, spec_table

DOCS = [
    {"id": "kettle", "title": "可调温电热水壶 1.5升"},
    {"id": "bottle", "title": "Steel bottle 500 ml"},
    {"id": "cup", "title": "保温杯 三百毫升"},
    {"id": "bank", "title": "20000毫安充电宝"},
    {"id": "bed", "title": "1.8米床 实木"},
    {"id": "case", "title": "20寸行李箱"},
    {"id": "sheets", "title": "纯棉四件套"},
    {"id": "blanket", "title": "羊毛毯子"},
    {"id": "phones", "title": "無線耳機 降噪"},
    {"id": "gloves", "title": "一次性手套 100只"},
    {"id": "milk", "title": "三元牛奶"},
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory):
    table = spec_table("shop", fields={"title": {"type": "text"}}, dense=False)
    with clew.open("shop", build_home(tmp_path_factory.mktemp("chinese-words"), table, docs=DOCS)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("1500毫升", "kettle"),
        ("一点五升", "kettle"),
        ("1.5 L", "kettle"),
        ("半升", "bottle"),
        ("五百毫升", "bottle"),
        ("300ml", "cup"),
        ("两万毫安", "bank"),
        ("一米八", "bed"),
        ("180cm", "bed"),
        ("20 inch", "case"),
        ("二十英寸", "case"),
        ("4件套", "sheets"),
        ("无线耳机", "phones"),
        ("无线耳基", "phones"),
        ("羊毛毯字", "blanket"),
        ("一次性手套", "gloves"),
        ("三元牛奶", "milk"),
    ],
)
def test_the_product_is_found_however_the_query_is_written(shop, query: str, expected: str) -> None:
    assert [hit.id for hit in shop.search(query).hits][:1] == [expected]


def test_the_explanation_names_the_word_that_sounds_like_the_one_typed(shop) -> None:
    found = shop.search("耳基", explain=True)
    told = [part.what for stage in found.hits[0].why if stage.stage == "bm25" for part in stage.parts]
    assert "term '耳机'" in told


def test_the_quantity_is_marked_in_the_title(shop) -> None:
    (hit,) = [hit for hit in shop.search("1500ml").hits if hit.id == "kettle"]
    (highlight,) = hit.highlights
    assert [highlight.snippet[start:end] for start, end in highlight.spans] == ["1.5升"]
