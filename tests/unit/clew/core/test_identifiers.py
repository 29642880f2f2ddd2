import pytest

from clew.core.identifiers import identifier_term, named_identifiers

KNOWN = {"=ms1042", "=ms1043", "=4006381333931", "=04433", "=30017", "=art77", "=abcdef", "=lamp", "=12"}
WORDS = {"power", "bank", "lamp"}


def named(query: str) -> tuple[tuple[str, ...], str]:
    found = named_identifiers(query, KNOWN.__contains__, WORDS.__contains__)
    return found.terms, found.rest


@pytest.mark.parametrize(
    "written", ["MS-1042", "ms1042", "ms 1042", "MS_1042", "MS.10/42", "ＭＳ－1042", "MS\u20111042"]
)
def test_one_identifier_has_one_term_however_it_is_written(written: str) -> None:
    assert identifier_term(written) == "=ms1042"
    assert named(written) == (("=ms1042",), "")


@pytest.mark.parametrize("written", ["4006381333931", "04006381333931", "4 006381 333931"])
def test_a_gtin_may_have_zeros_in_front(written: str) -> None:
    assert identifier_term(written) == "=4006381333931"
    assert named(written) == (("=4006381333931",), "")


def test_a_short_number_keeps_its_zeros() -> None:
    assert identifier_term("04433") == "=04433"
    assert named("04433") == (("=04433",), "")
    assert named("4433") == ((), "4433")


@pytest.mark.parametrize("value", ["", "-", "x", "a" * 65])
def test_what_is_too_short_or_too_long_is_no_identifier(value: str) -> None:
    assert identifier_term(value) == ""


@pytest.mark.parametrize(
    ("query", "terms", "rest"),
    [
        ("SKU MS-1042", ["=ms1042"], ""),
        ("item no. 30017", ["=30017"], ""),
        ("ART-77", ["=art77"], ""),
        ("MS-1042, ms1043", ["=ms1042", "=ms1043"], ""),
        ("MS-1042 MS1042", ["=ms1042"], ""),
        ("blue lamp ms 1042", ["=ms1042"], "blue lamp"),
        ("stift 4006381333931", ["=4006381333931"], "stift"),
        ("abc-def", ["=abcdef"], ""),
    ],
)
def test_identifiers_among_other_words(query: str, terms: list[str], rest: str) -> None:
    assert named(query) == (tuple(terms), rest)


@pytest.mark.parametrize("query", ["lamp", "12", "power bank 30017", "abcdef", "MS-9999", "", "…", "中文"])
def test_words_and_quantities_are_not_taken_as_identifiers(query: str) -> None:
    assert named(query) == ((), query)


def test_a_long_query_is_read_in_bounded_time() -> None:
    asked = []
    named_identifiers("a1 " * 3_000, lambda term: bool(asked.append(term)), WORDS.__contains__)
    assert len(asked) < 500


def test_letters_with_spaces_are_an_identifier_if_no_word_is_known() -> None:
    assert named("abc def") == (("=abcdef",), "")
    assert named_identifiers("abc def", KNOWN.__contains__, {"def"}.__contains__).terms == ()
