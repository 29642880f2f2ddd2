"""Index specs: unknown keys at every level name the file, the table and the nearest known key."""

import pickle
from pathlib import Path

import pytest

from clew.core.errors import SpecError
from clew.indexer.spec import read_spec, spec_of
from clew.search.fields import FieldSpec
from clew.search.rerank.spec import RerankSpec

FULL = """
name = "shop"
[source]
path = "data/catalogue.jsonl.gz"
id = "sku"
[fields]
title = { type = "text", weight = 3.0 }
brand = { type = "keyword", facet = true }
[passages]
size = 128
step = 96
[dense]
model = "hashing"
[fusion]
method = "rrf"
[rerank]
model = "overlap"
top = 20
[quality]
queries = "judged"
[build]
shards = 3
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "shop.toml"
        path.write_text(text)
        return path

    return write


def test_a_full_spec_is_read_and_paths_are_relative_to_it(write, tmp_path):
    spec = read_spec(write(FULL))
    assert spec.source.path == f"{tmp_path}/data/catalogue.jsonl.gz"
    assert spec.quality.queries == f"{tmp_path}/judged"
    assert spec.search.fields["title"] == FieldSpec("text", 3.0)
    assert (spec.passages.size, spec.search.dense.model, spec.search.fusion.method, spec.build.shards) == (
        128,
        "hashing",
        "rrf",
        3,
    )
    assert spec.search.rerank == RerankSpec("overlap", 20)
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_the_stored_table_gives_the_same_spec_again(write, tmp_path):
    spec = read_spec(write(FULL))
    table = spec.as_table()
    assert spec_of(table, "stored", tmp_path) == spec


def test_defaults_fill_what_is_not_said(write):
    spec = read_spec(write('name = "x"\n[source]\npath = "a.jsonl"\n[fields]\ntext = { type = "text" }\n'))
    assert spec.search.dense is not None
    assert (spec.search.dense.model, spec.passages.size, spec.build.shards) == ("default", 256, 1)
    assert spec.search.rerank is None
    assert spec.as_table()["rerank"] is None
    assert spec_of(spec.as_table(), "stored", Path()) == spec


def test_dense_can_be_left_out(write):
    spec = read_spec(write('name = "x"\ndense = false\n[source]\npath = "a.jsonl"\n[fields]\nt = { type = "text" }\n'))
    assert spec.search.dense is None
    assert spec.as_table()["dense"] is None


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("[passages]", "[pasages]", "shop.toml: unknown key 'pasages'", "did you mean 'passages'"),
        ("size = 128", "sise = 128", "shop.toml [passages]: unknown key 'sise'", "did you mean 'size'"),
        ("path =", "paht =", "shop.toml [source]: unknown key 'paht'", "did you mean 'path'"),
        ("facet = true", "facets = true", "shop.toml [fields] brand: unknown key 'facets'", "did you mean 'facet'"),
        ("top = 20", "topp = 20", "shop.toml [rerank]: unknown key 'topp'", "did you mean 'top'"),
        ("top = 20", "top = 0", "shop.toml [rerank]: top is 0", ""),
        ("[rerank]", "[reranker]", "shop.toml: unknown key 'reranker'", "did you mean 'rerank'"),
        ("method =", "metod =", "shop.toml [fusion]: unknown key 'metod'", "did you mean 'method'"),
        ('name = "shop"', "", "shop.toml: 'name' is missing", "clew init"),
        ("size = 128", "size = 3", "shop.toml [passages]: size is 3", ""),
        ("size = 128", 'size = "many"', "shop.toml [passages]: size", ""),
        ("shards = 3", "shards = 0", "shop.toml [build]: shards is 0", ""),
        ("shards = 3", "workers = -1", "shop.toml [build]: workers is -1", ""),
        ('queries = "judged"', "max_drop = 2", "shop.toml [quality]: max_drop is 2", ""),
        ('"keyword", facet = true', '"word"', "shop.toml [fields] brand: type", ""),
        ('name = "shop"', 'name = "../shop"', "name is '../shop'", ""),
        ('name = "shop"', 'name = "Shop"', "name is 'Shop'", ""),
        ('"text", weight = 3.0', '"keyword"', "no field is searched", ""),
        ('method = "rrf"', "weights = { bm52 = 2.0 }", "'bm52', expected bm25 or dense", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(write, old, new, message, hint):
    assert old in FULL
    with pytest.raises(SpecError) as error:
        read_spec(write(FULL.replace(old, new, 1)))
    assert message in error.value.message
    assert hint in error.value.hint


def test_fields_must_be_declared_for_data_that_could_be_anything(write):
    with pytest.raises(SpecError, match=r"\[fields\] is missing"):
        read_spec(write('name = "x"\n[source]\npath = "a.jsonl"\n'))


def test_a_beir_folder_needs_no_fields(write, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "corpus.jsonl").touch()
    spec = read_spec(write('name = "x"\n[source]\npath = "set"\n'))
    assert spec.form == "beir"
    assert list(spec.search.fields) == ["title", "text"]


def test_credentials_are_not_stored(write):
    text = FULL.replace("data/catalogue", "s3://key:secret@bucket/catalogue")
    spec = read_spec(write(text))
    assert "secret" in spec.source.path
    assert "secret" not in str(spec.as_table())


def test_a_model_folder_is_relative_to_the_spec(write, tmp_path):
    (tmp_path / "my-model").mkdir()
    spec = read_spec(write(FULL.replace('"hashing"', '"my-model"').replace('"overlap"', '"my-model"')))
    assert (spec.search.dense.model, spec.search.rerank.model) == (f"{tmp_path}/my-model",) * 2


def test_the_average_of_two_models_is_refused_but_not_a_folder_with_a_plus(write, tmp_path):
    (tmp_path / "c++").mkdir()
    spec = read_spec(write(FULL.replace('"hashing"', '"c++"')))
    assert spec.search.dense.model == f"{tmp_path}/c++"
    for table, name in (("dense", "hashing"), ("rerank", "overlap")):
        with pytest.raises(SpecError, match=rf"toml \[{table}\]: model 'a\+b' is not a folder, and averages") as error:
            read_spec(write(FULL.replace(f'"{name}"', '"a+b"')))
        assert error.value.hint.startswith("name one model")
