from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from clew.core.errors import CorruptError, FormatError, NotFoundError, UsageError
from clew.core.files import sha256_file
from clew.models import store
from clew.models.catalogue import check, find, folders, models, size
from clew.models.manifest import MANIFEST, dumps, read_manifest


@pytest.fixture
def folder(trained_home: Path) -> Path:
    """The folder of the tiny reranker under its home, free to be damaged."""
    (found,) = trained_home.glob("models/tiny-reranker/*-v1")
    return found


def sealed(folder: Path) -> None:
    """Write the hashes of the files as they are now, as somebody would who means to deceive."""
    manifest = read_manifest(folder)
    files = {name: sha256_file(folder / name) for name in manifest.files}
    (folder / MANIFEST).write_text(dumps(replace(manifest, files=files)))


def test_models_are_listed_with_what_they_are(trained_home: Path, folder: Path) -> None:
    (tiny,) = (model for model in models(trained_home) if not model.default)
    assert (tiny.name, tiny.id, tiny.role, tiny.max_length) == ("tiny-reranker", folder.name, "cross_encoder", 32)
    assert (tiny.licence, tiny.source, tiny.default, tiny.problem) == ("apache-2.0", "clew train", False, "")
    assert tiny.bytes == size(folder, read_manifest(folder)) > 10_000


def test_a_home_that_is_not_there_has_the_default_models(tmp_path: Path) -> None:
    found = {model.role: model for model in models(tmp_path / "none")}
    assert not (tmp_path / "none").exists()
    assert all(model.default for model in found.values())
    encoder = found["bi_encoder"]
    assert (encoder.name, encoder.folder) == ("clew-bilingual-int8", store.SHIPPED_ENCODER)
    assert (encoder.dim, encoder.max_length, encoder.licence) == (384, 256, "CC-BY-SA-4.0")
    for name in ("default", encoder.name, f"{encoder.name}/{encoder.id}"):
        assert find(tmp_path / "none", name) == store.SHIPPED_ENCODER


def test_what_comes_with_clew_is_whole_and_small(tmp_path: Path) -> None:
    for model in models(tmp_path):
        assert check(model.folder).precision == "int8"
        assert model.bytes < 35_000_000


def test_what_comes_with_clew_is_listed_and_found(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained, tmp_path / "reranker")
    monkeypatch.setattr(store, "SHIPPED_SCORER", tmp_path / "reranker")
    shipped = next(model for model in models(tmp_path) if model.role == "cross_encoder")
    assert (shipped.name, shipped.id, shipped.default) == ("tiny-reranker", trained.name, True)
    assert folders(tmp_path) == [store.SHIPPED_ENCODER, tmp_path / "reranker"]
    for name in ("tiny-reranker", f"tiny-reranker/{trained.name}"):
        assert find(tmp_path, name) == tmp_path / "reranker"
        assert store.prepare(name, tmp_path, "cross_encoder") == tmp_path / "reranker"


def test_a_broken_manifest_is_listed_with_its_problem(trained_home: Path, folder: Path) -> None:
    (folder / MANIFEST).write_text("{")
    tiny = next(model for model in models(trained_home) if model.name == "tiny-reranker")
    assert MANIFEST in tiny.problem
    assert tiny.id == folder.name


def test_a_staging_folder_is_no_model(trained_home: Path, folder: Path) -> None:
    shutil.copytree(folder, folder.with_name(".staging-x"))
    shutil.copytree(folder, trained_home / "models" / ".staging-y" / "z")
    assert folders(trained_home)[0] == folder
    assert {path for path in folders(trained_home) if path.is_relative_to(trained_home)} == {folder}


def test_a_model_is_found_by_name_and_id(trained_home: Path, folder: Path) -> None:
    for name in ("tiny-reranker", f"tiny-reranker/{folder.name}"):
        assert find(trained_home, name) == folder


@pytest.mark.parametrize("name", ["tiny-rerank", "../models/tiny-reranker", "a/b/c", "", "tiny-reranker/x"])
def test_a_model_that_is_not_there(trained_home: Path, name: str) -> None:
    with pytest.raises(NotFoundError, match="no model") as caught:
        find(trained_home, name)
    assert "tiny-reranker" in caught.value.hint


@pytest.mark.parametrize("name", ["hashing", "overlap"])
def test_a_name_without_files_has_nothing_to_find(trained_home: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not a network"):
        find(trained_home, name)


def test_a_whole_model_is_whole(folder: Path) -> None:
    assert check(folder) == read_manifest(folder)


@pytest.mark.parametrize("name", ["config.json", "onnx/model.onnx", "model.safetensors", "README.md"])
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"other")])
def test_any_damaged_file_is_named(folder: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(folder / name)
    with pytest.raises(CorruptError, match=name):
        check(folder)


def test_a_file_too_many_is_named(folder: Path) -> None:
    (folder / "modules.json").write_text("[]")  # which is read where it is there
    with pytest.raises(CorruptError, match=r"modules\.json does not belong to the model"):
        check(folder)


def test_hashes_that_fit_do_not_make_other_weights_the_model(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    sealed(folder)
    with pytest.raises(CorruptError, match="fingerprint that does not match"):
        check(folder)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("onnx/model.onnx", b"no network", r"model\.onnx does not load"),
        ("tokenizer.json", b'{"model": 1}', "fingerprint that does not match"),
        ("config.json", b'{"architectures": ["BertForSequenceClassification"], "auto_map": {}}', "auto_map"),
    ],
)
def test_what_fits_its_hash_and_cannot_be_used(folder: Path, name: str, data: bytes, words: str) -> None:
    (folder / name).write_bytes(data)
    sealed(folder)
    with pytest.raises((CorruptError, FormatError), match=words):
        check(folder)


def test_an_artifact_needs_no_weights_beside_its_exported_form(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    table = json.loads((folder / MANIFEST).read_text())
    del table["files"]["model.safetensors"]
    (folder / MANIFEST).write_text(json.dumps(table))
    check(folder)
    (folder / "tokenizer.json").write_text('{"model": 1}')
    sealed(folder)
    with pytest.raises(CorruptError, match=r"tokenizer\.json does not load"):
        check(folder)
    (folder / "tokenizer.json").unlink()
    table["files"].pop("tokenizer.json")
    (folder / MANIFEST).write_text(json.dumps(table))
    with pytest.raises(CorruptError, match=r"lacks tokenizer\.json"):
        check(folder)
