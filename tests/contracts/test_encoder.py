"""What every bi-encoder promises, over each one that loads without a download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clew.models.protocols import Encoder
from clew.models.store import FP32_NAME, load_encoder, prepare
from clew.models.unread import UNKNOWN_LIMIT

TEXTS = [
    "",
    "a",
    "Wireless headphones with noise cancelling, 30 hours of battery.",
    "The capital of France is Paris. " * 6,
    "红色连衣裙 large",
    "naïve café ☕ \t\n x\u0301",
    "WH-1000XM5 i7-9700k 8mm",
]
MODELS = ["hashing", "hashing-64", "default", FP32_NAME]


@pytest.fixture(scope="module", params=MODELS)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    # Kept between runs: exporting the whole model takes a while, and what is kept is verified when it is loaded.
    return load_encoder(request.param, request.config.rootpath / ".clew" / "tests", threads=2)


def test_vectors_are_unit_float32_rows(encoder: Encoder) -> None:
    for vectors in (encoder.encode_queries(TEXTS), encoder.encode_passages(TEXTS)):
        assert vectors.shape == (len(TEXTS), encoder.dim)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_text_gives_no_rows(encoder: Encoder) -> None:
    assert encoder.encode_queries([]).shape == (0, encoder.dim)
    assert encoder.encode_passages([]).shape == (0, encoder.dim)


def test_a_text_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    together = encoder.encode_passages([*TEXTS, *(f"filler number {n} " * n for n in range(40))])[: len(TEXTS)]
    alone = np.concatenate([encoder.encode_passages([text]) for text in TEXTS])
    assert (together * alone).sum(axis=1).min() >= 0.999999


def test_the_same_call_gives_the_same_bits(encoder: Encoder) -> None:
    assert np.array_equal(encoder.encode_passages(TEXTS), encoder.encode_passages(TEXTS))


def test_a_very_long_text_is_read_up_to_the_maximum_length(encoder: Encoder) -> None:
    long = "alpha beta gamma delta " * 4000
    vectors = encoder.encode_passages([long, long + "omega " * 500])
    assert np.array_equal(vectors[0], vectors[1])


def test_related_texts_are_nearer_than_unrelated_ones(encoder: Encoder) -> None:
    query = encoder.encode_queries(["red running shoes"])[0]
    near, far = encoder.encode_passages(["Shoes for running, red", "How to cook rice in a pot"]) @ query
    assert near > far + 0.2


def test_unknown_shares(encoder: Encoder) -> None:
    known, empty, chinese = encoder.unknown_shares(["wireless headphones", "", "红色连衣裙"])
    assert (known, empty) == (0, 1)
    assert 0 <= chinese <= 1
    assert encoder.unknown_shares([]) == []


def test_identity_can_be_told_apart(encoder: Encoder) -> None:
    assert len(encoder.fingerprint) == 64
    assert encoder.fingerprint != load_encoder("hashing-32", Path()).fingerprint
    assert encoder.runtime.endswith(("-fp32", "-int8"))
    assert encoder.agreement == 1 or "-int8" in encoder.runtime


def test_the_default_model_knows_chinese_and_no_cyrillic() -> None:
    default = load_encoder("default", Path(), threads=2)
    assert max(default.unknown_shares(["红色连衣裙", "臺灣的首都在哪裡", "red dress"])) == 0
    assert min(default.unknown_shares(["красное платье", "столица Тайваня"])) > UNKNOWN_LIMIT


@pytest.mark.slow
def test_the_whole_model_agrees_with_sentence_transformers(request: pytest.FixtureRequest) -> None:
    from sentence_transformers import SentenceTransformer

    home = request.config.rootpath / ".clew" / "tests"
    ours = load_encoder(FP32_NAME, home, threads=2).encode_passages(TEXTS)
    in_torch = load_encoder(FP32_NAME, home, threads=2, runtime="torch").encode_passages(TEXTS)
    # The artifact folder itself loads as a sentence-transformers model.
    theirs = SentenceTransformer(str(prepare(FP32_NAME, home)), device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert (ours * theirs).sum(axis=1).min() >= 0.9999
    assert (in_torch * theirs).sum(axis=1).min() >= 0.9999
