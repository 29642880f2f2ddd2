"""The scale of an encoder's cosines, which makes what is learned with one encoder hold for another."""

from __future__ import annotations

import numpy as np
import pytest

from clew.core.types import CosineScale
from clew.models.cosines import cosine_scale
from clew.models.hashing import HashingEncoder


class Narrow:
    """An encoder whose cosines are those of another one, moved towards 1 by a component that all vectors share."""

    def __init__(self, encoder, share):
        self.encoder, self.share = encoder, share

    def _moved(self, vectors):
        common = np.full((len(vectors), 1), np.sqrt(self.share), np.float32)
        return np.hstack([vectors * np.sqrt(np.float32(1 - self.share)), common])

    def encode_queries(self, texts):
        return self._moved(self.encoder.encode_queries(texts))

    def encode_passages(self, texts):
        return self._moved(self.encoder.encode_passages(texts))

    def unknown_shares(self, texts):
        return self.encoder.unknown_shares(texts)


class Unread(Narrow):
    def unknown_shares(self, texts):
        return [1.0] * len(texts)


def test_the_cosines_of_unrelated_texts_are_those_of_no_words_in_common():
    found = cosine_scale(HashingEncoder())
    assert abs(found.mean) < 0.05
    assert 0 < found.deviation < 0.2


def test_standard_cosines_do_not_depend_on_what_all_vectors_share():
    plain, narrow = (cosine_scale(encoder) for encoder in (HashingEncoder(), Narrow(HashingEncoder(), 0.8)))
    assert narrow == pytest.approx((0.8 + 0.2 * plain.mean, 0.2 * plain.deviation))
    cosines = np.array([-0.1, 0.0, 0.4, 1.0])
    assert narrow.standard(0.8 + 0.2 * cosines) == pytest.approx(plain.standard(cosines), abs=1e-4)


def test_an_encoder_that_reads_neither_language_has_no_scale():
    assert cosine_scale(Unread(HashingEncoder(), 0.5)) == CosineScale(0.0, 1.0)
