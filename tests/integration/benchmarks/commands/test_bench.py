import json

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import NotFoundError, UsageError
from clew.models.store import prepare
from tests.builders import write_beir

ROWS = {"a": "steel kettle boils water", "b": "warm lamp for reading", "c": "tent for a hike", "d": "wool rug"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    root = tmp_path_factory.mktemp("cli")
    for name in ("tiny", "elsewhere/tiny"):
        queries = {f"q-{key}": text.split()[1] for key, text in ROWS.items()}
        judged = {f"q-{key}": {key: 1} for key in "abd"}
        write_beir(root / name, ROWS, queries, test=judged, dev=judged)
    return root


@pytest.fixture
def run(base):
    def run_bench(*words):
        return CliRunner().invoke(
            app, ["bench", *map(str, words), "--model", "hashing-32", "--home", str(base / "home")]
        )

    return run_bench


def test_relevance_prints_one_json_document_and_nothing_else(run, base):
    found = run("relevance", base / "tiny", "--systems", "bm25,hybrid", "--json")
    assert found.exit_code == 0
    figures = json.loads(found.stdout)
    assert list(figures) == ["tiny"]
    assert list(figures["tiny"]) == ["bm25", "hybrid"]
    assert figures["tiny"]["bm25"]["nDCG@10"] == 1.0
    assert figures["tiny"]["bm25"]["queries"] == 3
    assert figures["tiny"]["bm25"]["p"] == {}
    assert set(figures["tiny"]["hybrid"]["p"]) == {"nDCG@10", "RR@10", "R@100", "AP"}


def test_relevance_prints_a_table_and_writes_a_folder(run, base, tmp_path):
    found = run("relevance", base / "tiny", "--systems", "bm25", "--out", tmp_path / "out", "--runs")
    assert found.exit_code == 0
    assert "nDCG@10" in found.stdout
    assert "report.md" in found.stderr
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert {
        "results.json",
        "report.md",
        "queries/tiny.tsv.gz",
        "runs/tiny/bm25.run.gz",
        "runs/tiny/qrels.gz",
    } <= written


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["{tiny}", "--runs"], UsageError, "--runs needs a folder"),
        (["{tiny}", "--systems", " , "], UsageError, "--systems is empty"),
        (["{tiny}", "{other}"], UsageError, "two data sets are named 'tiny'"),
        (["{tiny}", "--gains", "1,2"], UsageError, "do not ascend from 0"),
        (["{tiny}", "--split", "tset"], NotFoundError, "no qrels for split 'tset'"),
        (["{tiny}", "--systems", "bm52"], UsageError, "unknown system 'bm52'"),
    ],
)
def test_wrong_words_are_refused_with_a_hint(run, base, words, error, message):
    places = {"tiny": base / "tiny", "other": base / "elsewhere" / "tiny"}
    found = run("relevance", *(word.format(**places) for word in words))
    assert isinstance(found.exception, error)
    assert message in found.exception.message
    assert found.exception.hint


def test_tune_is_an_alias(run, base):
    found = run("tune", base / "tiny", "--json")
    assert found.exit_code == 0
    options = ["--model", "hashing-32", "--home", str(base / "home"), "--json"]
    assert CliRunner().invoke(app, ["tune", str(base / "tiny"), *options]).stdout == found.stdout


def test_speed_prints_figures_with_every_peer_named(run):
    found = run("speed", "bm25", "--docs", 30, "--rounds", 1, "--no-peers", "--json")
    assert found.exit_code == 0
    figures = json.loads(found.stdout)
    assert list(figures) == ["bm25"]
    assert figures["bm25"]["ours"] > 0
    assert figures["bm25"]["peers"] == {"bm25s": None, "rank-bm25": None}


@pytest.mark.slow
def test_a_kept_encoder_is_named_as_it_is_kept(tiny_model, tmp_path):
    home = tmp_path / "home"
    prepare(str(tiny_model(tmp_path / "mine")), home)
    (tmp_path / "mine").rename(tmp_path / "elsewhere")
    documents = {"a": "red shoe", "b": "blue hat"}
    folder = write_beir(tmp_path / "shoes", documents, {"q": "blue hat"}, test={"q": {"b": 1}})
    options = ["--systems", "dense", "--baseline", "dense", "--model", "mine", "--home", str(home), "--json"]
    found = CliRunner().invoke(app, ["bench", "relevance", str(folder), *options])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["shoes"]["dense"]["R@100"] == 1.0


def test_fusion_prints_the_sweep(run, base):
    found = run("fusion", base / "tiny", "--json")
    assert found.exit_code == 0
    sweep = json.loads(found.stdout)["tiny"]["dev"]
    assert sweep["queries"] == 3
    assert {"bm25", "dense", "rrf", "sum", "1:1"} <= set(sweep["nDCG@10"])
    assert "0.5:1" in run("fusion", base / "tiny").stdout


def test_fusion_repeats_the_sweep_for_each_k1(run, base):
    found = json.loads(run("fusion", base / "tiny", "--k1", "0, 3", "--json").stdout)
    assert list(found) == ["tiny, k1 0", "tiny, k1 3"]
    refused = run("fusion", base / "tiny", "--k1", "0.5,high")
    assert refused.exception.message == "--k1 has 'high'"


@pytest.mark.parametrize(("splits", "said"), [("test", "split is 'test'"), (" , ", "--splits is empty")])
def test_fusion_refuses_splits_that_it_cannot_use(run, base, splits, said):
    found = run("fusion", base / "tiny", "--splits", splits)
    assert isinstance(found.exception, UsageError)
    assert said in found.exception.message
