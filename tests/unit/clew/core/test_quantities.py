"""Quantities in texts: every way to write one has a term in common, and other texts are not taken for quantities."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.text import Analyzer

ANALYZER = Analyzer()


@pytest.mark.parametrize(
    ("term", "written"),
    [
        ("3048mm", ["10ft", "10 ft", "10-ft", "10 Feet", "120 inches", '120"', "120\u2033", "3.048 m", "3,048.0mm"]),
        ("2500g", ["2,5kg", "2.5 kg", "2500 g", "2½ kg", "2 ½kg", "2 1/2 kg", "2-1/2 kg", "2.50kg"]),
        ("500g", [".5 kg", "0,5kg", "½ kg", "1/2 kg", "500 grams"]),
        ("1000gb", ["1 TB", "1TB", "1000 GB", "1,000GB"]),
        ("700ml", ["0,7l", "0.7 L", "70cl", "700 ml"]),
        ("1000500ml", ["1.000,5 l", "1000.5 litres"]),
        ("1.5", ["1½", "1 ½", "1 1/2", "1.5", "1,5", "1\u20442 1.5"]),
        ("0.3333", ["⅓", "1/3"]),
        ("60x90", ["60x90", "60 x 90", "60×90", "60 × 90 cm", "60X90CM", "60cm x 90cm", "60*90", "60 x 90 in."]),
        ("600x900mm", ["60x90cm", "60 × 90 cm", "60cm x 90 cm", "600x900 mm", "0,6 x 0,9m"]),
        ("100x200x300mm", ["10x20x30cm", "10 x 20 x 30 cm", "100 × 200 × 300 mm"]),
        ("3x100", ["3 x 100 g", "3x100g"]),
        ("100g", ["3 x 100 g", "3x100g", "100 g"]),
        ("5000g", ["5kg-10kg", "5 kg"]),
    ],
)
def test_all_ways_to_write_a_quantity_share_a_term(term: str, written: list[str]) -> None:
    for text in written:
        assert term in ANALYZER.terms(text), text
        assert term in ANALYZER.terms(f"{text} 好"), text


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("2,5kg", {"25kg", "25", "25000g", "5kg", "5000g"}),
        ("60x120", {"60x90", "60x12", "90"}),
        ("5 in 1", {"127mm"}),
        ("2-in-1", {"50.8mm"}),
        ("1,2,3", {"1.2", "2.3", "123"}),
        ("1/2/2020", {"0.5"}),
        ("24/7", {"3.4286", "24.7"}),
        ("11/2", {"5.5", "0.5"}),
        ("5 l'eau", {"5000ml"}),
        ("3.11.2 kg", {"3.11"}),
    ],
)
def test_what_a_text_does_not_say_is_no_term(text: str, absent: set[str]) -> None:
    assert not absent & set(ANALYZER.terms(text))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("2.5 kg", ["2500g", "2.5", "kg"]),
        ("60 x 90 cm", ["60x90", "600x900mm", "60", "900mm", "90", "cm"]),
        ("i7x90", ["i7x90", "i", "7x90"]),
        ("2L-5202UP", ["2l5202up", "2000ml", "5202up"]),
        ("16 fl. oz", ["473.17647ml", "16", "fl", "oz"]),
        ("1,2,3 kg", ["1", "2", "3", "kg"]),
        ("4x4", ["4x4", "4", "4"]),
        ("27\u201d screen", ["685.8mm", "27", "screen"]),
    ],
)
def test_numbers_and_units_are_terms_as_well(text: str, terms: list[str]) -> None:
    assert ANALYZER.terms(text) == terms


@given(st.text(alphabet="0123456789.,x×*/-½ \"'kgcmintf", max_size=30))
def test_terms_of_any_digits_and_signs_have_their_places_in_order(text: str) -> None:
    tokens = ANALYZER.tokens(text)
    assert [token.term for token in tokens] == ANALYZER.terms(text)
    assert all(before.start <= after.start for before, after in pairwise(tokens))
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)


def test_hostile_runs_of_digits_are_read_in_linear_time() -> None:
    ANALYZER.terms("1 x " * 20_000 + "1," * 20_000 + "1/2 " * 20_000 + "1" * 20_000)
