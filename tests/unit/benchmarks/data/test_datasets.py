import gzip
import hashlib

import pytest

from clew.benchmarks.data.datasets import open_dataset
from clew.core.errors import DataError, NotFoundError
from clew.core.measures.judged import open_queries
from tests.builders import write_judged, write_lines

CORPUS = [{"_id": "d1", "title": "Kettle", "text": "boils water"}, {"_id": "d2", "title": "", "text": "a lamp"}]
QUERIES = {"q1": "boil water", "q2": "light"}


@pytest.fixture
def folder(tmp_path):
    write_lines(tmp_path / "tiny" / "corpus.jsonl.gz", CORPUS)
    return write_judged(tmp_path / "tiny", QUERIES, test={"q1": {"d1": 1}, "q2": {"d2": 2}}, dev={"q2": {"d2": 1}})


def test_a_beir_folder_is_read_plain_or_compressed(folder):
    found = open_dataset(folder)
    assert found.name == "tiny"
    assert list(found.texts()) == [("d1", "Kettle", "boils water"), ("d2", "", "a lamp")]
    assert found.judged.queries == {"q1": "boil water", "q2": "light"}
    assert found.judged.qrels("test", found.document_ids) == {"q1": {"d1": 1}, "q2": {"d2": 2}}
    assert set(found.judged.splits) == {"dev", "test"}


def test_the_signature_has_the_hash_of_every_input_file(folder):
    found = open_dataset(folder).signature
    assert set(found) == {"corpus.jsonl.gz", "queries.jsonl", "qrels/test.tsv", "qrels/dev.tsv"}
    assert found["queries.jsonl"] == hashlib.sha256((folder / "queries.jsonl").read_bytes()).hexdigest()


def test_whole_numbers_are_ids(tmp_path):
    write_lines(tmp_path / "n" / "corpus.jsonl", [{"_id": 1, "title": "Kettle", "text": ""}, {"id": 2, "text": "Pan"}])
    write_lines(tmp_path / "n" / "queries.jsonl", [{"_id": 7, "text": "pan"}])
    (tmp_path / "n" / "qrels").mkdir()
    (tmp_path / "n" / "qrels" / "test.tsv").write_text("7\t2\t1\n")
    found = open_dataset(tmp_path / "n")
    assert found.document_ids == {"1", "2"}
    assert found.judged.queries == {"7": "pan"}
    assert found.judged.qrels("test", found.document_ids) == {"7": {"2": 1}}


def test_splits_are_files_of_any_usual_ending_and_two_of_one_split_are_an_error(folder):
    (folder / "qrels" / "trec.txt.gz").write_bytes(gzip.compress(b"q1 0 d1 1\n"))
    assert open_queries(folder).qrels("trec", {"d1"}) == {"q1": {"d1": 1}}
    (folder / "qrels" / "test.qrels").write_text("q1 0 d1 1\n")
    with pytest.raises(DataError, match=r"are both the qrels of split 'test'"):
        open_queries(folder)


def test_a_name_is_looked_up_under_clew_data(folder, monkeypatch, tmp_path):
    from pathlib import Path

    monkeypatch.setenv("CLEW_DATA", str(tmp_path))
    monkeypatch.chdir("/")
    assert open_dataset(Path("tiny")).base == folder.resolve()


def test_what_is_missing_is_named(folder, tmp_path):
    with pytest.raises(NotFoundError, match="nowhere: no such folder"):
        open_dataset(tmp_path / "nowhere")
    (folder / "corpus.jsonl.gz").unlink()
    with pytest.raises(NotFoundError, match=r"contains neither corpus\.jsonl"):
        open_dataset(folder)
    assert open_queries(folder).queries["q2"] == "light"
    for file in (folder / "qrels").iterdir():
        file.unlink()
    with pytest.raises(NotFoundError, match=r"qrels/<split>\.tsv"):
        open_queries(folder)


def test_an_unknown_split_offers_the_nearest(folder):
    with pytest.raises(NotFoundError) as caught:
        open_queries(folder).qrels("tset", None)
    assert "'test'" in caught.value.hint


def test_unknown_ids_are_an_error_unless_allowed(folder):
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t1\nq1\tgone\t1\nq7\td1\t1\n")
    with pytest.raises(DataError, match=r"test\.tsv:2: unknown document 'gone'.*test\.tsv:3: unknown query 'q7'"):
        open_queries(folder).qrels("test", {"d1"})
    assert open_queries(folder).qrels("test", {"d1"}, allow_unknown=True) == {"q1": {"d1": 1, "gone": 1}}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ('{"_id": "q3", "text":', r"queries\.jsonl:3: not JSON"),
        ('["q3"]', r"queries\.jsonl:3: list, expected a JSON object"),
        ('{"_id": "q3"}', r"queries\.jsonl:3: text is None"),
        ('{"_id": 3.5, "text": "x"}', r"queries\.jsonl:3: _id is 3\.5"),
        ('{"_id": true, "text": "x"}', r"queries\.jsonl:3: _id is True"),
        ('{"_id": "q1", "text": "again"}', r"queries\.jsonl:3: query 'q1' occurs a second time"),
    ],
)
def test_a_bad_query_line_is_named(folder, bad, message):
    with (folder / "queries.jsonl").open("a") as file:
        file.write(bad + "\n")
    with pytest.raises(DataError, match=message):
        _ = open_queries(folder).queries


def test_a_spec_with_judged_queries_is_a_data_set_too(folder, tmp_path):
    root = tmp_path / "shop"
    root.mkdir()
    (root / "items.jsonl").write_text('{"sku": "a", "title": "Lamp"}\n')
    (root / "shop.toml").write_text(
        'name = "shop"\n[source]\npath = "items.jsonl"\nid = "sku"\n[fields]\ntitle = { type = "text" }\n'
        '[quality]\nqueries = "../tiny"\n'
    )
    found = open_dataset(root)
    assert found.name == "shop"
    assert found.sources == (root / "items.jsonl",)
    assert found.document_ids is None
    assert set(found.judged.splits) == {"dev", "test"}
    assert "items.jsonl" in found.signature
