from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clew.core.errors import FormatError, NotFoundError, StoreError, UsageError
from clew.models.folder import fingerprint
from clew.models.manifest import read_manifest
from clew.models.save import check_name, default_name, licence_of, save_model

TinyModel = Callable[..., Path]
SAID: dict[str, Any] = {"lineage": {}, "metrics": {}, "calibration": {}, "licence": ""}


def test_a_trained_model_becomes_an_artifact(trained: Path) -> None:
    manifest = read_manifest(trained)
    assert (trained.parent.name, trained.name) == ("tiny-reranker", manifest.id)
    assert (manifest.role, manifest.max_length, manifest.dim) == ("cross_encoder", 32, 0)
    assert (manifest.licence, manifest.source) == ("apache-2.0", "clew train")
    assert manifest.lineage == {"base": "0" * 64, "spec": {"seed": 7, "data": ["shop"]}}
    assert manifest.metrics == {"dev": {"ndcg": 0.5}}
    assert manifest.calibration == {"scale": 1.5, "fused": 0.25, "bias": -1.0}
    assert manifest.fingerprint == fingerprint(trained)
    facts = manifest.runtimes["onnxruntime"]
    assert facts["precision"] == "fp32"
    assert facts["difference"] < 1e-4
    assert {path.relative_to(trained).as_posix() for path in trained.rglob("*") if path.is_file()} == {
        *manifest.files,
        "manifest.json",
    }


def test_the_same_again_is_kept_once(trained: Path) -> None:
    manifest = read_manifest(trained)
    again = save_model(
        trained,
        trained.parents[2],
        "tiny-reranker",
        "cross_encoder",
        lineage=manifest.lineage,
        metrics=manifest.metrics,
        calibration=manifest.calibration,
        licence="apache-2.0",
    )
    assert again == trained
    assert read_manifest(again) == manifest


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", "-x", "a b", "x" * 200, "default", "overlap", "hashing", "hashing-8"]
)
def test_names_that_cannot_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="model"):
        save_model(tmp_path, tmp_path / "home", name, "cross_encoder", **SAID)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("calibration", "words"),
    [({"scale": 1.0}, "scale"), ({"scale": 1.0, "fused": float("nan"), "bias": 0.0}, "finite")],
)
def test_calibrations_that_cannot_be(calibration: dict[str, float], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        save_model(tmp_path, tmp_path, "mine", "cross_encoder", **{**SAID, "calibration": calibration})


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def with_config(key: str, value: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))

    return change


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (without("config.json"), NotFoundError, r"config\.json is missing"),
        (without("tokenizer.json"), NotFoundError, r"tokenizer\.json is missing"),
        (without("model.safetensors"), NotFoundError, r"no \.safetensors weights"),
        (pickled, FormatError, r"pytorch_model\.bin is a pickle"),
        (with_config("auto_map", {"AutoModel": "own.Model"}), FormatError, "auto_map"),
        (with_config("architectures", ["BertModel"]), FormatError, "contains a bi_encoder, not a cross_encoder"),
        (with_config("id2label", {"0": "a", "1": "b"}), FormatError, "2 labels"),
    ],
)
def test_a_folder_that_cannot_be_kept(
    change: Callable[[Path], None], kind: type[Exception], words: str, tiny_model: TinyModel, tmp_path: Path
) -> None:
    source = tiny_model(tmp_path / "run", role="cross_encoder")
    change(source)
    with pytest.raises(kind, match=words):
        save_model(source, tmp_path / "home", "mine", "cross_encoder", **SAID)
    assert not list(tmp_path.glob("home/models/*/*"))


@pytest.mark.slow
def test_weights_that_lack_the_head_are_refused(tiny_model: TinyModel, tmp_path: Path) -> None:
    """transformers would put random numbers in their place."""
    from clew.models.torch_runtime import load_transformer

    pairs = tiny_model(tmp_path / "pairs", role="cross_encoder")
    shutil.copy(tiny_model(tmp_path / "bi") / "model.safetensors", pairs)
    with pytest.raises(StoreError, match=r"lack classifier\.bias"):
        load_transformer(pairs, "cross_encoder")


def test_names_of_folders_and_licences(tmp_path: Path) -> None:
    assert [default_name(Path(name)) for name in ("my model!", ".hidden", "default", "bge-m3")] == [
        "my-model-",
        "hidden",
        "model-default",
        "bge-m3",
    ]
    for name in ("my model!", "***", "hashing-3"):
        check_name(default_name(Path(name)))
    assert licence_of(tmp_path) == ""
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    assert licence_of(tmp_path) == "mit"
