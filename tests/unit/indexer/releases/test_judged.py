"""Judged queries: how they are read, and what is wrong with them."""

import pytest

from clew.core.errors import DataError, NotFoundError
from clew.indexer.releases.judged import Judged, read_judged
from clew.indexer.spec import QualitySpec
from tests.builders import write_judged


@pytest.fixture
def judged(tmp_path):
    return write_judged(tmp_path, {"q1": "red shoes", "q2": "desk"}, dev={"q1": {"p1": 2, "p2": 0}})


def test_queries_and_grades(judged):
    found = read_judged(QualitySpec(str(judged)))
    assert found.queries == {"q1": "red shoes", "q2": "desk"}
    assert found.qrels == {"q1": {"p1": 2, "p2": 0}}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("queries.jsonl", '{"_id": "q1", "text": "a"}\n{"text": "b"}\n', r"queries\.jsonl:2: _id"),
        ("queries.jsonl", "{", r"queries\.jsonl:1: not JSON"),
        ("qrels/dev.tsv", "q9\tp1\t1\n", "q9"),
        ("qrels/dev.tsv", "q1\tp1\n", r"dev\.tsv:1"),
    ],
)
def test_what_is_wrong_is_named(judged, name, text, message):
    (judged / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_judged(QualitySpec(str(judged)))


def test_what_is_missing_is_named(judged, tmp_path):
    with pytest.raises(NotFoundError, match="test"):
        read_judged(QualitySpec(str(judged), split="test"))
    (judged / "queries.jsonl").unlink()
    with pytest.raises(NotFoundError, match=r"no queries\.jsonl"):
        read_judged(QualitySpec(str(judged)))


def test_only_queries_with_a_relevant_document_count():
    assert Judged({}, {"a": {"d1": 1}, "b": {"d1": 0}, "c": {}}).counted == ["a"]
