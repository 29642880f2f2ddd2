from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import UnknownNameError
from clew.models.hashing import HashingEncoder, hashing_encoder


def test_names_say_the_width() -> None:
    assert hashing_encoder("hashing").dim == 256
    assert hashing_encoder("hashing-64").dim == 64


@pytest.mark.parametrize("name", ["hashing-", "hashing-7", "hashing-9999", "hashing-x"])
def test_other_widths_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match=name):
        hashing_encoder(name)


def test_vectors_are_the_same_on_every_machine() -> None:
    vector = HashingEncoder(8).encode_passages(["red shoes"])[0]
    np.testing.assert_allclose(vector, EXPECTED, atol=1e-6)


def test_case_and_word_order_do_not_matter() -> None:
    one, two = HashingEncoder().encode_passages(["Red Shoes", "shoes red"])
    np.testing.assert_allclose(one, two, atol=1e-6)


@given(st.text())
def test_any_text_has_a_unit_vector(text: str) -> None:
    encoder = HashingEncoder(16)
    assert abs(np.linalg.norm(encoder.encode_queries([text])[0]) - 1) < 1e-5


EXPECTED = [-0.78454, 0.0, 0.392172, 0.196086, -0.196086, -0.392172, 0.0, 0.0]
