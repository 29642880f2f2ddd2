import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import DataError, UsageError
from clew.core.measures.gains import integer_gains, parse_gains, to_gains


def test_fractions_are_scaled_by_the_smallest_integer_that_makes_all_whole():
    assert integer_gains(parse_gains("0,0.01,0.1,1")) == [0, 1, 10, 100]
    assert integer_gains(parse_gains("0, 0.5, 2")) == [0, 1, 4]
    assert integer_gains(parse_gains("0,1,3")) == [0, 1, 3]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=6))
def test_scaling_keeps_every_proportion(hundredths):
    gains = ["0", *(f"{value / 100:.2f}" for value in sorted(hundredths))]
    scaled = integer_gains(gains)
    assert all(a * max(hundredths) == b * scaled[-1] for a, b in zip(scaled[1:], sorted(hundredths), strict=True))


def test_grades_become_gains_and_negative_grades_gain_nothing():
    qrels = {"q": {"exact": 3, "substitute": 2, "complement": 1, "no": 0, "spam": -1}}
    assert to_gains(qrels, parse_gains("0,0.01,0.1,1"))["q"] == {
        "exact": 100,
        "substitute": 10,
        "complement": 1,
        "no": 0,
        "spam": 0,
    }
    assert to_gains(qrels)["q"] == {"exact": 3, "substitute": 2, "complement": 1, "no": 0, "spam": 0}


def test_a_grade_without_a_gain_is_named():
    with pytest.raises(DataError, match=r"'q' judges 'd' with grade 2, but gains end at grade 1"):
        to_gains({"q": {"d": 2}}, ("0", "1"))


@pytest.mark.parametrize("text", ["", "0,x", "1,2", "0,2,1", "0", "0,0", "0,1/0"])
def test_gains_that_are_no_gains_are_refused(text):
    with pytest.raises(UsageError, match="gains"):
        parse_gains(text)
