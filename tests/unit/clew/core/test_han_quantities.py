"""Quantities in Chinese share a term with the other ways to write them; words and names are no numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.chinese import simplified
from clew.core.han_quantities import han_quantities
from clew.core.text import Analyzer

ANALYZER = Analyzer()


@pytest.mark.parametrize(
    ("term", "written"),
    [
        (
            "500ml",
            ["500毫升", "500 毫升", "五百毫升", "0.5升", "半升", "零点五升", "500ml", "0.5 L", "½升", "300-500毫升"],
        ),
        ("3500ml", ["三千五百毫升", "3500毫升", "3.5升", "三点五升", "三升半", "3.5公升", "3.5L"]),
        ("500g", ["一斤", "1斤", "500克", "半公斤", "0.5千克", "500公克", "500g"]),
        ("250g", ["半斤", "250克", "二百五十克", "二百五克"]),
        ("1500g", ["三斤", "一公斤半", "1.5千克", "1.5kg"]),
        ("1800mm", ["一米八床", "一米八", "1米8的床", "1.8米床", "1.8m", "180厘米", "180公分"]),
        ("1750mm", ["一米七五", "1米75", "175cm"]),
        ("508mm", ["二十寸行李箱", "20寸", "20英寸", "20吋", '20"', "20 inch"]),
        ("2000w", ["两千瓦", "2千瓦", "2000瓦", "2000瓦特", "2kW"]),
        ("60w", ["六十瓦灯泡", "60瓦", "60W"]),
        ("220v", ["220伏", "二百二十伏特", "220V"]),
        ("20000mah", ["2万毫安充电宝", "20000毫安时", "两万毫安", "20安时", "20000mAh"]),
        ("10a", ["10安", "10安插座", "十安培", "10 amp", "10A"]),
        ("20元", ["二十块", "20块", "20元", "二十元", "20块钱", "二十块钱以内", "20 RMB", "20 yuan"]),
        ("9.9元", ["九块九包邮", "9块9", "9.9元"]),
        ("200", ["两百", "二百", "兩百元", "两百以内", "200"]),
        ("300", ["三百以内", "三百块以下", "300"]),
        ("150", ["一百五", "一百五十", "150"]),
        ("20000", ["两万", "2万", "20000"]),
        ("12", ["第十二代", "12代", "十二生肖"]),
        ("11", ["双十一", "十一月", "11月"]),
        ("2024", ["二零二四年", "二〇二四款", "2024年"]),
        ("4", ["四件套", "4件套"]),
        ("3", ["三段奶粉", "3段奶粉", "三层架"]),
        ("600x900mm", ["60×90厘米", "60x90公分", "60厘米x90厘米", "0.6米乘0.9米", "60 x 90 cm"]),
        ("60x90", ["60×90厘米", "60厘米x90厘米", "60x90"]),
    ],
)
def test_all_ways_to_write_a_quantity_share_a_term(term: str, written: list[str]) -> None:
    for text in written:
        assert term in ANALYZER.terms(text), text
        assert term in ANALYZER.terms(f"好。{text}，红"), text


@pytest.mark.parametrize(
    "text",
    ["一次性手套", "三星手机", "五金工具", "七匹狼夹克", "万用表", "万能遥控器", "二手相机", "千岛湖鱼头",
     "百货", "千斤顶", "第三代", "三元牛奶", "三元锂电池", "三块拼图", "六安瓜片", "三门峡", "三轮车", "四川",
     "九阳豆浆机", "七喜", "八宝粥", "一一", "万一", "百分百", "十分好用", "十字绣", "一五一十", "九九八十一",
     "三四百", "二十几", "二百二十几", "统一百货", "千元机", "百元", "一克拉钻石", "十全十美", "三只松鼠",
     "半价", "半块", "一半", "一层", "三点半", "两点", "一生一世", "五粮液", "六神花露水", "老三样",
     "独一无二", "五颜六色", "二维码", "三脚架", "四季", "八角", "十月", "零食", "一加手机", "六安",
     "六安的茶", "三级", "千米", "万元户"],
)  # fmt: skip
def test_words_and_names_are_no_numbers(text: str) -> None:
    assert han_quantities(simplified(text)) == []


@pytest.mark.parametrize(
    "text",
    ["iOS 17升级", "20升级版", "10安全帽", "5安卓", "5克拉", "3万能充", "2千岛酱", "10块拼图", "5米线",
     "100百货", "8元宝", "3伏特加", "2磅礴"],
)  # fmt: skip
def test_a_word_behind_a_number_is_no_unit(text: str) -> None:
    assert han_quantities(text.lower()) == []


def test_a_quantity_is_added_to_the_words_of_the_text_and_cuts_none_of_them() -> None:
    assert set(ANALYZER.terms("二十寸行李箱")) >= {"二十", "寸", "行李", "行李箱", "20", "508mm"}
    assert "20元" in ANALYZER.terms("二十块")


def test_the_characters_of_a_quantity_are_told_from_words() -> None:
    kinds = dict(ANALYZER.query_terms("水壶1500毫升"))
    assert {term for term, kind in kinds.items() if kind == "written"} == {"毫", "升", "毫升"}
    assert kinds["1500ml"] == kinds["1500"] == kinds["水壶"] == "word"
    kinds = dict(ANALYZER.query_terms("二十块"))
    assert kinds["20元"] == kinds["20"] == "word"
    assert {kinds[term] for term in ("二", "二十", "块")} == {"written"}
    assert "written" not in dict(ANALYZER.query_terms("一次性三星")).values()


def test_the_place_of_a_quantity_is_that_of_the_original_text() -> None:
    text = "全新 兩千毫升 水壺"
    assert {text[token.start : token.end] for token in ANALYZER.tokens(text, {"2000ml"})} == {"兩千毫升"}
    text = "½斤 ５００ 毫升"
    assert [text[t.start : t.end] for t in ANALYZER.tokens(text, {"250g", "500ml"})] == ["½斤", "５００ 毫升"]


@given(st.text(alphabet="0123456789.,x×乘 -点半零一二两三十百千万亿米斤克元块钱毫升安时厘年件套装价第拉", max_size=24))
def test_terms_of_any_numerals_and_units_have_their_places_in_order(text: str) -> None:
    tokens = ANALYZER.tokens(text)
    assert [token.term for token in tokens] == ANALYZER.terms(text)
    assert [term for term, _ in ANALYZER.query_terms(text)] == ANALYZER.terms(text)
    assert [token.start for token in tokens] == sorted(token.start for token in tokens)
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)


def test_hostile_runs_of_numerals_are_read_in_linear_time() -> None:
    ANALYZER.terms("一" * 20_000 + "1米" * 20_000 + "十" * 20_000 + "1x" * 20_000 + "1.1.1" * 10_000 + "三块" * 10_000)


@pytest.mark.parametrize("text", ["一" * 20_000, "三千" * 20_000, "二十块的" * 20_000, "1米×" * 20_000])
def test_a_long_text_of_quantities_is_read_in_linear_time(text):
    # In quadratic time this takes minutes.
    assert Analyzer().terms(text)
    assert Analyzer().query_terms(text[:10_000])
