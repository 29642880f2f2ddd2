"""Two languages in a small shop: an English query finds the Chinese product, and a Chinese one the English product."""

from __future__ import annotations

from pathlib import Path

import pytest

import clew
from tests.builders import build_home, spec_table

pytestmark = pytest.mark.slow

# id → (English title, English text), (Chinese title, Chinese text).
PRODUCTS = {
    "kettle": (
        ("Gooseneck kettle, 1.2 L", "Boils water to any temperature between 40 and 100 degrees and keeps it there."),
        ("鹅颈电热水壶 1.2 升", "四十到一百度任意设定水温，并可保温。"),
    ),
    "skillet": (
        ("Cast iron skillet, 26 cm", "Fries steaks evenly on any hob and in the oven."),
        ("铸铁煎锅 26 厘米", "煎牛排受热均匀，灶台和烤箱都能用。"),
    ),
    "tent": (
        ("Two-person tent", "Up in five minutes, stays dry in a storm, fits in a rucksack."),
        ("双人帐篷", "五分钟搭好，暴风雨里也不漏水，能装进登山包。"),
    ),
    "earplugs": (
        ("Soft silicone earplugs, 4 pairs", "Keep out the snoring of the person next to you, so that you can sleep."),
        ("软硅胶耳塞 4 对装", "隔绝枕边人的鼾声，让你睡个好觉。"),
    ),
    "desk": (
        ("Height-adjustable desk", "Two motors lift it, so that you can work standing or sitting."),
        ("电动升降桌", "双电机驱动，站着坐着都能办公。"),
    ),
    "feeder": (
        ("Slow feeder bowl for dogs", "A maze that makes a greedy dog eat its dinner slowly."),
        ("狗狗慢食碗", "迷宫设计，贪吃的狗也只能慢慢吃。"),
    ),
    "lamp": (
        ("Bedside lamp with touch control", "Warm, dimmable light to read by before you fall asleep."),
        ("触控床头灯", "暖光可调亮度，适合睡前阅读。"),
    ),
    "dryer": (
        ("Compact hair dryer, 1800 W", "Dries long hair fast, light enough for the suitcase."),
        ("便携吹风机 1800 瓦", "长发快干，轻巧，可放进行李箱。"),
    ),
}
ENGLISH_QUERIES = {
    "kettle with adjustable temperature": "kettle",
    "my husband snores": "earplugs",
    "a shelter for two campers": "tent",
    "my puppy gulps down its food": "feeder",
    "electric desk to work standing": "desk",
}
CHINESE_QUERIES = {
    "可以调节温度的烧水壶": "kettle",
    "老公打呼噜睡不着": "earplugs",
    "两个人露营用的帐篷": "tent",
    "小狗吃饭太快": "feeder",
    "出差带的小吹风机": "dryer",
}


def rows(language: int, products=PRODUCTS):
    return [{"id": f"{name}-{language}", "title": texts[language][0], "text": texts[language][1]}
            for name, texts in products.items()]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def table(name: str) -> dict[str, object]:
        return spec_table(name, source={"path": f"{name}.jsonl"}, dense={"model": "default"})

    few = {name: PRODUCTS[name] for name in ("kettle", "tent", "desk")}
    catalogues = {"english": rows(0), "chinese": rows(1), "few": rows(1, few)}
    return build_home(tmp_path_factory.mktemp("bilingual"), *map(table, catalogues), **catalogues)


def first(home: Path, index: str, query: str) -> str | None:
    with clew.open(index, home) as opened:
        hits = opened.search(query, k=3).hits
    return hits[0].id.partition("-")[0] if hits else None


@pytest.mark.parametrize(("query", "product"), ENGLISH_QUERIES.items())
def test_an_english_query_finds_the_chinese_product(home: Path, query: str, product: str) -> None:
    assert first(home, "chinese", query) == product


@pytest.mark.parametrize(("query", "product"), CHINESE_QUERIES.items())
def test_a_chinese_query_finds_the_english_product(home: Path, query: str, product: str) -> None:
    assert first(home, "english", query) == product


def test_three_products_are_enough_to_tell_a_match_from_nonsense(home: Path) -> None:
    assert first(home, "few", "tent for camping") == "tent"
    assert first(home, "few", "blorfnik wuggle") is None


@pytest.mark.parametrize(("index", "query"), [("english", "xqzvw"), ("chinese", "zzkrt pfmno"), ("few", "xqzvw")])
def test_nonsense_finds_nothing_in_either(home: Path, index: str, query: str) -> None:
    assert first(home, index, query) is None


@pytest.mark.parametrize(("index", "query"), [("english", "kettle with a gooseneck"), ("chinese", "鹅颈壶")])
def test_each_language_finds_its_own(home: Path, index: str, query: str) -> None:
    assert first(home, index, query) == "kettle"
