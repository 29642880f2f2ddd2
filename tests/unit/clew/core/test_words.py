"""The words that names are matched by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.words import is_chinese, segments, stem, words


def plain(text):
    return [word.plain for word in words(text)]


def stems(text):
    return [word.stem for word in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sofas", ["sofas"]),
        ("A Bug's Life", ["a", "bug", "life"]),
        ("L’Oréal", ["loreal"]),
        ("rock'n'roll dogs'", ["rocknroll", "dogs"]),
        ("WH-1000XM5, wh_1000xm5", ["wh", "1000xm5", "wh", "1000xm5"]),
        ("Spider–Man e-mail", ["spider", "man", "e", "mail"]),
        ("Beyoncé Ångström Łódź", ["beyonce", "angstrom", "lodz"]),
        ("沙發床 Sofa床", ["沙", "发", "床", "sofa", "床"]),
        ("İzmir", ["izmir"]),
        ("", []),
        ("  -- !? 🙂 … \x07\x1b", []),
        ("🙂cat\x00dog", ["cat", "dog"]),
        ("שלום עולם", ["שלום", "עולם"]),
    ],
)
def test_a_text_is_cut_into_folded_words(text, expected):
    assert plain(text) == expected


def test_forms_of_a_word_share_a_stem():
    assert stems("Sofas sofa Sofa's") == ["sofa", "sofa", "sofa"]
    assert stems("charging charger charged") == ["charg", "charger", "charg"]


def test_what_has_digits_or_is_no_word_of_a_language_stays_as_it_is():
    assert stem("1000s") == "1000s"
    assert stem("s" * 65) == "s" * 65


def test_traditional_and_simplified_characters_are_the_same_word():
    assert stems("傢俱與沙發") == stems("家具与沙发")


@pytest.mark.parametrize("text", ["The L’Oréal's kit", "Ｓｏｎｙ™ ﬁlm", "e\u0301te\u0301 沙發"])
def test_places_are_those_of_the_original_text(text):
    assert [text[w.start : w.end] for w in words(text)] == {
        "The L’Oréal's kit": ["The", "L’Oréal", "kit"],
        "Ｓｏｎｙ™ ﬁlm": ["Ｓｏｎｙ", "ﬁlm"],
        "e\u0301te\u0301 沙發": ["e\u0301te\u0301", "沙", "發"],
    }[text]


@given(st.text(max_size=60))
def test_words_follow_each_other_inside_the_text(text):
    found = words(text)
    edges = [0, *(edge for word in found for edge in (word.start, word.end)), len(text)]
    assert all(word.start < word.end and word.plain and word.stem for word in found)
    # Two words may come of one character that folds to several ("½" to 1 and 2), so they may share a place.
    assert [word.start for word in found] == sorted(word.start for word in found)
    assert min(edges) == 0
    assert max(edges) == len(text)


def test_dictionary_words_of_chinese_text_are_word_ranges_with_their_part_of_speech():
    found = words("中國的 iPhone 手機")
    cut = [("".join(word.plain for word in found[s.first : s.last]), s.tag[:1]) for s in segments(found)]
    assert cut == [("中国", "n"), ("的", "u"), ("手机", "n")]


def test_a_name_that_no_dictionary_has_is_not_guessed_and_words_end_at_spaces():
    found = words("顾衡有 中 国")
    assert [(s.first, s.last) for s in segments(found)] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    assert segments(words("no Chinese, 12")) == []
    assert [is_chinese(word) for word in words("中 a 1 さ")] == [True, False, False, False]
