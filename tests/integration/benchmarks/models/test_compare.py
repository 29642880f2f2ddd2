"""`clew bench models` on eight documents, with the models that need no files."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from clew.benchmarks.data.datasets import open_dataset
from clew.benchmarks.models import compare as models
from clew.benchmarks.models import cost as model_cost
from clew.benchmarks.models.choice import Budget, mean_of
from clew.benchmarks.models.compare import Options, measure, split_runtime
from clew.benchmarks.models.cost import Speed, disk_bytes, median_speeds, timing_texts
from clew.benchmarks.models.model_pool import ModelPool
from clew.benchmarks.models.quality import NDCG, dense_values, lists, reranked_values, sample
from clew.benchmarks.models.report import HEADINGS, advice, plain, table, write
from clew.core.errors import DataError, MismatchError, NotFoundError, UnknownNameError, UsageError
from clew.core.measures.evaluation import evaluate
from clew.models.cached import EmbeddingCache
from clew.models.hashing import HashingEncoder
from clew.models.overlap import OverlapScorer
from tests.builders import write_beir, write_rows

OPTIONS = Options(
    encoders=("hashing-64", "hashing-16"),
    rerankers=("overlap",),
    documents=3,
    rounds=2,
    budget=Budget(mb=1e6),
)


def quiet(_text):
    """Says nothing."""


@pytest.fixture(scope="module")
def compared(shared):
    folder, home = shared
    said: list[str] = []
    found = measure([open_dataset(folder)], home, OPTIONS, said.append)
    return found, said


# ---------------------------------------------------------------- quality


def test_a_sample_holds_the_judged_documents_and_some_others(beir):
    found = sample(open_dataset(beir), OPTIONS.relevance_options, 2)
    assert list(found.queries) == ["q6", "q7"]
    assert {"rug", "mug"} <= set(found.documents)
    assert (len(found.documents), found.of) == (4, 8)
    corpus = [name for name, _, _ in open_dataset(beir).texts()]
    assert list(found.documents) == [name for name in corpus if name in found.documents]
    assert found == sample(open_dataset(beir), OPTIONS.relevance_options, 2)
    assert len(sample(open_dataset(beir), OPTIONS.relevance_options, 100).documents) == 8


def test_documents_are_ranked_by_their_best_passage(beir):
    long = "filler words that say nothing at all of it. " * 60
    rows = [
        {"_id": "buried", "title": "", "text": f"{long}grey wool rug"},
        *({"_id": name, "title": "", "text": f"{name} {long}"} for name in ("rug", "mug")),
    ]
    write_rows(beir, corpus=rows)
    (beir / "qrels" / "dev.tsv").write_text("q6\tburied\t1\nq7\tmug\t1\n")
    material = sample(open_dataset(beir), OPTIONS.relevance_options, 0)
    assert set(material.documents) == {"buried", "mug"}
    values = dense_values(HashingEncoder(256), sample(open_dataset(beir), OPTIONS.relevance_options, 9))
    assert values["q6"] == 1.0


def test_the_order_is_that_of_the_cosines(beir):
    material = sample(open_dataset(beir), OPTIONS.relevance_options, 9)
    encoder = HashingEncoder(16)
    texts = [f"{title}\n{body}" for title, body in zip(material.titles, material.bodies, strict=True)]
    run = {
        name: dict(zip(material.documents, (encoder.encode_passages(texts) @ vector).tolist(), strict=True))
        for name, vector in zip(material.queries, encoder.encode_queries(list(material.queries.values())), strict=True)
    }
    assert dense_values(encoder, material) == evaluate(material.qrels, run, (NDCG,)).per_query[NDCG]


class Blind(HashingEncoder):
    """Does not know the words of tea and wool."""

    def unknown_shares(self, texts):
        return [1.0 if "tea" in text or "grey" in text else 0.0 for text in texts]


def test_what_an_encoder_cannot_read_it_does_not_find(beir):
    material = sample(open_dataset(beir), OPTIONS.relevance_options, 9)
    assert dense_values(HashingEncoder(256), material) == {"q6": 1.0, "q7": 1.0}
    assert dense_values(Blind(256), material) == {"q6": 0.0, "q7": 0.0}


def test_a_reranker_orders_the_lists_of_a_search(shared):
    folder, home = shared
    material = lists(open_dataset(folder), home / "bench", OPTIONS.relevance_options)
    assert material.found["q6"][0] == ["rug"]
    assert material.found["q6"][1] == ["Wool rug\nsoft and grey, for the living room"]
    assert reranked_values(OverlapScorer(), material) == {"q6": 1.0, "q7": 1.0}


class Contrary(OverlapScorer):
    """Likes what the lists have last."""

    def score(self, query, texts):
        return np.arange(len(texts), dtype=np.float32)


def test_scores_alone_order_a_list(shared):
    from clew.benchmarks.models.quality import Lists

    ids, texts = ["a", "b", "c"], ["x", "y", "z"]
    material = Lists("set", {"q": "?"}, {"q": {"c": 1}}, {"q": (ids, texts)})
    assert reranked_values(Contrary(), material) == {"q": 1.0}
    first = Lists("set", {"q": "?"}, {"q": {"a": 1}}, {"q": (ids, texts)})
    assert reranked_values(Contrary(), first)["q"] == pytest.approx(1 / np.log2(4))
    refused = Lists("set", {"q": "?", "r": " "}, {"q": {"a": 1}, "r": {"a": 1}}, {"q": (ids, texts)})
    assert reranked_values(OverlapScorer(), refused)["r"] == 0.0


# ---------------------------------------------------------------- cost


def test_rounds_take_turns_and_the_first_does_not_count():
    asked = []

    def once(name):
        asked.append(name)
        return Speed(100.0 if len(asked) <= 2 else float(len(asked)), 1.0)

    found = median_speeds({name: lambda name=name: once(name) for name in "ab"}, 3, quiet)
    assert asked == ["a", "b"] * 4
    assert {name: speed.ms for name, speed in found.items()} == {"a": 5.0, "b": 6.0}


def test_every_model_is_timed_on_as_much():
    found = timing_texts([(["q1", "q2"], ["a" * 5_000, "b"]), (["r1"], ["c"])])
    assert found.queries == ("q1", "r1", "q2")
    assert found.passages == ("a" * 1_000, "c", "b")
    assert len(found.lists) == 5
    assert {len(texts) for _, texts in found.lists} == {50}


def test_only_the_files_that_are_read_count(monkeypatch, tmp_path):
    folder = tmp_path / "model"
    (folder / "onnx").mkdir(parents=True)
    for name, size in {"config.json": 1, "onnx/model.onnx": 20, "model.safetensors": 300}.items():
        (folder / name).write_bytes(b" " * size)

    # What torch reads of an 8-bit form lies elsewhere.
    whole = tmp_path / "whole"
    shutil.copytree(folder, whole)
    (folder / "model.safetensors").write_bytes(b"")

    class Manifest:
        files = dict.fromkeys(["config.json", "onnx/model.onnx", "model.safetensors"], "")

    monkeypatch.setattr(
        model_cost, "resolve_to_path", lambda name, home, role: name if name == "hashing" else str(folder)
    )
    monkeypatch.setattr(model_cost, "read_manifest", lambda folder: Manifest)
    monkeypatch.setattr(model_cost, "fp32_folder", lambda folder, home: whole)
    sizes = [disk_bytes("encoder", "mine", tmp_path, runtime) for runtime in ("onnxruntime", "torch")]
    assert sizes == [21, 301]
    assert disk_bytes("reranker", "mine", tmp_path, "torch") == 301
    assert disk_bytes("encoder", "hashing", tmp_path, "onnxruntime") == 0


def hungry(role, name, home, runtime, given, number):
    before = model_cost.peak_bytes()
    held = b"x" * 80_000_000
    return model_cost.peak_bytes() - before if held else 0


def test_memory_is_that_of_a_process_of_its_own(monkeypatch, tmp_path):
    given = timing_texts([(["q"], ["text"])])
    before = model_cost.peak_bytes()
    assert model_cost.memory_bytes("encoder", "hashing-16", tmp_path, "onnxruntime", given) < 50_000_000
    # `added_bytes` goes over the border by its name, so another one can stand in.
    monkeypatch.setattr(model_cost, "added_bytes", hungry)
    added = model_cost.memory_bytes("encoder", "hashing-16", tmp_path, "onnxruntime", given)
    assert 70_000_000 < added < 120_000_000
    assert model_cost.peak_bytes() - before < 60_000_000


# ---------------------------------------------------------------- all together


def test_every_model_has_a_row_with_every_figure(compared):
    found, said = compared
    assert [(row.role, row.name, row.dim) for row in found.rows] == [
        ("encoder", "hashing-64", 64),
        ("encoder", "hashing-16", 16),
        ("reranker", "overlap", 0),
    ]
    for row in found.rows:
        assert min(row.ms, row.per_second) > 0
        assert row.disk_mb == 0
        assert row.memory_mb < 100
        assert list(row.values) == ["tiny"]
        assert list(row.values["tiny"]) == ["q6", "q7"]
    facts = found.sets["tiny"]
    assert (facts.queries, facts.documents, facts.of, facts.listed) == (2, 5, 8, 1.0)
    assert any(line.startswith("speed: round 2 of 2") for line in said)
    assert any(line.startswith("memory: reranker overlap") for line in said)


def test_a_runtime_that_changes_nothing_is_measured_once(shared):
    both = ("onnxruntime", "torch")
    options = Options(encoders=("hashing-16",), rerankers=("overlap",), runtimes=both, documents=3, rounds=1)
    found = measure([open_dataset(shared[0])], shared[1], options, quiet)
    assert [(row.name, row.runtime) for row in found.rows] == [("hashing-16", "numpy"), ("overlap", "python")]


def test_vectors_are_computed_once_over_comparisons(shared, tmp_path, monkeypatch):
    cache = EmbeddingCache(tmp_path / "cache.sqlite")
    material = sample(open_dataset(shared[0]), OPTIONS.relevance_options, 3)
    pool = ModelPool(tmp_path, cache)
    for name in ("hashing-16", "hashing-32"):
        dense_values(pool.cached_encoder(name, "onnxruntime"), material)
    known = len(cache)
    assert known == 2 * (5 + 2)  # five passages and two queries of either model
    monkeypatch.setattr(HashingEncoder, "encode_passages", lambda *_: pytest.fail("computed again"))
    again = ModelPool(tmp_path, cache)
    for name in ("hashing-16", "hashing-32"):
        dense_values(again.cached_encoder(name, "onnxruntime"), material)
    assert len(cache) == known
    cache.close()


def test_test_teaches_nothing(beir, tmp_path, compared):
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\trug\t3\nq2\tmug\t1\n")
    other = measure([open_dataset(beir)], tmp_path / "home", OPTIONS, quiet)
    assert [row.values for row in other.rows] == [row.values for row in compared[0].rows]


# ---------------------------------------------------------------- reports


def test_the_report_holds_every_figure(compared, tmp_path):
    found, _ = compared
    paths = write(tmp_path, found)
    assert [path.name for path in paths] == ["models.json", "models.md"]
    read = json.loads(paths[0].read_text())
    assert read["results"] == json.loads(json.dumps(plain(found)))
    assert set(read) == {"results", "queries", "signature", "environment"}
    assert set(read["signature"]["models"]["encoder"]) == set(OPTIONS.encoders)
    assert read["queries"][0][NDCG] == found.rows[0].values
    text = paths[1].read_text()
    assert all(f"| {row.name} |" in text for row in found.rows)
    assert all(line in text for line in advice(found))
    shown = table(found)
    assert shown.row_count == 3
    assert [column.header for column in shown.columns] == list(HEADINGS)


def test_plain_figures_are_the_documented_ones(compared):
    figures = plain(compared[0])
    assert list(figures) == ["split", "sets", "models", "budget", "suggestions"]
    first, second = figures["models"][:2]
    assert set(first) == {
        "role", "model", "runtime", "precision", "dim", "disk_mb", "memory_mb", "ms", "per_second", NDCG, "ci", "sets",
        "difference",
    }  # fmt: skip
    assert first["difference"] is None
    assert second["difference"]["mean"] == pytest.approx(second[NDCG] - first[NDCG], abs=1e-5)
    assert second["sets"]["tiny"] == pytest.approx(mean_of(compared[0].rows[1].values), abs=1e-6)
    assert figures["models"][2]["difference"] is None  # the first reranker is compared with no encoder
    assert figures["budget"] == {"ms": None, "rerank_ms": None, "mb": 1e6}
    assert set(figures["suggestions"]) == {"encoder", "reranker"}
    assert set(figures["suggestions"]["encoder"]) == {"model", "runtime", "difference", "why"}


@pytest.mark.parametrize(
    ("runtime", "shown"),
    [
        ("onnxruntime-fp32", ("onnxruntime", "fp32")),
        ("python", ("python", "")),
    ],
)
def test_runtime_and_precision(runtime, shown):
    assert split_runtime(runtime) == shown


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"split": "test"}, UsageError, "models are chosen on dev"),
        ({"encoders": ()}, UsageError, "no models to compare"),
        ({"runtimes": ()}, UsageError, "no runtime"),
        ({"runtimes": ("abacus",)}, UnknownNameError, "unknown runtime 'abacus'"),
        ({"queries": 0}, UsageError, "queries is 0"),
        ({"documents": -1}, UsageError, "documents is -1"),
        ({"rounds": 0}, UsageError, "rounds is 0"),
    ],
)
def test_options_that_cannot_be_are_refused(changes, error, message):
    with pytest.raises(error, match=message) as caught:
        Options(**{"encoders": ("hashing",), **changes})
    assert caught.value.hint


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"encoders": ("default+hashing",)}, UsageError, "averages of two models"),
        ({"rerankers": ("overlap+overlap",)}, UsageError, "averages of two models"),
        ({"encoders": ("overlap",)}, MismatchError, "a bi-encoder is needed"),
        ({"rerankers": ("hashing",)}, MismatchError, "a cross-encoder is needed"),
        ({"rerankers": ("./nowhere",)}, NotFoundError, "does not exist"),
        ({"split": "tset"}, NotFoundError, "no qrels for split 'tset'"),
        ({"rerankers": ("overlap",), "lists": "hybrid-rerank"}, UsageError, "lists cannot come from hybrid-rerank"),
        ({"rerankers": ("overlap",), "lists": "bm52"}, UnknownNameError, "unknown system 'bm52'"),
    ],
)
def test_wrong_models_are_refused_before_anything_is_measured(beir, tmp_path, monkeypatch, changes, error, message):
    monkeypatch.setattr(models, "median_speeds", lambda *_: pytest.fail("measured"))
    with pytest.raises(error, match=message):
        measure([open_dataset(beir)], tmp_path, Options(**{"encoders": ("hashing",), **changes}), quiet)


def test_data_that_cannot_be_compared_on_are_refused(beir, tmp_path):
    options = Options(encoders=("hashing",))
    opened = open_dataset(beir)
    with pytest.raises(UsageError, match="two data sets are named 'tiny'"):
        measure([opened, opened], tmp_path, options, quiet)
    (beir / "qrels" / "dev.tsv").unlink()
    with pytest.raises(NotFoundError, match="no qrels for split 'dev'"):
        measure([open_dataset(beir)], tmp_path, options, quiet)
    (beir / "corpus.jsonl").rename(beir / "docs.jsonl")
    spec = ['name = "s"', "[source]", 'path = "docs.jsonl"', "[quality]", 'queries = "."']
    spec += ["[fields]", 'text = { type = "text" }']
    (beir / "spec.toml").write_text("\n".join(spec))
    with pytest.raises(DataError, match="is not a BEIR folder"):
        measure([open_dataset(beir)], tmp_path, options, quiet)


@pytest.mark.parametrize(("rule", "value"), [("auto", 1.0), ("ignore", 1.0), ("keep", pytest.approx(0.6309, abs=1e-4))])
def test_a_querys_own_document_is_left_out_as_asked(tmp_path, rule, value):
    documents = {"q1": "kettles boil water quickly", "d1": "kettles boil water slowly", "d2": "pans fry eggs"}
    write_beir(tmp_path / "own", documents, {"q1": documents["q1"]}, dev={"q1": {"d1": 1}})
    dataset = open_dataset(tmp_path / "own")
    options = replace(OPTIONS, identical_ids=rule).relevance_options
    assert dense_values(HashingEncoder(256), sample(dataset, options, 3)) == {"q1": value}
    found = lists(dataset, tmp_path / "home", options)
    assert ("q1" in found.found["q1"][0]) == (rule == "keep")
    assert reranked_values(OverlapScorer(), found) == {"q1": value}
