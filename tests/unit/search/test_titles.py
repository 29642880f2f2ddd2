"""How much the title of a candidate counts before it is reranked."""

from __future__ import annotations

import numpy as np
import pytest

from clew.core.text import Analyzer
from clew.search.fields import FieldSpec
from clew.search.fusion import FusedCandidates, FusionSpec
from clew.search.query_analysis import QueryAnalyzer
from clew.search.titles import Titles, with_titles

NAMES = ["red wool sock", "wool", "lamp"]


class Store:
    """Three documents with titles."""

    passages = 3

    def __init__(self, **fields: FieldSpec) -> None:
        self.fields = fields

    def value(self, document: int, name: str) -> str:
        assert name in self.fields
        return NAMES[document]


class Vocabulary:
    def document_frequency(self, term: str) -> int:
        return 1


def titles(query: str, **fields: FieldSpec) -> Titles | None:
    analyzer = Analyzer()
    return Titles.of(QueryAnalyzer(analyzer, None).terms(query), analyzer, Vocabulary(), Store(**fields))


def counts(query: str, count: int) -> list[float]:
    scores, ranks = np.array([[3.0, 2.0, 1.0]]), np.zeros((1, 3), np.int64)
    pool = FusedCandidates(np.arange(3), ("bm25",), scores, ranks, np.array([[0.0, 1.0]]), ranks)
    seen = titles(query, title=FieldSpec("text"))
    assert seen is not None
    found = with_titles(pool.fused(FusionSpec()), seen, count).titles
    assert found is not None
    return found.tolist()


def test_it_is_the_share_of_the_content_of_a_short_query() -> None:
    assert counts("a red wool sock", 3) == pytest.approx([1, 1 / 3, 0])


def test_titles_count_less_the_more_words_a_query_has() -> None:
    assert counts("red wool sock for cold winter", 3) == pytest.approx([4 / 5 * 3 / 5, 4 / 5 / 5, 0])


def test_candidates_behind_the_first_have_none() -> None:
    assert counts("red wool sock", 1) == [1, 0, 0]


def test_an_index_without_a_title_has_none() -> None:
    assert titles("red wool sock", price=FieldSpec("number")) is None
