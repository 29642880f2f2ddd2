"""The texts that a vocabulary is counted on: files of several forms, and the train split of a data set."""

import gzip
import json

import pytest

from clew.core.errors import DataError, NotFoundError, UsageError
from clew.models.texts import is_held_out, open_texts, spellings


def rows(*values):
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def read(*names):
    return {name: list(source.read()) for name, source in open_texts([str(name) for name in names]).items()}


@pytest.fixture
def judged(tmp_path):
    folder = tmp_path / "shop"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(
        rows(*({"_id": f"d{n}", "title": f"title {n}", "text": f"text {n}"} for n in range(4)))
    )
    (folder / "queries.jsonl").write_text(rows(*({"_id": f"q{n}", "text": f"query {n}"} for n in range(3))))
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td1\t1\nq0\td3\t0\n")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td2\t1\n")
    return folder


def test_only_the_train_split_of_a_data_set_is_read(judged, monkeypatch):
    assert read(judged) == {"shop": ["query 0", "title 1\ntext 1", "title 3\ntext 3"]}
    monkeypatch.setenv("CLEW_DATA", str(judged.parent))
    monkeypatch.chdir(judged)
    assert read("shop")["shop"][0] == "query 0"


def test_the_digest_of_a_data_set_is_that_of_what_is_read(judged):
    before = open_texts([str(judged)])["shop"].sha256
    (judged / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n")
    assert open_texts([str(judged)])["shop"].sha256 == before
    (judged / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td1\t1\n")
    assert open_texts([str(judged)])["shop"].sha256 != before


def test_files_of_lines_and_of_json_lines(tmp_path):
    (tmp_path / "words.txt").write_text("red hat\n\n  帽子 \n", encoding="utf-8")
    with gzip.open(tmp_path / "names.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(rows({"id": "x1", "name": "hat", "names": {"zh": "帽子"}, "path": ["a", "b"], "level": 3}))
    found = read(tmp_path / "words.txt", tmp_path / "names.jsonl.gz")
    assert found == {"words.txt": ["red hat", "帽子"], "names.jsonl.gz": ["hat", "帽子", "a", "b"]}


def test_what_cannot_be_read(judged, tmp_path):
    with pytest.raises(NotFoundError, match=r"texts 'nowhere\.txt'") as error:
        open_texts(["nowhere.txt"])
    assert "qrels/train.tsv" in error.value.hint
    (judged / "qrels" / "train.tsv").unlink()
    with pytest.raises(NotFoundError, match="train"):
        open_texts([str(judged)])
    (tmp_path / "latin1.txt").write_bytes("caf\xe9\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin1\.txt:1: not UTF-8"):
        read(tmp_path / "latin1.txt")
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n[\n')
    with pytest.raises(DataError, match=r"bad\.jsonl:2"):
        read(tmp_path / "bad.jsonl")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.txt").write_text("x\n")
    with pytest.raises(UsageError, match=r"two sources of texts are named 'same\.txt'"):
        open_texts([str(tmp_path / "a" / "same.txt"), str(tmp_path / "b" / "same.txt")])


def test_a_tenth_of_the_texts_is_held_out():
    texts = [f"text {n}" for n in range(3000)]
    held = [text for text in texts if is_held_out(text)]
    assert 200 < len(held) < 400
    assert held == [text for text in reversed(texts) if is_held_out(text)][::-1]
    assert is_held_out("\ud800") in {True, False}


def test_a_text_is_counted_in_the_spellings_of_its_words():
    assert list(spellings("iPhone case")) == ["iPhone case", "iphone case", "Iphone Case", "IPHONE CASE"]
    assert list(spellings("帽子")) == ["帽子"]
