"""The reasons why a document is not among the candidates or the hits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clew.core.types import Deadline, Document
from clew.search.docstore import DocStore, write_documents, write_passages
from clew.search.fields import FieldSpec
from clew.search.trace import Trace
from clew.search.types import StageScore
from clew.search.why_not import filtered_out, not_a_candidate

FIELDS = {"brand": FieldSpec("keyword"), "In stock": FieldSpec("bool"), "price": FieldSpec("number")}


def reason(*stages: StageScore, no_query_vector: bool = False) -> str:
    return not_a_candidate(stages, 200, Trace(Deadline()), no_query_vector=no_query_vector)


def test_the_scores_of_the_sources_say_why_it_is_no_candidate() -> None:
    no_word, far = StageScore("bm25", 0.0, None), StageScore("dense", 0.1, None)
    assert reason(no_word, StageScore("dense", None, None)) == "no query term is in it, and it has no vector"
    near = "its vector is not among the 200 nearest to the query"
    assert reason(no_word, far) == f"no query term is in it, and {near}"
    assert reason(StageScore("bm25", 2.0, None), no_query_vector=True) == (
        "it is not among the first 200 documents of bm25, and the query has no vector"
    )
    assert (
        reason(no_word, StageScore("graph", 0.0, None)) == "no query term is in it, and the graph does not lead to it"
    )
    assert reason() == "no source answered"


@pytest.fixture(scope="module")
def one_document(tmp_path_factory: pytest.TempPathFactory) -> DocStore:
    """A store of one document."""
    folder = tmp_path_factory.mktemp("one")
    write_documents([Document("a", {"brand": "LG", "In stock": False, "price": 60.0})], FIELDS, folder)
    write_passages(folder, np.zeros(1, np.int64), np.zeros(1), np.ones(1))
    return DocStore.open([folder], FIELDS)


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"brand": "LG", "In stock": True}, 'a filter excludes it: "In stock"=true'),
        ({"brand": ["Sony", "Orvane"], "price": {"gte": 10, "lt": 50}},
         "filters exclude it: brand in Sony, Orvane, price<50"),
        ({"must": [{"price": {"gt": 70}}], "must_not": [{"brand": "LG"}]},
         "filters exclude it: price>70, not (brand=LG)"),
        ({"should": [{"brand": "Sony"}, {"price": 5}], "min_should": 2},
         "a filter excludes it: at least 2 of (brand=Sony; price=5)"),
        ({"should": [{"brand": "LG"}], "price": {"exists": False}}, "a filter excludes it: price missing"),
    ],
)  # fmt: skip
def test_the_conditions_that_exclude_it_are_named(filters: dict[str, Any], wanted: str, one_document: DocStore) -> None:
    assert filtered_out(filters, FIELDS, one_document, 0) == wanted


def test_a_long_list_of_conditions_is_cut(one_document: DocStore) -> None:
    filters = {"must": [{"price": {"gt": 70 + at}} for at in range(8)]}
    assert filtered_out(filters, FIELDS, one_document, 0).endswith("price>74 and 3 more")
