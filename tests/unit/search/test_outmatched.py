"""Which documents that the graph leads to hold less of the query than others do."""

from __future__ import annotations

import numpy as np
import pytest

from clew.core.text import Analyzer
from clew.search.outmatched import outmatched
from clew.search.protocols import ParsedQuery

ANALYZER = Analyzer()


class Titles:
    """Titles as a query sees them; every word of the query is worth 1 unless `worth` says otherwise."""

    def __init__(self, query: str, titles: list[str], **worth: float) -> None:
        self._titles = [set(ANALYZER.terms(title)) for title in titles]
        self.worth = {term: worth.get(term, 1.0) for term in ANALYZER.terms(query) if term not in {"for", "of"}}
        self.read = 0

    def shares(self, document: int) -> dict[str, float]:
        self.read += 1
        return dict.fromkeys(self._titles[document] & self.worth.keys(), 1.0)


def found(
    query: str, titles: list[str], links: dict[str, list[int]], said: tuple[str, ...] = (), **worth: float
) -> list[int]:
    """Return the documents that are outmatched. links: words of the query → documents that they lead to."""
    seen = Titles(query, titles, **worth)
    spans = {}
    for words, documents in links.items():
        start = query.index(words)
        spans[start, start + len(words)] = np.isin(np.arange(len(titles)), documents)
    marked = outmatched(ParsedQuery(query), np.arange(len(titles)), spans, seen, ANALYZER, said)
    return np.flatnonzero(marked).tolist()


def test_a_phone_is_outmatched_by_a_case_for_it() -> None:
    assert found("iphone case", ["Apple 8", "iPhone Case", "Lamp"], {"iphone": [0]}) == [0]


def test_nothing_is_outmatched_where_no_title_says_more() -> None:
    assert found("iphone case", ["Apple 8", "Apple 9", "Lamp"], {"iphone": [0, 1]}) == []


def test_a_document_with_the_rest_of_the_query_in_its_title_is_not() -> None:
    titles = ["Air Zoom", "Air shoes", "Nike shoes"]
    assert found("nike shoes", titles, {"nike": [0, 1]}) == [0]


def test_the_head_counts_more_than_all_other_words() -> None:
    titles = ["Slim 14", "Bag for laptops"]
    assert found("zenit laptop bag", titles, {"zenit": [0], "laptop": [0]}, zenit=9.0, laptop=9.0) == [0]
    assert found("bag for zenit laptop", titles, {"zenit laptop": [0]}, zenit=9.0, laptop=9.0) == [0]


def test_the_other_words_decide_between_documents_with_the_head() -> None:
    assert found("shampoo for hair fall", ["Dog Shampoo", "Hair Fall Shampoo"], {"shampoo": [0]}) == [0]


def test_each_link_names_its_own_words_only() -> None:
    titles = ["High waisted panty", "High waisted", "Waisted"]
    assert found("spanx high waisted leggings", titles, {"spanx": [0, 1], "leggings": [1, 2]}) == [0, 2]


def test_questions_ask_for_what_titles_do_not_say() -> None:
    titles = ["Hay fever", "Symptoms of colds and hay fever"]
    assert found("symptoms of hay fever", titles, {"hay fever": [0]}) == [0]
    assert found("what are the symptoms of hay fever", titles, {"hay fever": [0]}) == []


def test_words_for_what_the_graph_knows_need_not_be_in_titles() -> None:
    titles = ["Harbour", "Films directed in Spain"]
    assert found("films directed by ada", titles, {"ada": [0]}) == [0]
    assert found("films directed by ada", titles, {"ada": [0]}, ("film", "directed by")) == []


def test_titles_are_not_read_where_a_link_names_the_whole_query() -> None:
    seen = Titles("dining table", ["Rondo"])
    links = {(0, 12): np.array([True])}
    assert not outmatched(ParsedQuery("dining table"), np.array([0]), links, seen, ANALYZER).any()
    assert seen.read == 0


@pytest.mark.parametrize("query", ["手机壳", "iphone 手机壳"])
def test_chinese_queries_are_compared_by_all_their_terms(query: str) -> None:
    assert found(query, ["老人 大字", "手机壳"], {"手机": [0]}) == [0]
