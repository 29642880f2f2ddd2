import gzip
import json
from collections import defaultdict

import ir_measures
import pytest

from clew.benchmarks.data.datasets import open_dataset
from clew.benchmarks.relevance.measure import measure
from clew.benchmarks.relevance.options import Options
from clew.benchmarks.relevance.report import full, markdown, plain, table, write
from clew.benchmarks.signature import code, environment
from clew.core.measures import MEASURES, evaluate


@pytest.fixture(scope="module")
def result(shared):
    folder, home = shared
    return measure(open_dataset(folder), home, Options(systems=("bm25", "dense", "hybrid"), model="hashing"))


@pytest.fixture(scope="module")
def report(result):
    return full([result], environment(0), code())


def test_the_json_has_only_data_sets_on_top_and_plain_numbers_below(result):
    found = json.loads(json.dumps(plain([result]), allow_nan=False))
    assert list(found) == ["tiny"]
    for name, figures in found["tiny"].items():
        intervals, p_values = figures.pop("ci"), figures.pop("p")
        assert {*MEASURES, "queries", "missing"} <= set(figures)
        assert all(type(value) in {int, float} for value in figures.values())
        for metric, (low, high) in intervals.items():
            assert low <= figures[metric] <= high
        assert bool(p_values) == (name != "bm25")
        assert all(0 <= p <= 1 for p in p_values.values())


def test_the_full_report_has_signature_and_environment(report):
    assert set(report) == {"results", "against_baseline", "signature", "environment"}
    assert report["signature"]["code"]["sha256"]
    assert report["against_baseline"]["tiny"]["dense"]["nDCG@10"]["non_inferior"] in {True, False}


def test_the_report_for_people_lists_systems_comparisons_and_worst_queries(result, report):
    text = markdown([result], report)
    assert "## tiny" in text
    assert "| bm25 |" in text
    assert "| hybrid | nDCG@10 |" in text
    lost = [
        query
        for query, value in result.systems["dense"].evaluation.per_query["nDCG@10"].items()
        if value < result.systems["bm25"].evaluation.per_query["nDCG@10"][query]
    ]
    assert all(f"| {query} | {result.queries[query]}" in text for query in lost)
    assert ("Worst queries of dense" in text) == bool(lost)


def test_what_is_written_measures_the_same_when_read_back(result, report, tmp_path):
    write(tmp_path, [result], report, runs=True)
    qrels, runs = defaultdict(dict), tmp_path / "runs" / "tiny"
    for line in ir_measures.read_trec_qrels(str(runs / "qrels.gz")):
        qrels[line.query_id][line.doc_id] = line.relevance
    for name, found in result.systems.items():
        run = defaultdict(dict)
        for line in ir_measures.read_trec_run(str(runs / f"{name}.run.gz")):
            run[line.query_id][line.doc_id] = line.score
        assert evaluate(qrels, run).means == pytest.approx(dict(found.evaluation.means))
    assert json.loads((tmp_path / "results.json").read_text())["results"] == json.loads(json.dumps(plain([result])))
    rows = gzip.decompress((tmp_path / "queries" / "tiny.tsv.gz").read_bytes()).decode().splitlines()
    assert rows[0].split("\t") == ["query", "system", *MEASURES]
    assert len(rows) == 1 + 4 * 3


def test_runs_are_only_written_on_request(result, report, tmp_path):
    write(tmp_path, [result], report)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["queries", "report.md", "results.json"]


def test_the_table_has_a_row_a_system(result):
    assert table(result).row_count == 3
