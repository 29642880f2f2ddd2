"""A trimmed model: its files, its vectors, what it says of itself, and that training and search take it."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import DataError, FormatError, NotFoundError, UsageError
from clew.core.progress import Silent
from clew.models.catalogue import check
from clew.models.manifest import read_manifest
from clew.models.store import load_encoder, load_scorer
from clew.models.texts import is_held_out
from clew.models.trim import trim_model
from tests.vocabularies import byte_pairs, edit, make_model, unigram, word_piece

TEXTS = [f"the red hat {n}" for n in range(40)] + ["红帽子 12", "shoes?"]
RED, HAT, WATER = "the red hats", "红帽子", "вода вода"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny bi-encoder with a unigram vocabulary of three scripts."""
    found = make_model(tmp_path_factory.mktemp("trim") / "tiny", unigram())
    edit(found / "config_sentence_transformers.json", prompts={"query": "shoes: ", "document": ""})
    edit(found / "tokenizer_config.json", added_tokens_decoder={"1": {"content": "<pad>"}, "98": {"content": "x"}})
    (found / "sentencepiece.bpe.model").write_bytes(b"the whole vocabulary")
    return found


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    file = tmp_path_factory.mktemp("texts") / "shop.txt"
    file.write_text("\n".join(TEXTS), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def trimmed(folder, texts, tmp_path_factory):
    """(report, folder) of the fp32 form for Chinese and English."""
    root = tmp_path_factory.mktemp("trimmed")
    languages, target = ["zh", "en"], root / "tiny-zh-en"
    return trim_model(
        str(folder), languages, target, root / "home", Silent(), texts=[str(texts)], precision="fp32"
    ), target


def run(*words):
    return CliRunner().invoke(app, ["models", "trim", *map(str, words)], catch_exceptions=False)


@pytest.mark.slow
def test_vectors_of_the_languages_are_the_same(folder, trimmed, tmp_path):
    _, target = trimmed
    whole, small = (load_encoder(str(each), tmp_path, runtime="torch") for each in (folder, target))
    same = [RED, HAT, "the red shoes, 12?", "β 红hat"]
    np.testing.assert_allclose(small.encode_passages(same), whole.encode_passages(same), atol=1e-6)
    np.testing.assert_allclose(small.encode_queries(same), whole.encode_queries(same), atol=1e-6)
    assert load_encoder(str(target), tmp_path).encode_queries([RED]).shape == (1, whole.dim)


@pytest.mark.slow
def test_other_scripts_are_unknown_to_it(folder, trimmed, tmp_path):
    """Then search ranks by words alone, as for any query that an encoder does not read."""
    whole, small = (load_encoder(str(each), tmp_path) for each in (folder, trimmed[1]))
    assert whole.unknown_shares([RED, HAT, WATER]) == [0, 0, 0]
    assert small.unknown_shares([RED, HAT]) == [0, 0]
    assert small.unknown_shares([WATER])[0] >= 0.5


@pytest.mark.slow
def test_it_is_an_artifact_that_says_what_it_was_made_from(folder, trimmed):
    report, target = trimmed
    manifest = check(target)
    assert (manifest.name, manifest.id, manifest.precision) == ("tiny-zh-en", report.id, "fp32")
    assert (manifest.licence, manifest.source) == ("cc0-1.0", "trimmed from tiny")
    lineage = manifest.lineage
    assert (lineage["kind"], lineage["languages"], lineage["scripts"]) == (
        "trimmed", ["en", "zh"], ["BOPOMOFO", "HAN", "LATIN"],
    )  # fmt: skip
    assert lineage["tokens"] == dict(zip(("before", "after"), report.tokens, strict=True))
    assert list(lineage["texts"]) == ["shop.txt"]
    assert manifest.metrics["agreement"] == {
        "texts": sum(map(is_held_out, TEXTS)), "same_tokens": 1.0, "compared": 4, "mean": 1.0, "worst": 1.0,
    }  # fmt: skip
    card = (target / "README.md").read_text()
    assert "Trimmed vocabulary" in card
    assert "en, zh" in card


@pytest.mark.slow
def test_its_files_have_only_the_tokens_that_stay(folder, trimmed):
    report, target = trimmed
    before, after = report.tokens
    tokenizer = Tokenizer.from_file(str(target / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == after < before == unigram().get_vocab_size()
    weights = load_file(target / "model.safetensors")
    rows, whole = (
        each["embeddings.word_embeddings.weight"] for each in (weights, load_file(folder / "model.safetensors"))
    )
    names = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for token in ("<s>", "▁red", "帽子", "<mask>", "shoes"):  # the last one is in the prompt only
        assert np.array_equal(rows[tokenizer.token_to_id(token)], whole[names.token_to_id(token)])
    assert len(rows) == after
    assert report.weights[0] - report.weights[1] == (before - after) * rows.shape[1]
    config = json.loads((target / "config.json").read_text())
    assert (config["vocab_size"], config["pad_token_id"]) == (after, tokenizer.token_to_id("<pad>"))
    assert list(json.loads((target / "tokenizer_config.json").read_text())["added_tokens_decoder"]) == ["1"]
    assert not (target / "sentencepiece.bpe.model").exists()


@pytest.mark.slow
def test_by_the_command_in_8_bits_and_as_json(folder, texts, tmp_path):
    done = run(folder, "--keep", "EN, zh,en", "--texts", texts, "--vocabulary", 43, "--out", tmp_path / "new", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["tokens"] == [unigram().get_vocab_size(), 43]
    assert report["languages"] == ["en", "zh"]
    assert report["counted"] + report["agreement"]["texts"] == len(TEXTS)
    assert read_manifest(tmp_path / "new").precision == "int8"
    assert report["name"] == "new-int8"
    assert not list((tmp_path / "new").glob("*.safetensors"))
    done = run(tmp_path / "new", "--keep", "en", "--precision", "fp32", "--out", tmp_path / "again", "--home", tmp_path)
    assert done.exit_code == 0, done.output
    assert "tokens" in done.stdout
    assert read_manifest(tmp_path / "again").lineage["started from"]["kind"] == "trimmed"


@pytest.mark.slow
def test_a_reranker_keeps_its_scores(tmp_path):
    whole = make_model(tmp_path / "pairs", word_piece(), "cross_encoder")
    report = trim_model(str(whole), ["en"], tmp_path / "small", tmp_path, Silent(), precision="fp32")
    assert report.agreement is not None
    assert report.agreement.role == "cross_encoder"
    assert report.agreement.same_tokens == 1
    first, second = (load_scorer(str(each), tmp_path, runtime="torch") for each in (whole, tmp_path / "small"))
    np.testing.assert_allclose(first.score(RED, TEXTS[:3]), second.score(RED, TEXTS[:3]), atol=1e-5)


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["--keep", "zh,klingon"], UsageError, "language 'klingon' is not known"),
        (["--keep", ""], UsageError, "language '' is not known"),
        (["--keep", "en", "--vocabulary", "70"], UsageError, "needs texts"),
        (["--keep", "en", "--precision", "int4"], UsageError, "precision is 'int4'"),
        (["--keep", "en", "--texts", "nowhere"], NotFoundError, "texts 'nowhere'"),
    ],
)
def test_what_cannot_be_done(folder, tmp_path, words, error, said):
    with pytest.raises(error, match=said):
        run(folder, *words, "--out", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_limit_that_the_languages_do_not_fit_in(folder, texts, tmp_path):
    with pytest.raises(UsageError, match="tokens are needed for en") as error:
        trim_model(str(folder), ["en"], tmp_path / "new", tmp_path, Silent(), texts=[str(texts)], most=9)
    assert "allow more than" in error.value.hint


def test_texts_without_a_text(folder, tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(DataError, match=r"no text in empty\.txt"):
        run(folder, "--keep", "en", "--texts", tmp_path / "empty.txt", "--out", tmp_path / "new")


def test_models_that_cannot_be_trimmed(folder, tmp_path):
    other = make_model(tmp_path / "bpe", word_piece())
    byte_pairs().save(str(other / "tokenizer.json"))
    with pytest.raises(FormatError, match="type BPE"):
        run(other, "--keep", "en", "--out", tmp_path / "new")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(UsageError, match="already exists"):
        run(folder, "--keep", "en", "--out", tmp_path / "full")
    with pytest.raises(NotFoundError, match="nowhere"):
        run(tmp_path / "nowhere", "--keep", "en", "--out", tmp_path / "new")
    with pytest.raises(UsageError, match="no files"):
        run("hashing", "--keep", "en", "--out", tmp_path / "new")
