import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.text import Analyzer, AnalyzerSpec, normalise

ANALYZER = Analyzer()
# Text as shops and encyclopedias have it, and anything else Unicode holds (lone surrogates too).
SCRAPS = st.sampled_from(
    ["WH-1000XM5", "8mm", "7.6", "1,000mAh", "L’Oréal", "women's", "-", "_", ".", "'", " ",
     "½", "1½", "2,5 kg", "60 × 90cm", "3/4",
     "/", "™", "ﬁ", "İ", "ß",
     "cafe\u0301", "\u200b", "\u00ad", "臺灣後來", "手机壳", "か\u3099", "ﾊﾟ", "각", "हिन्दी", "Ⅷ", "😀", "c++", "٣٤"]
)  # fmt: skip
TEXTS = st.lists(SCRAPS | st.text(max_size=8) | st.characters(), max_size=12).map("".join)


def places(text: str) -> list[tuple[str, str]]:
    return [(token.term, text[token.start : token.end]) for token in ANALYZER.tokens(text)]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("  \t\n", []),
        ("😀 — … ™ \ud800", []),
        ("Running runners' SHOES", ["run", "runner", "shoe"]),
        ("WH-1000XM5", ["wh1000xm5", "wh", "1000xm5"]),
        ("8mm", ["8mm", "8", "mm"]),
        ("i7-9700k", ["i79700k", "i7", "9700k"]),
        ("DCS-1100", ["dcs1100", "dcs", "1100"]),
        ("EQ50", ["eq50", "eq", "50"]),
        ("read_csv", ["readcsv", "read", "csv"]),
        ("C++ or C#", ["c++", "or", "c#"]),
        ("noise-cancelling", ["nois", "cancel"]),
        ("e-mail", ["email", "e", "mail"]),
        ("women's levi’s don't", ["women", "levi", "dont"]),
        ("7.6 and 1,000 1,2,3 1939-1945", ["7.6", "and", "1000", "1", "2", "3", "1939", "1945"]),
        ("1,2", ["1.2", "1", "2"]),
        ("1,000mAh v3.11", ["1000mah", "1000", "mah", "v3.11", "v", "3.11"]),
        ("Sony™ m² ＡＢＣ naïve Straße Łódź", ["soni", "m2", "m", "2", "abc", "naiv", "strass", "lodz"]),
        ("Привет हिन्दी", ["привет", "हिन्दी"]),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert ANALYZER.terms(text) == terms


def test_chinese_compounds_are_terms_and_so_are_their_parts() -> None:
    terms = ANALYZER.terms("中国科学院计算所")
    assert {"中国科学院", "中国", "科学院", "计算所", "计算"} <= set(terms)


def test_no_chinese_term_is_counted_twice_in_one_place() -> None:
    tokens = ANALYZER.tokens("羊毛毯子和好时钟")
    assert len(set(tokens)) == len(tokens)


def test_what_is_no_chinese_word_by_itself_is_told_from_words() -> None:
    assert dict(ANALYZER.query_terms("毯子")) == {"毯": "character", "毯子": "word", "子": "character"}
    assert dict(ANALYZER.query_terms("毯")) == {"毯": "word"}
    kinds = dict(ANALYZER.query_terms("羊毛毯子"))
    assert (kinds["羊毛"], kinds["毛毯"], kinds["毯子"]) == ("word", "part", "word")
    # Words inside a longer word: 中国科学院 has 科学 and 学院.
    kinds = dict(ANALYZER.query_terms("中国科学院"))
    assert (kinds["中国科学院"], kinds["科学院"], kinds["学院"]) == ("word", "part", "part")
    assert ANALYZER.query_terms("red 8mm") == [("red", "word"), ("8mm", "word"), ("8", "word"), ("mm", "word")]
    for text in ("WH-1000XM5降噪耳機 60厘米", "臺灣後來", "café 红"):
        assert [term for term, _ in ANALYZER.query_terms(text)] == ANALYZER.terms(text)


def test_mixed_script() -> None:
    terms = ANALYZER.terms("Sony WH-1000XM5降噪耳機 2020年")
    assert terms[:4] == ["soni", "wh1000xm5", "wh", "1000xm5"]
    assert {"耳机", "2020", "年"} <= set(terms)


def test_every_way_to_write_an_identifier_finds_the_others() -> None:
    written = ["WH-1000XM5", "wh1000xm5", "WH_1000xm5", "wh‑1000XM5", "ＷＨ－1000XM5"]
    terms = [ANALYZER.terms(text) for text in written]
    assert all(found == ["wh1000xm5", "wh", "1000xm5"] for found in terms)
    assert {"wh", "1000xm5"} <= set(ANALYZER.terms("WH 1000XM5"))
    assert set(ANALYZER.terms("8 mm")) <= set(ANALYZER.terms("8mm"))


def test_traditional_and_simplified_characters_give_the_same_terms() -> None:
    assert ANALYZER.terms("臺灣後來發現頭髮乾燥") == ANALYZER.terms("台湾后来发现头发干燥")


def test_identifiers_are_not_stemmed_and_words_are() -> None:
    assert "runs2" in ANALYZER.terms("runs2")
    assert ANALYZER.terms("runs") == ["run"]
    assert Analyzer(AnalyzerSpec(stem=False)).terms("runs") == ["runs"]


def test_stop_words_are_left_out_only_when_asked_for() -> None:
    assert ANALYZER.terms("the cat") == ["the", "cat"]
    assert Analyzer(AnalyzerSpec(stop_words=True)).terms("The cat is in the-hat a1") == ["cat", "hat", "a1", "1"]


def test_places_are_those_of_the_original_text() -> None:
    assert places("the WH-1000XM5!") == [
        ("the", "the"), ("wh1000xm5", "WH-1000XM5"), ("wh", "WH"), ("1000xm5", "1000XM5"),
    ]  # fmt: skip
    assert places("1 ½ Cafe\u0301 L’Oréal 臺灣") == [
        ("1.5", "1 ½"), ("cafe", "Cafe\u0301"), ("loreal", "L’Oréal"),
        ("台", "臺"), ("台湾", "臺灣"), ("湾", "灣"),
    ]  # fmt: skip
    assert places("women's") == [("women", "women")]


@given(TEXTS)
def test_tokens_lie_in_the_text_in_order_and_come_out_the_same_again(text: str) -> None:
    tokens = ANALYZER.tokens(text)
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    assert all(token.term for token in tokens)
    starts = [token.start for token in tokens]
    assert starts == sorted(starts)
    assert [token.term for token in tokens] == ANALYZER.terms(text)
    assert tokens == Analyzer().tokens(text)


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=40))
def test_the_fast_road_for_ascii_gives_what_the_other_gives(text: str) -> None:
    # A Chinese character at the end sends the text along the other road.
    assert [*ANALYZER.terms(text), "好"] == ANALYZER.terms(text + " 好")


@given(TEXTS)
def test_terms_do_not_depend_on_how_unicode_composes_them(text: str) -> None:
    import unicodedata

    plain = "".join(c for c in text if not unicodedata.category(c).startswith("C"))
    assert ANALYZER.terms(unicodedata.normalize("NFC", plain)) == ANALYZER.terms(unicodedata.normalize("NFD", plain))


def test_terms_have_a_longest_length() -> None:
    assert max(map(len, ANALYZER.terms("x" * 10_000 + " " + "a1" * 500 + " " + "1" * 500))) <= 64


@pytest.mark.parametrize(
    ("text", "script"),
    [("red shoes", "latin"), ("Écru", "latin"), ("红鞋", "han"), ("iPhone 手机", "mixed"), ("42 😀", "other"),
     ("Привет", "other"), ("", "other")],
)  # fmt: skip
def test_script(text: str, script: str) -> None:
    assert ANALYZER.script(text) == script


def test_normalise_keeps_case_and_tidies_the_rest() -> None:
    assert normalise("  Sony\tＷＨ\x00 ﬁt \n") == "Sony WH fit"


def test_fingerprint_tells_specs_apart_and_survives_pickling() -> None:
    other = Analyzer(AnalyzerSpec(stop_words=True))
    assert other.fingerprint != ANALYZER.fingerprint
    copy = pickle.loads(pickle.dumps(other))
    assert copy.fingerprint == other.fingerprint
    assert copy.terms("the cats") == ["cat"]


def test_words_beyond_the_memo_are_still_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    from clew.core import text as module

    monkeypatch.setattr(module._Memo, "capacity", 3)
    analyzer = Analyzer()
    assert [analyzer.terms(f"cats{i} dogs") for i in range(9)] == [[f"cats{i}", "cat", str(i), "dog"] for i in range(9)]


@pytest.mark.parametrize("text", ["The red shoes, RED and e-mail X100", "Größe 8mm – 红色的鞋 red", "", "红"])
def test_tokens_among_some_terms_are_those_of_all(text: str) -> None:
    analyzer = Analyzer()
    wanted = {"red", "shoe", "x100", "红", "email"}
    assert analyzer.tokens(text, wanted) == [token for token in analyzer.tokens(text) if token.term in wanted]
