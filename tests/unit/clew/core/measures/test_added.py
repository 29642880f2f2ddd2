"""Judgements are added in the form in which a file of qrels is written."""

import gzip

import pytest
import zstandard

from clew.core.errors import DataError
from clew.core.measures.added import add_judgements
from clew.core.measures.qrels import read_qrels


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("query-id\tcorpus-id\tscore\nq1\td1\t1\n", "q2\td 2\t3"),
        ("q1\td1\t1", "q2\td 2\t3"),
        ("score\tnote\tcorpus-id\tquery-id\n1\tok\td1\tq1\n", "3\t\td 2\tq2"),
        ("q1\t0\td1\t1\n", "q2\t0\td 2\t3"),
        ("qid,docid,label\nq1,d1,1\n", "q2,d 2,3"),
        ('{"query-id": "q1", "corpus-id": "d1", "score": 1}\n', '{"query-id": "q2", "corpus-id": "d 2", "score": 3}'),
    ],
)
def test_the_form_stays(tmp_path, before, line):
    path = tmp_path / "dev.tsv"
    path.write_text(before)
    assert add_judgements(path, [("q2", "d 2", "3")]) == 1
    assert path.read_text() == before.rstrip("\n") + "\n" + line + "\n"
    assert read_qrels(path) == {"q1": {"d1": 1}, "q2": {"d 2": 3}}


def test_trec_columns_hold_no_white_space(tmp_path):
    path = tmp_path / "dev.qrels"
    path.write_text("q1 0 d1 1\n")
    add_judgements(path, [("q1", "d2", "0")])
    assert path.read_text() == "q1 0 d1 1\nq1 0 d2 0\n"
    with pytest.raises(DataError, match="white space"):
        add_judgements(path, [("q1", "d 3", "1")])
    assert path.read_text() == "q1 0 d1 1\nq1 0 d2 0\n"


def test_compressed_files_stay_compressed(tmp_path):
    for name, pack in (("a.tsv.gz", gzip.compress), ("b.tsv.zst", zstandard.compress)):
        (tmp_path / name).write_bytes(pack(b"q1\td1\t1\n"))
        add_judgements(tmp_path / name, [("q1", "d2", "2")])
        assert read_qrels(tmp_path / name) == {"q1": {"d1": 1, "d2": 2}}


def test_a_new_file_has_a_header_and_judged_pairs_are_not_judged_again(tmp_path):
    path = tmp_path / "dev.tsv"
    assert add_judgements(path, [("q1", "d1", "2"), ("q1", "d2", "0")]) == 2
    assert add_judgements(path, [("q1", "d1", "3"), ("q1", "d3", "1")]) == 1
    assert path.read_text() == "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq1\td3\t1\n"


def test_a_grade_is_a_number_and_nothing_is_written_otherwise(tmp_path):
    with pytest.raises(DataError, match="grade 'good'"):
        add_judgements(tmp_path / "dev.tsv", [("q1", "d1", "1"), ("q1", "d2", "good")])
    assert not (tmp_path / "dev.tsv").exists()
