"""The 8-bit form of a model: smaller, nearly the same, and hardly another whatever is beside a pair."""

import numpy as np
import pytest

from clew.core.errors import FormatError, MismatchError
from clew.models.keep import keep_quantised
from clew.models.kept import check
from clew.models.manifest import read_manifest
from clew.models.quantise import quantised_rows
from clew.models.store import load_encoder, load_scorer, prepare


@pytest.fixture(scope="module")
def quantised(trained, tmp_path_factory):
    """The 8-bit artifact of the tiny trained cross-encoder."""
    return keep_quantised(trained, tmp_path_factory.mktemp("quantised"))


def test_it_is_an_artifact_that_says_what_it_was_made_of(trained, quantised):
    before, after = read_manifest(trained), check(quantised)
    assert (after.name, after.fingerprint) == (f"{before.name}-int8", before.fingerprint)
    assert after.calibration == before.calibration
    assert (after.precision, after.max_length) == ("int8", before.max_length)
    assert after.id != before.id
    assert after.lineage == {**before.lineage, "quantised from": before.id}
    assert not list(quantised.glob("*.safetensors"))
    assert load_scorer(str(quantised), quantised.parent).runtime == "onnxruntime-int8"


def test_it_scores_nearly_as_the_whole_one(trained, quantised):
    texts = ["red shoe", "blue hat", "red hat red hat", "shoes", "", "blue blue shoe hat red"]
    whole, small = (load_scorer(str(folder), folder.parent) for folder in (trained, quantised))
    for query in ("red", "blue shoes"):
        one, other = whole.score(query, texts), small.score(query, texts)
        assert np.abs(one - other).max() < 0.1 * max(1.0, float(np.ptp(one)))
        assert np.corrcoef(one, other)[0, 1] > 0.99


def test_it_is_made_once(trained, quantised):
    assert keep_quantised(trained, quantised.parents[2]) == quantised


def test_it_says_how_near_it_is(trained, quantised):
    facts = read_manifest(quantised).runtimes["onnxruntime"]["agreement"]
    assert facts["pairs"] == 96
    assert 0 < facts["mean"] <= facts["most"] < 0.5
    assert f"most {facts['most']}" in (quantised / "README.md").read_text()
    assert "agreement" not in read_manifest(trained).runtimes["onnxruntime"]


@pytest.mark.slow
def test_a_bi_encoder_has_an_eight_bit_form_too(tiny_model, tmp_path):
    home = tmp_path / "home"
    whole = prepare(str(tiny_model(tmp_path / "encoder")), home)
    small = keep_quantised(whole, home)
    assert check(small).agreement == read_manifest(small).runtimes["onnxruntime"]["agreement"]["mean"] > 0.95
    assert not list(small.glob("*.safetensors"))
    texts = ["red shoe", "blue hat", "", "blue blue shoe hat red " * 20]
    one, other = load_encoder(str(whole), home), load_encoder("encoder-int8", home)
    assert (one.fingerprint, one.runtime[:12]) == (other.fingerprint, other.runtime[:12])
    assert (one.encode_passages(texts) * other.encode_passages(texts)).sum(axis=1).min() > 0.9
    with pytest.raises(MismatchError, match="int8 form alone"):
        load_encoder("encoder-int8", home, runtime="torch")


def test_what_cannot_be_quantised_is_refused(quantised, tmp_path):
    with pytest.raises(FormatError, match="quantised already"):
        keep_quantised(quantised, tmp_path)


def test_rows_are_kept_to_half_a_step_of_their_scale():
    table = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32) * np.logspace(-6, 3, 50)[:, None]
    table = table.astype(np.float32)
    table[3] = 0
    rows, scales = quantised_rows(table)
    assert (rows.dtype, rows.shape, scales.shape) == (np.int8, (50, 7), (50, 1))
    assert (np.abs(rows * scales - table) <= scales * 0.5001).all()
