"""Which of its teacher's layers a student has."""

import pytest

from clew.core.errors import SpecError
from clew.training.layers import student_layers


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (0, [0, 1, 2, 3, 4, 5]),
        (1, [0]),
        (2, [0, 5]),
        (3, [0, 2, 5]),
        (6, [0, 1, 2, 3, 4, 5]),
        ((0, 2, 4), [0, 2, 4]),
        ((5,), [5]),
    ],
)
def test_a_number_is_spaced_evenly_and_a_list_is_what_it_says(wanted, chosen):
    assert student_layers(wanted, 6) == chosen


def test_half_of_twelve_are_those_of_distilbert():
    assert student_layers(6, 12) == [0, 2, 4, 7, 9, 11]


@pytest.mark.parametrize(
    ("wanted", "message"), [(7, "layers is 7, but the teacher has 6"), ((0, 6), "names layer 6, but the teacher has 6")]
)
def test_layers_that_a_teacher_lacks_are_refused(wanted, message):
    with pytest.raises(SpecError, match=message):
        student_layers(wanted, 6)
