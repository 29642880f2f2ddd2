import gzip

import pytest
import zstandard

from clew.core.errors import DataError, NotFoundError
from clew.core.measures import evaluate
from clew.core.measures.qrels import read_qrels, split_name

HEADER = "query-id\tcorpus-id\tscore\n"
WANTED = {"q1": {"d1": 2, "d2": 0}, "2": {"d1": 1}}


@pytest.mark.parametrize(
    "text",
    [
        "q1\td1\t2\nq1\td2\t0\n2\td1\t1\n",
        "q1 d1 2\nq1 d2 0\n2 d1 1\n",
        "q1 0 d1 2\nq1 0 d2 0\n2 0 d1 1\n",
        "q1\t0\td1\t2\nq1\t0\td2\t0\n2\t0\td1\t1\n",
        "q1   Q0  d1    2\nq1   Q0  d2    0\n 2   Q0  d1    1\n",
        "query_id\titeration\tdoc_id\trelevance\nq1\t0\td1\t2\nq1\t0\td2\t0\n2\t0\td1\t1\n",
        "score\tcorpus-id\tquery-id\n2\td1\tq1\n0\td2\tq1\n1\td1\t2\n",
        "qid,docid,label\nq1,d1,2.0\nq1,d2,0.0\n2,d1,1.0\n",
        "q1,d1,2\nq1,d2,0\n2,d1,1\n",
        "query-id\tcorpus-id\tscore\tnote\nq1\td1\t2\tyes\nq1\td2\t0\n2\td1\t1\tmaybe\n",
        '{"query-id": "q1", "corpus-id": "d1", "score": 2}\n{"query-id": "q1", "corpus-id": "d2", "score": 0.0}\n'
        '{"query-id": 2, "corpus-id": "d1", "score": 1}\n',
    ],
)
def test_the_form_is_found_in_the_first_line(tmp_path, text):
    (tmp_path / "test.tsv").write_text(text)
    assert read_qrels(tmp_path / "test.tsv") == WANTED


def test_ids_with_spaces_stand_between_tabs_or_commas(tmp_path):
    (tmp_path / "a.tsv").write_text("my query\tGetting started.md\t1\n")
    (tmp_path / "b.csv").write_text('query,document,grade\nmy query,"a, b",1\n')
    assert read_qrels(tmp_path / "a.tsv") == {"my query": {"Getting started.md": 1}}
    assert read_qrels(tmp_path / "b.csv") == {"my query": {"a, b": 1}}


def test_a_first_line_without_a_known_column_is_no_header(tmp_path):
    (tmp_path / "test.tsv").write_text("q1\td1\thigh\nq1\td2\t1\n")
    with pytest.raises(DataError, match=r"test\.tsv:1: grade 'high' is not a number"):
        read_qrels(tmp_path / "test.tsv")


def test_fractions_become_integers_with_the_same_ratios(tmp_path):
    (tmp_path / "test.tsv").write_text("q1\td1\t0.5\nq1\td2\t1\nq1\td3\t0\nq2\td1\t.25\nq2\td2\t-1.0\n")
    assert read_qrels(tmp_path / "test.tsv") == {"q1": {"d1": 2, "d2": 4, "d3": 0}, "q2": {"d1": 1, "d2": -4}}


def test_long_fractions_are_rounded_but_stay_relevant(tmp_path):
    (tmp_path / "test.tsv").write_text("q1\td1\t0.3333333333333\nq1\td2\t1\nq1\td3\t1e-30\n")
    assert read_qrels(tmp_path / "test.tsv") == {"q1": {"d1": 333_333, "d2": 1_000_000, "d3": 1}}


def test_fractions_have_no_place_in_a_table_of_gains(tmp_path):
    (tmp_path / "test.tsv").write_text("q1\td1\t1.0\nq1\td2\t0.5\n")
    with pytest.raises(DataError, match=r"test\.tsv:2: grade '0\.5' is not an integer"):
        read_qrels(tmp_path / "test.tsv", integers=True)


def test_zstd_and_gzip(tmp_path):
    text = b"q1\td1\t2\nq1\td2\t0\n2\td1\t1\n"
    (tmp_path / "a.tsv.zst").write_bytes(zstandard.compress(text))
    (tmp_path / "b.qrels.gz").write_bytes(gzip.compress(text))
    assert read_qrels(tmp_path / "a.tsv.zst") == read_qrels(tmp_path / "b.qrels.gz") == WANTED


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("test.tsv", "test"), ("test.tsv.gz", "test"), ("dev.TSV.ZST", "dev"), ("robust04.qrels", "robust04"),
        ("trec.dl.2019.txt", "trec.dl.2019"), ("test.tsv.bak", None), (".tsv", None), ("README.txt", None),
        (".test.tsv.swp", None),
    ],
)  # fmt: skip
def test_the_split_of_a_file(tmp_path, name, split):
    assert split_name(tmp_path / name) == split


def test_beir_qrels_with_and_without_header_plain_and_gzip(tmp_path):
    rows = "q1\td1\t3\nq1\td2\t0\r\n\nq2\td1\t-1\n"
    wanted = {"q1": {"d1": 3, "d2": 0}, "q2": {"d1": -1}}
    (tmp_path / "a.tsv").write_text(HEADER + rows, newline="")
    (tmp_path / "b.tsv").write_text("\ufeff" + rows, encoding="utf-8")
    (tmp_path / "c.tsv.gz").write_bytes(gzip.compress((HEADER + rows).encode()))
    assert read_qrels(tmp_path / "a.tsv") == wanted
    assert read_qrels(tmp_path / "b.tsv") == wanted
    assert read_qrels(tmp_path / "c.tsv.gz") == wanted


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q1 d1 1", r"test\.tsv:3: 1 columns"),
        ("q1\td1\thigh", r"test\.tsv:3: grade 'high' is not a number"),
        ("q1\td1\t1/2", r"test\.tsv:3: grade '1/2'"),
        ("q1\td1\tnan", r"test\.tsv:3: grade 'nan'"),
        ("q1\t\t1", r"test\.tsv:3: the id of the document is empty"),
        ("q1\td1\t2", r"test\.tsv:3: 'd1' has two grades for query 'q1'"),
    ],
)
def test_a_bad_qrels_line_is_named(tmp_path, line, message):
    (tmp_path / "test.tsv").write_text(f"{HEADER}q1\td1\t1\n{line}\n")
    with pytest.raises(DataError, match=message):
        read_qrels(tmp_path / "test.tsv")


def test_unknown_ids_are_listed_with_file_and_line(tmp_path):
    (tmp_path / "test.tsv").write_text(HEADER + "q1\td1\t1\nq1\tgone\t1\nq9\td1\t1\n")
    with pytest.raises(DataError) as caught:
        read_qrels(tmp_path / "test.tsv", documents={"d1"}, queries={"q1"})
    assert "test.tsv:3: unknown document 'gone'" in caught.value.message
    assert "test.tsv:4: unknown query 'q9'" in caught.value.message
    assert "--allow-unknown" in caught.value.hint


def test_only_the_first_unknown_ids_are_listed(tmp_path):
    (tmp_path / "test.tsv").write_text(HEADER + "".join(f"q\tx{n}\t1\n" for n in range(9)))
    with pytest.raises(DataError, match=r"'x4'; 4 more$"):
        read_qrels(tmp_path / "test.tsv", documents=set())


def test_a_relevant_document_outside_the_corpus_costs_recall(tmp_path):
    (tmp_path / "test.tsv").write_text(HEADER + "q\ta\t1\nq\tgone\t1\n")
    found = evaluate(read_qrels(tmp_path / "test.tsv"), {"q": {"a": 1.0}}, ["R@100"])
    assert found.means["R@100"] == 0.5


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(NotFoundError, match=r"none\.tsv: no such file"):
        read_qrels(tmp_path / "none.tsv")
    (tmp_path / "x.tsv.gz").write_bytes(b"not gzip")
    with pytest.raises(DataError, match=r"x\.tsv\.gz cannot be decompressed"):
        read_qrels(tmp_path / "x.tsv.gz")


@pytest.mark.parametrize("grade", ["9" * 20, "9" * 5000])
def test_a_grade_is_not_endless(tmp_path, grade):
    (tmp_path / "test.tsv").write_text(f"query\tdoc\tscore\nq1\td1\t{grade}\n")
    with pytest.raises(DataError, match=r"test\.tsv:2: grade"):
        read_qrels(tmp_path / "test.tsv")
