from urllib.parse import unquote

import ir_measures
import pytest

from clew.core.errors import DataError
from clew.core.measures.runs import write_run, write_trec_qrels


@pytest.mark.parametrize("name", ["run.txt", "run.txt.gz"])
def test_a_run_comes_back_in_its_order(tmp_path, name):
    run = {"q1": {"b": 2.5, "a": 1.0}, "q2": {"c": -3.0}}
    write_run(tmp_path / name, run, "clew")
    read = list(ir_measures.read_trec_run(str(tmp_path / name)))
    assert read == [(query, doc, score) for query, listed in run.items() for doc, score in listed.items()]


def test_run_lines_are_in_trec_format(tmp_path):
    write_run(tmp_path / "run", {"q1": {"b": 2.5, "a": 1.0}}, "clew")
    assert (tmp_path / "run").read_text() == "q1 Q0 b 1 2.5 clew\nq1 Q0 a 2 1 clew\n"


def test_ties_are_written_apart_so_that_trec_eval_keeps_the_order(tmp_path):
    import pytrec_eval

    write_run(tmp_path / "run", {"q": {"a": 1.0, "z": 1.0, "y": 1.0}}, "clew")
    read = ir_measures.read_trec_run(str(tmp_path / "run"))
    found = {"q": {line.doc_id: line.score for line in read}}
    assert sorted(found["q"], key=found["q"].__getitem__, reverse=True) == ["a", "z", "y"]
    assert pytrec_eval.RelevanceEvaluator({"q": {"a": 1}}, {"recip_rank"}).evaluate(found)["q"]["recip_rank"] == 1.0


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a b", "a%20b"),
        ("a\tb\u00a0c", "a%09b%C2%A0c"),
        ("a%20b", "a%2520b"),
        ("50%-off", "50%-off"),
        ("100%", "100%"),
        ("Über/naïve", "Über/naïve"),
    ],
)
def test_white_space_in_ids_is_encoded_so_that_every_id_comes_back(tmp_path, name, written):
    write_run(tmp_path / "run", {name: {name: 1.0}}, "clew")
    write_trec_qrels(tmp_path / "qrels", {name: {name: 1}})
    assert (tmp_path / "run").read_text(encoding="utf-8") == f"{written} Q0 {written} 1 1 clew\n"
    assert (tmp_path / "qrels").read_text(encoding="utf-8") == f"{written} 0 {written} 1\n"
    assert unquote(written) == name


def test_an_empty_id_is_in_no_run(tmp_path):
    with pytest.raises(DataError, match="an id is empty"):
        write_run(tmp_path / "run", {"q": {"": 1.0}}, "clew")


@pytest.mark.parametrize("name", ["qrels", "qrels.gz"])
def test_trec_qrels_come_back(tmp_path, name):
    qrels = {"q1": {"a": 2, "b": 0}, "q2": {"a": 1}}
    write_trec_qrels(tmp_path / name, qrels)
    read = [(line.query_id, line.doc_id, line.relevance) for line in ir_measures.read_trec_qrels(str(tmp_path / name))]
    assert read == [(query, doc, grade) for query, judged in qrels.items() for doc, grade in judged.items()]


def test_half_a_surrogate_pair_is_in_no_run(tmp_path):
    with pytest.raises(DataError, match="half of a surrogate pair"):
        write_run(tmp_path / "a.run", {"q\ud800": {"d1": 1.0}}, "tag")
