"""Indexes of benchmarks are known by all that decides what is in them."""

from __future__ import annotations

from clew.benchmarks.data.index import build_if_missing, open_built, spec_variant
from clew.indexer.tuning.judged import beir_spec
from clew.models.store import load_encoder
from tests.builders import write_rows


def names(folder, home, *models):
    return [
        build_if_missing(spec_variant(beir_spec(folder), model=model), [folder / "corpus.jsonl"], folder, home)
        for model in models
    ]


def corpus(folder):
    rows = [{"_id": "a", "title": "Shoe", "text": "red shoe"}, {"_id": "b", "title": "Hat", "text": "blue hat"}]
    return write_rows(folder, corpus=rows)


def test_an_index_is_built_once_for_a_model(tmp_path, monkeypatch):
    folder, home = corpus(tmp_path / "set"), tmp_path / "home"
    models = ("hashing-16", "hashing-32")
    first = names(folder, home, *models)
    assert len(set(first)) == 2
    searcher = open_built(home, first[1])
    assert searcher.version.encoder["dim"] == 32
    searcher.close()
    monkeypatch.setattr("clew.indexer.build.build", lambda *_: (_ for _ in ()).throw(AssertionError("built again")))
    assert names(folder, home, *models) == first


def test_a_name_that_means_another_model_means_another_index(tmp_path, monkeypatch):
    folder, home = corpus(tmp_path / "set"), tmp_path / "home"
    (before,) = names(folder, home, "hashing-16")
    monkeypatch.setattr("clew.indexer.releases.models.encoder_of", lambda _, home: load_encoder("hashing-32", home))
    monkeypatch.setattr("clew.indexer.build.build", lambda *_: None)
    assert names(folder, home, "hashing-16") != [before]
