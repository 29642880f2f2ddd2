"""An imported release names nothing outside the home."""

from dataclasses import replace

import pytest

from clew.core.errors import DataError, FormatError, MismatchError, UsageError
from clew.indexer.releases.imported import check_names, made_local
from clew.models.hashing import hashing_encoder
from clew.models.store import SHIPPED_ENCODER, SHIPPED_SCORER, read_manifest
from clew.search.versions import IndexVersion, Release

HASH = "ab" * 32
URI = "bolt://127.0.0.1:7687"
RELEASE = Release("r1", "shop", "1-abababab", HASH, "2026-01-01T00:00:00Z")
VERSION = IndexVersion(
    id="1-abababab",
    index="shop",
    created="2026-01-01T00:00:00Z",
    content=HASH,
    shards=((HASH, HASH),),
    files={},
    spec={"fields": {}, "source": {"path": "/etc", "id": "id"}, "dense": {"model": "x"}, "graph": None},
    encoder={},
    analyzer=HASH,
    documents=1,
    passages=1,
)
NEO4J = {"uri": "bolt://attacker:1", "password_env": "SECRET", "labels": ["Film"], "id": "uuid", "user": "them",
         "nodes": {"Film": {"name": "title"}}}  # fmt: skip


def local(tmp_path, version=VERSION, release=RELEASE, neo4j=None):
    return made_local(tmp_path / "a.tar", tmp_path, release, version, neo4j)


def with_encoder(model, fingerprint, runtime="onnxruntime-int8"):
    return replace(VERSION, encoder={"model": model, "fingerprint": fingerprint, "runtime": runtime})


@pytest.mark.parametrize(
    ("release", "version", "what"),
    [
        (replace(RELEASE, index="../x"), VERSION, "index"),
        (replace(RELEASE, id="r1/.."), VERSION, "id"),
        (replace(RELEASE, note="a\x1b[2Jb"), VERSION, "note"),
        (RELEASE, replace(VERSION, content="../../x"), "version's content"),
        (RELEASE, replace(VERSION, shards=(("../../x", HASH),)), "shard"),
        (RELEASE, replace(VERSION, shards=((HASH, HASH), (HASH, HASH))), "listed twice"),
    ],
)
def test_names_that_clew_does_not_write_are_refused(tmp_path, release, version, what):
    with pytest.raises(DataError, match=what):
        check_names(tmp_path / "a.tar", release, version)
    check_names(tmp_path / "a.tar", RELEASE, VERSION)


def test_paths_are_removed_and_the_rest_of_a_table_stays(tmp_path):
    spec = {**VERSION.spec, "quality": {"queries": "/etc", "split": "dev"}}
    found = local(tmp_path, replace(VERSION, spec=spec)).version.spec
    assert found["source"] == {"path": "", "id": "id"}
    assert found["quality"] == {"queries": "", "split": "dev"}
    assert spec["source"]["path"] == "/etc"


def test_a_server_is_only_the_importers(tmp_path):
    graph = {"name": "g", "nodes": "/n", "edges": "/e", "store": "neo4j", "neo4j": NEO4J}
    version = replace(VERSION, spec={**VERSION.spec, "graph": graph})
    found = local(tmp_path, version)
    table = found.version.spec["graph"]
    assert (table["store"], table["neo4j"], table["nodes"], table["edges"]) == ("networkx", None, "", "")
    assert "--neo4j" in found.notes[0]
    asked = local(tmp_path, version, neo4j=URI)
    table = asked.version.spec["graph"]["neo4j"]
    assert (table["uri"], table["password_env"], table["user"]) == (URI, "NEO4J_PASSWORD", "neo4j")
    assert (table["labels"], table["id"], table["nodes"]["Film"]["name"]) == (["Film"], "uuid", "title")
    assert asked.notes == ()
    with pytest.raises(UsageError, match="has no graph"):
        local(tmp_path, neo4j=URI)
    with pytest.raises(UsageError, match="expected a URI"):
        local(tmp_path, version, neo4j="ftp://x")


@pytest.mark.parametrize("model", ["someone/model", "/etc", "../..", "~", ""])
def test_a_model_that_is_not_here_is_an_error_before_anything_is_asked(tmp_path, monkeypatch, model):
    monkeypatch.setattr("clew.models.store.fetch", lambda *_: pytest.fail("the hub was asked"))
    with pytest.raises(MismatchError, match="which is not in this home"):
        local(tmp_path, with_encoder(model, HASH))


@pytest.mark.parametrize("model", ["default+someone/model", "a+b"])
def test_the_average_of_two_models_is_refused_with_what_to_do(tmp_path, model):
    with pytest.raises(FormatError, match="the average of two models") as error:
        local(tmp_path, with_encoder(model, HASH))
    assert "clew build" in error.value.hint


def test_a_model_of_clew_is_found_by_its_fingerprint_whatever_it_was_called(tmp_path):
    encoder, scorer = read_manifest(SHIPPED_ENCODER), read_manifest(SHIPPED_SCORER)
    version = with_encoder("/elsewhere/folder", encoder.fingerprint)
    release = replace(RELEASE, reranker={"model": "x/y", "fingerprint": scorer.fingerprint, "runtime": ""})
    found = local(tmp_path, version, release)
    assert found.version.encoder["model"] == found.version.spec["dense"]["model"] == "default"
    assert found.release.reranker["model"] == "default"


def test_a_model_without_files_is_itself(tmp_path):
    found = local(tmp_path, with_encoder("hashing-32", hashing_encoder("hashing-32").fingerprint))
    assert found.version.spec["dense"]["model"] == "hashing-32"
