import gzip

import ir_measures
import pytest

from clew.core.errors import DataError, NotFoundError
from clew.core.measures import evaluate
from clew.core.measures.runs import read_beir_qrels, write_run, write_trec_qrels

HEADER = "query-id\tcorpus-id\tscore\n"


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


def test_ids_that_a_trec_file_cannot_hold_are_refused(tmp_path):
    with pytest.raises(DataError, match="'a b' is empty or contains white space"):
        write_run(tmp_path / "run", {"q": {"a b": 1.0}}, "clew")


@pytest.mark.parametrize("name", ["qrels", "qrels.gz"])
def test_trec_qrels_come_back(tmp_path, name):
    qrels = {"q1": {"a": 2, "b": 0}, "q2": {"a": 1}}
    write_trec_qrels(tmp_path / name, qrels)
    read = [(line.query_id, line.doc_id, line.relevance) for line in ir_measures.read_trec_qrels(str(tmp_path / name))]
    assert read == [(query, doc, grade) for query, judged in qrels.items() for doc, grade in judged.items()]


def test_beir_qrels_with_and_without_header_plain_and_gzip(tmp_path):
    rows = "q1\td1\t3\nq1\td2\t0\r\n\nq2\td1\t-1\n"
    wanted = {"q1": {"d1": 3, "d2": 0}, "q2": {"d1": -1}}
    (tmp_path / "a.tsv").write_text(HEADER + rows, newline="")
    (tmp_path / "b.tsv").write_text("\ufeff" + rows, encoding="utf-8")
    (tmp_path / "c.tsv.gz").write_bytes(gzip.compress((HEADER + rows).encode()))
    assert read_beir_qrels(tmp_path / "a.tsv") == wanted
    assert read_beir_qrels(tmp_path / "b.tsv") == wanted
    assert read_beir_qrels(tmp_path / "c.tsv.gz") == wanted


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q1 d1 1", r"test\.tsv:3: 1 columns"),
        ("q1\td2\t0.5", r"test\.tsv:3: grade '0\.5'"),
        ("q1\td1\t2", r"test\.tsv:3: 'd1' has two grades for query 'q1'"),
    ],
)
def test_a_bad_qrels_line_is_named(tmp_path, line, message):
    (tmp_path / "test.tsv").write_text(f"{HEADER}q1\td1\t1\n{line}\n")
    with pytest.raises(DataError, match=message):
        read_beir_qrels(tmp_path / "test.tsv")


def test_unknown_ids_are_listed_with_file_and_line(tmp_path):
    (tmp_path / "test.tsv").write_text(HEADER + "q1\td1\t1\nq1\tgone\t1\nq9\td1\t1\n")
    with pytest.raises(DataError) as caught:
        read_beir_qrels(tmp_path / "test.tsv", documents={"d1"}, queries={"q1"})
    assert "test.tsv:3: unknown document 'gone'" in caught.value.message
    assert "test.tsv:4: unknown query 'q9'" in caught.value.message
    assert "--allow-unknown" in caught.value.hint


def test_only_the_first_unknown_ids_are_listed(tmp_path):
    (tmp_path / "test.tsv").write_text(HEADER + "".join(f"q\tx{n}\t1\n" for n in range(9)))
    with pytest.raises(DataError, match=r"'x4'; 4 more$"):
        read_beir_qrels(tmp_path / "test.tsv", documents=set())


def test_a_relevant_document_outside_the_corpus_costs_recall(tmp_path):
    (tmp_path / "test.tsv").write_text(HEADER + "q\ta\t1\nq\tgone\t1\n")
    found = evaluate(read_beir_qrels(tmp_path / "test.tsv"), {"q": {"a": 1.0}}, ["R@100"])
    assert found.means["R@100"] == 0.5


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(NotFoundError, match=r"none\.tsv: no such file"):
        read_beir_qrels(tmp_path / "none.tsv")
    (tmp_path / "x.tsv.gz").write_bytes(b"not gzip")
    with pytest.raises(DataError, match=r"x\.tsv\.gz cannot be read"):
        read_beir_qrels(tmp_path / "x.tsv.gz")


@pytest.mark.parametrize("grade", ["9" * 20, "9" * 5000])
def test_a_grade_is_not_endless(tmp_path, grade):
    (tmp_path / "test.tsv").write_text(f"q\tc\tscore\nq1\td1\t{grade}\n")
    with pytest.raises(DataError, match=r"test\.tsv:2: grade"):
        read_beir_qrels(tmp_path / "test.tsv")


def test_half_a_surrogate_pair_is_in_no_run(tmp_path):
    with pytest.raises(DataError, match="half of a surrogate pair"):
        write_run(tmp_path / "a.run", {"q\ud800": {"d1": 1.0}}, "tag")
