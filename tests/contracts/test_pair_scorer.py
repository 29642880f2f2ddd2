"""What every cross-encoder promises, over each one that loads without a download."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from clew.models.protocols import PairScorer
from clew.models.save import save_quantised
from clew.models.store import FP32_NAME, load_scorer, prepare

QUERY = "wireless headphones with a long battery"
TEXTS = [
    "",
    "a",
    "Wireless headphones with noise cancelling, 30 hours of battery.",
    "The capital of France is Paris. " * 6,
    "红色连衣裙 large",
    "naïve café ☕ \t\n x\u0301",
    "headphones " * 400,
]
SCORERS = ["overlap", "real", "quantised", "default"]
NEAR = 1e-4


def real_cross_encoder(home: Path, folder: Path) -> Path:
    """A cross-encoder with the default model's weights and a head of its own, drawn from a fixed seed, in `folder`.

    Untrained, so its scores mean nothing, but they depend on every word as a trained one's do.
    """
    from safetensors.numpy import load_file, save_file

    source = prepare(FP32_NAME, home)
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, folder / name)
    config = json.loads((source / "config.json").read_text())
    head = {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "L"}, "label2id": {"L": 0}}
    (folder / "config.json").write_text(json.dumps({**config, **head}))
    random = np.random.default_rng(0)
    weights = {f"bert.{name}": value for name, value in load_file(source / "model.safetensors").items()}
    weights["classifier.weight"] = random.normal(size=(1, config["hidden_size"])).astype(np.float32)
    weights["classifier.bias"] = np.zeros(1, np.float32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Kept between runs, as the default model is: the folder's fingerprint is the same each time.
    home = request.config.rootpath / ".clew" / "tests"
    return prepare(str(real_cross_encoder(home, tmp_path_factory.mktemp("model") / "real-cross-encoder")), home)


@pytest.fixture(scope="module")
def quantised(request: pytest.FixtureRequest, real: Path) -> Path:
    """The 8-bit form of the real one."""
    return save_quantised(real, request.config.rootpath / ".clew" / "tests")


@pytest.fixture(scope="module", params=SCORERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param)) if request.param in {"real", "quantised"} else request.param


@pytest.fixture(scope="module")
def scorer(name: str, tmp_path_factory: pytest.TempPathFactory) -> PairScorer:
    return load_scorer(name, tmp_path_factory.mktemp("home"), threads=2)


def test_scores_are_finite_float32(scorer: PairScorer) -> None:
    scores = scorer.score(QUERY, TEXTS)
    assert scores.shape == (len(TEXTS),)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert np.ptp(scores) > 50 * NEAR  # or what follows would prove nothing


def test_no_text_gives_no_scores(scorer: PairScorer) -> None:
    scores = scorer.score(QUERY, [])
    assert scores.shape == (0,)
    assert scores.dtype == np.float32


def test_a_pair_does_not_depend_on_its_batch(scorer: PairScorer) -> None:
    together = scorer.score(QUERY, [*TEXTS, *(f"filler number {n} " * n for n in range(40))])[: len(TEXTS)]
    alone = np.concatenate([scorer.score(QUERY, [text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=NEAR)


def test_the_order_does_not_matter(scorer: PairScorer) -> None:
    order = np.random.default_rng(1).permutation(len(TEXTS))
    shuffled = scorer.score(QUERY, [TEXTS[at] for at in order])
    np.testing.assert_allclose(shuffled, scorer.score(QUERY, TEXTS)[order], atol=NEAR)


def test_the_same_text_twice_has_one_score(scorer: PairScorer) -> None:
    first, second = scorer.score(QUERY, [TEXTS[2], TEXTS[2]])
    assert first == pytest.approx(second, abs=NEAR)


def test_the_same_call_gives_the_same_bits(scorer: PairScorer) -> None:
    assert np.array_equal(scorer.score(QUERY, TEXTS), scorer.score(QUERY, TEXTS))


def test_a_very_long_text_is_read_up_to_the_maximum_length(scorer: PairScorer) -> None:
    long = "alpha beta gamma delta " * 4000
    first, second = scorer.score(QUERY, [long, long + "headphones " * 500])
    assert first == second


def test_a_long_query_leaves_room_for_the_text(scorer: PairScorer) -> None:
    long = "battery headphones " * 2000
    near, far = scorer.score(long, ["headphones battery", "how to cook rice"])
    assert np.isfinite([near, far]).all()
    assert near != far


def test_an_empty_query_has_scores(scorer: PairScorer) -> None:
    assert np.isfinite(scorer.score("", TEXTS)).all()


def test_the_number_of_threads_does_not_matter(name: str, scorer: PairScorer, tmp_path: Path) -> None:
    alone = load_scorer(name, tmp_path, threads=1)
    np.testing.assert_allclose(alone.score(QUERY, TEXTS), scorer.score(QUERY, TEXTS), atol=NEAR)


def test_several_threads_may_ask_at_once(scorer: PairScorer) -> None:
    queries, texts = [QUERY, "red dress", "capital of France", ""] * 2, TEXTS[:4]
    expected = [scorer.score(query, texts) for query in queries]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda query: scorer.score(query, texts), queries))
    np.testing.assert_allclose(found, expected, atol=NEAR)


def test_identity_can_be_told_apart(scorer: PairScorer) -> None:
    assert len(scorer.fingerprint) == 64
    assert scorer.max_length >= 64
    assert scorer.runtime
    if scorer.runtime != "python":  # which is the overlap itself
        assert scorer.fingerprint != load_scorer("overlap", Path()).fingerprint


def test_overlap_prefers_shared_words() -> None:
    near, far, empty = load_scorer("overlap", Path()).score("red shoes", ["red leather shoes", "blue hat", ""])
    assert near > 3 > -3 > far
    assert far < empty < -3.9  # of texts without a word of the query the shorter one is ahead


@pytest.mark.slow
def test_a_cross_encoder_agrees_with_sentence_transformers(real: Path) -> None:
    from sentence_transformers import CrossEncoder
    from torch import nn

    ours = load_scorer(str(real), Path(), threads=2).score(QUERY, TEXTS)
    in_torch = load_scorer(str(real), Path(), threads=2, runtime="torch")
    assert in_torch.runtime in {"torch-fp32", "torch-bf16"}
    # The artifact folder itself loads as a sentence-transformers model.
    theirs = CrossEncoder(str(real), device="cpu", max_length=load_scorer(str(real), Path()).max_length)
    expected = theirs.predict([(QUERY, text) for text in TEXTS], activation_fn=nn.Identity())
    np.testing.assert_allclose(ours, expected, atol=1e-3)
    near = 1e-3 if in_torch.runtime == "torch-fp32" else 0.2
    np.testing.assert_allclose(in_torch.score(QUERY, TEXTS), expected, atol=near)
