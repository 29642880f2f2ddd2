"""The 8-bit form of a model: smaller, nearly the same, and hardly another whatever is beside a pair."""

import json
import shutil

import numpy as np
import pytest
from onnxruntime import InferenceSession
from safetensors.numpy import load_file

from clew.core.errors import FormatError
from clew.models.catalogue import check
from clew.models.dequantise import dequantise
from clew.models.export import write_onnx
from clew.models.first_token import narrow_to_first_token
from clew.models.manifest import INT8_FORM, read_manifest
from clew.models.quantise import quantise_rows
from clew.models.runtimes import ONNX_FILE, has_int8_instructions, open_session
from clew.models.save import save_dequantised, save_quantised
from clew.models.smoothing import smooth
from clew.models.store import (
    SHIPPED_ENCODER,
    SHIPPED_SCORER,
    fp32_folder,
    load_encoder,
    load_scorer,
    prepare,
    saved_folder,
)

DOMAIN = "com.microsoft"


@pytest.fixture(scope="module")
def quantised(trained, tmp_path_factory):
    """The 8-bit artifact of the tiny trained cross-encoder."""
    return save_quantised(trained, tmp_path_factory.mktemp("quantised"))


@pytest.mark.slow
def test_it_is_an_artifact_that_says_what_it_was_made_of(trained, quantised):
    before, after = read_manifest(trained), check(quantised)
    assert (after.name, after.fingerprint) == (f"{before.name}-int8", before.fingerprint)
    assert after.calibration == before.calibration
    assert (after.precision, after.max_length) == ("int8", before.max_length)
    assert after.id != before.id
    assert after.lineage == {**before.lineage, "quantised from": before.id, "form": INT8_FORM}
    assert not list(quantised.glob("*.safetensors"))
    assert load_scorer(str(quantised), quantised.parent).runtime == "onnxruntime-int8"


@pytest.mark.slow
def test_it_scores_nearly_as_the_whole_one(trained, quantised):
    texts = ["red shoe", "blue hat", "red hat red hat", "shoes", "", "blue blue shoe hat red"]
    whole, small = (load_scorer(str(folder), folder.parent) for folder in (trained, quantised))
    for query in ("red", "blue shoes"):
        one, other = whole.score(query, texts), small.score(query, texts)
        assert np.abs(one - other).max() < 0.1 * max(1.0, float(np.ptp(one)))
        assert np.corrcoef(one, other)[0, 1] > 0.99


@pytest.mark.slow
def test_its_tokenizer_is_the_same_in_fewer_bytes(trained, quantised):
    whole, compact = trained / "tokenizer.json", quantised / "tokenizer.json"
    assert json.loads(compact.read_bytes()) == json.loads(whole.read_bytes())
    assert compact.stat().st_size < whole.stat().st_size


@pytest.mark.slow
def test_it_is_made_once(trained, quantised):
    assert save_quantised(trained, quantised.parents[2]) == quantised


@pytest.mark.slow
def test_another_form_of_eight_bits_is_another_artifact(trained, quantised, monkeypatch):
    monkeypatch.setattr("clew.models.save.INT8_FORM", INT8_FORM + 1)
    monkeypatch.setattr("clew.models.save.save_artifact", lambda home, source, manifest, precision: home / manifest.id)
    assert save_quantised(trained, quantised.parents[2]).name != quantised.name


@pytest.mark.slow
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
    small = save_quantised(whole, home)
    assert check(small).agreement == read_manifest(small).runtimes["onnxruntime"]["agreement"]["mean"] > 0.95
    assert not list(small.glob("*.safetensors"))
    texts = ["red shoe", "blue hat", "", "blue blue shoe hat red " * 20]
    one, other = load_encoder(str(whole), home), load_encoder("encoder-int8", home)
    assert (one.fingerprint, one.runtime[:12]) == (other.fingerprint, other.runtime[:12])
    assert (one.encode_passages(texts) * other.encode_passages(texts)).sum(axis=1).min() > 0.9


@pytest.mark.slow
def test_torch_reads_the_fp32_weights_of_an_eight_bit_form(tiny_model, tmp_path):
    home, other = tmp_path / "home", tmp_path / "other"
    whole = prepare(str(tiny_model(tmp_path / "encoder")), home)
    small = save_quantised(whole, home)
    assert (fp32_folder(whole, home), fp32_folder(small, home)) == (whole, whole)
    made = fp32_folder(small, other)  # what it was made of is not there
    assert (made, fp32_folder(small, other)) == (other / "models" / "encoder-fp32" / made.name,) * 2
    shutil.copytree(made.parent, home / "models" / "encoder-fp32")
    assert fp32_folder(small, home) == whole  # not what was made of it later
    texts = ["red shoe", "blue hat", "blue blue shoe hat red"]
    one = load_encoder(str(small), other)
    for place in (home, other):
        found = load_encoder(str(small), place, runtime="torch")
        assert (found.fingerprint, found.agreement, found.runtime) == (one.fingerprint, one.agreement, "torch-fp32")
        assert (one.encode_passages(texts) * found.encode_passages(texts)).sum(axis=1).min() > 0.9


@pytest.mark.slow
def test_a_reranker_of_eight_bits_runs_in_torch_too(trained, quantised, tmp_path):
    texts = ["red shoe", "blue hat", "shoes", ""]
    one, other = (load_scorer(str(quantised), tmp_path, runtime=each) for each in ("onnxruntime", "torch"))
    assert (one.fingerprint, other.runtime) == (other.fingerprint, "torch-fp32")
    assert np.corrcoef(one.score("red", texts), other.score("red", texts))[0, 1] > 0.99


@pytest.mark.slow
def test_what_cannot_be_quantised_is_refused(quantised, tmp_path):
    with pytest.raises(FormatError, match="already quantised"):
        save_quantised(quantised, tmp_path)


@pytest.mark.slow
def test_fp32_weights_are_made_of_it_again(trained, quantised):
    home = quantised.parents[2]
    whole = save_dequantised(quantised, home)
    before, small, after = read_manifest(trained), read_manifest(quantised), check(whole)
    assert (after.name, after.precision) == (f"{before.name}-fp32", "fp32")
    assert after.calibration == small.calibration
    assert after.lineage == {**small.lineage, "dequantised from": small.id}
    assert after.fingerprint != small.fingerprint
    old, id_ = f"{before.name}-whole", after.id  # earlier versions of Clew saved it under this name
    assert saved_folder(home, old) == saved_folder(home, f"{old}/{id_}") == whole
    whole.parent.rename(home / "models" / old)
    assert saved_folder(home, old) == saved_folder(home, f"{after.name}/{id_}") == home / "models" / old / id_
    (home / "models" / old).rename(whole.parent)
    assert saved_folder(home, "another-whole") is None
    wanted, found = (load_file(folder / "model.safetensors") for folder in (trained, whole))
    assert wanted.keys() == found.keys()
    for name, weight in wanted.items():
        # A product's inputs were evened out by factors, which are not far from 1 here, and its steps with them.
        step = np.abs(weight).max() / 127 if weight.ndim == 2 else 0.0
        assert np.abs(weight - found[name]).max() <= 3 * step + 1e-6, name
    texts = ["red shoe", "blue hat", "shoes", ""]
    one, other = (load_scorer(str(folder), home).score("red", texts) for folder in (quantised, whole))
    assert np.abs(one - other).max() < 0.1 * max(1.0, float(np.ptp(one)))
    assert save_dequantised(quantised, home) == whole
    with pytest.raises(FormatError, match="already has fp32 weights"):
        save_dequantised(whole, home)


def test_a_network_that_clew_did_not_quantise_has_no_weights_to_give(tmp_path):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    weights = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in (("w", (2, 2)), ("s", 2))]
    for kind, why in (("MatMulIntegerToFloat", "of an unknown layer"), ("MatMulNBits", "no 8-bit matrix products")):
        node = helper.make_node(kind, ["x", "w", "u", "s"], ["y"], name="/other/MatMul", domain=DOMAIN)
        graph = helper.make_graph([node], "g", tensors[:1], tensors[1:], weights)
        onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
        with pytest.raises(FormatError, match=why):
            dequantise(tmp_path / "model.onnx")


def test_instructions_for_products_of_bytes_must_be_seen(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    for flags, able in (("fma avx2", False), ("avx2 avx512_vnni", True), ("avx2 avx_vnni fma", True)):
        cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\n")
        has_int8_instructions.cache_clear()
        assert has_int8_instructions(cpuinfo) is able
    cpuinfo.write_text("processor : 0\nFeatures : asimddp\n")
    has_int8_instructions.cache_clear()
    assert not has_int8_instructions(cpuinfo)
    assert not has_int8_instructions(tmp_path / "none")


def test_sums_of_the_largest_bytes_are_not_clipped(tmp_path):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rows = np.full((5, 64), 255, np.uint8)
    numbers = np.random.default_rng(0).choice(np.array([-127, 127], np.int8), (64, 16))
    numbers[:, 0] = 127
    constants = {"numbers": numbers, "one": np.float32(1), "scales": np.ones(16, np.float32), "zero": np.uint8(0)}
    graph = helper.make_graph(
        [helper.make_node("MatMulIntegerToFloat", ["rows", "numbers", "one", "scales", "zero"], ["y"], domain=DOMAIN)],
        "g",
        [helper.make_tensor_value_info("rows", TensorProto.UINT8, [None, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 16])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "model.onnx")
    wanted = rows.astype(np.int64) @ numbers.astype(np.int64)
    assert wanted.max() == 64 * 255 * 127
    for exact in (None, True):
        (found,) = open_session(tmp_path / "model.onnx", exact=exact).run(None, {"rows": rows})
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("folder", [SHIPPED_ENCODER, SHIPPED_SCORER], ids=lambda folder: folder.name)
def test_products_of_bytes_are_exact_on_every_processor(folder):
    ids = np.random.default_rng(0).integers(0, 30_000, (3, 41))
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    usual, exact = (open_session(folder / ONNX_FILE, exact=exact) for exact in (None, True))
    one, other = (session.run(None, feed)[0] for session in (usual, exact))
    assert np.array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["cross_encoder", "bi_encoder"])
def test_what_goes_before_the_rounding_changes_no_result(role, trained, tiny_model, tmp_path, monkeypatch):
    ids = np.arange(2, 38, dtype=np.int64).reshape(3, 12) % 9
    mask = np.ones_like(ids)
    mask[1, 7:] = 0
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids % 2}

    def ran(model):
        session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {entry.name: feed[entry.name] for entry in session.get_inputs()})[0]

    done = {}

    def watched(step):
        def run(model, *rest):
            before = ran(model)
            done[step] = step(model, *rest)
            assert np.ptp(before) > 0.01
            assert ran(model) == pytest.approx(before, abs=1e-4)

        return run

    for step in (smooth, narrow_to_first_token):
        monkeypatch.setattr(f"clew.models.quantise.{step.__name__}", watched(step))
    pairs = role == "cross_encoder"
    folder = trained if pairs else prepare(str(tiny_model(tmp_path / "encoder")), tmp_path / "home")
    write_onnx(folder, tmp_path / "model.onnx", role, "int8")
    # The last layer's query, attention, and all that comes after it.
    assert (done[narrow_to_first_token] > 10) is pairs
    assert done[smooth] == 2 * json.loads((folder / "config.json").read_text())["num_hidden_layers"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["roberta", "distilbert", "electra", "albert"])
def test_networks_like_bert_have_an_eight_bit_form(kind, tmp_path):
    # Fresh biases are all zeros, so the exporter keeps one for many additions.
    from transformers import AutoConfig, AutoModel

    sizes = {"vocab_size": 500, "max_position_embeddings": 64, "embedding_size": 32}
    one = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    other = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
    config = AutoConfig.for_model(kind, **sizes, **(other if kind == "distilbert" else one))
    AutoModel.from_config(config).save_pretrained(tmp_path)
    facts = write_onnx(tmp_path, tmp_path / "model.onnx", "bi_encoder", "int8")
    assert facts["layers"] >= 1
    assert 0 < facts["difference"] < 0.05
    with pytest.raises(FormatError, match="shares weights between layers"):
        dequantise(tmp_path / "model.onnx")


def test_rows_are_kept_to_half_a_step_of_their_scale():
    table = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32) * np.logspace(-6, 3, 50)[:, None]
    table = table.astype(np.float32)
    table[3] = 0
    rows, scales = quantise_rows(table)
    assert (rows.dtype, rows.shape, scales.shape) == (np.int8, (50, 7), (50, 1))
    assert (np.abs(rows * scales - table) <= scales * 0.5001).all()
