from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import MismatchError, NotFoundError, UsageError
from clew.models.averaged import AveragedEncoder, AveragedScorer, split_average
from clew.models.cached import cache_key
from clew.models.hashing import HashingEncoder
from clew.models.overlap import OverlapScorer
from clew.models.store import load_encoder, load_scorer, prepare, resolve_to_path, scorer_calibration, scorer_folder

TinyModel = Callable[..., Path]
TEXTS = st.lists(st.text(max_size=40), min_size=1, max_size=6)


class ShorterScorer(OverlapScorer):
    """Half the score, from fewer words."""

    runtime = "python-half"
    max_length = 4
    fingerprint = "1" * 64

    def score(self, query, texts):
        return super().score(query, texts) / np.float32(2)


class OtherEncoder(HashingEncoder):
    """Reads less and knows less."""

    max_length = 7

    def unknown_shares(self, texts):
        return [0.5 for _ in texts]


@given(st.text(max_size=40), TEXTS)
def test_an_inner_product_is_the_mean_of_the_two_cosines(query, texts) -> None:
    first, second = HashingEncoder(64), HashingEncoder(24)
    both = AveragedEncoder(first, second)
    cosines = [part.encode_passages(texts) @ part.encode_queries([query])[0] for part in (first, second)]
    found = both.encode_passages(texts) @ both.encode_queries([query])[0]
    np.testing.assert_allclose(found, (cosines[0] + cosines[1]) / 2, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(both.encode_passages(texts), axis=1), 1, atol=1e-6)


@given(st.text(max_size=40), TEXTS)
def test_a_score_is_the_mean_of_the_two(query, texts) -> None:
    whole, half = OverlapScorer(), ShorterScorer()
    expected = (whole.score(query, texts) + half.score(query, texts)) / 2
    found = AveragedScorer(whole, half).score(query, texts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_stricter_of_two_encoders_counts() -> None:
    wide, other = HashingEncoder(64), OtherEncoder(16)
    both = AveragedEncoder(wide, other)
    assert (both.dim, both.max_length) == (80, 7)
    assert both.runtime == "numpy-fp32+numpy-fp32"
    assert both.unknown_shares(["lamp", ""]) == [0.5, 1]
    assert AveragedScorer(OverlapScorer(), ShorterScorer()).max_length == 4


def test_an_average_is_another_model_than_its_parts_and_its_vectors_are_kept_apart() -> None:
    a, b = HashingEncoder(16), HashingEncoder(32)
    encoders = [a, b, AveragedEncoder(a, b), AveragedEncoder(b, a), AveragedEncoder(a, a)]
    assert len({encoder.fingerprint for encoder in encoders}) == 5
    assert len({cache_key(encoder, "passage", "lamp") for encoder in encoders}) == 5
    scorers = [OverlapScorer(), AveragedScorer(OverlapScorer(), OverlapScorer())]
    assert len({scorer.fingerprint for scorer in scorers}) == 2


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("default", None),
        ("", None),
        ("a+b", ("a", "b")),
        ("default+org/name@rev", ("default", "org/name@rev")),
        ("c++", None),
        ("c+++default", ("c++", "default")),
        ("default+c++", ("default", "c++")),
        ("c+++c++", ("c++", "c++")),
    ],
)
def test_names_are_taken_apart_and_a_folder_with_a_plus_is_one_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, parts: tuple[str, str] | None
) -> None:
    (tmp_path / "c++").mkdir()
    assert split_average(model, tmp_path) == parts
    monkeypatch.chdir(tmp_path)
    assert split_average(model) == parts


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("a+b+c", r"'a\+b\+c' joins 3 models, but an average is of two"),
        ("a+", r"'a\+' lacks a model"),
        ("+b", "lacks a model"),
        ("a++b", "lacks a model"),
        ("+", "lacks a model"),
    ],
)
def test_what_is_no_average_of_two_is_refused(tmp_path: Path, model: str, message: str) -> None:
    for load in (load_encoder, load_scorer, scorer_calibration):
        with pytest.raises(UsageError, match=message) as caught:
            load(model, tmp_path)
        assert caught.value.hint


@pytest.mark.parametrize("model", ["hashing-16+overlap", "overlap+hashing-16", "overlap"])
def test_a_reranker_has_no_part_in_an_encoder(tmp_path: Path, model: str) -> None:
    with pytest.raises(MismatchError, match="'overlap' is a cross-encoder, but a bi-encoder is needed"):
        load_encoder(model, tmp_path)


def test_an_encoder_has_no_part_in_a_reranker(tmp_path: Path, trained_home: Path, tiny_model: TinyModel) -> None:
    for model in ("overlap+hashing-16", "hashing+overlap", "hashing"):
        with pytest.raises(MismatchError, match="is a bi-encoder, but a cross-encoder is needed"):
            load_scorer(model, tmp_path)
    with pytest.raises(MismatchError, match="is a cross-encoder, but a bi-encoder is needed"):
        load_encoder("hashing-16+tiny-reranker", trained_home)
    with pytest.raises(MismatchError, match="is a bi-encoder, but a cross-encoder is needed"):
        load_scorer(f"overlap+{tiny_model(tmp_path / 'bi')}", tmp_path)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"model folder '\./nowhere'"):
        load_encoder("hashing-16+./nowhere", tmp_path)
    with pytest.raises(NotFoundError, match=r"model folder '\./nowhere'"):
        load_scorer("./nowhere+overlap", tmp_path)


def test_an_average_has_no_folder_and_no_calibration(trained_home: Path) -> None:
    assert scorer_calibration("tiny-reranker", trained_home)["scale"] == 1.5
    assert scorer_calibration("tiny-reranker+overlap", trained_home) == {}
    for folder_of in (prepare, scorer_folder):
        with pytest.raises(UsageError, match="is an average of two models, but one model is needed"):
            folder_of("tiny-reranker+overlap", trained_home)


def test_a_loaded_average_is_the_mean_of_what_its_parts_say(trained_home: Path) -> None:
    texts = ["blue shoe", "red hat", ""]
    parts = [load_scorer(name, trained_home, 1).score("red hat", texts) for name in ("tiny-reranker", "overlap")]
    both = load_scorer("tiny-reranker+overlap", trained_home, 1)
    assert both.runtime == "onnxruntime-fp32+python"
    np.testing.assert_allclose(both.score("red hat", texts), (parts[0] + parts[1]) / 2, atol=1e-5)


def test_a_model_by_its_path_is_the_same_from_any_home(trained_home: Path, tmp_path: Path) -> None:
    (folder,) = trained_home.glob("models/tiny-reranker/*-v1")
    named = resolve_to_path("tiny-reranker+overlap", trained_home, "cross_encoder")
    assert named == f"{folder.resolve()}+overlap"
    elsewhere = load_scorer(named, tmp_path / "elsewhere", 1)
    assert elsewhere.fingerprint == load_scorer("tiny-reranker+overlap", trained_home, 1).fingerprint
    assert resolve_to_path("hashing-16", tmp_path, "bi_encoder") == "hashing-16"
    with pytest.raises(MismatchError, match="cross-encoder is needed"):
        resolve_to_path("hashing-16", tmp_path, "cross_encoder")
